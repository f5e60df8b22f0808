package flat

import (
	"context"
	"math"
	"math/bits"
	"slices"
	"sync"
)

// A mark is how a query stands to a cell: the score of the centroid, and the distance of the query from the centroid.
type mark struct {
	score    float64
	distance float32
}

// marks returns the marks of some cells by the number of the cell, in out if there is room. some is nil for all cells. The marks of other cells
// mean nothing.
func (c *cells) marks(q *question, metric Metric, some []int32, out []mark) []mark {
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	sc.grow(c.shape.cells)
	if some == nil {
		some = sc.numbers[:c.shape.cells]
	}
	products := sc.products[:len(some)]
	out = slices.Grow(out[:0], c.shape.cells)[:c.shape.cells]
	if len(some) == 0 {
		return out
	}
	dots(c.centroids, c.roughBytes, some, &q.direction, products)
	length := q.length * q.length
	double := 2.0
	size := q.length + q.centre
	slack := 1e-6 * size * size // of float32 arithmetic
	if metric == L2 {           // the direction is twice the query
		length /= 4
		double = 1
	}
	for i, product := range products {
		cell := int(some[i])
		tail := c.centroids[cell*c.roughBytes+c.padded:][:12]
		inner := float64(float32At(tail, 0)) * q.scale * float64(product)
		square := length - double*inner + float64(c.squares[cell])
		out[cell] = mark{q.constant + float64(float32At(tail, 8)) + inner + slack, float32(math.Sqrt(max(0, square)))}
	}
	return out
}

// leastDistance is the distance of the nearest of some cells; some is nil for all cells.
func leastDistance(marks []mark, some []int32) float32 {
	least := float32(math.Inf(1))
	if some == nil {
		for _, m := range marks {
			least = min(least, m.distance)
		}
	}
	for _, cell := range some {
		least = min(least, marks[cell].distance)
	}
	return least
}

// bound returns the score that the rows of a cell reach with a margin.
func (c *cells) bound(cell int, m mark, margin float32) float64 {
	return m.score + float64(c.envelope(cell).at(margin*m.distance))
}

// A scratch is memory that searches leave to later searches.
type scratch struct {
	numbers  []int32 // 0, 1, 2 ...
	products []int32
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

func (s *scratch) grow(n int) {
	for i := len(s.numbers); i < n; i++ {
		s.numbers = append(s.numbers, int32(i))
	}
	if len(s.products) < n {
		s.products = make([]int32, n)
	}
}

// finders keeps the memory of finders for later searches.
var finders = sync.Pool{New: func() any { return &finder{} }}

// A celled is a segment that is searched by its cells.
type celled struct {
	view    *segmentView
	cells   *cells
	near    float64  // how many neighbours to look for here
	passing *passing // nil if the filter lets all rows through
	column  *column
	marks   []mark
}

// takeCells takes the segments that are searched by their cells out of a plan.
func (s *search) takeCells(snap *snapshot, p *plan) (segments []celled) {
	all := p.rows
	for i := range snap.segments {
		v := &snap.segments[i]
		c := v.cells.Load()
		if c == nil || len(p.stretches[i]) == 0 {
			continue
		}
		rows := 0
		for _, st := range p.stretches[i] {
			rows += st.to - st.from
		}
		// With all rows let through, and the score of the last neighbour as it is, the segment would have so many neighbours.
		near := float64(s.k) * float64(v.n) / float64(max(1, all))
		if !c.better(near, rows) {
			continue
		}
		g := celled{view: v, cells: c, near: near}
		if rows < v.n {
			g.passing = c.passing(p.stretches[i])
		}
		segments = append(segments, g)
		p.stretches[i] = nil
		p.rows -= rows
	}
	return segments
}

// A turn is a cell on its way to be looked into.
type turn struct {
	bound   float64
	segment int32
	cell    int32
}

// turns is a heap, the highest bound in front.
type turns []turn

func (h turns) down(i int) {
	for {
		most := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].bound > h[most].bound {
				most = child
			}
		}
		if most == i {
			return
		}
		h[i], h[most] = h[most], h[i]
		i = most
	}
}

// A finder looks into cells for one search. The second stage decides about rows by two bounds: the kth best lower bound so far is the floor,
// and a row whose upper bound is below the floor is passed over. So the third stage reads hardly more rows than the answer has.
type finder struct {
	s        *search
	segments []celled
	turns    turns
	marks    [][]mark // by segment
	low      lowest
	pending  []pending
	likely   float64
	cost     *Cost
}

// A pending row waits for the third stage.
type pending struct {
	upper   float64
	segment int32
	row     int32
}

// A lowest keeps the k highest of the scores pushed, the least in front (a heap).
type lowest struct {
	k     int
	items []float64
	floor float64
}

func (l *lowest) push(x float64) {
	h := l.items
	if len(h) < l.k {
		h = append(h, x)
		for i := len(h) - 1; i > 0; {
			up := (i - 1) / 2
			if h[up] <= h[i] {
				break
			}
			h[i], h[up] = h[up], h[i]
			i = up
		}
		l.items = h
	} else if x > h[0] {
		i := 0
		for {
			child := 2*i + 1
			if child >= len(h) {
				break
			}
			if child+1 < len(h) && h[child+1] < h[child] {
				child++
			}
			if h[child] >= x {
				break
			}
			h[i] = h[child]
			i = child
		}
		h[i] = x
	}
	if len(h) == l.k {
		l.floor = max(l.floor, h[0])
	}
}

