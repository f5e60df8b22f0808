package gateway

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/recommend"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// MaxRecommended bounds the recommendations of one kind.
	MaxRecommended     = 20
	defaultRecommended = 5
	// maxTried is how many queries are searched for a recommendation at most.
	maxTried = 50
	// maxLike is how many queries are compared by meaning: the queries with the most people.
	maxLike = 100
	// pickCost is the cost of a pick that is kept.
	pickCost = 2
)

// Picked keeps which hits of an answer the caller opened or picked. The same pick counts once.
func (g *Gateway) Picked(ctx context.Context, caller *authz.Caller, req *pb.PickedRequest) (*pb.PickedResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	switch n := len(req.GetMoments()); {
	case !g.picks.cfg.Log:
		return nil, errkind.New(errkind.Invalid, "search: this service keeps no picks, and names no answer")
	case n == 0 || n > recommend.MaxHits:
		return nil, errkind.New(errkind.Invalid, "moments: %d moments are not from 1 to %d", n, recommend.MaxHits)
	}
	secret, err := g.picks.key(ctx)
	if err != nil {
		return nil, err
	}
	form, has, err := secret.Open(caller.Name(), req.GetSearch())
	if err != nil {
		return nil, err
	}
	snap, err := g.lib.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	made := make([]*pb.Pick, 0, len(req.GetMoments()))
	for i, m := range req.GetMoments() {
		if !has(m) {
			return nil, errkind.New(errkind.Invalid, "moments[%d]: not a hit of that answer", i)
		}
		e, err := snap.visible(caller, m.GetAsset())
		if err != nil {
			return nil, fmt.Errorf("moments[%d]: %w", i, err)
		}
		audit.From(ctx).Told(1, e.title)
		made = append(made, &pb.Pick{Person: secret.Person(caller.Name()), Query: form, Asset: m.GetAsset(), Start: m.GetStart(), End: m.GetEnd(), Day: g.picks.today()})
	}
	audit.From(ctx).Query(form)
	if g.deps.Charge != nil {
		if err := g.deps.Charge(caller, pickCost*float64(len(made))); err != nil {
			return nil, err
		}
	}
	return &pb.PickedResponse{}, g.picks.add(ctx, made)
}

// Forget deletes every pick of a person: of the caller, or for an operator of anybody.
func (g *Gateway) Forget(ctx context.Context, caller *authz.Caller, req *pb.ForgetRequest) (*pb.ForgetResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	name := cmp.Or(req.GetName(), caller.Name())
	audit.From(ctx).About(name)
	if name != caller.Name() {
		if err := caller.Require(authz.Operator); err != nil {
			return nil, fmt.Errorf("name: forgetting another person: %w", err)
		}
	}
	secret, err := g.picks.key(ctx)
	if err != nil {
		return nil, err
	}
	n, err := g.picks.forget(ctx, secret.Person(name))
	if err != nil {
		return nil, err
	}
	return &pb.ForgetResponse{Forgotten: n}, nil
}

// Recommend returns what other people searched and picked, who searched the same, and queries of a similar meaning. Picks of assets that the
// caller may not see do not count, and a query is recommended only if each of its leaves finds something for the caller. A part that is late
// is left out and named.
func (g *Gateway) Recommend(ctx context.Context, caller *authz.Caller, req *pb.RecommendRequest) (*pb.RecommendResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	limit := cmp.Or(int(req.GetLimit()), defaultRecommended)
	if limit < 0 || limit > MaxRecommended {
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxRecommended)
	}
	p := g.begin(caller)
	if err := p.understand(&pb.SearchRequest{Q: req.GetQ()}); err != nil {
		return nil, err
	}
	if err := checkServed(p.view, p.tree, nil); err != nil {
		return nil, err
	}
	resp := &pb.RecommendResponse{Query: normalForm(p.view, p.tree)}
	audit.From(ctx).Query(resp.GetQuery())
	if !g.picks.cfg.Log || resp.GetQuery() == "" {
		return resp, nil
	}
	if err := p.within(ctx, g, caller); err != nil {
		return nil, err
	}
	secret, err := g.picks.key(ctx)
	if err != nil {
		return nil, err
	}
	index, err := g.picks.current(ctx)
	if err != nil {
		return nil, err
	}
	r := recommending{g: g, p: p, caller: caller, index: index, limit: limit, offered: map[string]bool{resp.GetQuery(): true},
		reader: recommend.Reader{Person: secret.Person(caller.Name()), Today: g.picks.today(), Sees: func(asset string) bool { return p.scope.view.seen(p.snap, asset) != nil }}}
	if err := r.fill(ctx, resp); err != nil {
		return nil, err
	}
	for _, m := range resp.GetMoments() {
		audit.From(ctx).Told(1, m.GetTitle())
	}
	return resp, nil
}

