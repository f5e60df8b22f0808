package judged_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
)

func span(asset string, from, to int64) judged.Span {
	return judged.Span{Asset: asset, Interval: schema.Interval{Start: schema.Time(from) * schema.Second, End: schema.Time(to) * schema.Second}}
}

func TestParse(t *testing.T) {
	queries, err := judged.Parse([]byte(`
moments:
  bird: &bird [{title: film, from: 1, to: 2.5s}]
queries:
  - {q: 'look:bird', kind: look, language: en, right: *bird}
  - {q: submarine, kind: absent, language: en}
`))
	if err != nil || len(queries) != 2 || len(queries[0].Right) != 1 || queries[0].Right[0] != (judged.Moment{Title: "film", From: "1", To: "2.5s"}) {
		t.Errorf("got %+v, %v", queries, err)
	}
	for _, c := range []struct{ yaml, says string }{
		{`queries: []`, "no queries"},
		{`queries: [{q: " "}]`, "queries[0].q"},
		{`queries: [{q: a, kind: absent, right: [{title: film, from: 1, to: 2}]}]`, "queries[0].right"},
		{`queries: [{q: a, rigth: []}]`, "rigth"},
		{`queries: [{q: a, wrong: [{title: film, from: 1, to: 2}]}]`, "queries[0].wrong"},
	} {
		if _, err := judged.Parse([]byte(c.yaml)); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.yaml, err, c.says)
		}
	}
}

func TestWithheld(t *testing.T) {
	n := 0
	for i := range 3000 {
		q := judged.Query{Q: "query " + strings.Repeat("a", i)}
		if q.Withheld() {
			n++
		}
		if other := (judged.Query{Q: q.Q, Kind: "look", Language: "de"}); other.Withheld() != q.Withheld() {
			t.Fatal("more than the line decides")
		}
	}
	if n < 850 || n > 1150 {
		t.Errorf("%d of 3000 queries are withheld, want about a third", n)
	}
}

func TestMeasure(t *testing.T) {
	right := []judged.Span{span("a", 10, 12), span("a", 30, 40), span("b", 0, 5)}
	discount := func(ranks ...int) (sum float64) {
		for _, r := range ranks {
			sum += 1 / math.Log2(float64(r+1))
		}
		return sum
	}
	for _, c := range []struct {
		name string
		hits []judged.Span
		want judged.Measure
	}{
		{"nothing", nil, judged.Measure{}},
		{"ideal", right, judged.Measure{Recall: 1, Reciprocal: 1, NDCG: 1}},
		{"the second", []judged.Span{span("b", 10, 12), span("a", 10, 12)}, judged.Measure{Recall: 1.0 / 3, Reciprocal: 0.5, NDCG: discount(2) / discount(1, 2, 3)}},
		{"twice the same moment", []judged.Span{span("a", 10, 12), span("a", 10, 12), span("b", 0, 5)},
			judged.Measure{Recall: 2.0 / 3, Reciprocal: 1, NDCG: discount(1, 3) / discount(1, 2, 3)}},
		{"a shot around the moment", []judged.Span{span("a", 5, 20)}, judged.Measure{Recall: 1.0 / 3, Reciprocal: 1, NDCG: 1 / discount(1, 2, 3)}},
		{"a touch", []judged.Span{span("a", 38, 50)}, judged.Measure{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := judged.Of(c.hits, right)
			if math.Abs(got.Recall-c.want.Recall)+math.Abs(got.Reciprocal-c.want.Reciprocal)+math.Abs(got.NDCG-c.want.NDCG) > 1e-9 {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
	// Deeper than ten, hits count for nothing, and ten of many right moments are all that can be shown.
	var many []judged.Span
	for i := range int64(30) {
		many = append(many, span("c", i, i+1))
	}
	if got := judged.Of(many, many); got != (judged.Measure{Recall: 1, Reciprocal: 1, NDCG: got.NDCG}) || math.Abs(got.NDCG-1) > 1e-9 {
		t.Errorf("of many: %+v", got)
	}
	if got := judged.Of(append(make([]judged.Span, 10), right...), right); got != (judged.Measure{}) {
		t.Errorf("behind the tenth hit: %+v", got)
	}
}

// Pairs drawn from a known curve give the curve back, and confidences that are right.
func TestFit(t *testing.T) {
	truth := judged.Curve{Middle: 0.83, Slope: 60}
	draw := func(seed uint64, n int) (pairs []judged.Pair) {
		r := rand.New(rand.NewPCG(seed, 1))
		for range n {
			s := 0.75 + 0.15*r.Float64()
			pairs = append(pairs, judged.Pair{Similarity: s, Right: r.Float64() < truth.Confidence(s)})
		}
		return pairs
	}
	got, err := judged.Fit(draw(1, 20_000))
	if err != nil || math.Abs(got.Middle-truth.Middle) > 0.002 || math.Abs(got.Slope-truth.Slope) > 4 {
		t.Errorf("got %+v, %v, want %+v", got, err, truth)
	}
	if e := judged.Error(judged.Reliability(got, draw(2, 20_000))); e > 0.02 {
		t.Errorf("the error on other pairs is %.3f", e)
	}
	if e := judged.Error(judged.Reliability(judged.Curve{Middle: 0.78, Slope: 60}, draw(2, 20_000))); e < 0.1 {
		t.Errorf("a wrong curve has the error %.3f: the measure cannot fail", e)
	}
}

func TestFitEdges(t *testing.T) {
	pairs := func(right, wrong float64) (out []judged.Pair) {
		for i := range 40 {
			d := float64(i%5) / 1000
			out = append(out, judged.Pair{Similarity: right + d, Right: true}, judged.Pair{Similarity: wrong + d})
		}
		return out
	}
	c, err := judged.Fit(pairs(0.9, 0.7)) // apart: the slope is finite all the same
	if err != nil || math.IsInf(c.Slope, 0) || math.IsNaN(c.Slope) || c.Middle < 0.704 || c.Middle > 0.9 {
		t.Errorf("apart: %+v, %v", c, err)
	}
	for name, ps := range map[string][]judged.Pair{
		"few": pairs(0.9, 0.7)[:20], "the wrong way round": pairs(0.7, 0.9), "none right": {{Similarity: 1}}, "the same": pairs(0.7, 0.7)[:0],
	} {
		if _, err := judged.Fit(ps); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	bins := judged.Reliability(judged.Curve{Middle: 0, Slope: 1}, []judged.Pair{{Similarity: 100, Right: true}, {Similarity: -100}})
	if len(bins) != judged.Bins || bins[0].Pairs != 1 || bins[9].Pairs != 1 || judged.Error(bins) > 1e-6 || judged.Error(nil) != 0 {
		t.Errorf("bins: %+v", bins)
	}
}

func TestMatch(t *testing.T) {
	var present, absent []float64
	for i := range 40 {
		present = append(present, 0.80+float64(i)/1000) // 0.800 to 0.839
		absent = append(absent, 0.77+float64(i)/1000)   // 0.770 to 0.809
	}
	at, found, refused, err := judged.Match(present, absent)
	if err != nil || math.Abs(found+refused-1.75) > 0.03 || at < 0.799 || at > 0.811 {
		t.Errorf("at %g: %g found, %g refused, %v", at, found, refused, err)
	}
	if f, r := judged.Told(at, present, absent); f != found || r != refused {
		t.Errorf("told %g, %g, want %g, %g", f, r, found, refused)
	}
	if _, _, _, err := judged.Match(present, absent[:5]); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("few absent: %v", err)
	}
}
