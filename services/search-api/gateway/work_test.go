package gateway

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// crowd is n moments that all share time with each other, each at a place of its own.
func crowd(n, offset int) (out []*moment) {
	for i := range n {
		start := schema.Time(offset + 2*i)
		out = append(out, &moment{asset: "a", Interval: schema.Interval{Start: start, End: start + 1_000_000}, score: rrf(1, i+1), evidence: []evidence{{part: left, rank: i + 1}}})
	}
	return out
}

// TestWorkIsBounded: parts that meet in millions of ways are refused with an error.
func TestWorkIsBounded(t *testing.T) {
	a, b := crowd(4000, 0), crowd(4000, 1)
	for name, f := range map[string]func(*tally){
		"and":    func(w *tally) { w.allOf(a, b) },
		"within": func(w *tally) { w.closeBy(a, b, 10) },
	} {
		w := counted()
		f(w)
		if errkind.Of(w.err) != errkind.Invalid || !strings.Contains(w.err.Error(), "2000000 ways") {
			t.Errorf("%s: %v", name, w.err)
		}
		if w.steps > maxSteps+1000 {
			t.Errorf("%s: %d steps", name, w.steps)
		}
	}
	// Or: short moments apart from each other beside a long one make every moment look at all before it.
	var apart []*moment
	for i := range 5000 {
		start := schema.Time(10 * i)
		apart = append(apart, &moment{asset: "a", Interval: schema.Interval{Start: start, End: start + 1}, score: rrf(1, i+2)})
	}
	long := []*moment{{asset: "a", Interval: schema.Interval{Start: -1_000_000, End: -1}, score: 1}}
	if w := counted(); w.anyOfThem(long, apart) != nil || errkind.Of(w.err) != errkind.Invalid {
		t.Errorf("or: %v after %d steps", w.err, w.steps)
	}
}

// TestBestAreKept: of more moments than a part may have, the best stay, and the tally says that some are gone.
func TestBestAreKept(t *testing.T) {
	a, b := crowd(200, 0), crowd(200, 1)
	w := counted()
	got := w.allOf(a, b)
	if w.err != nil || !w.cut || len(got) != maxMoments {
		t.Fatalf("%d moments, cut %t, %v", len(got), w.cut, w.err)
	}
	// The same without a bound.
	all := settled{}
	for _, x := range a {
		for _, y := range b {
			all.add(x.asset, x.Intersect(y.Interval), x.score+y.score, x, y)
		}
	}
	if g, w := show(got), show(all.list()[:maxMoments]); !slices.Equal(g, w) {
		t.Errorf("not the best: %d moments, the last %s, want %s", len(g), g[len(g)-1], w[len(w)-1])
	}
}

// TestWorkEndsWithItsCaller: nobody waits for the answer, so nothing is computed for it.
func TestWorkEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &tally{ctx: ctx}
	w.allOf(crowd(1000, 0), crowd(1000, 1))
	if errkind.Of(w.err) != errkind.Cancelled || w.steps > 20_000 {
		t.Errorf("%v after %d steps", w.err, w.steps)
	}
}
