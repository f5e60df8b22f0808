package gateway

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A relatedOperand is the moments of left that stand in a relation to a moment of right, or the time that moments of both share.
type relatedOperand struct {
	w           *whole
	left, right operand
	// reach is how far around a moment of one side the other side is read.
	reach  schema.Time
	relate func(left, right []stretch) ([]stretch, error)
	both   bool // a moment of the operand is the time that both sides share
	line   *step
}

func (w *whole) relatedOf(n *pb.Related, scored bool, s *steps) (operand, error) {
	relation := n.GetRelation()
	o := &relatedOperand{w: w, both: inPicture(relation), line: s.enter("%s", strings.ToLower(query.RelationName(relation)))}
	defer s.leave()
	gap := schema.Time(n.GetGap())
	al := w.algebra
	plain := func(keep func(a, b []stretch) []stretch) func(a, b []stretch) ([]stretch, error) {
		return func(a, b []stretch) ([]stretch, error) { return keep(a, b), nil }
	}
	switch relation {
	case pb.Relation_RELATION_OVERLAPS:
		o.relate = plain(al.Overlapping)
	case pb.Relation_RELATION_DURING:
		o.relate = plain(al.During)
	case pb.Relation_RELATION_STARTS_NEAR:
		o.reach, o.relate = gap+1, plain(func(a, b []stretch) []stretch { return al.StartsNear(a, b, gap) })
	case pb.Relation_RELATION_ENDS_NEAR:
		o.reach, o.relate = gap+1, plain(func(a, b []stretch) []stretch { return al.EndsNear(a, b, gap) })
	default:
		o.relate = func(a, b []stretch) ([]stretch, error) { return w.inPicture(relation, a, b) }
	}
	var err error
	if o.left, err = w.operand(n.GetLeft(), scored, s); err != nil {
		return nil, err
	}
	// A relation in time leaves nothing of the right in the answer.
	o.right, err = w.operand(n.GetRight(), scored && o.both, s)
	return o, err
}

func (o *relatedOperand) size() int { return min(o.left.size(), o.right.size()) }
func (o *relatedOperand) rows() int { return o.w.rowsOfPair(o.left, o.right) }

func (o *relatedOperand) fuses() bool { return o.left.fuses() || o.both && o.right.fuses() }

func (o *relatedOperand) drive() {
	if o.right.size() < o.left.size() {
		o.right.drive()
		return
	}
	o.left.drive()
}

// moments reads the smaller side first. Windows are those of the left: a moment of the operand lies within a moment of the left.
func (o *relatedOperand) moments(where []search.Window) groups {
	return noted(o.w.both(o.left, o.right, where, joining{reach: o.reach, line: o.line, op: o.relate}), o.line)
}

// inPicture returns the time that a moment of a and a moment of b share, where a region of the one stands in the relation to a region of the
// other. The moments keep the regions that do.
func (w *whole) inPicture(relation pb.Relation, a, b []stretch) ([]stretch, error) {
	var out []stretch
	err := w.algebra.Meet(a, b, 0, func(i, j int) {
		iv := a[i].Intersect(b[j].Interval)
		if iv.Empty() {
			return
		}
		left := w.filtered(a[i].Of, func(x *reason) bool {
			return anyReason(b[j].Of, func(y *reason) bool { return regionsStand(relation, x.region, y.region) })
		})
		right := w.filtered(b[j].Of, func(y *reason) bool {
			return anyReason(a[i].Of, func(x *reason) bool { return regionsStand(relation, x.region, y.region) })
		})
		if left != nil {
			out = append(out, stretch{Interval: iv, Of: w.joined(left, right)})
		}
	})
	if err != nil {
		return nil, err
	}
	return w.algebra.Settle(out), nil
}

func anyReason(list *reason, passes func(*reason) bool) bool {
	for ; list != nil; list = list.next {
		if passes(list) {
			return true
		}
	}
	return false
}

// A nearCutOperand is the moments that start or end near a boundary between two shots.
type nearCutOperand struct {
	w    *whole
	of   operand
	gap  schema.Time
	line *step
}

func (w *whole) nearCutOf(n *pb.NearCut, scored bool, s *steps) (operand, error) {
	gap := schema.Time(n.GetGap())
	o := &nearCutOperand{w: w, gap: gap, line: s.enter("near cut within %s", length(gap))}
	defer s.leave()
	var err error
	o.of, err = w.operand(n.GetQuery(), scored, s)
	return o, err
}