// scanCells looks into cells, those with the highest bound first, until no cell reaches the floor.
func (s *search) scanCells(ctx context.Context, t *top, segments []celled) error {
	if len(segments) == 0 {
		return nil
	}
	f := finders.Get().(*finder)
	defer f.leave()
	f.s, f.segments, f.cost, f.likely = s, segments, &t.cost, likely(s.x.layout.padded)
	f.low = lowest{k: s.k, floor: t.floor, items: f.low.items[:0]}
	f.begin(t)
	for looked := 0; len(f.turns) > 0 && f.turns[0].bound >= f.low.floor; looked++ {
		if looked%cancelEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if err := f.scan(f.turns[0]); err != nil {
			return err
		}
		f.turns[0] = f.turns[len(f.turns)-1]
		f.turns = f.turns[:len(f.turns)-1]
		f.turns.down(0)
	}
	return f.finish(t)
}

// leave gives the memory back.
func (f *finder) leave() {
	f.s, f.segments, f.cost = nil, nil, nil
	f.turns, f.pending = f.turns[:0], f.pending[:0]
	finders.Put(f)
}

// begin orders the cells of all segments by their bounds.
func (f *finder) begin(t *top) {
	for i := range f.segments {
		g := &f.segments[i]
		g.column = f.s.column(t, &g.view.rows)
		g.column.segment = g.view.segment
		margins, _ := g.cells.rank(g.near)
		for len(f.marks) <= i {
			f.marks = append(f.marks, nil)
		}
		var some []int32
		if g.passing != nil {
			some = g.passing.cells
		}
		f.marks[i] = g.cells.marks(g.column.q, f.s.x.cfg.Metric, some, f.marks[i])
		g.marks = f.marks[i]
		least := leastDistance(g.marks, some)
		add := func(cell int32) {
			if g.cells.sizes[cell] > 0 {
				m := g.marks[cell]
				f.turns = append(f.turns, turn{g.cells.bound(int(cell), m, margins.of(m.distance, least)), int32(i), cell})
			}
		}
		if g.passing == nil {
			for cell := range g.marks {
				add(int32(cell))
			}
		}
		for _, cell := range some {
			add(cell)
		}
		f.cost.Cells += len(g.marks)
	}
	for i := len(f.turns)/2 - 1; i >= 0; i-- {
		f.turns.down(i)
	}
}

// fewPassing is how many passing rows of a block are not worth the first stage.
const fewPassing = 2

// scan looks into a cell: the first stage by the codes of the cell.
func (f *finder) scan(next turn) error {
	g := &f.segments[next.segment]
	c, col, cell := g.cells, g.column, int(next.cell)
	score, size := g.marks[cell].score, int(g.cells.sizes[cell])
	f.cost.Looked++
	for i := 0; i*blockRows < size; i++ {
		at, mask := int(c.firsts[cell])+i, bitsOf(0, size-i*blockRows)
		if g.passing != nil {
			mask &= g.passing.masks[at]
		}
		if mask == 0 {
			continue
		}
		block, numbers, err := c.block(at)
		if err != nil {
			return err
		}
		if bits.OnesCount64(mask) > fewPassing {
			col.q.bounds.threshold = floor32(f.low.floor - score)
			mask &= scan(block, &col.q.table, &col.q.bounds)
			f.cost.Estimated += blockRows
		}
		for ; mask != 0; mask &= mask - 1 {
			row := int(numbers[bits.TrailingZeros64(mask)])
			if g.view.dead.has(row) {
				continue
			}
			if f.s.span != nil && !f.s.span(col.rows.spans[row].start, col.rows.spans[row].end) {
				continue
			}
			if err := col.check(partRough, row/blockRows); err != nil {
				return err
			}
			if col.batch = append(col.batch, int32(row)); len(col.batch) == batchRows {
				f.rough(next.segment, col)
			}
		}
	}
	f.rough(next.segment, col)
	return nil
}

// rough takes the rows that are gathered through the second stage.
func (f *finder) rough(segment int32, c *column) {
	if len(c.batch) == 0 {
		return
	}
	r, q := c.rows, c.q
	dots(r.rough, r.roughBytes, c.batch, &q.direction, c.dots[:])
	known := q.known(r)
	margin := known - q.constant
	f.cost.Rounded += len(c.batch)
	for i, row := range c.batch {
		score, lost := q.near(r.roughRow(int(row))[r.padded:], c.dots[i])
		lost *= f.likely
		upper := known + score + lost
		if upper < f.low.floor {
			continue
		}
		f.pending = append(f.pending, pending{upper, segment, row})
		f.low.push(upper - 2*(margin+lost))
	}
	c.batch = c.batch[:0]
}

// finish takes the rows that are left through the third stage.
func (f *finder) finish(t *top) error {
	for i := range f.segments {
		g := &f.segments[i]
		rows := g.column.batch[:0]
		for _, p := range f.pending {
			if p.segment == int32(i) && p.upper >= f.low.floor {
				if err := g.column.check(partExact, int(p.row)/blockRows); err != nil {
					return err
				}
				rows = append(rows, p.row)
			}
		}
		slices.Sort(rows)
		f.cost.Exact += len(rows)
		scores := similarities(f.s.x.cfg.Metric, g.view.exact, g.view.dim, rows, f.s.values, f.s.wide)
		for j, row := range rows {
			if float64(scores[j]) < t.floor {
				continue
			}
			row := int(row)
			t.push(candidate{
				rank: float64(scores[j]), score: scores[j], group: g.column.group(row),
				ordinal: g.view.ordinals[row], span: g.view.spans[row],
			})
		}
	}
	return nil
}