// recommending is one call of Recommend.
type recommending struct {
	g       *Gateway
	p       *processed
	caller  *authz.Caller
	index   *recommend.Index
	reader  recommend.Reader
	limit   int
	offered map[string]bool // the query itself, and the queries in the answer
}

// fill finds the recommendations.
func (r *recommending) fill(ctx context.Context, resp *pb.RecommendResponse) (err error) {
	late, cancel := context.WithTimeoutCause(ctx, r.g.cfg.Timeout, errLate)
	defer cancel()
	part := func(name string, find func(context.Context) ([]string, error)) []string {
		found, failed := find(late)
		if failed != nil {
			failure, _ := r.g.failure(late, name, failed)
			resp.Partial = append(resp.Partial, failure)
		}
		return found
	}
	queries, moments := r.index.Also(resp.GetQuery(), r.reader)
	resp.Also = part("also", func(ctx context.Context) ([]string, error) { return r.finding(ctx, queries) })
	for _, m := range moments[:min(r.limit, len(moments))] {
		resp.Moments = append(resp.Moments, r.moment(m))
	}
	resp.Like = part("like", func(ctx context.Context) ([]string, error) {
		near, err := r.near(ctx)
		if err != nil {
			return nil, err
		}
		return r.finding(ctx, near)
	})
	if ctx.Err() != nil {
		return errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	}
	return nil
}

// moment tells where a moment is. The reader sees the asset.
func (r *recommending) moment(m recommend.Moment) *pb.RecommendedMoment {
	e, iv := r.p.snap.asset(m.Asset), schema.Interval{Start: schema.Time(m.Start), End: schema.Time(m.End)}
	out := &pb.RecommendedMoment{Title: e.title, TitleName: e.name, Asset: m.Asset, Start: m.Start, End: m.End, StartMs: iv.Start.Millis(), EndMs: iv.End.Millis()}
	out.StartFrame, out.EndFrame, out.StartTimecode, out.EndTimecode = e.counted(iv)
	return out
}

// finding returns the first queries that find something for the caller, and that are not in the answer yet.
func (r *recommending) finding(ctx context.Context, queries []string) (out []string, err error) {
	tried := 0
	for _, q := range queries {
		if r.offered[q] {
			continue
		}
		if len(out) == r.limit {
			break
		}
		if tried++; tried > maxTried {
			return out, errkind.New(errkind.Exhausted, "%d queries were tried, and %d of them find something for the caller", maxTried, len(out))
		}
		found, err := r.finds(ctx, q)
		if err != nil {
			return out, err
		}
		if found {
			r.offered[q] = true
			out = append(out, q)
		}
	}
	return out, nil
}

// finds reports whether a query, and each of its leaves alone, has a match for the caller. A word that no title of the caller answers would
// tell of the titles of others.
func (r *recommending) finds(ctx context.Context, form string) (bool, error) {
	tree, _, err := query.Language{Names: r.p.view, Strict: true}.Parse(form)
	if err != nil {
		return false, nil //nolint:nilerr // an algorithm of the query is gone
	}
	asked := []*pb.Query{tree}
	if tree.GetLeaf() == nil {
		for _, l := range query.Leaves(tree) {
			asked = append(asked, query.Leaf(l))
		}
	}
	for _, q := range asked {
		found, err := r.matches(ctx, q)
		if err != nil || !found {
			return false, err
		}
	}
	return true, nil
}

