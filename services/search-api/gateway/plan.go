package gateway

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// An operand is a part of the tree that can be evaluated over whole sets.
//
// A new operator is one type that implements operand, and a case of whole.operand. The operator reads the smaller of its operands in
// batches, and the other operands inside the windows of the batch (see batches, join and cover).
type operand interface {
	// moments yields the moments of the operand by asset.
	//   - Every moment that shares time with a window is among the moments. Other moments of the operand MAY be among the moments.
	//   - nil windows are everywhere.
	moments(where []search.Window) groups
	// size is an estimate of the items that a reading of the whole operand begins with.
	size() int
	// rows is an estimate of the items that a reading of the whole operand reads.
	rows() int
	// fuses reports whether several parts or alternatives may find one moment at different intervals.
	fuses() bool
	// drive marks the lines that are read first, for an explanation.
	drive()
}

// operand makes the operand of a tree whose every leaf is at least so confident. scored says whether somebody reads the scores.
func (w *whole) operand(q *pb.Query, scored bool, steps *steps) (operand, error) {
	switch n := q.GetNode().(type) {
	case *pb.Query_Leaf:
		return w.leaf(n.Leaf, scored, steps)
	case *pb.Query_Or:
		return w.anyOf(n.Or.GetQueries(), scored, steps)
	case *pb.Query_And:
		return w.allOf(n.And.GetQueries(), scored, steps)
	case *pb.Query_Within:
		return w.pairOf(n.Within, steps)
	case *pb.Query_Then:
		return w.sequenceOf(n.Then, steps)
	case *pb.Query_Related:
		return w.relatedOf(n.Related, scored, steps)
	case *pb.Query_NearCut:
		return w.nearCutOf(n.NearCut, scored, steps)
	case *pb.Query_AtLeast:
		return w.atLeastOf(n.AtLeast, scored, steps)
	}
	return nil, errkind.New(errkind.Invalid, "query: %T cannot be evaluated", q.GetNode())
}

// steps are the lines of an explanation, in the order of the tree.
type steps struct {
	list  []*step
	depth int
}

// enter adds a line, under which leave is not yet called.
func (s *steps) enter(format string, args ...any) *step {
	line := &step{name: fmt.Sprintf(format, args...), depth: s.depth}
	s.list = append(s.list, line)
	s.depth++
	return line
}

func (s *steps) leave() { s.depth-- }

// A leafOperand is the union of the sets of a leaf's sources.
type leafOperand struct {
	w        *whole
	readings []reading
	items    int
}

func (w *whole) leaf(l *pb.Leaf, scored bool, s *steps) (operand, error) {
	o := &leafOperand{w: w}
	for _, pt := range w.parts {
		if pt.leaf != l {
			continue
		}
		line := s.enter("%s", pt.name())
		s.leave()
		r := reading{pt: pt, scored: scored, told: line, annotated: w.regional[l] || tested(l)}
		o.readings = append(o.readings, r)
		n, err := w.estimate(r)
		if err != nil {
			return nil, err
		}
		o.items = add(o.items, n)
	}
	return o, nil
}

func (o *leafOperand) size() int { return o.items }
func (o *leafOperand) rows() int { return o.items }

func (o *leafOperand) fuses() bool { return len(o.readings) > 1 }

func (o *leafOperand) drive() {
	for _, r := range o.readings {
		r.told.drives = true
	}
}

func (o *leafOperand) moments(where []search.Window) groups {
	all := make([]groups, len(o.readings))
	for i, r := range o.readings {
		all[i] = noted(o.w.read(r, where), r.told)
	}
	return o.w.union(all)
}

// noted notes the moments of a line.
func noted(in groups, line *step) groups {
	return func(yield func(group, error) bool) {
		for g, err := range in {
			line.moments += int64(len(g.spans))
			if !yield(g, err) {
				return
			}
		}
	}
}

// measured bounds the items that are counted for a plan.
const measured = 1000

