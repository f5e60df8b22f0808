package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/fair"
	"github.com/cinedex/cinedex/pkg/profile"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// processed is a query that was understood: checked, resolved against one snapshot, ready to be routed.
type processed struct {
	who     string // whose turn it is in queues
	own     string // what is kept for this caller alone is kept under: the name, and what the caller may see
	tree    *pb.Query
	filter  *pb.Filter
	printed string
	view    *catalog.View // what there is to be asked, from the query's beginning to its end
	snap    *snapshot
	home    *snapshot // where the places of leaves are; nil for snap
	scope   *scoped
	byTime  bool
	profile *profile.Profile
	fields  []string // of hits; none is all
	// asWritten: no leaf is asked in another way than the leaf is written.
	asWritten bool
	// missing are failures before the searchers were asked, which partial tells.
	missing []*pb.PartialFailure
	// heard is the sum of what was asked on the page that the cursor came from; nil without a cursor.
	heard []byte
	// duplicates is the group of near duplicates of a moment, where the variety folds near duplicates.
	duplicates map[place]int
	// facetsAsked are the properties by which the moments are counted.
	facetsAsked []string
	languages   []string // of the person who asks, the favourite first
	byGroup     bool     // pages are of titles
	unpaged     bool     // every match is wanted, and not a page of the matches
	fusion      fusion
	limit       int
	offset      int
	last        uint32 // the print of the moment before the offset
}

// begin makes the query of a caller, over the catalogue as the catalogue is now.
func (g *Gateway) begin(caller *authz.Caller) *processed {
	return &processed{who: caller.Name(), own: caller.Name() + "\x00" + caller.Key(), view: g.deps.Catalog.View()}
}

// process is the first part of the gateway. It says what a request asks for, of which part of the library, and for whom.
func (g *Gateway) process(ctx context.Context, caller *authz.Caller, req *pb.SearchRequest) (_ *processed, err error) {
	if caller == nil {
		return nil, errNobody
	}
	p := g.begin(caller)
	if p.profile, err = g.profileOf(caller, req); err != nil {
		return nil, err
	}
	if err := p.understand(req); err != nil {
		return nil, err
	}
	if err := p.shape(req); err != nil {
		return nil, err
	}
	p.asWritten = req.GetAsWritten()
	if err := checkServed(p.view, p.tree, p.filter); err != nil {
		return nil, err
	}
	if err := p.customise(req); err != nil {
		return nil, err
	}
	p.printed = query.Language{Names: p.view}.Print(withoutPictures(p.tree), p.filter)
	if p.snap, err = g.lib.snapshot(ctx); err != nil {
		return nil, err
	}
	if len(req.GetPreview()) > 0 {
		if err := caller.Require(authz.Operator); err != nil {
			return nil, fmt.Errorf("preview: %w", err)
		}
		if req.GetCursor() != "" {
			return nil, errkind.New(errkind.Invalid, "cursor: a preview has one page; raise its limit")
		}
		if p.snap, err = g.preview(ctx, p.snap, req.GetPreview()); err != nil {
			return nil, err
		}
	}
	if req.GetCursor() != "" {
		err = p.resume(ctx, g, caller, req.GetCursor())
	} else {
		p.scope, err = g.scope(ctx, p.snap, caller, p.snap.titled(caller, p.filter))
	}
	if err != nil {
		return nil, err
	}
	if err := p.checkPlaces(caller); err != nil {
		return nil, err
	}
	return p, nil
}

// within sets the library as it is now, and the part of the library that the caller may see and that passes the filter.
func (p *processed) within(ctx context.Context, g *Gateway, caller *authz.Caller) (err error) {
	if p.snap, err = g.lib.snapshot(ctx); err != nil {
		return err
	}
	p.scope, err = g.scope(ctx, p.snap, caller, p.snap.titled(caller, p.filter))
	return err
}

// understand reads the query and the filter of a request, and checks both.
func (p *processed) understand(req *pb.SearchRequest) (err error) {
	lang := query.Language{Names: p.view, Strict: true}
	p.tree, p.filter = req.GetQuery(), proto.CloneOf(req.GetFilter()) // checkFilter makes languages canonical
	switch {
	case req.GetQ() != "" && p.tree != nil:
		return errkind.New(errkind.Invalid, "q, query: give one of the two")
	case req.GetQ() != "":
		var typed *pb.Filter
		if p.tree, typed, err = lang.Parse(req.GetQ()); err != nil {
			return err
		}
		if p.filter, err = narrowed(p.filter, typed); err != nil {
			return err
		}
	case p.tree != nil:
		if err := lang.Validate(p.tree); err != nil {
			return err
		}
	}
	if p.tree == nil {
		return errkind.New(errkind.Invalid, "query: say what to look for; filters only narrow it")
	}
	if p.tree, err = canonical(p.tree); err != nil {
		return err
	}
	return checkFilter(p.filter)
}

