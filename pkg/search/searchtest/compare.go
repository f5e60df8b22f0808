package searchtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Compare asks two engines with the same items the same questions. The answers must have the same items in the same
// order; hits whose scores differ by less than 32 bits tell may change places, and how many did is told.
func Compare(t *testing.T, one, other Harness) {
	a, b := open(t, one), open(t, other)
	all := append(corpus(), generated(600)...)
	for _, e := range []search.Engine{a, b} {
		for chunk := range slices.Chunk(all, 250) {
			write(t, e, chunk...)
		}
		if err := e.Write(t.Context(), search.Batch{Embeddings: vectors(600)}); err != nil {
			t.Fatal(err)
		}
	}
	c := &comparison{a: a, b: b}
	t.Run("judged questions", func(t *testing.T) {
		for _, j := range judgements {
			c.text(t, j.name, search.TextQuery{Scope: everything(), Filter: j.filter, Field: j.field, Mode: j.mode, Words: j.words, Languages: j.languages})
		}
	})
	t.Run("modes, filters, languages and pages", func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(17, 4))
		for range 60 {
			c.text(t, "", question(rnd))
		}
	})
	t.Run("vectors", func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(18, 4))
		for range 20 {
			v := make([]float32, space.GetDimension())
			for i := range v {
				v[i] = float32(rnd.NormFloat64())
			}
			runs := []string{"run-vectors-0", "run-vectors-1", "run-vectors-2"}[rnd.IntN(3):]
			c.vector(t, search.VectorQuery{Scope: search.NewScope(runs), Filter: filter(rnd), Space: spaceName, Vector: v})
		}
	})
	t.Run("languages", func(t *testing.T) {
		for _, s := range []*search.Scope{everything(), allRuns(), search.NewScope([]string{english, unknown, labels}), search.NewScope(nil)} {
			x, errX := a.Languages(t.Context(), s)
			y, errY := b.Languages(t.Context(), s)
			if errX != nil || errY != nil || !slices.Equal(x, y) {
				t.Errorf("%v %v, %v %v", x, errX, y, errY)
			}
		}
	})
	t.Run("marks", func(t *testing.T) {
		for _, s := range spoken {
			for _, l := range s.lines {
				for mode := search.AnyWord; mode <= search.Prefix; mode++ {
					q := search.TextQuery{Words: l.text[:len(l.text)/2], Mode: mode}
					if diff := cmp.Diff(a.Marks(q, l.text, s.language), b.Marks(q, l.text, s.language)); diff != "" {
						t.Errorf("%q in mode %d:\n%s", l.text, mode, diff)
					}
				}
			}
		}
	})
	t.Logf("%d answers of %d hits are the same; %d hits changed places with others of the same score", c.answers, c.hits, c.swapped)
}

type comparison struct {
	a, b                   search.Engine
	answers, hits, swapped int
}

var pages = []int{1, 5, 1000}

func (c *comparison) text(t *testing.T, name string, q search.TextQuery) {
	t.Helper()
	for _, q.Limit = range pages {
		x, y := find(t, c.a, q), find(t, c.b, q)
		c.compare(t, fmt.Sprintf("%s %q, mode %d, field %d, filter %+v, languages %v, limit %d", name, q.Words, q.Mode, q.Field, q.Filter, q.Languages, q.Limit), x, y, q.Limit)
	}
}

func (c *comparison) vector(t *testing.T, q search.VectorQuery) {
	t.Helper()
	for _, q.Limit = range pages {
		x, errX := c.a.Vector(t.Context(), q)
		y, errY := c.b.Vector(t.Context(), q)
		if errX != nil || errY != nil {
			t.Fatalf("vectors: %v, %v", errX, errY)
		}
		c.compare(t, fmt.Sprintf("vectors, filter %+v, limit %d", q.Filter, q.Limit), x, y, q.Limit)
	}
}

