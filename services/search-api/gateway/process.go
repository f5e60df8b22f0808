package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// processed is a query that was understood: checked, resolved against one snapshot, ready to be routed.
type processed struct {
	tree    *pb.Query
	filter  *pb.Filter
	printed string
	snap    *snapshot
	scope   *search.Scope
	byTime  bool
	limit   int
	offset  int
}

// process is the first part of the gateway: it takes a request as it came and
// says what is asked, of what, and by whom.
func (g *Gateway) process(ctx context.Context, caller *authz.Caller, req *pb.SearchRequest) (*processed, error) {
	if caller == nil {
		return nil, errkind.New(errkind.Unauthenticated, "nobody is asking: every search needs a caller")
	}
	p := &processed{tree: req.GetQuery(), limit: int(req.GetLimit())}
	f := req.GetFilter()
	switch {
	case req.GetQ() != "" && p.tree != nil:
		return nil, errkind.New(errkind.Invalid, "q, query: give one of the two")
	case req.GetQ() != "":
		tree, typed, err := query.Parse(req.GetQ())
		if err != nil {
			return nil, err
		}
		p.tree, f = tree, both(f, typed)
	case p.tree != nil:
		if err := query.Validate(p.tree); err != nil {
			return nil, err
		}
	}
	if p.tree == nil {
		return nil, errkind.New(errkind.Invalid, "query: say what to look for; filters only narrow it")
	}
	if err := checkFilter(f); err != nil {
		return nil, err
	}
	switch req.GetOrder() {
	case "", "score":
	case "time":
		p.byTime = true
	default:
		return nil, errkind.New(errkind.Invalid, "order: %.20q is neither score nor time", req.GetOrder())
	}
	switch {
	case p.limit == 0:
		p.limit = DefaultLimit
	case p.limit < 0 || p.limit > MaxLimit:
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxLimit)
	}
	for _, l := range query.Leaves(p.tree) {
		if _, ok := leaves[l.GetKind()]; !ok {
			return nil, errkind.New(errkind.Invalid, "query: nothing serves %q; there are %s", l.GetKind(), strings.Join(leafKinds(), ", "))
		}
		if len(l.GetImage()) > MaxImageBytes {
			return nil, errkind.New(errkind.Invalid, "query: the picture has %d bytes, more than the %d allowed; make it smaller", len(l.GetImage()), MaxImageBytes)
		}
	}
	p.filter = f
	p.printed = query.Print(withoutPictures(p.tree), f)

	var err error
	if req.GetCursor() != "" {
		err = p.resume(g, req.GetCursor())
	} else {
		p.snap, err = g.lib.snapshot(ctx)
	}
	if err != nil {
		return nil, err
	}
	// A place in an asset that the caller may not see is a place that does not exist.
	for _, l := range query.Leaves(p.tree) {
		if l.GetAsset() != "" {
			if _, err := p.snap.visible(caller, l.GetAsset()); err != nil {
				return nil, err
			}
		}
	}
	p.scope = p.snap.scope(caller, f)
	return p, nil
}

func checkFilter(f *pb.Filter) error {
	if c := f.GetMinConfidence(); !(c >= 0 && c <= 1) {
		return errkind.New(errkind.Invalid, "filter.minConfidence: must be from 0 to 1")
	}
	if f.GetStart() < 0 || f.GetEnd() < 0 || f.GetEnd() > 0 && f.GetEnd() <= f.GetStart() {
		return errkind.New(errkind.Invalid, "filter.start, filter.end: want 0 <= start < end, in flicks; an end of 0 is none")
	}
	for _, list := range [][]string{f.GetTitles(), f.GetSeries(), f.GetAssets(), f.GetLanguages(), f.GetCharacters(), f.GetKinds()} {
		if len(list) > 1000 {
			return errkind.New(errkind.Invalid, "filter: %d values in one list are more than the 1000 allowed", len(list))
		}
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

// both joins the filter of a request with the one typed into its line. Lists of
// both are joined: a request that filters by title A and a line that says title:B
// asks for either, which the caller's scope still bounds.
func both(a, b *pb.Filter) *pb.Filter {
	if a == nil || b == nil {
		if a == nil {
			a = b
		}
		return proto.CloneOf(a)
	}
	m := proto.CloneOf(a)
	proto.Merge(m, b)
	m.MinConfidence = max(a.GetMinConfidence(), b.GetMinConfidence())
	return m
}

// withoutPictures is the query as it is printed back: nobody wants their picture back in base64.
func withoutPictures(q *pb.Query) *pb.Query {
	c := proto.CloneOf(q)
	query.Walk(c, func(l *pb.Leaf) {
		if len(l.GetImage()) > 0 {
			sum := sha256.Sum256(l.GetImage())
			l.Image = sum[:6]
		}
	})
	return c
}

// A cursor is the snapshot's version, how many hits were given, and a hash of
// the question, so that a cursor is not taken to another question.
func (p *processed) cursor(next int) string {
	b := protowire.AppendVarint(nil, uint64(p.snap.version))
	b = protowire.AppendVarint(b, uint64(next))
	return base64.RawURLEncoding.EncodeToString(append(b, p.hash()...))
}

func (p *processed) hash() []byte {
	b, _ := proto.MarshalOptions{Deterministic: true}.Marshal(&pb.SearchRequest{Query: p.tree, Filter: p.filter})
	sum := sha256.Sum256(fmt.Appendf(b, "%t", p.byTime))
	return sum[:8]
}

func (p *processed) resume(g *Gateway, cursor string) error {
	bad := errkind.New(errkind.Invalid, "cursor: not one that was given out for this query")
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return bad
	}
	version, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return bad
	}
	offset, m := protowire.ConsumeVarint(b[n:])
	if m < 0 || string(b[n+m:]) != string(p.hash()) || offset > MaxOffset {
		return bad
	}
	if p.snap = g.lib.at(int64(version)); p.snap == nil {
		return errkind.New(errkind.Invalid, "cursor: the library has changed too much since; search again")
	}
	p.offset = int(offset)
	return nil
}

