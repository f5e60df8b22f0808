package interval

import (
	"cmp"
	"slices"
	"sort"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Then returns, for each span of a with a span of b that starts at or after the end, at most gap later, the hull of the span and the first
// such span of b. Of several spans of b with the first start, Better decides, and then the order of the list.
func (al Algebra[T]) Then(a, b []Span[T], gap schema.Time) ([]Span[T], error) {
	var out []Span[T]
	for _, x := range a {
		first := startingAt(b, x.End)
		if first == len(b) || b[first].Start-x.End > gap {
			continue
		}
		best := first
		for k := first + 1; k < len(b) && b[k].Start == b[first].Start; k++ {
			if al.Better(b[k], b[best]) < 0 {
				best = k
			}
		}
		if err := al.spend(1 + best - first); err != nil {
			return nil, err
		}
		out = append(out, Span[T]{x.Hull(b[best].Interval), al.Join(x.Of, b[best].Of)})
	}
	return al.Settle(out), nil
}

// startingAt returns the place of the first span that starts at a time or later.
func startingAt[T any](spans []Span[T], t schema.Time) int {
	return sort.Search(len(spans), func(i int) bool { return spans[i].Start >= t })
}

// Overlapping returns the spans of a that share time with a span of b.
func (al Algebra[T]) Overlapping(a, b []Span[T]) []Span[T] {
	ends := EndsOf(b)
	return kept(a, func(x Span[T]) bool {
		last, ok := ends.Reach(x.End)
		return ok && last > x.Start
	})
}

// During returns the spans of a that lie within a span of b.
func (al Algebra[T]) During(a, b []Span[T]) []Span[T] {
	ends := EndsOf(b)
	return kept(a, func(x Span[T]) bool {
		last, ok := ends.Reach(x.Start + 1)
		return ok && last >= x.End
	})
}

// StartsNear returns the spans of a whose start is at most gap away from the start of a span of b.
func (al Algebra[T]) StartsNear(a, b []Span[T], gap schema.Time) []Span[T] {
	var starts []schema.Time
	for _, y := range b {
		starts = append(starts, y.Start)
	}
	return kept(a, func(x Span[T]) bool { return anyNear(starts, x.Start, gap) })
}

// EndsNear returns the spans of a whose end is at most gap away from the end of a span of b.
func (al Algebra[T]) EndsNear(a, b []Span[T], gap schema.Time) []Span[T] {
	var ends []schema.Time
	for _, y := range b {
		ends = append(ends, y.End)
	}
	slices.Sort(ends)
	return kept(a, func(x Span[T]) bool { return anyNear(ends, x.End, gap) })
}

// Touching returns the spans of a that start or end at most gap away from one of the times, which are in order.
func (al Algebra[T]) Touching(a []Span[T], times []schema.Time, gap schema.Time) []Span[T] {
	return kept(a, func(x Span[T]) bool { return anyNear(times, x.Start, gap) || anyNear(times, x.End, gap) })
}

// kept returns the spans that keep accepts.
func kept[T any](a []Span[T], keep func(Span[T]) bool) []Span[T] {
	var out []Span[T]
	for _, x := range a {
		if keep(x) {
			out = append(out, x)
		}
	}
	return out
}

// anyNear reports whether one of the times, which are in order, is at most gap away from t.
func anyNear(times []schema.Time, t, gap schema.Time) bool {
	i := sort.Search(len(times), func(i int) bool { return times[i] >= t-gap })
	return i < len(times) && times[i]-t <= gap
}

// AtLeast returns the stretches of time, as long as possible, in which spans of at least count of the lists hold. The payload of a stretch
// joins the payloads of all spans that share time with the stretch.
func (al Algebra[T]) AtLeast(count int, lists ...[]Span[T]) ([]Span[T], error) {
	stretches := atLeast(count, lists)
	out := make([]Span[T], len(stretches))
	given := make([]bool, len(stretches))
	for i, s := range stretches {
		out[i].Interval = s
	}
	for _, list := range lists {
		err := al.Meet(out, list, 0, func(i, j int) {
			switch {
			case !out[i].Overlaps(list[j].Interval):
			case given[i]:
				out[i].Of = al.Join(out[i].Of, list[j].Of)
			default:
				out[i].Of, given[i] = list[j].Of, true
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// atLeast returns the stretches in which at least count of the lists hold, in order.
func atLeast[T any](count int, lists [][]Span[T]) (out []schema.Interval) {
	type change struct {
		at   schema.Time
		more int
	}
	var changes []change
	for _, list := range lists {
		for _, s := range Cover(list, 0) {
			changes = append(changes, change{s.Start, 1}, change{s.End, -1})
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
	held, since := 0, schema.Time(0)
	for i, c := range changes {
		before := held
		held += c.more
		if i+1 < len(changes) && changes[i+1].at == c.at {
			changes[i+1].more += c.more // changes at one time count together
			held = before
			continue
		}
		switch {
		case before < count && held >= count:
			since = c.at
		case before >= count && held < count:
			out = append(out, schema.Interval{Start: since, End: c.at})
		}
	}
	return out
}
