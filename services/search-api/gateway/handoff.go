package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// Bounds of a hand-off.
const (
	defaultClips = 1000
	maxHandles   = 10_000
	maxListName  = 200 // bytes
)

// Clips returns the clips of a hand-off: the matches of a search, the annotations of kinds of an asset, or the clips of a bin, with the handles of the request.
// notes are sentences for the person.
//
//   - Invalid: the request names no clips, or no clip matches.
//   - NotFound: the caller may not see the asset or the bin, or there is none.
//   - Unavailable: a part of the search gave no answer. A hand-off is whole, so no part may be missing.
func (g *Gateway) Clips(ctx context.Context, caller *authz.Caller, req *pb.ExportRequest) (l handoff.List, notes []string, err error) {
	if caller == nil {
		return l, nil, errNobody
	}
	if err := checkExport(req); err != nil {
		return l, nil, err
	}
	c := &collector{g: g, caller: caller, req: req, limit: cmp.Or(int(req.GetLimit()), defaultClips), sources: map[string]*handoff.Source{}}
	switch {
	case req.GetBin() != "":
		err = c.bin(ctx)
	case req.GetAsset() != "":
		err = c.annotations(ctx)
	default:
		err = c.hits(ctx)
	}
	if err != nil {
		return l, nil, err
	}
	l = c.list
	l.Name = cmp.Or(req.GetName(), l.Name)
	if req.GetRate() != "" {
		r, err := schema.ParseRate(req.GetRate())
		if err != nil {
			return l, nil, fmt.Errorf("rate: %w", err)
		}
		if l = l.OfRate(r); len(l.Clips) == 0 {
			return l, nil, errkind.New(errkind.Invalid, "rate: no clip has %s frames a second", r)
		}
	}
	var short int
	if l, short = l.WithHandles(int64(req.GetHandles())); short > 0 {
		c.note("%d handles are shorter: a film begins or ends there", short)
	}
	return l, c.notes, nil
}

func checkExport(req *pb.ExportRequest) error {
	s, named := req.GetSearch(), 0
	for _, there := range []bool{s != nil, req.GetAsset() != "", req.GetBin() != ""} {
		if there {
			named++
		}
	}
	switch {
	case named != 1:
		return errkind.New(errkind.Invalid, "search, asset, bin: name exactly one")
	case req.GetAsset() != "" && len(req.GetKinds()) == 0:
		return errkind.New(errkind.Invalid, "kinds: name the kinds of annotation to export, such as shot or dialogue")
	case req.GetAsset() == "" && len(req.GetKinds()) > 0:
		return errkind.New(errkind.Invalid, "kinds: belong to an asset, and not to a search or a bin")
	case req.GetLimit() < 0 || req.GetLimit() > handoff.MaxClips:
		return errkind.New(errkind.Invalid, "limit: must be from 1 to %d", handoff.MaxClips)
	case req.GetHandles() < 0 || req.GetHandles() > maxHandles:
		return errkind.New(errkind.Invalid, "handles: must be from 0 to %d frames", maxHandles)
	case len(req.GetName()) > maxListName:
		return errkind.New(errkind.Invalid, "name: must have at most %d bytes", maxListName)
	case s.GetLimit() != 0 || s.GetCursor() != "" || s.GetGroup() != "" || len(s.GetFacets()) > 0 || len(s.GetFields()) > 0 || len(s.GetPreview()) > 0 || s.GetExplain():
		return errkind.New(errkind.Invalid, "search: limit, cursor, group, facets, fields, preview and explain must be empty; the limit of clips is of the export")
	}
	if base := req.GetMediaBase(); base != "" {
		if u, err := url.Parse(base); err != nil || u.Scheme == "" || len(base) > 2000 {
			return errkind.New(errkind.Invalid, "media_base: must be the URL of a folder, such as file:///Volumes/films")
		}
	}
	return nil
}

// A collector makes a list.
type collector struct {
	g       *Gateway
	caller  *authz.Caller
	req     *pb.ExportRequest
	limit   int
	list    handoff.List
	sources map[string]*handoff.Source
	notes   []string
}

func (c *collector) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); !slices.Contains(c.notes, n) {
		c.notes = append(c.notes, n)
	}
}

