package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// maxMatches bounds the matches of one query that are kept (Gateway.mostMatches), at about 500 bytes for a match of two parts.
const maxMatches = 250_000

// ranked reports whether a query is ranked over the best candidates of each leaf: one leaf, or an OR of leaves. Every other query is
// evaluated over whole sets, and so is a leaf that takes hits away: candidates might be taken away all.
func ranked(q *pb.Query) bool {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return !tested(n.Leaf) && !excludes(n.Leaf) && !n.Leaf.GetSame()
	case *pb.Query_Or:
		return !slices.ContainsFunc(n.Or.GetQueries(), func(c *pb.Query) bool { return !ranked(c) })
	}
	return false
}

// matches are the moments that a query finds.
type matches struct {
	moments []*moment // in the order of byScore: all, or the best of count where the answer shows no other
	count   int
	whole   bool // no match is missing
	fused   bool // moments that are the same moment are one
	failed  map[*part]error
	partial []*pb.PartialFailure // why a match may be missing, beside failed
	steps   []*step
	any     bool // some part finds something, where there are no matches
}

// matches evaluates the query over whole sets. An error means that there is no answer at all; a part that failed, a deadline and a bound
// are told in the matches.
func (g *Gateway) matches(ctx context.Context, p *processed, parts []*part) (*matches, error) {
	w := g.newWhole(ctx, p, parts)
	w.encode()
	m := &matches{failed: w.failed}
	root, steps, err := w.plan()
	m.steps = steps
	if err == nil {
		if err := w.pay(root.rows()); err != nil {
			return nil, err
		}
	}
	var release func()
	if err == nil {
		release, err = g.engine.Acquire(ctx, p.who, float64(len(parts))*vectorCost+itemCost*float64(w.paid))
	}
	var found []match
	if err == nil {
		if found, err = w.evaluate(root); err == nil && len(found) == 0 {
			m.any, err = w.any(m.steps)
		}
		release()
	}
	if err := w.explainStop(m, err); err != nil {
		return nil, err
	}
	for _, pt := range parts {
		if w.bounded[pt] {
			m.partial = append(m.partial, partialOf(pt.name(), errkind.Exhausted, "nothing says which hits of its space are matches, so the best %d stand for the matches", g.cfg.Candidates))
		}
	}
	m.whole = err == nil && len(m.failed) == 0 && len(m.partial) == 0
	w.rank(found)
	m.count = len(found)
	if !w.fuses && !p.shapes() {
		m.moments = w.top(found, p.offset+p.limit+1)
		return m, nil
	}
	m.moments = w.top(found, max(m.count, 1))
	if m.fused = w.fuses; w.fuses {
		var ok bool
		if m.moments, ok = w.folded(m.moments); !ok {
			m.whole = false
			m.partial = append(m.partial, partialOf("matches", errkind.Exhausted, "matches that are the same moment are told apart: there was no time to compare them"))
		}
	}
	slices.SortFunc(m.moments, byScore)
	m.count = len(m.moments)
	return m, nil
}

func partialOf(part string, kind errkind.Kind, format string, args ...any) *pb.PartialFailure {
	return &pb.PartialFailure{Part: part, Kind: kind.String(), Error: fmt.Sprintf(format, args...)}
}

// encode gives each part that asks a space its vectors. A part without vectors has failed.
func (w *whole) encode() {
	errs := make([]error, len(w.parts))
	var eg errgroup.Group
	for i, pt := range w.parts {
		if pt.space != "" && pt.vectors == nil {
			eg.Go(func() error {
				errs[i] = w.g.encode(w.ctx, w.p, pt)
				return nil
			})
		}
	}
	_ = eg.Wait()
	for i, pt := range w.parts {
		if errs[i] != nil {
			w.failed[pt] = errs[i]
		}
	}
}