// estimate is about how many items a part finds.
//
// The engine's own estimate may count items that the caller may not see. Where something is hidden from the caller, the items are
// counted instead, up to measured: the plan, and with the plan an explanation, tells nothing of what is hidden.
func (w *whole) estimate(r reading) (int, error) {
	if w.failed[r.pt] != nil {
		return 0, nil
	}
	if r.pt.space != "" && r.pt.calibration == nil {
		return w.g.cfg.Candidates, nil
	}
	began := time.Now()
	defer func() { r.told.worked(time.Since(began)) }()
	sum := 0
	for _, q := range w.sets(r.pt, false) {
		n, err := w.measure(q)
		if err != nil {
			if w.ctx.Err() != nil {
				return 0, &stop{r.pt, err}
			}
			w.failed[r.pt] = err
			return 0, nil
		}
		sum = add(sum, n)
	}
	return sum, nil
}

func (w *whole) measure(q search.SetQuery) (n int, err error) {
	if w.p.scope.view.caller.SeesAll() {
		return w.g.deps.Engine.Size(w.ctx, q)
	}
	for _, err := range w.g.deps.Engine.Set(w.ctx, q) {
		if err != nil {
			return 0, err
		}
		if n++; n == measured {
			break
		}
	}
	return n, nil
}

// add adds sizes without overflow.
func add(a, b int) int { return min(a, math.MaxInt32) + min(b, math.MaxInt32) }

// An orOperand is the union of its operands.
type orOperand struct {
	w   *whole
	all []operand
}

func (w *whole) anyOf(qs []*pb.Query, scored bool, s *steps) (operand, error) {
	s.enter("or")
	defer s.leave()
	o := &orOperand{w: w}
	for _, q := range qs {
		c, err := w.operand(q, scored, s)
		if err != nil {
			return nil, err
		}
		o.all = append(o.all, c)
	}
	return o, nil
}

func (o *orOperand) size() (n int) {
	for _, c := range o.all {
		n = add(n, c.size())
	}
	return n
}

func (o *orOperand) rows() int { return rowsOf(o.all) }

func rowsOf(all []operand) (n int) {
	for _, c := range all {
		n = add(n, c.rows())
	}
	return n
}

func (o *orOperand) fuses() bool { return true }

func (o *orOperand) drive() {
	for _, c := range o.all {
		c.drive()
	}
}

func (o *orOperand) moments(where []search.Window) groups {
	all := make([]groups, len(o.all))
	for i, c := range o.all {
		all[i] = c.moments(where)
	}
	return o.w.union(all)
}

// union yields the moments of all streams, asset by asset.
func (w *whole) union(all []groups) groups {
	if len(all) == 1 {
		return all[0]
	}
	return func(yield func(group, error) bool) {
		type head struct {
			group
			next func() (group, error, bool)
		}
		var heads []*head
		for _, s := range all {
			next, end := iter.Pull2(s)
			defer end()
			heads = append(heads, &head{next: next})
		}
		behind := slices.Clone(heads) // the heads that are to be read on
		for {
			for _, h := range behind {
				g, err, ok := h.next()
				if err != nil {
					yield(group{}, err)
					return
				}
				if h.group = g; !ok {
					heads = slices.DeleteFunc(heads, func(o *head) bool { return o == h })
				}
			}
			if len(heads) == 0 {
				return
			}
			first := slices.MinFunc(heads, func(a, b *head) int { return strings.Compare(a.asset, b.asset) }).asset
			behind = nil
			var lists [][]stretch
			for _, h := range heads {
				if h.asset == first {
					behind, lists = append(behind, h), append(lists, h.spans)
				}
			}
			if !yield(group{first, w.algebra.Or(lists...)}, nil) {
				return
			}
		}
	}
}

// An andOperand is the time that all of the wanted operands share, without the moments that overlap an unwanted operand. wanted is in
// the order of sizes.
type andOperand struct {
	w                *whole
	wanted, unwanted []operand
	line             *step
}

