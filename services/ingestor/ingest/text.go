package ingest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// text keeps every text track, inside the file and beside the file, as WebVTT. An unusable track is named among the
// refused tracks of the asset, with the reason, and affects nothing else. An error says that a later attempt may
// succeed.
func (s *Service) text(ctx context.Context, path string, film *media.Film, sideCars []*pb.SideCar) error {
	a := film.Asset
	inside := a.GetText()
	a.Text, a.RefusedText = nil, nil
	for _, t := range inside {
		text, err := s.deps.Reader.TextTrack(ctx, path, film, t)
		if err := s.takeText(ctx, a, t, text, err); err != nil {
			return err
		}
	}
	if err := s.captions(ctx, path, film); err != nil {
		return err
	}
	for i, sc := range sideCars {
		t := &pb.TextTrack{Language: sc.GetLanguage(), Role: sc.GetRole(), Name: sc.GetName(), Index: -1}
		text, err := s.sideCar(ctx, film, sc)
		if err != nil {
			// The address tells which side-car was refused, and which a later event mends.
			t.Name, t.Format = cmp.Or(sc.GetUrl(), sc.GetName()), sc.GetFormat()
		}
		if err := s.takeText(ctx, a, t, text, err); err != nil {
			return field(fmt.Sprintf("text[%d]", i), err)
		}
	}
	return nil
}

// captions keeps the closed captions inside the video, each channel as a track. Captions name no language.
func (s *Service) captions(ctx context.Context, path string, film *media.Film) error {
	tracks, err := s.deps.Reader.Captions(ctx, path, film)
	if err != nil {
		return s.takeText(ctx, film.Asset, &pb.TextTrack{Format: "cea-608", Role: "captions"}, nil, err)
	}
	for _, c := range tracks {
		t := &pb.TextTrack{Format: c.Format, Role: "captions", Name: c.Name, Index: c.Index}
		if err := s.takeText(ctx, film.Asset, t, c.Track, nil); err != nil {
			return err
		}
	}
	return nil
}

// takeText adds a track to an asset, or to the refused tracks where err is about the track itself.
func (s *Service) takeText(ctx context.Context, a *pb.Asset, t *pb.TextTrack, text *timedtext.Track, err error) error {
	switch {
	case errkind.Is(err, errkind.Invalid) || errkind.Is(err, errkind.NotFound) || errkind.Is(err, errkind.Denied):
		s.deps.Log.Warn("refused a text track", "asset", a.GetId(), "track", t.GetIndex(), "name", t.GetName(), "language", t.GetLanguage(), "error", err)
		t.Told = []string{firstOf(err.Error())}
		a.RefusedText = append(a.RefusedText, t)
		return nil
	case err != nil:
		return err
	}
	if err := s.keep(ctx, t, text); err != nil {
		return err
	}
	if len(t.GetTold()) > 0 {
		s.deps.Log.Warn("read a text track with remarks", "asset", a.GetId(), "track", t.GetIndex(), "name", t.GetName(), "language", t.GetLanguage(),
			"cues", t.GetCues(), "left_out", t.GetLeftOut(), "told", t.GetTold())
	}
	a.Text = append(a.Text, t)
	return nil
}

func (s *Service) sideCar(ctx context.Context, film *media.Film, sc *pb.SideCar) (*timedtext.Track, error) {
	b, err := s.bytesOf(ctx, sc)
	if err != nil {
		return nil, err
	}
	if sc.GetRole() == schema.RoleMarkers {
		return markers(film, sc, b)
	}
	opts := film.TextOptions()
	opts.Format, opts.Name, opts.Language = sc.GetFormat(), cmp.Or(sc.GetUrl(), sc.GetName()), sc.GetLanguage()
	return timedtext.Parse(b, opts) // the refused track and the log name the address beside the reason
}

// bytesOf returns the bytes of a side-car: those of the event, or those at the address.
func (s *Service) bytesOf(ctx context.Context, sc *pb.SideCar) ([]byte, error) {
	if len(sc.GetData()) > 0 {
		return sc.GetData(), nil
	}
	ref, err := s.deps.Blobs.Resolve(sc.GetUrl())
	if err != nil {
		return nil, err
	}
	b, err := s.deps.Blobs.Read(ctx, ref, timedtext.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", sc.GetUrl(), err)
	}
	return b, nil
}

// markers reads markers of an editing program as a text track. The algorithm "chapters" makes annotations of the track.
func markers(film *media.Film, sc *pb.SideCar, b []byte) (*timedtext.Track, error) {
	clock, err := film.Clock()
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "markers count pictures, and the film has none: %w", err)
	}
	source, err := handoff.NewSource(film.Asset, clock, path.Base(film.Asset.GetMedia().GetKey()))
	if err != nil {
		return nil, err
	}
	r, err := handoff.Read(b, handoff.ReadOptions{Format: sc.GetFormat(), Name: path.Base(cmp.Or(sc.GetName(), sc.GetUrl())), Source: source, Start: sc.GetStartTimecode()})
	if err != nil {
		return nil, err
	}
	return &timedtext.Track{Format: r.Format, Certainty: 1, Language: sc.GetLanguage(), Cues: handoff.Cues(source, r.Markers), Notes: r.Notes}, nil
}

// Bounds of the notes on a track.
const (
	maxTold      = 10
	maxToldBytes = 300
)

// told returns notes on a track for a person, in sentences: choices first, then the omitted cues.
func told(text *timedtext.Track) []string {
	var all []string
	for _, n := range text.Notes {
		all = append(all, firstOf(n))
	}
	for _, b := range text.Bad {
		all = append(all, firstOf(fmt.Sprintf("left out a cue: line %d %s", b.Line, b.Reason)))
	}
	if more := len(all) - maxTold; more > 0 {
		all = append(all[:maxTold], fmt.Sprintf("and %d remarks more", more))
	}
	return all
}

// firstOf shortens a sentence that is too long.
func firstOf(s string) string {
	if len(s) > maxToldBytes {
		s = s[:maxToldBytes] + "..."
	}
	return strings.ToValidUTF8(s, "")
}

// keep writes a track's cues into Cinedex's own bucket and records their location and their form in t.
func (s *Service) keep(ctx context.Context, t *pb.TextTrack, text *timedtext.Track) error {
	var b bytes.Buffer
	if err := timedtext.WriteWebVTT(&b, text.Cues); err != nil {
		return err
	}
	sum := contentHash(b.Bytes())
	ref, err := s.deps.Blobs.Put(ctx, "text/"+sum+".vtt", "text/vtt", &b)
	if err != nil {
		return fmt.Errorf("keeping a text track: %w", err)
	}
	t.Media, t.Sha256, t.Cues, t.LeftOut, t.Told = ref, sum, int32(len(text.Cues)), int32(text.LeftOut()), told(text)
	if t.Format == "" {
		t.Format = text.Format
	}
	if t.Role == "" {
		t.Role = "subtitles"
	}
	if t.Language == "" {
		t.Language = text.Language
	}
	if tag, err := schema.CanonicalLanguage(t.Language); err == nil {
		t.Language = tag
	}
	return nil
}