// source returns the source of an asset that the caller may see; nil for an asset without pictures.
func (c *collector) source(ctx context.Context, asset string) (*handoff.Source, error) {
	if s, known := c.sources[asset]; known {
		return s, nil
	}
	snap, err := c.g.see(ctx, c.caller)
	if err != nil {
		return nil, err
	}
	e, err := snap.visible(c.caller, asset)
	if err != nil {
		return nil, err
	}
	switch {
	case e.lost != "":
		return nil, errkind.New(errkind.Unavailable, "the frames of asset %s cannot be told: its frame table %s", asset, e.lost)
	case e.clock == nil:
		c.note("clips of %s were left out: the asset has no pictures to count", cmp.Or(e.name, e.title))
		c.sources[asset] = nil
		return nil, nil
	}
	a := e.asset()
	name := path.Base(a.GetMedia().GetKey())
	s, err := handoff.NewSource(a, e.clock, name)
	if err != nil {
		return nil, err
	}
	if base := c.req.GetMediaBase(); base != "" {
		s.URL = strings.TrimSuffix(base, "/") + "/" + url.PathEscape(name)
	}
	c.sources[asset] = s
	return s, nil
}

// hits collects the matches of a search.
func (c *collector) hits(ctx context.Context) error {
	req := proto.CloneOf(c.req.GetSearch())
	req.Limit = MaxLimit
	matches := int64(-1)
	for {
		r, err := c.g.Search(ctx, c.caller, req)
		if err != nil {
			return err
		}
		for _, p := range r.GetPartial() {
			if p.GetPart() == partFrames || p.GetKind() == errkind.Unavailable.String() {
				return errkind.New(errkind.Unavailable, "the search is answered in part only (%s: %s): export again later", p.GetPart(), p.GetError())
			}
			c.note("without %s: %s", p.GetPart(), p.GetError())
		}
		if matches < 0 {
			matches = r.GetTotal().GetCount()
			c.list.Name = r.GetQuery()
			if r.GetNoGoodMatch() || matches == 0 {
				return errkind.New(errkind.Invalid, "search: nothing matches %s", r.GetQuery())
			}
		}
		for _, h := range r.GetHits() {
			if int64(len(c.list.Clips)) == matches {
				return nil
			}
			if len(c.list.Clips) == c.limit {
				c.note("the list has the first %d of %d matches", c.limit, matches)
				return nil
			}
			if err := c.hit(ctx, r.GetQuery(), h); err != nil {
				return err
			}
		}
		if req.Cursor = r.GetCursor(); req.Cursor == "" {
			return nil
		}
	}
}

func (c *collector) hit(ctx context.Context, query string, h *pb.Hit) error {
	s, err := c.source(ctx, h.GetAsset())
	if s == nil || err != nil {
		return err
	}
	clip := handoff.Clip{Source: s, Start: h.GetStartFrame(), End: h.GetEndFrame(), Confidence: h.GetConfidence(), Query: query}
	for _, l := range h.GetLines() {
		clip.Texts = append(clip.Texts, handoff.Text{Interval: schema.IntervalOf(l), Language: l.GetLanguage(), Speaker: l.GetCharacter(), Text: l.GetText()})
	}
	if ev := h.GetEvidence(); len(ev) > 0 {
		clip.Kind, clip.Run = ev[0].GetKind(), ev[0].GetRun()
	}
	for _, ev := range h.GetEvidence() {
		clip.Name = cmp.Or(clip.Name, ev.GetLabel())
	}
	clip.Name = cmp.Or(h.GetText(), clip.Name, query)
	c.list.Clips = append(c.list.Clips, clip)
	return nil
}

