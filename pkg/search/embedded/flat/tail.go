package flat

import "slices"

// A tail holds the rows of a log file in memory until the rows are sealed into a segment. The writer alone changes a tail, and only appends: a
// view of the first rows never changes.
type tail struct {
	rows
	log    uint64 // number of the log file that makes the rows durable
	open   []byte // the codes of the rows after the last whole block
	groups []uint32
	places map[uint64]int // key → its newest row
}

func newTail(l layout, log uint64, centre []float32) *tail {
	return &tail{rows: rows{layout: l, centre: centre}, log: log, places: map[uint64]int{}}
}

// reserve makes room for so many rows. A slice of vectors that grows row by row is copied several times.
func (t *tail) reserve(n int) {
	t.groups = slices.Grow(t.groups, n)
	t.ordinals = slices.Grow(t.ordinals, n)
	t.spans = slices.Grow(t.spans, n)
	t.exact = slices.Grow(t.exact, n*t.dim)
	t.rough = slices.Grow(t.rough, n*t.roughBytes)
	t.codes = slices.Grow(t.codes, n/blockRows*t.blockBytes)
}

func place(id, ordinal uint32) uint64 { return uint64(id)<<32 | uint64(ordinal) }

func (t *tail) find(id, ordinal uint32) int {
	if row, ok := t.places[place(id, ordinal)]; ok {
		return row
	}
	return -1
}

func (t *tail) append(id, ordinal uint32, s span, v []float32, e *encoder) {
	t.places[place(id, ordinal)] = t.n
	t.groups = append(t.groups, id)
	t.ordinals = append(t.ordinals, ordinal)
	t.spans = append(t.spans, s)
	t.exact = append(t.exact, v...)
	at := len(t.rough)
	t.rough = append(t.rough, make([]byte, t.roughBytes)...)
	norm, base := e.residual(v)
	t.norm = max(t.norm, e.rough(t.rough[at:], norm, base))
	if t.centre != nil {
		if t.open == nil {
			t.open = make([]byte, t.blockBytes)
		}
		var code [MaxDim / 8]byte
		t.put(t.open, t.n%blockRows, e.sketch(code[:t.codeBytes], norm, base))
	}
	t.n++
	if t.n%blockRows == 0 {
		t.finish()
	}
}

// finish ends a block. Codes appear by whole blocks, since views share them: a tail that is
// written to may have fewer of them than rows.
func (t *tail) finish() {
	t.codes = append(t.codes, t.open...)
	t.open = nil
}

func (t *tail) bytes() int { return t.n * (t.dim*4 + t.roughBytes) }

// encode returns the rows chosen, relative to the encoder's centre in place of the tail's own.
func (t *tailView) encode(chosen []int, e *encoder) *rows {
	r := &rows{layout: t.layout, n: len(chosen), centre: e.centre}
	r.codes = make([]byte, r.blocks()*r.blockBytes)
	r.rough = make([]byte, r.n*r.roughBytes)
	r.exact = make([]float32, 0, r.n*r.dim)
	code := make([]byte, r.codeBytes)
	for i, row := range chosen {
		r.ordinals = append(r.ordinals, t.ordinals[row])
		r.spans = append(r.spans, t.spans[row])
		r.exact = append(r.exact, t.exactRow(row)...)
		norm, base := e.residual(t.exactRow(row))
		r.norm = max(r.norm, e.rough(r.roughRow(i), norm, base))
		r.put(r.block(i/blockRows), i%blockRows, e.sketch(code, norm, base))
	}
	return r
}