// compare compares two answers. Where a page ends among hits of equal score, each answer may have any of these hits.
func (c *comparison) compare(t *testing.T, what string, x, y []search.Hit, limit int) {
	t.Helper()
	c.answers++
	c.hits += len(x)
	if len(x) != len(y) {
		t.Errorf("%s: %d and %d hits:\n%s", what, len(x), len(y), cmp.Diff(sorted(names(x)), sorted(names(y))))
		return
	}
	scores := map[string]float64{}
	for _, h := range x {
		scores[schema.ItemID(h.Run, h.Ordinal)] = h.Score
	}
	for i := range x {
		if !tied(x[i].Score, y[i].Score) {
			t.Errorf("%s: hit %d has score %v and %v:\n%v\n%v", what, i, x[i].Score, y[i].Score, x[i], y[i])
			return
		}
		score, known := scores[schema.ItemID(y[i].Run, y[i].Ordinal)]
		switch {
		case !known && len(x) == limit && tied(y[i].Score, x[limit-1].Score):
		case !known || !tied(score, y[i].Score):
			t.Errorf("%s: hit %d is %v and %v", what, i, x[i], y[i])
			return
		}
		if x[i].Run != y[i].Run || x[i].Ordinal != y[i].Ordinal {
			c.swapped++
			continue
		}
		l, r := x[i], y[i]
		l.Score, r.Score = 0, 0
		if l != r {
			t.Errorf("%s: hit %d is told as %+v and %+v", what, i, l, r)
		}
	}
}

// tied reports whether two scores are the same as far as 32 bits tell, sums being of some terms.
func tied(a, b float64) bool {
	return math.Abs(a-b) <= 4e-6*max(1, math.Abs(a), math.Abs(b))
}

// generated returns lines of words from the texts of the corpus, a run for every hundred lines.
func generated(n int) []*pb.Annotation {
	rnd := rand.New(rand.NewPCG(16, 4))
	out := make([]*pb.Annotation, n)
	for i := range out {
		s := spoken[rnd.IntN(len(spoken))]
		var text []string
		for range 1 + rnd.IntN(12) {
			from := strings.Fields(s.lines[rnd.IntN(len(s.lines))].text)
			text = append(text, from[rnd.IntN(len(from))])
		}
		start, end := at(rnd.IntN(60))
		a := &pb.Annotation{
			Run: fmt.Sprintf("run-generated-%d", i/100), Ordinal: int64(i % 100), Asset: fmt.Sprintf("asset-%d", i/100), Kind: schema.KindDialogue,
			Start: int64(start), End: int64(end), Text: strings.Join(text, " "), Language: s.language,
			Character: []string{"", "Mara", "Tobias"}[rnd.IntN(3)], Confidence: float32(rnd.IntN(11)) / 10,
		}
		switch rnd.IntN(8) {
		case 0:
			a.Kind, a.Label = schema.KindLabel, seen[rnd.IntN(len(seen))].label
		case 1:
			a.Language = "sw" // without an analysis of its own
		case 2:
			a.End = a.Start
		}
		out[i] = a
	}
	return out
}

func everything() *search.Scope {
	all, _ := allRuns().Named()
	runs := slices.Clone(all)
	for i := range 5 { // one of six is hidden
		runs = append(runs, fmt.Sprintf("run-generated-%d", i))
	}
	return search.NewScope(runs)
}

func filter(rnd *rand.Rand) search.Filter {
	var f search.Filter
	switch rnd.IntN(10) {
	case 0:
		f.Kinds = []string{schema.KindDialogue}
	case 1:
		f.Languages = []string{"en", "fr"}
	case 2:
		f.Characters = []string{"mara"}
	case 3:
		f.MinConfidence = 0.3
	case 4:
		f.Span = schema.Interval{Start: 50 * schema.Second, End: 333 * schema.Second}
	case 5:
		f = search.Filter{Kinds: []string{schema.KindShot, schema.KindDialogue}, Characters: []string{"TOBIAS", "Mara"}, MinConfidence: 0.5}
	}
	return f
}

// question draws neighbouring words of a text, now and then with a wrong letter or the last word cut.
func question(rnd *rand.Rand) search.TextQuery {
	q := search.TextQuery{Scope: everything(), Filter: filter(rnd), Mode: search.TextMode(rnd.IntN(int(search.Prefix) + 1))}
	if rnd.IntN(6) == 0 {
		q.Field = search.FieldLabel
		q.Words = seen[rnd.IntN(len(seen))].label
	} else {
		s := spoken[rnd.IntN(len(spoken))]
		from := strings.Fields(s.lines[rnd.IntN(len(s.lines))].text)
		begin := rnd.IntN(len(from))
		q.Words = strings.Join(from[begin:min(len(from), begin+1+rnd.IntN(4))], " ")
		switch rnd.IntN(3) {
		case 0:
			q.Languages = []string{s.language}
		case 1:
			q.Languages = []string{"en", "es", "sw", "de"}
		}
	}
	letters := []rune(q.Words)
	i := rnd.IntN(len(letters))
	switch q.Mode {
	case search.Fuzzy:
		letters[i] = 'e'
	case search.Prefix:
		letters = letters[:max(2, len(letters)-rnd.IntN(3))]
	}
	q.Words = string(letters)
	return q
}
