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
// kth best score. Large segments are searched by their cells where that costs less
// (see doc.go). Elsewhere, which rows are passed over depends on nothing but the rows' own values, the
// query and the index's centre: not on the order of writes, on compaction or on the number
// of processors (see doc.go).
func (x *Index) Search(ctx context.Context, values []float32, k int, f Filter) ([]Hit, error) {
	a, err := x.Ask(ctx, values, k, f)
	return a.Hits, err
}

// An Answer is what Search found, with what finding cost.
type Answer struct {
	Hits []Hit
	Cost Cost
	// Recall is the least part of the k nearest rows that the hits are in the mean of many queries: 1 where the answer is exact, and Promised
	// otherwise.
	Recall float64
}

// Promised is the recall of answers that are not exact.
const Promised = 0.99

// A Cost counts what a search read.
type Cost struct {
	Rows      int   // that the filter lets through
	Cells     int   // of the segments that were searched by cells
	Looked    int   // of Cells, those that were looked into
	Estimated int   // rows whose codes of one bit a dimension were read
	Rounded   int   // rows whose int8 values were read
	Exact     int   // rows whose float32 values were read
	Bytes     int64 // of all of these and of centroids, most of them in mapped files
}

func (c *Cost) add(o Cost) {
	c.Estimated, c.Rounded, c.Exact = c.Estimated+o.Estimated, c.Rounded+o.Rounded, c.Exact+o.Exact
	c.Cells, c.Looked = c.Cells+o.Cells, c.Looked+o.Looked
}

// Ask is Search that also tells what the answer cost.
func (x *Index) Ask(ctx context.Context, values []float32, k int, f Filter) (Answer, error) {
	if k < 1 {
		return Answer{}, errkind.New(errkind.Invalid, "searching vectors: k is %d", k)
	}
	values, err := normalised(values, x.cfg.Dim, x.cfg.Metric)
	if err != nil {
		return Answer{}, errkind.New(errkind.Of(err), "searching vectors: %w", err)
	}
	snap, err := x.acquire()
	if err != nil {
		return Answer{}, err
	}
	defer x.drop(snap)
	for {
		a, err := x.search(ctx, snap, values, k, f)
		if err != nil && x.loseCells(snap, err) {
			continue
		}
		if err != nil {
			return Answer{}, fmt.Errorf("searching vectors: %w", err)
		}
		return a, nil
	}
}

// A stretch is rows [from, to) of a segment that a filter lets through.
type stretch struct{ from, to int }

// A plan holds the rows that a search will scan.
type plan struct {
	stretches [][]stretch // per segment
	rows      int         // alive, tails included
}

func planOf(snap *snapshot, f Filter) plan {
	groups := f.Groups
	p := plan{stretches: make([][]stretch, len(snap.segments))}
	for i, v := range snap.segments {
		if groups == nil {
			p.stretches[i] = []stretch{{0, v.n}}
			p.rows += v.live
			continue
		}
		p.stretches[i] = v.stretches(groups, f.Once)
		for _, s := range p.stretches[i] {
			p.rows += s.to - s.from - v.dead.count(s.from, s.to)
		}
	}
	for _, t := range snap.tails {
		if groups == nil {
			p.rows += t.live
			continue
		}
		for row, g := range t.groups {
			if groups.Has(g) && !t.dead.has(row) {
				p.rows++
			}
		}
	}
	return p
}

// A search is a query over a snapshot.
type search struct {
	x       *Index
	values  []float32
	groups  *Set
	span    func(start, end int64) bool
	names   []string
	exact   bool      // the estimate is skipped
	whole   bool      // every row that reaches the floor is kept
	wide    []float64 // the query for products
	k       int
	floor   atomic.Uint64 // float64 bits: the best kth score of any worker
	prepare map[*float32]*question
}

func (x *Index) searchFor(snap *snapshot, values []float32, f Filter) *search {
	s := &search{x: x, values: values, wide: widened(x.cfg.Metric, values), groups: f.Groups, span: f.Span, names: snap.names, prepare: map[*float32]*question{}}
	for _, t := range snap.tails {
		s.question(t.centre)
	}
	for _, v := range snap.segments {
		s.question(v.centre)
	}
	return s
}