// encodeKey is what a vector was made from: a text, or the hash of a picture.
type encodeKey struct {
	space string
	what  string
}

// encode gives each part that asks a space the vectors to ask it with, made by that
// space's own encoder. A part whose encoding fails keeps the error and is
// reported as a partial answer, like one whose searcher failed.
func (g *Gateway) encode(ctx context.Context, p *processed, parts []*part) {
	// Parts that need the same vector share the work.
	var mu sync.Mutex
	byKey := map[encodeKey][]*part{}
	var order []encodeKey
	for _, pt := range parts {
		if pt.space == "" {
			continue
		}
		k := encodeKey{pt.space, leafSource(pt.leaf)}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], pt)
	}
	var eg errgroup.Group
	for _, k := range order {
		eg.Go(func() error {
			vs, err := g.vectors(ctx, p, k, byKey[k][0].leaf)
			mu.Lock()
			defer mu.Unlock()
			for _, pt := range byKey[k] {
				pt.vectors, pt.err = vs, err
			}
			return nil
		})
	}
	_ = eg.Wait()
}

func leafSource(l *pb.Leaf) string {
	switch {
	case len(l.GetImage()) > 0:
		sum := sha256.Sum256(l.GetImage())
		return "image:" + string(sum[:])
	case l.GetAsset() != "":
		return fmt.Sprintf("%s:%s@%s@%d", l.GetKind(), l.GetAsset(), l.GetTimecode(), l.GetTime())
	}
	return "text:" + l.GetText()
}

// vectors encodes one leaf for one space. A shot has several vectors, one for each of its frames.
func (g *Gateway) vectors(ctx context.Context, p *processed, k encodeKey, l *pb.Leaf) ([][]float32, error) {
	if l.GetKind() == "like_shot" {
		return g.shotVectors(ctx, p, k.space, l)
	}
	if v, ok := g.encoded.Get(k); ok {
		return [][]float32{v}, nil
	}
	enc, ok := g.deps.Encoders[k.space]
	if !ok {
		return nil, errkind.New(errkind.Unavailable, "nothing encodes into the space %s", k.space)
	}
	var v []float32
	var err error
	switch {
	case len(l.GetImage()) > 0, l.GetKind() == "like_frame":
		if enc.Picture == nil {
			return nil, errkind.New(errkind.Invalid, "the space %s has no encoder for pictures", k.space)
		}
		var img image.Image
		if l.GetKind() == "like_frame" {
			img, err = g.frame(ctx, p, l)
		} else {
			img, err = g.deps.Image(l.GetImage())
		}
		if err != nil {
			return nil, err
		}
		v, err = enc.Picture(ctx, img)
	default:
		if enc.Text == nil {
			return nil, errkind.New(errkind.Invalid, "the space %s has no encoder for words", k.space)
		}
		v, err = enc.Text(ctx, l.GetText())
	}
	if err != nil {
		return nil, fmt.Errorf("encoding for %s: %w", k.space, err)
	}
	g.encoded.Add(k, v)
	return [][]float32{v}, nil
}

// place resolves where a leaf points: the asset and the frame.
func (p *processed) place(l *pb.Leaf) (*entry, int64, error) {
	e := p.snap.assets[l.GetAsset()]
	if e == nil {
		return nil, 0, errkind.New(errkind.NotFound, "there is no asset %.64q", l.GetAsset())
	}
	if e.clock == nil {
		return nil, 0, errkind.New(errkind.Invalid, "the asset %s has no pictures", l.GetAsset())
	}
	n := e.clock.FrameAt(schema.Time(l.GetTime()))
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

func (g *Gateway) frame(ctx context.Context, p *processed, l *pb.Leaf) (image.Image, error) {
	e, n, err := p.place(l)
	if err != nil {
		return nil, err
	}
	return g.deps.Frame(ctx, e.asset, e.clock, n)
}

// shotVectors returns what is stored for the shot that a leaf points into, so that nothing is encoded again.
func (g *Gateway) shotVectors(ctx context.Context, p *processed, space string, l *pb.Leaf) ([][]float32, error) {
	e, n, err := p.place(l)
	if err != nil {
		return nil, err
	}
	shot := schema.Interval{Start: e.clock.FrameStart(n), End: e.clock.FrameStart(n + 1)}
	if _, shots, err := g.spansOf(ctx, e, algorithmShots, schema.KindShot); err != nil {
		return nil, err
	} else if s, ok := covering(shots, shot.Start); ok {
		shot = s.Interval
	}
	var vs [][]float32
	for _, r := range e.active {
		for emb, err := range g.deps.Store.EmbeddingsOf(ctx, e.asset.GetId(), r.GetRun(), shot) {
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
	if len(vs) > 8 { // a long shot: evenly chosen frames stand for it
		few := make([][]float32, 8)
		for i := range few {
			few[i] = vs[i*len(vs)/8]
		}
		vs = few
	}
	return vs, nil
}