// matches reports whether a query has a match for the caller. A query that is refused has none.
func (r *recommending) matches(ctx context.Context, tree *pb.Query) (bool, error) {
	refused := func(err error) bool { return errkind.Is(err, errkind.Invalid) || errkind.Is(err, errkind.NotFound) }
	p, err := r.g.process(ctx, r.caller, &pb.SearchRequest{Query: tree, Limit: 1, AsWritten: true})
	switch {
	case err == nil:
	case refused(err):
		return false, nil
	default:
		return false, err
	}
	parts := r.g.route(p)
	if r.g.deps.Charge != nil {
		if err := r.g.deps.Charge(r.caller, r.g.cost(parts)); err != nil {
			return false, err
		}
	}
	found, err := r.g.evaluate(ctx, ctx, p, parts)
	switch {
	case err != nil && refused(err):
		return false, nil
	case err != nil:
		return false, err
	case found.total.GetCount() == 0 && len(found.partial) > 0:
		return false, errkind.New(errkind.Unavailable, "a query was answered in part: %s", found.partial[0].GetError())
	}
	return found.total.GetCount() > 0, nil
}

// near returns the queries whose vectors are nearest to the vector of the caller's query, and near enough to be called a match.
func (r *recommending) near(ctx context.Context) ([]string, error) {
	s := sentences(r.p.view)
	if s == nil || wordsOf(r.p.view, r.p.tree) == "" {
		return nil, nil
	}
	c := calibrationOf(s, s.GetSpace())
	if c == nil {
		return nil, nil
	}
	own, err := r.g.textVector(ctx, r.p, s.GetSpace(), wordsOf(r.p.view, r.p.tree))
	if err != nil {
		return nil, err
	}
	all := r.index.Queries(r.reader)
	// The vectors of picked queries are kept apart from the vectors of the caller's own queries.
	shared := &processed{who: r.p.who, own: "\x00picked", view: r.p.view}
	score, lang := map[string]float64{}, query.Language{Names: r.p.view}
	var near []string
	for _, q := range all[:min(maxLike, len(all))] {
		tree, _, err := lang.Parse(q)
		words := wordsOf(r.p.view, tree)
		if err != nil || words == "" || r.offered[q] {
			continue
		}
		if r.g.deps.Charge != nil {
			if err := r.g.deps.Charge(r.caller, 1); err != nil {
				return nil, err
			}
		}
		v, err := r.g.textVector(ctx, shared, s.GetSpace(), words)
		if err != nil {
			return nil, err
		}
		score[q] = cosine(own, v)
		if 1/(1+math.Exp(-c.slope*(score[q]-c.middle))) >= float64(c.match) {
			near = append(near, q)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Or(cmp.Compare(score[b], score[a]), cmp.Compare(a, b)) })
	return near, nil
}

// sentences returns the source that finds what is said by meaning; nil where no algorithm does.
func sentences(v *catalog.View) *catalog.Source {
	for _, l := range v.Leaves() {
		for _, s := range l.Sources {
			if l.GetShape() == pb.LeafShape_LEAF_SHAPE_WORDS && s.GetSpace() != "" && s.About.GetQuoted() {
				return s
			}
		}
	}
	return nil
}

// wordsOf returns the words that a query looks for, without the words that a hit must not have.
func wordsOf(v *catalog.View, q *pb.Query) string {
	if q.GetNot() != nil {
		return ""
	}
	if l := q.GetLeaf(); l != nil {
		if s := shapeOf(v, l); s == pb.LeafShape_LEAF_SHAPE_WORDS || s == pb.LeafShape_LEAF_SHAPE_IDENTITY {
			return l.GetText()
		}
		return ""
	}
	var words []string
	for _, c := range query.Children(q) {
		if w := wordsOf(v, c); w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, " ")
}

func cosine(a, b []float32) float64 {
	if len(a) != len(b) {
		return 0
	}
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}
