package flat

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Search returns the k vectors nearest to values among those that pass the filter, the
// nearest first; equal scores are ordered by group and ordinal.
//
// Over few rows the answer is exact. Over many, a row is passed over unseen when its
// estimated score, plus as many standard deviations as Config.Confidence, is below the
// kth best score. Which rows that are depends on nothing but the rows' own values, the
// query and the index's centre: not on the order of writes, on compaction or on the number
// of processors (see doc.go).
func (x *Index) Search(ctx context.Context, values []float32, k int, f Filter) ([]Hit, error) {
	if k < 1 {
		return nil, errkind.New(errkind.Invalid, "searching vectors: k is %d", k)
	}
	values, err := normalised(values, x.cfg.Dim, x.cfg.Metric)
	if err != nil {
		return nil, errkind.New(errkind.Of(err), "searching vectors: %w", err)
	}
	snap, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer x.drop(snap)
	hits, err := x.search(ctx, snap, values, k, f, nil)
	if err != nil {
		return nil, fmt.Errorf("searching vectors: %w", err)
	}
	return hits, nil
}

// SearchLike is Search for the values of a vector of the index, which is not in its own answer. The
// filter does not apply to the vector itself. A key that is not there is an error of kind NotFound.
func (x *Index) SearchLike(ctx context.Context, key Key, k int, f Filter) ([]Hit, error) {
	if k < 1 {
		return nil, errkind.New(errkind.Invalid, "searching vectors: k is %d", k)
	}
	snap, err := x.acquire()
	if err != nil {
		return nil, err
	}
	defer x.drop(snap)
	v, err := x.get(snap, key)
	if err != nil {
		return nil, err
	}
	hits, err := x.search(ctx, snap, v.Values, k, f, &key)
	if err != nil {
		return nil, fmt.Errorf("searching vectors like %d of %q: %w", key.Ordinal, key.Group, err)
	}
	return hits, nil
}

// Get returns a vector as it is kept; for cosine that is of length 1. A key that is not there is
// an error of kind NotFound.
func (x *Index) Get(key Key) (Vector, error) {
	snap, err := x.acquire()
	if err != nil {
		return Vector{}, err
	}
	defer x.drop(snap)
	return x.get(snap, key)
}

func (x *Index) get(snap *snapshot, key Key) (Vector, error) {
	missing := errkind.New(errkind.NotFound, "no vector %d of %q", key.Ordinal, key.Group)
	id, ok := x.groups.find(key.Group)
	if !ok {
		return Vector{}, missing
	}
	found := func(r *rows, row int) (Vector, error) {
		return Vector{key, r.spans[row].start, r.spans[row].end, slices.Clone(r.exactRow(row))}, nil
	}
	for i := range snap.tails {
		t := &snap.tails[i]
		for row, g := range t.groups {
			if g == id && t.ordinals[row] == key.Ordinal && !t.dead.has(row) {
				return found(&t.rows, row)
			}
		}
	}
	for i := range snap.segments {
		v := &snap.segments[i]
		if row := v.find(id, key.Ordinal); row >= 0 && !v.dead.has(row) {
			if err := v.check(partExact, row/blockRows); err != nil {
				return Vector{}, err
			}
			return found(&v.segment.rows, row)
		}
	}
	return Vector{}, missing
}

// A stretch is rows [from, to) of a segment that a filter lets through.
type stretch struct{ from, to int }

// A plan is what a search will scan.
type plan struct {
	stretches [][]stretch // per segment
	rows      int         // alive, tails included
}

func planOf(snap *snapshot, groups *Set) plan {
	p := plan{stretches: make([][]stretch, len(snap.segments))}
	for i, v := range snap.segments {
		if groups == nil {
			p.stretches[i] = []stretch{{0, v.n}}
			p.rows += v.live
			continue
		}
		var s []stretch
		for _, e := range v.extents {
			if !groups.has(e.id) {
				continue
			}
			p.rows += e.rows - v.dead.count(e.first, e.first+e.rows)
			if n := len(s); n > 0 && s[n-1].to == e.first {
				s[n-1].to += e.rows
			} else {
				s = append(s, stretch{e.first, e.first + e.rows})
			}
		}
		p.stretches[i] = s
	}
	for _, t := range snap.tails {
		if groups == nil {
			p.rows += t.live
			continue
		}
		for row, g := range t.groups {
			if groups.has(g) && !t.dead.has(row) {
				p.rows++
			}
		}
	}
	return p
}