func (w *whole) allOf(qs []*pb.Query, scored bool, s *steps) (operand, error) {
	o := &andOperand{w: w, line: s.enter("and")}
	defer s.leave()
	for _, q := range qs {
		not := q.GetNot()
		if not == nil {
			c, err := w.operand(q, scored, s)
			if err != nil {
				return nil, err
			}
			o.wanted = append(o.wanted, c)
			continue
		}
		s.enter("not")
		c, err := w.operand(not.GetQuery(), false, s)
		s.leave()
		if err != nil {
			return nil, err
		}
		o.unwanted = append(o.unwanted, c)
	}
	bySize(o.wanted)
	return o, nil
}

// bySize puts the operand that is read first at the front.
func bySize(all []operand) {
	slices.SortStableFunc(all, func(a, b operand) int { return a.size() - b.size() })
}

func (o *andOperand) size() int { return o.wanted[0].size() }

func (o *andOperand) rows() int {
	n := o.wanted[0].rows()
	for _, c := range slices.Concat(o.wanted[1:], o.unwanted) {
		n = add(n, o.w.probed(o.wanted[0], c))
	}
	return n
}

// probed is an estimate of the items that are read of second: beside first, or around the moments of first.
func (w *whole) probed(first, second operand) int {
	n := second.rows()
	if around := first.size(); around < math.MaxInt32/besideTimes {
		n = min(n, besideTimes*max(around, w.g.besideFrom))
	}
	return n
}

// rowsOfPair is an estimate of the items that are read of two operands, of which the smaller is read first.
func (w *whole) rowsOfPair(a, b operand) int {
	if b.size() < a.size() {
		a, b = b, a
	}
	return add(a.rows(), w.probed(a, b))
}

func (o *andOperand) fuses() bool { return slices.ContainsFunc(o.wanted, operand.fuses) }

func (o *andOperand) drive() { o.wanted[0].drive() }

func (o *andOperand) moments(where []search.Window) groups {
	first := o.wanted[0]
	out := first.moments(where)
	for i, c := range slices.Concat(o.wanted[1:], o.unwanted) {
		j := joining{first: first, second: c, everywhere: where == nil, line: o.line, op: o.w.algebra.And}
		if j.last = i == len(o.wanted)+len(o.unwanted)-2; i >= len(o.wanted)-1 {
			j.keep, j.op = true, o.w.not
		}
		out = o.w.with(out, j)
	}
	return noted(out, o.line)
}

func (w *whole) not(a, b []stretch) ([]stretch, error) { return w.algebra.Not(a, b), nil }

// A pairOperand is WITHIN, each moment of left with the best moment of right at most gap away, or THEN, each moment of left with the first
// moment of right behind.
type pairOperand struct {
	w           *whole
	left, right operand
	gap         schema.Time
	join        func(left, right []stretch, gap schema.Time) ([]stretch, error)
	line        *step
}

func (w *whole) pairOf(n *pb.Within, s *steps) (operand, error) {
	gap := schema.Time(n.GetGap())
	o := &pairOperand{w: w, gap: gap, join: w.algebra.Within, line: s.enter("within %s", length(gap))}
	return o, o.sides(n.GetLeft(), n.GetRight(), s)
}

func (w *whole) sequenceOf(n *pb.Then, s *steps) (operand, error) {
	gap := schema.Time(n.GetGap())
	o := &pairOperand{w: w, gap: gap, join: w.algebra.Then, line: s.enter("then within %s", length(gap))}
	return o, o.sides(n.GetLeft(), n.GetRight(), s)
}

func length(t schema.Time) time.Duration { return time.Duration(t.Seconds() * float64(time.Second)) }

// sides makes the operands of both sides. The scores decide which moment of the right is the best.
func (o *pairOperand) sides(left, right *pb.Query, s *steps) (err error) {
	defer s.leave()
	if o.left, err = o.w.operand(left, true, s); err != nil {
		return err
	}
	o.right, err = o.w.operand(right, true, s)
	return err
}

func (o *pairOperand) size() int { return min(o.left.size(), o.right.size()) }
func (o *pairOperand) rows() int { return o.w.rowsOfPair(o.left, o.right) }

func (o *pairOperand) fuses() bool { return o.left.fuses() || o.right.fuses() }