// canonical returns a tree with canonical languages of leaves. A tree without languages is returned as the tree is.
func canonical(tree *pb.Query) (*pb.Query, error) {
	if !slices.ContainsFunc(query.Leaves(tree), func(l *pb.Leaf) bool { return len(l.GetLanguages()) > 0 }) {
		return tree, nil
	}
	tree = proto.CloneOf(tree)
	for _, l := range query.Leaves(tree) {
		for i, tag := range l.GetLanguages() {
			c, err := schema.CanonicalLanguage(tag)
			if err != nil {
				return nil, errkind.New(errkind.Invalid, "query: %s[lang=%s]: %w", l.GetKind(), tag, err)
			}
			l.Languages[i] = c
		}
	}
	return tree, nil
}

// shape reads the order of the answer, and bounds the rest of the request.
func (p *processed) shape(req *pb.SearchRequest) error {
	switch req.GetOrder() {
	case "", "score":
	case "time":
		p.byTime = true
	default:
		return errkind.New(errkind.Invalid, "order: %.20q is neither score nor time", req.GetOrder())
	}
	switch {
	case req.GetLimit() < 0 || req.GetLimit() > MaxLimit:
		return errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxLimit)
	case len(req.GetCursor()) > maxCursor:
		return errkind.New(errkind.Invalid, "cursor: not one that was given out for this query")
	case len(req.GetPreview()) > maxPreview:
		return errkind.New(errkind.Invalid, "preview: %d algorithms are more than the %d allowed", len(req.GetPreview()), maxPreview)
	case req.GetTimeoutMs() < 0:
		return errkind.New(errkind.Invalid, "timeout_ms: must be 0 or more")
	}
	return p.choose(req)
}