func (x *Index) search(ctx context.Context, snap *snapshot, values []float32, k int, f Filter) (Answer, error) {
	p := planOf(snap, f)
	rows := p.rows
	s := x.searchFor(snap, values, f)
	s.k = k
	s.exact = p.rows <= max(x.limits.exactRows, 16*k) || math.IsInf(x.cfg.Confidence, 1)
	s.floor.Store(math.Float64bits(math.Inf(-1)))
	var segments []celled
	if !s.exact {
		segments = s.takeCells(snap, &p)
	}
	// Cells come first: their floor leaves little of the flat parts.
	all := newTop(s)
	if err := s.scanCells(ctx, all, segments); err != nil {
		return Answer{}, err
	}
	if err := s.scanInto(ctx, all, snap, p); err != nil {
		return Answer{}, err
	}
	hits := make([]Hit, len(all.items))
	for i, c := range all.items {
		hits[i] = Hit{Key{s.names[c.group], c.ordinal}, c.span.start, c.span.end, c.score}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if a.Score != b.Score { // mostly, and names are slow to compare
			return cmp.Compare(b.Score, a.Score)
		}
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Ordinal, b.Ordinal))
	})
	a := Answer{Hits: hits, Cost: all.cost, Recall: Promised}
	if s.exact {
		a.Recall = 1
	}
	l := x.layout
	a.Cost.Rows = rows
	a.Cost.Bytes = int64(a.Cost.Estimated/blockRows*l.blockBytes) + int64((a.Cost.Rounded+a.Cost.Cells)*l.roughBytes) + int64(a.Cost.Exact*l.dim*4)
	return a, nil
}

// scanInto scans the plan, and puts the rows into a top.
func (s *search) scanInto(ctx context.Context, all *top, snap *snapshot, p plan) error {
	if p.rows < 2*s.x.limits.workRows || runtime.GOMAXPROCS(0) == 1 {
		return s.scan(ctx, all, snap, p, 0, 1)
	}
	tops, err := s.scanAll(ctx, snap, p)
	if err != nil {
		return err
	}
	for _, t := range tops {
		all.cost.add(t.cost)
		for _, c := range t.items {
			all.push(c)
		}
	}
	return nil
}

// scanAll scans the plan, with several workers if there is much to scan. The workers' rows are in several tops.
func (s *search) scanAll(ctx context.Context, snap *snapshot, p plan) ([]*top, error) {
	workers := max(1, min(runtime.GOMAXPROCS(0), p.rows/s.x.limits.workRows))
	tops, errs := make([]*top, workers), make([]error, workers)
	for w := range tops {
		tops[w] = newTop(s)
	}
	if workers == 1 {
		return tops, s.scan(ctx, tops[0], snap, p, 0, 1)
	}
	var running sync.WaitGroup
	for w := range workers {
		running.Go(func() { errs[w] = s.scan(ctx, tops[w], snap, p, w, workers) })
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return tops, nil
}

// cancelEvery is how many blocks are scanned between two looks at the context.
const cancelEvery = 256

// scan goes over every worker-th part of the plan.
func (s *search) scan(ctx context.Context, t *top, snap *snapshot, p plan, worker, workers int) error {
	if worker == 0 {
		for i := range snap.tails {
			if err := s.scanTail(ctx, t, &snap.tails[i]); err != nil {
				return err
			}
		}
	}
	for i := range snap.segments {
		if len(p.stretches[i]) == 0 {
			continue
		}
		v := &snap.segments[i]
		c := s.column(t, &v.rows)
		c.segment = v.segment
		// A block is begun with its first stretch, and scanned when the next stretch is beyond the block.
		block, mask := -1, uint64(0)
		flush := func() error {
			if mask &^= v.dead.word(max(block, 0)); mask == 0 {
				return nil
			}
			err := c.scan(block, mask)
			mask = 0
			return err
		}
		for _, st := range p.stretches[i] {
			for b := st.from / blockRows; b*blockRows < st.to; b++ {
				if workers > 1 && b/cancelEvery%workers != worker {
					continue
				}
				if b != block {
					if err := flush(); err != nil {
						return err
					}
					if block < 0 || b/cancelEvery != block/cancelEvery {
						if err := ctx.Err(); err != nil {
							return err
						}
					}
					block = b
				}
				mask |= bitsOf(st.from-b*blockRows, st.to-b*blockRows)
			}
		}
		if err := flush(); err != nil {
			return err
		}
		if err := c.finish(); err != nil {
			return err
		}
	}
	return nil
}

// bitsOf returns a word with its bits of [from, to) set.
func bitsOf(from, to int) uint64 {
	m := ^uint64(0)
	if from > 0 {
		m <<= from
	}
	if to < blockRows {
		m &= 1<<to - 1
	}
	return m
}

func (s *search) scanTail(ctx context.Context, t *top, v *tailView) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c := s.column(t, &v.rows)
	c.groups = v.groups
	for b := range v.blocks() {
		if b > 0 && b%cancelEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		mask := bitsOf(0, v.n-b*blockRows) &^ v.dead.word(b)
		if s.groups != nil {
			for i, g := range v.groups[b*blockRows : min(v.n, (b+1)*blockRows)] {
				if !s.groups.Has(g) {
					mask &^= 1 << i
				}
			}
		}
		if mask != 0 {
			if err := c.scan(b, mask); err != nil {
				return err
			}
		}
	}
	return c.finish()
}

// batchRows is how many survivors of the first stage gather before the second looks at them: enough
// to have their rough rows fetched from memory ahead.
const batchRows = 256