func (o *pairOperand) drive() {
	if o.right.size() < o.left.size() {
		o.right.drive()
		return
	}
	o.left.drive()
}

// reach is how far around a moment the other side is read. A span that begins exactly gap behind a moment is near, and shares time with
// a window that ends a flick later.
func (o *pairOperand) reach() schema.Time { return o.gap + 1 }

func (o *pairOperand) within(left, right []stretch) ([]stretch, error) {
	return o.join(left, right, o.gap)
}

func (o *pairOperand) moments(where []search.Window) groups {
	if where != nil {
		return noted(o.inside(where), o.line)
	}
	return noted(o.w.both(o.left, o.right, nil, joining{reach: o.reach(), line: o.line, op: o.within}), o.line)
}

// inside returns the pairs that share time with a window. Of such a pair, the left or the right is at most gap away from the window. So
// the lefts are read around the windows and around the rights that are near the windows, and then the rights around the lefts.
func (o *pairOperand) inside(where []search.Window) groups {
	return func(yield func(group, error) bool) {
		near := widen(where, o.reach())
		rights, err := collect(o.right.moments(near))
		if err != nil {
			yield(group{}, err)
			return
		}
		lefts := o.left.moments(unite(near, cover(rights, o.reach())))
		for g, err := range o.w.with(lefts, joining{first: o.left, second: o.right, reach: o.reach(), line: o.line, op: o.within}) {
			if !yield(g, err) {
				return
			}
		}
	}
}

// A joining applies an operator to the moments of two operands, asset by asset.
type joining struct {
	// first is the operand that is read first. second is read beside first, or within the windows of the moments of first.
	first, second operand
	// everywhere says that the moments of first are wanted everywhere. Otherwise second is read within windows alone.
	everywhere bool
	// reach is how far around a moment of first the moments of second matter.
	reach schema.Time
	// keep says that the moments of an asset without moments of second stay as they are; otherwise the moments fall away.
	keep bool
	// last says that line has no other joining behind this.
	last bool
	line *step
	op   func(first, second []stretch) ([]stretch, error)
}

// both applies an operator to the moments of left within windows and the moments of right. Everywhere, the smaller operand is read first.
func (w *whole) both(left, right operand, where []search.Window, j joining) groups {
	j.everywhere, j.last = where == nil, true
	if where != nil || left.size() <= right.size() {
		j.first, j.second = left, right
		return w.with(left.moments(where), j)
	}
	op := j.op
	j.first, j.second = right, left
	j.op = func(r, l []stretch) ([]stretch, error) { return op(l, r) }
	return w.with(right.moments(nil), j)
}

const (
	// besideFrom is how many items the first operand of a joining has at least, so that the second operand is read whole
	// (Gateway.besideFrom). Windows around few moments cost little.
	besideFrom = measured
	// besideTimes is how many times as many items as the first operand the second operand has at most. The windows around many moments
	// hold most of a set that is not much larger.
	besideTimes = 4
)

// with reads the second operand of a joining.
func (w *whole) with(in groups, j joining) groups {
	if n := j.first.size(); j.everywhere && n >= w.g.besideFrom && j.second.size()/besideTimes <= n {
		return w.beside(in, j)
	}
	return w.batches(in, j.progress(), func(batch []group) ([]group, error) {
		return w.join(batch, j.second.moments(cover(batch, j.reach)), j)
	})
}

// beside reads both operands of a joining at once, asset by asset.
func (w *whole) beside(in groups, j joining) groups {
	return func(yield func(group, error) bool) {
		next, end := iter.Pull2(j.second.moments(nil))
		defer end()
		second, err, more := next()
		for first, failed := range in {
			for failed == nil && err == nil && more && second.asset < first.asset {
				second, err, more = next()
			}
			if err := cmp.Or(failed, err); err != nil {
				yield(group{}, err)
				return
			}
			if more && second.asset == first.asset {
				first.spans, err = j.apply(first.spans, second.spans)
			} else if !j.keep {
				first.spans = nil
			}
			if err != nil {
				yield(group{}, err)
				return
			}
			if len(first.spans) > 0 && !yield(first, nil) {
				return
			}
			w.advance(j.progress(), first.asset)
		}
	}
}