// A search is one query over one snapshot.
type search struct {
	x       *Index
	values  []float32
	groups  *Set
	span    func(start, end int64) bool
	skip    *Key
	names   []string
	exact   bool // the estimate is skipped
	k       int
	floor   atomic.Uint64 // float64 bits: the best kth score that any worker has
	prepare map[*float32]*question
}

func (x *Index) search(ctx context.Context, snap *snapshot, values []float32, k int, f Filter, skip *Key) ([]Hit, error) {
	p := planOf(snap, f.Groups)
	s := &search{x: x, values: values, groups: f.Groups, span: f.Span, skip: skip, names: snap.names, k: k, prepare: map[*float32]*question{}}
	s.exact = p.rows <= max(x.limits.exactRows, 16*k) || math.IsInf(x.cfg.Confidence, 1)
	s.floor.Store(math.Float64bits(math.Inf(-1)))
	for _, t := range snap.tails {
		s.question(t.centre)
	}
	for _, v := range snap.segments {
		s.question(v.centre)
	}

	workers := min(runtime.GOMAXPROCS(0), p.rows/x.limits.workRows)
	var tops []*top
	if workers < 2 {
		t := newTop(s)
		if err := s.scan(ctx, t, snap, p, 0, 1); err != nil {
			return nil, err
		}
		tops = append(tops, t)
	} else {
		errs := make([]error, workers)
		var running sync.WaitGroup
		for w := range workers {
			t := newTop(s)
			tops = append(tops, t)
			running.Go(func() { errs[w] = s.scan(ctx, t, snap, p, w, workers) })
		}
		running.Wait()
		for _, err := range errs {
			if err != nil {
				return nil, err
			}
		}
	}
	all := tops[0]
	for _, t := range tops[1:] {
		for _, c := range t.items {
			all.push(c)
		}
	}
	hits := make([]Hit, len(all.items))
	for i, c := range all.items {
		hits[i] = Hit{Key{s.names[c.group], c.ordinal}, c.span.start, c.span.end, c.score}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	return hits, nil
}

// cancelEvery is how many blocks are scanned between two looks at the context.
const cancelEvery = 256

// scan goes over every worker-th part of what the plan holds.
func (s *search) scan(ctx context.Context, t *top, snap *snapshot, p plan, worker, workers int) error {
	part := 0
	mine := func() bool {
		part++
		return (part-1)%workers == worker
	}
	for i := range snap.tails {
		if err := ctx.Err(); err != nil {
			return err
		}
		if mine() {
			s.scanTail(t, &snap.tails[i])
		}
	}
	for i := range snap.segments {
		v := &snap.segments[i]
		q := s.question(v.centre)
		g := 0 // the extent that rows are in, which only moves on
		// A block is begun with the first stretch in it, and scanned when the next one is beyond it.
		block, mask := -1, uint64(0)
		var err error
		flush := func() bool {
			if mask &^= v.dead.word(max(block, 0)); mask != 0 {
				err = s.scanBlock(t, q, v, block, mask, &g)
			}
			mask = 0
			return err == nil
		}
		for _, st := range p.stretches[i] {
			for b := st.from / blockRows; b*blockRows < st.to; b++ {
				if b != block {
					if block >= 0 && !flush() {
						return err
					}
					if b/cancelEvery != block/cancelEvery || block < 0 {
						if err := ctx.Err(); err != nil {
							return err
						}
					}
					block = b
				}
				if workers > 1 && b/cancelEvery%workers != worker {
					continue
				}
				m := ^uint64(0)
				if low := st.from - b*blockRows; low > 0 {
					m <<= low
				}
				if high := st.to - b*blockRows; high < blockRows {
					m &= 1<<high - 1
				}
				mask |= m
			}
		}
		if !flush() {
			return err
		}
	}
	return nil
}

// scanBlock takes the rows of a block that mask holds through the three stages.
func (s *search) scanBlock(t *top, q *question, v *segmentView, block int, mask uint64, g *int) error {
	if !s.exact {
		if err := v.check(partCodes, block); err != nil {
			return err
		}
		q.bounds.threshold = floor32(t.floor - q.constant)
		mask &= scan(v.block(block), &q.table, &q.bounds)
		if mask == 0 {
			return nil
		}
	}
	if err := v.check(partRough, block); err != nil {
		return err
	}
	for ; mask != 0; mask &= mask - 1 {
		row := block*blockRows + bits.TrailingZeros64(mask)
		if s.span != nil && !s.span(v.spans[row].start, v.spans[row].end) {
			continue
		}
		if q.rough(&v.segment.rows, row) < t.floor {
			continue
		}
		if err := v.check(partExact, block); err != nil {
			return err
		}
		c := candidate{score: similarity(s.x.cfg.Metric, v.exactRow(row), s.values), ordinal: v.ordinals[row], span: v.spans[row]}
		c.rank = float64(c.score)
		if !s.exact {
			var code [MaxDim / 8]byte
			c.rank = min(c.rank, q.bound(v.get(v.block(block), row%blockRows, code[:])))
		}
		if c.rank < t.floor {
			continue
		}
		for v.extents[*g].first+v.extents[*g].rows <= row {
			*g++
		}
		c.group = v.extents[*g].id
		t.offer(c)
	}
	return nil
}

// scanTail takes a tail's rows through the last two stages. Their bounds are worked out for those that
// come so far, so that it makes no difference whether a row is sealed.
func (s *search) scanTail(t *top, v *tailView) {
	q := s.question(v.centre)
	var e *encoder
	for row, g := range v.groups {
		if v.dead.has(row) || s.groups != nil && !s.groups.has(g) || s.span != nil && !s.span(v.spans[row].start, v.spans[row].end) {
			continue
		}
		if q.rough(&v.rows, row) < t.floor {
			continue
		}
		c := candidate{score: similarity(s.x.cfg.Metric, v.exactRow(row), s.values), group: g, ordinal: v.ordinals[row], span: v.spans[row]}
		c.rank = float64(c.score)
		if !s.exact && c.rank >= t.floor {
			if e == nil {
				e = newEncoder(v.layout, s.x.cfg.Metric, s.x.rot, v.centre)
			}
			var code [MaxDim / 8]byte
			norm, base := e.residual(v.exactRow(row))
			c.rank = min(c.rank, q.bound(e.sketch(code[:v.codeBytes], norm, base)))
		}
		if c.rank >= t.floor {
			t.offer(c)
		}
	}
}

// floor32 rounds down, so that comparing in float32 passes nothing over that float64 would not.
func floor32(x float64) float32 {
	f := float32(x)
	if float64(f) > x {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// A candidate is a row with its exact score. It is ranked by the lesser of score and bound: no row
// ranks above its bound, so none that was passed over could have been among the best,
// and the order of scanning makes no difference.
type candidate struct {
	rank    float64
	score   float32
	group   uint32
	ordinal uint32
	span    span
}

// A top keeps the k best candidates, the worst of them in front (a heap).
type top struct {
	s     *search
	items []candidate
	floor float64 // no candidate that ranks below it can be among the best
}

func newTop(s *search) *top {
	return &top{s: s, floor: math.Inf(-1), items: make([]candidate, 0, min(s.k, 1024))}
}

// below orders by rank, then by key from the last.
func (t *top) below(a, b *candidate) bool {
	if a.rank != b.rank {
		return a.rank < b.rank
	}
	if a.group != b.group {
		return t.s.names[a.group] > t.s.names[b.group]
	}
	return a.ordinal > b.ordinal
}

// offer pushes a candidate unless it is the one to be left out.
func (t *top) offer(c candidate) {
	if k := t.s.skip; k != nil && k.Ordinal == c.ordinal && k.Group == t.s.names[c.group] {
		return
	}
	t.push(c)
}

func (t *top) push(c candidate) {
	if len(t.items) < t.s.k {
		t.items = append(t.items, c)
		for i := len(t.items) - 1; i > 0; {
			up := (i - 1) / 2
			if !t.below(&t.items[i], &t.items[up]) {
				break
			}
			t.items[i], t.items[up] = t.items[up], t.items[i]
			i = up
		}
	} else if t.below(&t.items[0], &c) {
		t.items[0] = c
		for i := 0; ; {
			least := i
			for child := 2*i + 1; child <= 2*i+2 && child < len(t.items); child++ {
				if t.below(&t.items[child], &t.items[least]) {
					least = child
				}
			}
			if least == i {
				break
			}
			t.items[i], t.items[least] = t.items[least], t.items[i]
			i = least
		}
	}
	if len(t.items) == t.s.k {
		t.raise(t.items[0].rank)
	}
}

// raise shares the floor with the other workers.
func (t *top) raise(rank float64) {
	for {
		old := t.s.floor.Load()
		shared := math.Float64frombits(old)
		if shared >= rank {
			t.floor = max(t.floor, shared)
			return
		}
		if t.s.floor.CompareAndSwap(old, math.Float64bits(rank)) {
			t.floor = rank
			return
		}
	}
}
