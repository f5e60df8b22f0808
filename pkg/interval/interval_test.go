package interval_test

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/schema"
)

// A set of numbers is a payload whose join is commutative, associative and idempotent.
type set uint32

type span = interval.Span[set]

var algebra = interval.Algebra[set]{
	Join:   func(a, b set) set { return a | b },
	Better: func(a, b span) int { return cmp.Compare(b.Of, a.Of) },
}

// Small times, so that spans meet, touch, cover and miss each other.
func list(name string) *rapid.Generator[[]span] {
	return rapid.Custom(func(t *rapid.T) []span {
		var out []span
		for range rapid.IntRange(0, 20).Draw(t, name) {
			start := schema.Time(rapid.IntRange(0, 30).Draw(t, "start"))
			length := schema.Time(rapid.IntRange(0, 12).Draw(t, "length"))
			out = append(out, span{schema.Interval{Start: start, End: start + length}, set(1) << rapid.IntRange(0, 20).Draw(t, "of")})
		}
		return algebra.Settle(out)
	})
}

func settled(pairs []span) []span {
	at := map[schema.Interval]set{}
	for _, p := range pairs {
		at[p.Interval] |= p.Of
	}
	out := []span{}
	for iv, of := range maps.All(at) {
		out = append(out, span{iv, of})
	}
	slices.SortFunc(out, interval.Compare[set])
	return out
}

func and(t *rapid.T, a, b []span) []span {
	out, err := algebra.And(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func within(t *rapid.T, a, b []span, gap schema.Time) []span {
	out, err := algebra.Within(a, b, gap)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *rapid.T, what string, got, want []span) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}

// TestOperators holds each operator to its definition, by looking at every pair.
func TestOperators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := list("a").Draw(t, "a"), list("b").Draw(t, "b")
		gap := schema.Time(rapid.IntRange(0, 10).Draw(t, "gap"))
		var both, hulls, alone []span
		for _, x := range a {
			var best *span
			overlapped := false
			for _, y := range b {
				if x.Overlaps(y.Interval) {
					overlapped = true
					both = append(both, span{x.Intersect(y.Interval), x.Of | y.Of})
				}
				if x.Gap(y.Interval) <= gap && (best == nil || y.Of > best.Of) {
					best = &y
				}
			}
			if best != nil {
				hulls = append(hulls, span{x.Hull(best.Interval), x.Of | best.Of})
			}
			if !overlapped {
				alone = append(alone, x)
			}
		}
		same(t, "and", and(t, a, b), settled(both))
		same(t, "within", within(t, a, b, gap), settled(hulls))
		same(t, "not", algebra.Not(a, b), alone)
		same(t, "or", algebra.Or(a, b), settled(slices.Concat(a, b)))
		for _, s := range interval.Cover(a, gap) {
			if s.Empty() {
				t.Fatalf("Cover has the empty stretch %v", s)
			}
		}
		for at := schema.Time(-12); at < 60; at++ {
			covered := slices.ContainsFunc(a, func(x span) bool { return x.Start-gap <= at && at < x.End+gap })
			in := slices.ContainsFunc(interval.Cover(a, gap), func(s schema.Interval) bool { return s.Contains(at) })
			if covered != in {
				t.Fatalf("Cover(%v, %d) at %d: %t, want %t", a, gap, at, in, covered)
			}
		}
	})
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := list("a").Draw(t, "a"), list("b").Draw(t, "b"), list("c").Draw(t, "c")
		same(t, "and commutes", and(t, a, b), and(t, b, a))
		same(t, "and is associative", and(t, and(t, a, b), c), and(t, a, and(t, b, c)))
		same(t, "or commutes", algebra.Or(a, b), algebra.Or(b, a))
		same(t, "or is idempotent", algebra.Or(a, a), a)
		same(t, "or is associative", algebra.Or(algebra.Or(a, b), c), algebra.Or(a, algebra.Or(b, c)))
		same(t, "nots commute", algebra.Not(algebra.Not(a, b), c), algebra.Not(algebra.Not(a, c), b))
		same(t, "nots are a not of an or", algebra.Not(algebra.Not(a, b), c), algebra.Not(a, algebra.Or(b, c)))
		same(t, "nothing is left of a without a", algebra.Not(a, a), nil)
	})
}

// TestMeetLooksAtNoOtherPair: one span that lasts long makes no other pair be looked at.
func TestMeetLooksAtNoOtherPair(t *testing.T) {
	a := []span{{schema.Interval{Start: 0, End: 1_000_000}, 1}}
	var b []span
	for i := range schema.Time(10_000) {
		a = append(a, span{schema.Interval{Start: 10*i + 1, End: 10*i + 3}, 2})
		b = append(b, span{schema.Interval{Start: 10*i + 5, End: 10*i + 7}, 4})
	}
	spent := 0
	counted := algebra
	counted.Spend = func(n int) error { spent += n; return nil }
	got, err := counted.And(a, b)
	if err != nil || len(got) != len(b) || spent > len(b)+len(a) {
		t.Errorf("%d spans of %d pairs, %v", len(got), spent, err)
	}
	enough := errors.New("enough")
	counted.Spend = func(int) error { return enough }
	if got, err := counted.And(a, b); !errors.Is(err, enough) || got != nil {
		t.Errorf("got %d spans and %v, want the error of Spend", len(got), err)
	}
}

// TestMost: pairs that share few places are no reason to stop, and pairs at many places are.
func TestMost(t *testing.T) {
	var a, b []span
	for i := range schema.Time(200) {
		a = append(a, span{schema.Interval{Start: i, End: 1000}, 1})
		b = append(b, span{schema.Interval{Start: i, End: 1001}, 2})
	}
	bounded := algebra
	bounded.Most = 200
	if got, err := bounded.And(a, b); err != nil || len(got) != 200 { // of 40,000 pairs
		t.Errorf("%d spans and %v, want 200", len(got), err)
	}
	bounded.Most = 199
	if got, err := bounded.And(a, b); !errors.Is(err, interval.ErrTooMany) || got != nil {
		t.Errorf("%d spans and %v, want ErrTooMany", len(got), err)
	}
}

func BenchmarkAnd(b *testing.B) {
	lists := make([][]span, 2)
	for l := range lists {
		for i := range schema.Time(100_000) {
			start := i * 10 * schema.Second
			lists[l] = append(lists[l], span{schema.Interval{Start: start, End: start + schema.Time(l+3)*schema.Second}, 1})
		}
	}
	for b.Loop() {
		if _, err := algebra.And(lists[0], lists[1]); err != nil {
			b.Fatal(err)
		}
	}
}
