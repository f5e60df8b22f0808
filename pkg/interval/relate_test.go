package interval_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/schema"
)

// TestRelations holds each relation to its definition, by looking at every pair.
func TestRelations(t *testing.T) {
	apart := func(a, b schema.Time) schema.Time { return max(a-b, b-a) }
	rapid.Check(t, func(t *rapid.T) {
		a, b := list("a").Draw(t, "a"), list("b").Draw(t, "b")
		gap := schema.Time(rapid.IntRange(0, 10).Draw(t, "gap"))
		filter := func(holds func(x, y span) bool) (out []span) {
			for _, x := range a {
				if slices.ContainsFunc(b, func(y span) bool { return holds(x, y) }) {
					out = append(out, x)
				}
			}
			return out
		}
		same(t, "overlaps", algebra.Overlapping(a, b), filter(func(x, y span) bool { return x.Overlaps(y.Interval) }))
		same(t, "during", algebra.During(a, b), filter(func(x, y span) bool { return y.Start <= x.Start && x.End <= y.End }))
		same(t, "starts near", algebra.StartsNear(a, b, gap), filter(func(x, y span) bool { return apart(x.Start, y.Start) <= gap }))
		same(t, "ends near", algebra.EndsNear(a, b, gap), filter(func(x, y span) bool { return apart(x.End, y.End) <= gap }))
		var times []schema.Time
		for _, y := range b {
			times = append(times, y.Start)
		}
		same(t, "touching", algebra.Touching(a, times, gap), filter(func(x, y span) bool { return min(apart(x.Start, y.Start), apart(x.End, y.Start)) <= gap }))
		var hulls []span
		for _, x := range a {
			var first *span
			for _, y := range b {
				if y.Start >= x.End && y.Start-x.End <= gap && (first == nil || y.Start < first.Start || y.Start == first.Start && y.Of > first.Of) {
					first = &y
				}
			}
			if first != nil {
				hulls = append(hulls, span{schema.Interval{Start: x.Start, End: first.End}, x.Of | first.Of})
			}
		}
		got, err := algebra.Then(a, b, gap)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "then", got, settled(hulls))
	})
}

// TestAtLeast: at every time, the stretches hold if and only if so many of the lists hold, and no two stretches touch.
func TestAtLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := make([][]span, rapid.IntRange(2, 4).Draw(t, "lists"))
		for i := range lists {
			lists[i] = list("list").Draw(t, "list")
		}
		count := rapid.IntRange(1, len(lists)).Draw(t, "count")
		got, err := algebra.AtLeast(count, lists...)
		if err != nil {
			t.Fatal(err)
		}
		contains := func(list []span, at schema.Time) bool {
			return slices.ContainsFunc(list, func(s span) bool { return s.Contains(at) })
		}
		for at := schema.Time(-1); at < 60; at++ {
			held := 0
			for _, l := range lists {
				if contains(l, at) {
					held++
				}
			}
			if contains(got, at) != (held >= count) {
				t.Fatalf("at %d of %v, %d hold, and %v", at, lists, held, got)
			}
		}
		for i, s := range got {
			if i > 0 && got[i-1].End >= s.Start {
				t.Fatalf("%v and %v are one stretch", got[i-1], s)
			}
			var of set
			for _, l := range lists {
				for _, y := range l {
					if y.Overlaps(s.Interval) {
						of |= y.Of
					}
				}
			}
			if s.Of != of {
				t.Fatalf("the payload of %v is %b, want %b", s, s.Of, of)
			}
		}
	})
}

// TestAtLeastLaws: at least one of the lists is the time of all, and at least all of the lists is the time that all share.
func TestAtLeastLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := list("a").Draw(t, "a"), list("b").Draw(t, "b")
		for count, want := range map[int][]span{1: algebra.Or(a, b), 2: and(t, a, b)} {
			got, err := algebra.AtLeast(count, a, b)
			if err != nil {
				t.Fatal(err)
			}
			if x, y := interval.Cover(got, 0), interval.Cover(want, 0); !slices.Equal(x, y) {
				t.Fatalf("at least %d: %v, want %v", count, x, y)
			}
		}
	})
}