// A column takes the rows of a segment or of a tail, in their order, through the three stages.
type column struct {
	s       *search
	t       *top
	q       *question
	rows    *rows
	segment *segment // nil for a tail
	extent  int      // of the segment: the one that rows are in, which only moves on
	groups  []uint32 // of a tail, by row
	encoder *encoder
	batch   []int32 // survivors of the first stage
	dots    [batchRows]int32
}

func (s *search) column(t *top, r *rows) *column {
	return &column{s: s, t: t, q: s.question(r.centre), rows: r, batch: make([]int32, 0, batchRows)}
}

func (c *column) check(part, block int) error {
	if c.segment == nil {
		return nil
	}
	return c.segment.check(part, block)
}

// scan is the first stage, for the rows of a block that mask holds.
func (c *column) scan(block int, mask uint64) error {
	r := c.rows
	if !c.s.exact && block*blockRows < r.coded() {
		if err := c.check(partCodes, block); err != nil {
			return err
		}
		c.q.bounds.threshold = floor32(c.t.floor - c.q.constant)
		c.t.cost.Estimated += blockRows
		if mask &= scan(r.block(block), &c.q.table, &c.q.bounds); mask == 0 {
			return nil
		}
	}
	if err := c.check(partRough, block); err != nil {
		return err
	}
	for ; mask != 0; mask &= mask - 1 {
		row := block*blockRows + bits.TrailingZeros64(mask)
		if c.s.span != nil && !c.s.span(r.spans[row].start, r.spans[row].end) {
			continue
		}
		if c.batch = append(c.batch, int32(row)); len(c.batch) == batchRows {
			if err := c.finish(); err != nil {
				return err
			}
		}
	}
	return nil
}

// finish takes the rows that are gathered through the second and the third stage.
func (c *column) finish() error {
	if len(c.batch) == 0 {
		return nil
	}
	r := c.rows
	dots(r.rough, r.roughBytes, c.batch, &c.q.direction, c.dots[:])
	known := c.q.known(r)
	c.t.cost.Rounded += len(c.batch)
	var pair [2]int
	waiting := 0
	for i, row := range c.batch {
		row := int(row)
		if known+c.q.rough(r.roughRow(row)[r.padded:], c.dots[i]) < c.t.floor {
			continue
		}
		if err := c.check(partExact, row/blockRows); err != nil {
			return err
		}
		pair[waiting] = row
		if waiting++; waiting == len(pair) {
			c.compare(pair[:])
			waiting = 0
		}
	}
	c.compare(pair[:waiting])
	c.batch = c.batch[:0]
	return nil
}

// compare is the third stage, for at most two rows.
func (c *column) compare(pair []int) {
	if len(pair) == 0 {
		return
	}
	c.t.cost.Exact += len(pair)
	first, last := pair[0], pair[len(pair)-1]
	var scores [2]float32
	if c.s.wide != nil {
		scores[0], scores[1] = products(c.rows.exactRow(first), c.rows.exactRow(last), c.s.wide)
	} else {
		for i, row := range pair {
			scores[i] = similarity(c.s.x.cfg.Metric, c.rows.exactRow(row), c.s.values)
		}
	}
	for i, row := range pair {
		rank := float64(scores[i])
		if rank < c.t.floor {
			continue
		}
		if !c.s.exact {
			if rank = min(rank, c.bound(row)); rank < c.t.floor {
				continue
			}
		}
		c.t.push(candidate{rank: rank, score: scores[i], group: c.group(row), ordinal: c.rows.ordinals[row], span: c.rows.spans[row]})
	}
}

// bound returns the first stage's bound of a row. The last rows of a tail have no code yet. bound works the code out, so that the time of
// sealing makes no difference.
func (c *column) bound(row int) float64 {
	var code [MaxDim / 8]byte
	if row < c.rows.coded() {
		return c.q.bound(c.rows.get(c.rows.block(row/blockRows), row%blockRows, code[:]))
	}
	if c.encoder == nil {
		c.encoder = newEncoder(c.rows.layout, c.s.x.cfg.Metric, c.s.x.rot, c.rows.centre)
	}
	norm, base := c.encoder.residual(c.rows.exactRow(row))
	return c.q.bound(c.encoder.sketch(code[:c.rows.codeBytes], norm, base))
}

func (c *column) group(row int) uint32 {
	if c.segment == nil {
		return c.groups[row]
	}
	e := c.segment.extents
	if e[c.extent].end() <= row {
		// Extents are ordered by row. The extent of the row is behind the present extent.
		rest, _ := slices.BinarySearchFunc(e[c.extent+1:], row, func(e extent, row int) int { return cmp.Compare(e.end(), row+1) })
		c.extent += 1 + rest
	}
	return e[c.extent].group
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
	cost  Cost
}

func newTop(s *search) *top {
	return &top{s: s, floor: math.Float64frombits(s.floor.Load()), items: make([]candidate, 0, min(s.k, 1024))}
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

func (t *top) push(c candidate) {
	if t.s.whole {
		t.items = append(t.items, c)
		return
	}
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