// plan makes the operand of the whole query, and the lines that explain the operand.
func (w *whole) plan() (root operand, lines []*step, err error) {
	s := &steps{}
	if root, err = w.operand(w.p.tree, true, s); err != nil {
		return nil, s.list, err
	}
	root.drive()
	if len(s.list) > 0 {
		w.root = s.list[0]
	}
	w.fuses = root.fuses()
	return root, s.list, nil
}

// evaluate returns the matches without scores, in the order of places. With an error come the matches before the error.
func (w *whole) evaluate(root operand) (found []match, err error) {
	own := 0 // matches whose reasons hold no other items
	for g, err := range root.moments(nil) {
		if err != nil {
			return found, err
		}
		for _, x := range g.spans {
			if len(found) == w.g.mostMatches {
				return found, errManyMatches
			}
			found = append(found, match{asset: g.asset, Interval: x.Interval, why: x.Of})
		}
		if w.held > heldItems {
			for w.held = 0; own < len(found); own++ {
				found[own].why = w.copied(found[own].why)
			}
		}
	}
	return found, nil
}

// any reports whether a part of the query finds something, though the parts have no moment in common.
func (w *whole) any(lines []*step) (bool, error) {
	if slices.ContainsFunc(lines, func(s *step) bool { return s.rows > 0 }) {
		return true, nil
	}
	for _, pt := range w.parts {
		if w.failed[pt] != nil || pt.space != "" && pt.calibration == nil {
			continue
		}
		for _, q := range w.sets(pt, false) {
			for _, err := range w.g.deps.Engine.Set(w.ctx, q) {
				if err != nil {
					return false, &stop{pt, err}
				}
				return true, nil
			}
		}
	}
	return false, nil
}

// mayBeNear reports whether a part of a tree may find something that is no match. A part of words with a mode finds matches alone, and so does
// a single word. What a NOT takes away is never near.
func mayBeNear(q *pb.Query, parts []*part) bool {
	if q.GetNot() != nil {
		return false
	}
	for _, pt := range parts {
		if pt.leaf == q.GetLeaf() && !pt.leaf.GetSame() && (pt.space != "" && pt.cutoff() < pt.match() || pt.space == "" && pt.mode == search.AnyWord && !singleWord(pt.text)) {
			return true
		}
	}
	return slices.ContainsFunc(query.Children(q), func(c *pb.Query) bool { return mayBeNear(c, parts) })
}

// singleWord reports whether every analysis takes a text for a single word.
func singleWord(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') })
}

var errManyMatches = errkind.New(errkind.Exhausted, "the query has more matches than are kept, and the best of the first are shown; narrow the query for the others")

// explainStop notes in the matches why an evaluation stopped, and how far it had come. An error that is no reason to answer in part is
// returned.
func (w *whole) explainStop(m *matches, err error) error {
	if err == nil {
		return nil
	}
	name := "matches"
	var at *stop
	if errors.As(err, &at) {
		name = at.pt.name()
	}
	switch {
	case errors.Is(context.Cause(w.ctx), errLate):
		m.partial = append(m.partial, partialOf(name, errkind.Unavailable, "%s: %s", errLate, w.share()))
	case w.ctx.Err() != nil:
		return errkind.New(errkind.Cancelled, "the caller went away: %w", w.ctx.Err())
	case errors.Is(err, errManyMatches):
		m.partial = append(m.partial, partialOf(name, errkind.Exhausted, "%s", err))
	case errors.Is(err, interval.ErrTooMany):
		m.partial = append(m.partial, partialOf(name, errkind.Exhausted, "a part of the query has more than %d moments in one asset: %s; narrow the query for the others", maxGroup, w.share()))
	case errkind.Is(err, errkind.Exhausted):
		if at != nil {
			err = at.err
		}
		m.partial = append(m.partial, partialOf(name, errkind.Exhausted, "%s", err))
	default:
		return err
	}
	return nil
}

