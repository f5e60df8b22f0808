package embedded

import (
	"cmp"
	"container/heap"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/search"
)

// top keeps the best documents offered, at most limit of them. Equal scores are ordered by run and ordinal.
type top struct {
	runs   []string // by number; every run of the views has a number
	views  []*view
	limit  int
	filter search.Filter
	late   bool // whether rows must be read before a document is taken
	items  []item
}

type item struct {
	score   float64
	segment int
	doc     uint64
}

func newTop(runs []string, views []*view, limit int, f search.Filter) *top {
	return &top{runs: runs, views: views, limit: limit, filter: f, late: f.MinConfidence > 0 || !f.Span.Empty()}
}

// floor is the least score of a document that is taken.
func (t *top) floor() float64 {
	if len(t.items) < t.limit {
		return math.Inf(-1)
	}
	// Bounds are summed in another order than scores. The margin is for rounding.
	return t.items[0].score * (1 - 1e-9)
}

func (t *top) compare(a, b item) int {
	if c := cmp.Compare(b.score, a.score); c != 0 {
		return c
	}
	x, y := t.views[a.segment].cols, t.views[b.segment].cols
	rx, ry := x.runOf[a.doc], y.runOf[b.doc]
	if rx != ry {
		if c := cmp.Compare(t.runs[rx], t.runs[ry]); c != 0 {
			return c
		}
	}
	return cmp.Compare(x.ordinals[a.doc], y.ordinals[b.doc])
}

func (t *top) offer(score float64, segment int, doc uint64) error {
	it := item{score, segment, doc}
	full := len(t.items) == t.limit
	if full && t.compare(it, t.items[0]) >= 0 {
		return nil
	}
	if t.late {
		r, err := t.row(it)
		if err != nil {
			return err
		}
		if r.confidence < t.filter.MinConfidence || !t.filter.Span.Empty() && !r.interval.Overlaps(t.filter.Span) {
			return nil
		}
	}
	if full {
		t.items[0] = it
		heap.Fix((*worstFirst)(t), 0)
	} else {
		heap.Push((*worstFirst)(t), it)
	}
	return nil
}

func (t *top) row(it item) (r row, err error) {
	err = t.views[it.segment].row(it.doc, func(b []byte) (err error) { r, err = decodeRow(b); return err })
	return r, err
}

// hits returns the documents that were taken as hits, the best first.
func (t *top) hits() ([]search.Hit, error) {
	slices.SortFunc(t.items, t.compare)
	hits := make([]search.Hit, len(t.items))
	for i, it := range t.items {
		r, err := t.row(it)
		if err != nil {
			return nil, err
		}
		cols := t.views[it.segment].cols
		hits[i] = search.Hit{
			Run: t.runs[cols.runOf[it.doc]], Ordinal: int64(cols.ordinals[it.doc]),
			Asset: r.asset, Kind: r.kind, Language: r.language, Interval: r.interval, Score: it.score,
		}
	}
	return hits, nil
}

// worstFirst is top as a heap.
type worstFirst top

func (w *worstFirst) Len() int           { return len(w.items) }
func (w *worstFirst) Less(i, j int) bool { return (*top)(w).compare(w.items[i], w.items[j]) > 0 }
func (w *worstFirst) Swap(i, j int)      { w.items[i], w.items[j] = w.items[j], w.items[i] }
func (w *worstFirst) Push(x any)         { w.items = append(w.items, x.(item)) }
func (w *worstFirst) Pop() any           { panic("nothing is popped") }
