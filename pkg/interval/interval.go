package interval

import (
	"cmp"
	"slices"
	"sort"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A Span is an interval of one asset with the reason why the interval is in a list.
type Span[T any] struct {
	schema.Interval
	Of T
}

// Compare orders spans by start and then by end.
func Compare[T any](a, b Span[T]) int { return a.Compare(b.Interval) }

// An Algebra is the operators over lists of spans with payloads of one type.
type Algebra[T any] struct {
	// Join returns the payload of a span that two spans make. Join MUST be commutative, associative and idempotent, and MUST NOT change
	// its arguments.
	Join func(a, b T) T
	// Better orders spans for Within: negative where a is better than b.
	Better func(a, b Span[T]) int
	// Spend is told of n more pairs. After an error the operator returns the error and no list. nil spends without bound.
	Spend func(n int) error
	// Most bounds the spans of a list that And makes. A longer list is ErrTooMany. 0 is no bound.
	Most int
}

// ErrTooMany is the error of an operator whose list would hold more than Algebra.Most spans.
var ErrTooMany = errkind.New(errkind.Exhausted, "more moments meet than are kept")

// Settle makes a list of spans in any order. Settle changes the slice that was given, and returns a part of the slice.
func (al Algebra[T]) Settle(spans []Span[T]) []Span[T] {
	if !slices.IsSortedFunc(spans, Compare[T]) {
		slices.SortFunc(spans, Compare[T])
	}
	out := spans[:0]
	for _, s := range spans {
		switch last := len(out) - 1; {
		case s.Empty():
		case last >= 0 && out[last].Interval == s.Interval:
			out[last].Of = al.Join(out[last].Of, s.Of)
		default:
			out = append(out, s)
		}
	}
	return out
}

// And returns the time that spans of both lists share.
func (al Algebra[T]) And(a, b []Span[T]) ([]Span[T], error) {
	var out []Span[T]
	many := false
	err := al.Meet(a, b, 0, func(i, j int) {
		iv := a[i].Intersect(b[j].Interval)
		if iv.Empty() || many {
			return
		}
		out = append(out, Span[T]{iv, al.Join(a[i].Of, b[j].Of)})
		if al.Most > 0 && len(out) > 2*al.Most { // many pairs share few places
			out = al.Settle(out)
			many = len(out) > al.Most
		}
	})
	if err != nil {
		return nil, err
	}
	if out = al.Settle(out); al.Most > 0 && len(out) > al.Most {
		return nil, ErrTooMany
	}
	return out, nil
}

// Within returns, for each span of a with a span of b at most gap away, the hull of the span and the best such span of b.
func (al Algebra[T]) Within(a, b []Span[T], gap schema.Time) ([]Span[T], error) {
	best := make([]int, len(a)) // element i is 1 + the place in b of the best span for a[i]
	err := al.Meet(a, b, gap, func(i, j int) {
		if k := best[i] - 1; k < 0 || cmp.Or(al.Better(b[j], b[k]), cmp.Compare(j, k)) < 0 {
			best[i] = j + 1
		}
	})
	if err != nil {
		return nil, err
	}
	var out []Span[T]
	for i, x := range a {
		if best[i] > 0 {
			y := b[best[i]-1]
			out = append(out, Span[T]{x.Hull(y.Interval), al.Join(x.Of, y.Of)})
		}
	}
	return al.Settle(out), nil
}

// Or returns the spans of all lists.
func (al Algebra[T]) Or(lists ...[]Span[T]) []Span[T] { return al.Settle(slices.Concat(lists...)) }

// Not returns the spans of a that share time with no span of b.
func (al Algebra[T]) Not(a, b []Span[T]) []Span[T] {
	ends := EndsOf(b)
	var out []Span[T]
	for _, x := range a {
		if last, ok := ends.Reach(x.End); !ok || last <= x.Start {
			out = append(out, x)
		}
	}
	return out
}

// Meet calls f with the places in a and b of each pair of spans at most gap apart, in no particular order. Spans that touch are 0 apart.
func (al Algebra[T]) Meet(a, b []Span[T], gap schema.Time, f func(i, j int)) error {
	// open holds, for each list, the spans that began and may still meet a span that begins later.
	var openA, openB []int
	for i, j := 0, 0; i < len(a) || j < len(b); {
		if j == len(b) || i < len(a) && a[i].Start <= b[j].Start {
			openB = near(b, openB, a[i].Start, gap)
			if err := al.spend(len(openB)); err != nil {
				return err
			}
			for _, o := range openB {
				f(i, o)
			}
			openA = append(openA, i)
			i++
			continue
		}
		openA = near(a, openA, b[j].Start, gap)
		if err := al.spend(len(openA)); err != nil {
			return err
		}
		for _, o := range openA {
			f(o, j)
		}
		openB = append(openB, j)
		j++
	}
	return nil
}

func (al Algebra[T]) spend(n int) error {
	if al.Spend == nil || n == 0 {
		return nil
	}
	return al.Spend(n)
}

// near drops the open spans that end more than gap before a time.
func near[T any](spans []Span[T], open []int, t, gap schema.Time) []int {
	kept := open[:0]
	for _, o := range open {
		if t-spans[o].End <= gap {
			kept = append(kept, o)
		}
	}
	return kept
}

// Ends answers how far the spans of a list reach.
type Ends struct {
	starts []schema.Time
	latest []schema.Time // element i is the latest end of the spans up to i
}

// EndsOf prepares a list for Reach.
func EndsOf[T any](spans []Span[T]) Ends {
	e := Ends{make([]schema.Time, len(spans)), make([]schema.Time, len(spans))}
	last := schema.MinTime
	for i, s := range spans {
		last = max(last, s.End)
		e.starts[i], e.latest[i] = s.Start, last
	}
	return e
}

// Reach returns the latest end of the spans that begin before a time; false where no span begins before.
func (e Ends) Reach(before schema.Time) (schema.Time, bool) {
	n := sort.Search(len(e.starts), func(i int) bool { return e.starts[i] >= before })
	if n == 0 {
		return 0, false
	}
	return e.latest[n-1], true
}

// Cover returns the stretches of time at most reach away from a span of the list: in order, apart from each other, and none empty.
func Cover[T any](spans []Span[T], reach schema.Time) []schema.Interval {
	var out []schema.Interval
	for _, s := range spans {
		out = Add(out, schema.Interval{Start: s.Start - reach, End: s.End + reach})
	}
	return out
}

// Add adds an interval to stretches, which are apart from each other. No stretch may begin behind the interval.
func Add(stretches []schema.Interval, iv schema.Interval) []schema.Interval {
	last := len(stretches) - 1
	switch {
	case iv.Empty():
	case last >= 0 && iv.Start <= stretches[last].End:
		stretches[last].End = max(stretches[last].End, iv.End)
	default:
		stretches = append(stretches, iv)
	}
	return stretches
}