// of fuses what the best item of each part is worth.
func (f fusion) of(why []evidence) (score float64) {
	if len(why) == 1 {
		return f.part(&why[0])
	}
	best := make([]*evidence, 0, len(why)) // a sum of floats depends on the order
	for i := range why {
		e := &why[i]
		j := slices.IndexFunc(best, func(o *evidence) bool { return o.part == e.part })
		switch {
		case j < 0:
			best = append(best, e)
		case e.rank < best[j].rank:
			best[j] = e
		}
	}
	slices.SortFunc(best, func(a, b *evidence) int { return a.part.number - b.part.number })
	for _, e := range best {
		score = f.join(score, f.part(e))
	}
	return score
}

// part is what the item of a part is worth.
func (f fusion) part(e *evidence) float64 {
	return f.worth(e.part.weighs(), e.rank, e.strength)
}

// foldSteps bounds the work of folding the matches.
const foldSteps = 50_000_000

// folded makes one match of the matches that are the same moment: a line and its translation are cut at different places. A match of
// several counts each part once. false says that the work was cut short, and the matches are as they were.
func (w *whole) folded(ms []*moment) ([]*moment, bool) {
	all := make([]listed, len(ms))
	for i, m := range ms {
		all[i] = listed{m, 0}
	}
	slices.SortFunc(all, func(a, b listed) int { return byScore(a.moment, b.moment) })
	work := &tally{ctx: w.ctx, limit: foldSteps, fusion: w.p.fusion}
	out := work.fold(all)
	if work.err != nil {
		return ms, false
	}
	for _, m := range out {
		m.score = w.p.fusion.of(m.evidence)
	}
	return out, true
}

// near returns the moments behind the matches: the evaluation over the best candidates, of which some are called no match.
//
//   - A NOT takes away what its whole set overlaps, not only the candidates.
//   - A moment that is made of matches alone is left out: the evaluation over whole sets has decided about the moment.
//   - A moment that is the same moment as a match is left out.
func (g *Gateway) near(ctx context.Context, p *processed, f *found, m *matches, work *tally) ([]*moment, error) {
	snap, err := g.snapper(ctx, p, f)
	if err != nil {
		return nil, err
	}
	e := evaluation{found: f, tally: work, p: p, snap: snap}
	if m.whole {
		e.unwanted = func(q *pb.Query, ms []*moment) ([]*moment, bool) {
			out, err := g.newWhole(ctx, p, f.parts).overlapping(q, ms)
			return out, err == nil
		}
	}
	ms := e.all()
	if work.err != nil {
		return nil, work.err
	}
	lines := timelines(m.moments)
	return slices.DeleteFunc(ms, func(x *moment) bool {
		if m.whole && !slices.ContainsFunc(x.evidence, func(e evidence) bool { return !e.match() }) {
			return true
		}
		return slices.ContainsFunc(lines[x.asset].around(x.Interval, 0), func(y *moment) bool { return x.place() == y.place() || sameMoment(x, y) })
	}), nil
}

// overlapping returns the moments of a NOT that share time with moments of the near band.
func (w *whole) overlapping(q *pb.Query, ms []*moment) ([]*moment, error) {
	release, err := w.g.engine.Acquire(w.ctx, w.p.who, vectorCost)
	if err != nil {
		return nil, err
	}
	defer release()
	windows := make([]search.Window, len(ms))
	for i, m := range ms {
		windows[i] = search.Window{Asset: m.asset, Interval: m.Interval}
	}
	w.paid = math.MaxInt // the windows bound the items
	o, err := w.operand(q, false, &steps{})
	if err != nil {
		return nil, err
	}
	var out []*moment
	for g, err := range o.moments(unite(windows)) {
		if err != nil {
			return nil, err
		}
		for _, x := range g.spans {
			out = append(out, &moment{asset: g.asset, Interval: x.Interval})
		}
	}
	for _, err := range w.failed {
		return nil, err
	}
	return out, nil
}