// bin collects the clips of a bin.
func (c *collector) bin(ctx context.Context) error {
	r, err := c.g.GetBin(ctx, c.caller, &pb.GetBinRequest{Bin: c.req.GetBin(), Link: c.req.GetLink()})
	if err != nil {
		return err
	}
	b := r.GetBin()
	c.list.Name = b.GetName()
	if n := b.GetHiddenClips(); n > 0 {
		c.note("%d clips of the bin were left out: they are of titles that you may not see, or that are gone", n)
	}
	short := 0
	for _, clip := range b.GetClips() {
		if len(c.list.Clips) == c.limit {
			c.note("the list has the first %d of %d clips", c.limit, len(b.GetClips()))
			break
		}
		s, err := c.source(ctx, clip.GetAsset())
		if err != nil {
			return err
		}
		if s == nil {
			continue
		}
		out := binClip(s, clip)
		if c.req.GetHandles() == 0 {
			at := schema.Interval{Start: schema.Time(max(0, clip.GetStart()-clip.GetHandleBefore())), End: schema.Time(clip.GetEnd() + clip.GetHandleAfter())}
			first, last := s.Span(at)
			longer, cut := out.WithHandles(out.Start-min(first, out.Start), max(last, out.End)-out.End)
			out, short = longer, short+cut
		}
		c.list.Clips = append(c.list.Clips, out)
	}
	if short > 0 {
		c.note("%d handles are shorter: a film begins or ends there", short)
	}
	if len(c.list.Clips) == 0 {
		return errkind.New(errkind.Invalid, "bin: %q has no clips with pictures that you may see", b.GetName())
	}
	return nil
}

// binClip makes the clip of a hand-off of a clip of a bin, without handles.
func binClip(s *handoff.Source, clip *pb.Clip) handoff.Clip {
	iv := schema.IntervalOf(clip)
	out := handoff.Clip{Source: s, Name: cmp.Or(clip.GetText(), clip.GetQ()), Note: clip.GetNotes(), Colour: handoff.ParseColour(clip.GetColour()),
		Confidence: clip.GetConfidence(), Run: clip.GetRun(), Query: clip.GetQ()}
	out.Start, out.End = s.Span(iv)
	if clip.GetText() != "" && clip.GetLanguage() != "" {
		out.Texts = []handoff.Text{{Interval: iv, Language: clip.GetLanguage(), Text: clip.GetText()}}
	}
	for _, m := range clip.GetMarkers() {
		at := min(schema.FrameNamed(s.Clock, schema.Time(m.GetTime())), s.Clock.Frames()-1)
		out.Markers = append(out.Markers, handoff.Marker{Start: at, End: at + 1, Name: m.GetText(), Colour: handoff.ParseColour(m.GetColour())})
	}
	return out
}

// annotations collects the annotations of an asset.
func (c *collector) annotations(ctx context.Context) error {
	s, err := c.source(ctx, c.req.GetAsset())
	if err != nil {
		return err
	}
	if s == nil {
		return errkind.New(errkind.Invalid, "asset: has no pictures, and editing programs count pictures")
	}
	c.list.Name = s.Title + " " + strings.Join(c.req.GetKinds(), " ")
	for cursor := ""; ; {
		page, next, err := c.g.Annotations(ctx, c.caller, c.req.GetAsset(), c.req.GetKinds(), schema.Interval{}, cursor, maxExportPage)
		if err != nil {
			return err
		}
		for _, a := range page {
			if lang := c.req.GetLanguage(); lang != "" && !words.Within(a.GetLanguage(), lang) {
				continue
			}
			if len(c.list.Clips) == c.limit {
				c.note("the list has the first %d annotations", c.limit)
				return nil
			}
			c.list.Clips = append(c.list.Clips, clipOf(s, a))
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(c.list.Clips) == 0 {
		return errkind.New(errkind.Invalid, "kinds: the asset has no annotations of %s", strings.Join(c.req.GetKinds(), ", "))
	}
	return nil
}

// maxExportPage is how many annotations are read at once.
const maxExportPage = 500

func clipOf(s *handoff.Source, a *pb.Annotation) handoff.Clip {
	iv := schema.IntervalOf(a)
	clip := handoff.Clip{Source: s, Name: cmp.Or(a.GetAttributes()["name"].GetText(), a.GetText(), a.GetLabel(), a.GetCharacter(), a.GetKind()), Confidence: a.GetConfidence(), Kind: a.GetKind(), Run: a.GetRun()}
	clip.Start, clip.End = s.Span(iv)
	clip.Colour = handoff.ParseColour(a.GetAttributes()["colour"].GetText())
	if a.GetText() != "" && a.GetLanguage() != "" {
		clip.Texts = []handoff.Text{{Interval: iv, Language: a.GetLanguage(), Speaker: a.GetCharacter(), Text: a.GetText()}}
	}
	return clip
}
