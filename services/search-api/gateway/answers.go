package gateway

import (
	"cmp"
	"iter"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
)

// The gateway believes no engine: a caller sees what the snapshot and the caller's scope allow, whatever an engine answers. Each answer is
// checked against its question. An answer that cannot be right is an error of the part of the query that asked.

func lie(format string, args ...any) error {
	return errkind.New(errkind.Internal, "the engine answers wrongly: "+format, args...)
}

// believable returns an error where no hit of a right answer has this interval, ordinal and score.
func believable(iv schema.Interval, ordinal int64, score float64) error {
	switch {
	case iv.Start < 0 || iv.End < iv.Start:
		return lie("an item from %d to %d", iv.Start, iv.End)
	case ordinal < 0 || ordinal > search.MaxOrdinal:
		return lie("an item of the ordinal %d", ordinal)
	case math.IsNaN(score) || math.IsInf(score, 0):
		return lie("an item of the score %v", score)
	}
	return nil
}

// checkHits returns an error where hits are no answer to a question with this limit.
func (p *processed) checkHits(hits []search.Hit, limit int) error {
	if len(hits) > min(limit, search.MaxLimit) {
		return lie("%d hits, where %d were asked for", len(hits), limit)
	}
	for i, h := range hits {
		if r, ok := p.snap.run(h.Run); !ok || r.id != h.Asset || !p.scope.Has(h.Run) {
			return lie("an item of run %s, which was not asked for", h.Run)
		}
		if err := believable(h.Interval, h.Ordinal, h.Score); err != nil {
			return err
		}
		if i > 0 && search.CompareHits(hits[i-1], h) >= 0 {
			return lie("hits out of order, or twice")
		}
	}
	return nil
}

// checkedItems yields the items of a set as far as the items are a right answer, and then the error.
func (w *whole) checkedItems(q search.SetQuery, set iter.Seq2[search.Items, error]) iter.Seq2[search.Items, error] {
	return func(yield func(search.Items, error) bool) {
		c := setCheck{w: w, windows: q.Where, anywhere: q.Where == nil}
		for items, err := range set {
			if err == nil {
				err = c.check(&items)
			}
			if err != nil {
				yield(search.Items{}, err)
				return
			}
			if !yield(items, nil) {
				return
			}
		}
	}
}

// A setCheck follows the items of one set in the order of ComparePlaces.
type setCheck struct {
	w        *whole
	windows  []search.Window // those that a later item may still share time with
	anywhere bool
	asset    string
	last     search.Item // of the asset
	lastRun  string
	any      bool // the asset has items
}

func (c *setCheck) check(items *search.Items) error {
	switch {
	case items.Asset < c.asset:
		return errDisorder
	case items.Asset != c.asset:
		c.asset, c.any = items.Asset, false
	}
	run, name := uint32(0), ""
	for i := range items.List {
		it := &items.List[i]
		if int(it.Run) >= len(items.Runs) || int(it.Look) >= len(items.Looks) {
			return lie("an item without a name")
		}
		if i == 0 || it.Run != run {
			run, name = it.Run, items.Runs[it.Run]
			if c.w.lookUp(name); items.Asset == "" || c.w.last.asset != items.Asset {
				return lie("an item of run %s, which was not asked for", name)
			}
		}
		if err := believable(it.Interval, int64(it.Ordinal), it.Score); err != nil {
			return err
		}
		if c.any && c.compare(it, name) >= 0 {
			return errDisorder
		}
		if !c.anywhere && !c.within(it.Interval) {
			return lie("an item outside of the windows that were asked for")
		}
		c.last, c.lastRun, c.any = *it, name, true
	}
	return nil
}

// compare compares the last item with the next.
func (c *setCheck) compare(next *search.Item, run string) int {
	l := &c.last
	return cmp.Or(cmp.Compare(l.Start, next.Start), cmp.Compare(l.End, next.End), strings.Compare(c.lastRun, run), cmp.Compare(l.Ordinal, next.Ordinal))
}

// within reports whether the next item of the asset shares time with a window. An item without a length is taken to.
func (c *setCheck) within(iv schema.Interval) bool {
	for len(c.windows) > 0 && (c.windows[0].Asset < c.asset || c.windows[0].Asset == c.asset && c.windows[0].Interval.End <= iv.Start) {
		c.windows = c.windows[1:]
	}
	return iv.Empty() || len(c.windows) > 0 && c.windows[0].Asset == c.asset && c.windows[0].Interval.Start < iv.End
}

// marks returns where the engine finds the words of a query in a text, as far as the places are in the text, in order and apart.
func (g *Gateway) marks(q search.TextQuery, text, language string) (out [][2]int) {
	end := 0
	for _, m := range g.deps.Engine.Marks(q, text, language) {
		if m[0] >= end && m[0] < m[1] && m[1] <= len(text) {
			out, end = append(out, m), m[1]
		}
	}
	return out
}
