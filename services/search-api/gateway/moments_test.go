package gateway

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
)

// Small times in few assets, so that everything that can meet does.
func moments(name string, part *part) *rapid.Generator[[]*moment] {
	return rapid.Custom(func(t *rapid.T) []*moment {
		set := settled{}
		for i := range rapid.IntRange(0, 25).Draw(t, name) {
			start := schema.Time(rapid.IntRange(0, 40).Draw(t, "start"))
			length := schema.Time(rapid.IntRange(1, 15).Draw(t, "length"))
			asset := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "asset")
			// Scores that sums of are exact.
			score := float64(rapid.IntRange(1, 9).Draw(t, "score"))
			ev := evidence{part: part, Hit: search.Hit{Run: asset, Ordinal: int64(i)}, rank: i + 1, standing: standing(rapid.IntRange(0, int(saidLine)).Draw(t, "standing"))}
			m := &moment{lead: ev, evidence: []evidence{ev}}
			set.add(asset, schema.Interval{Start: start, End: start + length}, score, m, m)
		}
		return set.list()
	})
}

// counted counts the work of one call.
func counted() *tally { return &tally{ctx: context.Background()} }

// show is what of a list counts: places and scores in order.
func show(ms []*moment) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = fmt.Sprintf("%s[%d,%d)=%g", m.asset, m.Start, m.End, m.score)
	}
	return out
}

// showWhy is show with the evidence.
func showWhy(ms []*moment) []string {
	out := show(ms)
	for i, m := range ms {
		for _, e := range slices.SortedFunc(slices.Values(m.evidence), byRank) {
			out[i] += fmt.Sprintf(" %d:%s/%d#%d", e.part.number, e.Run, e.Ordinal, e.rank)
		}
	}
	return out
}

// best makes one of pairs at one place, the slow way.
func best(ms []*moment) []*moment {
	slices.SortFunc(ms, byScore)
	var out []*moment
	for _, m := range ms {
		i := slices.IndexFunc(out, func(o *moment) bool { return o.place() == m.place() })
		switch {
		case i < 0:
			out = append(out, m)
		case out[i].score == m.score:
			out[i].lead = leading(out[i].lead, m.lead)
		}
	}
	slices.SortFunc(out, byScore)
	return out
}

func equal(t *rapid.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
}

var left, right, third = &part{number: 0}, &part{number: 1}, &part{number: 2}

func TestAlgebraIsTheSlowOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := moments("a", left).Draw(t, "a"), moments("b", right).Draw(t, "b")
		gap := schema.Time(rapid.IntRange(0, 12).Draw(t, "gap"))
		before := [2][]string{showWhy(a), showWhy(b)}

		var and, within, not []*moment
		for _, x := range a {
			var nearest *moment
			overlapped := false
			for _, y := range b {
				if x.asset != y.asset {
					continue
				}
				if x.Overlaps(y.Interval) {
					overlapped = true
					and = append(and, &moment{asset: x.asset, Interval: x.Intersect(y.Interval), score: x.score + y.score, lead: leading(x.lead, y.lead)})
				}
				if x.Gap(y.Interval) <= gap && (nearest == nil || byScore(y, nearest) < 0) {
					nearest = y
				}
			}
			if nearest != nil {
				within = append(within, &moment{asset: x.asset, Interval: x.Hull(nearest.Interval), score: x.score + nearest.score, lead: leading(x.lead, nearest.lead)})
			}
			if !overlapped {
				not = append(not, x)
			}
		}
		equal(t, "and", show(counted().allOf(a, b)), show(best(and)))
		equal(t, "within", show(counted().closeBy(a, b, gap)), show(best(within)))
		equal(t, "not", show(counted().without(a, b)), show(not))

		// Or: each in the order of scores joins the kept moment at its place, or the first that is the same moment, or is kept.
		type kept struct {
			*moment
			from []bool
		}
		var or []*kept
		type listed struct {
			*moment
			list int
		}
		var all []listed
		for i, l := range [][]*moment{a, b} {
			for _, m := range l {
				all = append(all, listed{m, i})
			}
		}
		slices.SortStableFunc(all, func(x, y listed) int { return byScore(x.moment, y.moment) })
		for _, m := range all {
			i := slices.IndexFunc(or, func(k *kept) bool { return k.place() == m.place() })
			if i < 0 {
				i = slices.IndexFunc(or, func(k *kept) bool { return k.asset == m.asset && sameMoment(k.moment, m.moment) })
			}
			if i < 0 {
				or, i = append(or, &kept{&moment{asset: m.asset, Interval: m.Interval, lead: m.lead}, make([]bool, 2)}), len(or)
			} else if leads(m.moment, or[i].moment) {
				or[i].Interval, or[i].lead = m.Interval, m.lead
			}
			if !or[i].from[m.list] {
				or[i].from[m.list] = true
				or[i].score += m.score
			}
		}
		var orMoments []*moment
		for _, k := range or {
			orMoments = append(orMoments, k.moment)
		}
		slices.SortFunc(orMoments, byScore)
		equal(t, "or", show(counted().anyOfThem(a, b)), show(orMoments))

		equal(t, "the left list afterwards", showWhy(a), before[0])
		equal(t, "the right list afterwards", showWhy(b), before[1])
	})
}

func TestAlgebraLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := moments("a", left).Draw(t, "a"), moments("b", right).Draw(t, "b"), moments("c", third).Draw(t, "c")
		equal(t, "and commutes", showWhy(counted().allOf(a, b)), showWhy(counted().allOf(b, a)))
		equal(t, "or commutes", showWhy(counted().anyOfThem(a, b)), showWhy(counted().anyOfThem(b, a)))
		equal(t, "or of three in any order", showWhy(counted().anyOfThem(a, b, c)), showWhy(counted().anyOfThem(c, a, b)))
		equal(t, "and is associative", show(counted().allOf(counted().allOf(a, b), c)), show(counted().allOf(a, counted().allOf(b, c))))
		equal(t, "nots commute", show(counted().without(counted().without(a, b), c)), show(counted().without(counted().without(a, c), b)))
		equal(t, "nothing is left of a without a", show(counted().without(a, a)), []string{})
		equal(t, "nothing and a", show(counted().allOf(nil, a)), []string{})
		for _, m := range counted().allOf(a, b) {
			if !slices.ContainsFunc(a, func(x *moment) bool { return x.Covers(m.Interval) && x.asset == m.asset }) {
				t.Fatalf("%v is in none of the left", m.place())
			}
		}
		for name, ms := range map[string][]*moment{"and": counted().allOf(a, b), "or": counted().anyOfThem(a, b), "within": counted().closeBy(a, b, 3)} {
			if !slices.IsSortedFunc(ms, byScore) {
				t.Fatalf("%s is not in the order of scores: %q", name, show(ms))
			}
			for i, m := range ms {
				if slices.ContainsFunc(ms[:i], func(o *moment) bool { return o.place() == m.place() }) {
					t.Fatalf("%s has %v twice", name, m.place())
				}
			}
		}
	})
}

// What supports a moment is said once, however it came together.
func TestSupport(t *testing.T) {
	e := func(p *part, run, language string, rank int) evidence {
		return evidence{part: p, Hit: search.Hit{Run: run, Language: language, Ordinal: int64(rank)}, rank: rank}
	}
	a := []evidence{e(left, "r", "en", 3), e(left, "r", "es", 2)}
	b := []evidence{e(left, "r", "en", 1), e(right, "r", "en", 9), e(left, "s", "en", 4)}
	got := slices.SortedFunc(slices.Values(support(a, b)), func(x, y evidence) int { return cmp.Or(byRank(x, y)) })
	want := []evidence{e(left, "r", "en", 1), e(left, "r", "es", 2), e(left, "s", "en", 4), e(right, "r", "en", 9)}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if a[0].rank != 3 {
		t.Error("the list given was changed")
	}
}

// BenchmarkOr is fusion at its most: four sources of as many candidates as are asked for, all in one asset.
func BenchmarkOr(b *testing.B) {
	lists := make([][]*moment, 4)
	for l := range lists {
		for i := range 500 {
			start := schema.Time(i*7919%5000) * schema.Second
			lists[l] = append(lists[l], &moment{asset: "a", Interval: schema.Interval{Start: start, End: start + schema.Time(l+2)*schema.Second}, score: rrf(1, i+1),
				evidence: []evidence{{part: left, rank: i}}})
		}
	}
	for b.Loop() {
		counted().anyOfThem(lists...)
	}
}

func BenchmarkAnd(b *testing.B) {
	lists := make([][]*moment, 2)
	for l := range lists {
		for i := range 500 {
			start := schema.Time(i*7919%5000) * schema.Second
			lists[l] = append(lists[l], &moment{asset: "a", Interval: schema.Interval{Start: start, End: start + 8*schema.Second}, score: rrf(1, i+1)})
		}
	}
	for b.Loop() {
		counted().allOf(lists[0], lists[1])
	}
}