func (j joining) apply(first, second []stretch) ([]stretch, error) {
	began := time.Now()
	defer func() { j.line.worked(time.Since(began)) }()
	return j.op(first, second)
}

// progress returns the line that the moments of the joining are the moments of; nil where another joining follows.
func (j joining) progress() *step {
	if j.last {
		return j.line
	}
	return nil
}

// advance notes that all moments of a line are known up to an asset.
func (w *whole) advance(line *step, asset string) {
	if line != nil && line == w.root {
		w.done = asset
	}
}

// batches reads a stream in batches of about batchSpans, and yields what finish makes of each batch: the moments of a line.
func (w *whole) batches(in groups, line *step, finish func([]group) ([]group, error)) groups {
	return func(yield func(group, error) bool) {
		var batch []group
		held := 0
		flush := func() bool {
			if len(batch) == 0 {
				return true
			}
			last := batch[len(batch)-1].asset
			out, err := finish(batch)
			if err != nil {
				yield(group{}, err)
				return false
			}
			batch, held = nil, 0
			for _, g := range out {
				if !yield(g, nil) {
					return false
				}
			}
			w.advance(line, last)
			return true
		}
		for g, err := range in {
			if err != nil {
				if flush() {
					yield(group{}, err)
				}
				return
			}
			batch, held = append(batch, g), held+len(g.spans)
			if held >= batchSpans && !flush() {
				return
			}
		}
		flush()
	}
}

// join applies the operator of a joining to the groups of a batch and the groups of a stream, asset by asset.
func (w *whole) join(batch []group, with groups, j joining) ([]group, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	out := make([]group, 0, len(batch))
	i := 0
	pass := func(until func(string) bool) {
		for ; i < len(batch) && until(batch[i].asset); i++ {
			if j.keep {
				out = append(out, batch[i])
			}
		}
	}
	for g, err := range with {
		if err != nil {
			return nil, err
		}
		pass(func(asset string) bool { return asset < g.asset })
		if i == len(batch) {
			break
		}
		if batch[i].asset != g.asset {
			continue
		}
		spans, err := j.apply(batch[i].spans, g.spans)
		if err != nil {
			return nil, err
		}
		if len(spans) > 0 {
			out = append(out, group{g.asset, spans})
		}
		i++
	}
	pass(func(string) bool { return true })
	return out, nil
}

func collect(in groups) (out []group, err error) {
	held := 0
	for g, err := range in {
		if err != nil {
			return nil, err
		}
		if held += len(g.spans); held > maxGroup {
			return nil, interval.ErrTooMany
		}
		out = append(out, g)
	}
	return out, nil
}

// cover returns the windows at most reach away from the moments of groups: never nil, which would be everywhere.
func cover(gs []group, reach schema.Time) []search.Window {
	out := []search.Window{}
	for _, g := range gs {
		for _, iv := range interval.Cover(g.spans, reach) {
			out = append(out, search.Window{Asset: g.asset, Interval: iv})
		}
	}
	return out
}

// widen returns the windows and the time at most reach away from a window.
func widen(where []search.Window, reach schema.Time) []search.Window {
	wide := make([]search.Window, len(where))
	for i, x := range where {
		wide[i] = search.Window{Asset: x.Asset, Interval: schema.Interval{Start: x.Interval.Start - reach, End: x.Interval.End + reach}}
	}
	return unite(wide)
}

// unite returns the windows of all lists, in order and apart from each other.
func unite(lists ...[]search.Window) []search.Window {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b search.Window) int {
		if c := strings.Compare(a.Asset, b.Asset); c != 0 {
			return c
		}
		return a.Interval.Compare(b.Interval)
	})
	out := []search.Window{}
	for _, x := range all {
		last := len(out) - 1
		if last >= 0 && out[last].Asset == x.Asset && x.Interval.Start <= out[last].Interval.End {
			out[last].Interval.End = max(out[last].Interval.End, x.Interval.End)
			continue
		}
		out = append(out, x)
	}
	return out
}