func (o *nearCutOperand) size() int   { return o.of.size() }
func (o *nearCutOperand) rows() int   { return o.of.rows() }
func (o *nearCutOperand) fuses() bool { return o.of.fuses() }
func (o *nearCutOperand) drive()      { o.of.drive() }

func (o *nearCutOperand) moments(where []search.Window) groups {
	return noted(o.w.batches(o.of.moments(where), o.line, func(batch []group) ([]group, error) {
		assets := make([]string, len(batch))
		for i, g := range batch {
			assets[i] = g.asset
		}
		shots, err := o.w.g.shotsOf(o.w.ctx, o.w.p, assets)
		if err != nil {
			return nil, fmt.Errorf("reading the cuts: %w", err)
		}
		var out []group
		for _, g := range batch {
			if spans := o.w.algebra.Touching(g.spans, shots[g.asset].cuts(), o.gap); len(spans) > 0 {
				out = append(out, group{g.asset, spans})
			}
		}
		return out, nil
	}), o.line)
}

// cuts returns the boundaries between two shots: the start of each shot but the first.
func (l shotList) cuts() []schema.Time {
	var out []schema.Time
	for _, s := range l {
		if s.Start > l[0].Start {
			out = append(out, s.Start)
		}
	}
	return out
}

// An atLeastOperand is the time in which moments of at least count operands hold. all is in the order of sizes.
type atLeastOperand struct {
	w     *whole
	count int
	all   []operand
	line  *step
}

func (w *whole) atLeastOf(n *pb.AtLeast, scored bool, s *steps) (operand, error) {
	o := &atLeastOperand{w: w, count: int(n.GetCount()), line: s.enter("at least %d of %d", n.GetCount(), len(n.GetQueries()))}
	defer s.leave()
	for _, q := range n.GetQueries() {
		c, err := w.operand(q, scored, s)
		if err != nil {
			return nil, err
		}
		o.all = append(o.all, c)
	}
	bySize(o.all)
	return o, nil
}

// drivers are the operands that are read first. A stretch in which count operands hold has a moment of a driver: fewer than count operands
// are no drivers.
func (o *atLeastOperand) drivers() []operand { return o.all[:len(o.all)-o.count+1] }

func (o *atLeastOperand) size() (n int) {
	for _, c := range o.drivers() {
		n = add(n, c.size())
	}
	return n
}

// rows counts the drivers twice: a driver is read once for its assets, and once within its assets.
func (o *atLeastOperand) rows() int { return add(rowsOf(o.drivers()), rowsOf(o.all)) }

func (o *atLeastOperand) fuses() bool { return slices.ContainsFunc(o.all, operand.fuses) }

func (o *atLeastOperand) drive() {
	for _, c := range o.drivers() {
		c.drive()
	}
}

// moments reads the drivers, and then all operands in the assets of the drivers' moments: a stretch may begin before a window and end behind.
func (o *atLeastOperand) moments(where []search.Window) groups {
	first := make([]groups, len(o.drivers()))
	for i, c := range o.drivers() {
		first[i] = c.moments(wholeAssets(where))
	}
	return noted(o.w.batches(o.w.union(first), o.line, func(batch []group) ([]group, error) {
		everywhere := make([]search.Window, len(batch))
		lists := make(map[string][][]stretch, len(batch))
		for i, g := range batch {
			everywhere[i] = search.Window{Asset: g.asset, Interval: allTime}
		}
		for _, c := range o.all {
			for g, err := range c.moments(everywhere) {
				if err != nil {
					return nil, err
				}
				lists[g.asset] = append(lists[g.asset], g.spans)
			}
		}
		var out []group
		for _, g := range batch {
			spans, err := o.w.algebra.AtLeast(o.count, lists[g.asset]...)
			if err != nil {
				return nil, err
			}
			if len(spans) > 0 {
				out = append(out, group{g.asset, spans})
			}
		}
		return out, nil
	}), o.line)
}

// allTime holds every time of an asset, and leaves room for a reach.
var allTime = schema.Interval{Start: -1 << 60, End: 1 << 60}

// wholeAssets widens windows to their whole assets.
func wholeAssets(where []search.Window) []search.Window {
	if where == nil {
		return nil
	}
	out := []search.Window{}
	for _, x := range where {
		if last := len(out) - 1; last < 0 || out[last].Asset != x.Asset {
			out = append(out, search.Window{Asset: x.Asset, Interval: allTime})
		}
	}
	return out
}