// checkPlaces refuses a leaf, and an example of a leaf, that points outside of what the caller may see. A place in an asset that the caller may not see is a place that
// does not exist.
func (p *processed) checkPlaces(caller *authz.Caller) error {
	for _, l := range query.Leaves(p.tree) {
		for _, at := range query.Places(l) {
			if _, err := p.snap.visible(caller, at.GetAsset()); err != nil {
				return err
			}
			if _, _, err := p.place(at); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxPreview bounds the algorithms that a preview shows at once.
const maxPreview = 32

func checkFilter(f *pb.Filter) error {
	if c := f.GetMinConfidence(); !(c >= 0 && c <= 1) {
		return errkind.New(errkind.Invalid, "filter.minConfidence: must be from 0 to 1")
	}
	if f.GetStart() < 0 || f.GetEnd() < 0 || f.GetEnd() > 0 && f.GetEnd() <= f.GetStart() {
		return errkind.New(errkind.Invalid, "filter.start, filter.end: want 0 <= start < end, in flicks; an end of 0 is none")
	}
	if err := query.ValidateFilter(f); err != nil {
		return err
	}
	for i, l := range f.GetLanguages() {
		tag, err := schema.CanonicalLanguage(l)
		if err != nil {
			return errkind.New(errkind.Invalid, "filter.languages[%d]: %w", i, err)
		}
		f.Languages[i] = tag
	}
	return nil
}

// narrowed joins the filter of a request with the one typed into its line: each narrows,
// neither widens, so that what an application pins cannot be typed away.
func narrowed(a, b *pb.Filter) (*pb.Filter, error) {
	if a == nil || b == nil {
		return cmp.Or(a, b), nil
	}
	m := proto.CloneOf(a)
	for _, list := range []struct {
		name string
		a    *[]string
		b    []string
	}{
		{"titles", &m.Titles, b.GetTitles()}, {"series", &m.Series, b.GetSeries()}, {"assets", &m.Assets, b.GetAssets()},
		{"languages", &m.Languages, b.GetLanguages()}, {"characters", &m.Characters, b.GetCharacters()}, {"kinds", &m.Kinds, b.GetKinds()},
	} {
		switch {
		case len(list.b) == 0:
		case len(*list.a) == 0:
			*list.a = list.b
		default:
			if *list.a = slices.DeleteFunc(*list.a, func(v string) bool { return !slices.Contains(list.b, v) }); len(*list.a) == 0 {
				return nil, errkind.New(errkind.Invalid, "filter.%s: the request's and those of the line have none in common", list.name)
			}
		}
	}
	m.MinConfidence = max(a.GetMinConfidence(), b.GetMinConfidence())
	m.Start = max(a.GetStart(), b.GetStart())
	if m.End == 0 || b.GetEnd() > 0 && b.GetEnd() < m.End {
		m.End = b.GetEnd()
	}
	return m, nil
}

// withoutPictures is the query as it is printed back: nobody wants their picture back in base64.
func withoutPictures(q *pb.Query) *pb.Query {
	c := proto.CloneOf(q)
	for _, image := range pictures(c) {
		sum := sha256.Sum256(*image)
		*image = sum[:6]
	}
	return c
}

// pictures are where a query holds the pictures that the query asks with, of leaves and of examples.
func pictures(q *pb.Query) (out []*[]byte) {
	for _, l := range query.Leaves(q) {
		if len(l.GetImage()) > 0 {
			out = append(out, &l.Image)
		}
		for _, x := range l.GetExamples() {
			if len(x.GetImage()) > 0 {
				out = append(out, &x.Image)
			}
		}
	}
	return out
}

// A picture is to be decoded, which takes so much memory at most.
type picture struct {
	memory int64
	decode func() (image.Image, error)
}

// pictureVector encodes the picture that get returns, which is decoded when it is the caller's turn.
func (g *Gateway) pictureVector(ctx context.Context, p *processed, kind encode.Kind, k encodeKey, get func(context.Context) (*picture, error)) ([]float32, error) {
	enc, err := g.deps.Encoders.Encoder(k.space, kind)
	if err != nil {
		return nil, err
	}
	return g.once(ctx, p, k, func(ctx context.Context) ([]float32, error) {
		pic, err := get(ctx)
		if err != nil {
			return nil, err
		}
		leave, err := g.claim(ctx, g.processors, p.who, pictureCost, pic.memory)
		if err != nil {
			return nil, err
		}
		defer leave()
		img, err := pic.decode()
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil { // nobody waits any more
			return nil, err
		}
		return enc.Encode(ctx, encode.Input{Kind: kind, Picture: img})
	})
}

// frame fetches a frame of a film, when it is the caller's turn. A frame that has been fetched is small.
func (g *Gateway) frame(ctx context.Context, p *processed, e *entry, n int64) (*picture, error) {
	leave, err := g.claim(ctx, g.frames, p.who, frameCost, frameMemory)
	if err != nil {
		return nil, err
	}
	defer leave()
	img, err := g.deps.Frame(ctx, e.asset(), e.clock, n)
	return &picture{encoderMemory, func() (image.Image, error) { return img, nil }}, err
}

// claim takes a slot of a queue, and then the memory for a picture. Nobody waits for a slot who holds memory.
func (g *Gateway) claim(ctx context.Context, queue *fair.Queue, who string, cost float64, memory int64) (leave func(), err error) {
	release, err := queue.Acquire(ctx, who, cost)
	if err != nil {
		return nil, err
	}
	free, err := g.pictures.Claim(ctx, memory)
	if err != nil {
		release()
		return nil, err
	}
	return func() {
		free()
		release()
	}, nil
}

// place resolves where a leaf or an example points: the asset and the frame.
func (p *processed) place(l query.Place) (*entry, int64, error) {
	e := cmp.Or(p.home, p.snap).asset(l.GetAsset())
	if e == nil {
		return nil, 0, errkind.New(errkind.NotFound, "there is no asset %.64q", l.GetAsset())
	}
	if e.lost != "" {
		return nil, 0, errkind.New(errkind.Unavailable, "no place can be found in the asset %s now: its frame table %s", l.GetAsset(), e.lost)
	}
	if e.clock == nil {
		return nil, 0, errkind.New(errkind.Invalid, "the asset %s has no pictures", l.GetAsset())
	}
	n := schema.FrameNamed(e.clock, schema.Time(l.GetTime()))
	if tc := l.GetTimecode(); tc != "" {
		var err error
		if n, err = e.scale.Frame(tc); err != nil {
			return nil, 0, errkind.New(errkind.Invalid, "timecode %.20q: %w", tc, err)
		}
	}
	if n < 0 || n >= e.clock.Frames() {
		return nil, 0, errkind.New(errkind.Invalid, "the place is outside the asset, which runs from %s to %s",
			e.scale.Format(0), e.scale.Format(e.clock.Frames()-1))
	}
	return e, n, nil
}

// maxShotVectors is how many frames of a shot it is looked for by.
const maxShotVectors = 8

// shotVectors returns what is stored for the shot that a leaf points into, so that nothing is encoded again.
func (g *Gateway) shotVectors(ctx context.Context, p *processed, space string, at query.Place) ([][]float32, error) {
	e, n, err := p.place(at)
	if err != nil {
		return nil, err
	}
	shot := schema.Interval{Start: e.clock.FrameStart(n), End: e.clock.FrameStart(n + 1)}
	if at, ok := e.spanAt(p.view.Role(pb.KindRole_KIND_ROLE_SHOTS), shot.Start); ok {
		spans, err := g.spansAt(ctx, []store.Point{at})
		if err != nil {
			return nil, err
		}
		if s, ok := spans[at]; ok {
			shot = s.Interval
		}
	}
	var vs [][]float32
	for _, r := range e.runs() {
		for emb, err := range g.deps.Store.EmbeddingsOf(ctx, e.id, r.GetRun(), shot) {
			if err != nil {
				return nil, fmt.Errorf("reading the shot's embeddings: %w", err)
			}
			if emb.GetSpace() != space {
				break // a run writes one space
			}
			vs = append(vs, emb.GetVector())
		}
	}
	if len(vs) == 0 {
		return nil, errkind.New(errkind.NotFound, "the shot at %s has no embedding in %s yet", e.scale.Format(n), space)
	}
	if len(vs) > maxShotVectors { // a long shot: evenly chosen frames stand for it
		few := make([][]float32, maxShotVectors)
		for i := range few {
			few[i] = vs[i*len(vs)/maxShotVectors]
		}
		vs = few
	}
	return vs, nil
}
