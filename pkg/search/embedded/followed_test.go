package embedded_test

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// countedRuns counts how many runs are held against a scope.
type countedRuns struct {
	search.Runs
	has *atomic.Int64
}

func (c *countedRuns) Has(run string) bool { c.has.Add(1); return c.Runs.Has(run) }

func (c *countedRuns) Changed(since search.Runs) ([]string, bool) {
	o, ok := since.(*countedRuns)
	if !ok {
		return nil, false
	}
	changed, ok := c.Runs.Changed(o.Runs)
	c.has.Add(int64(len(changed)))
	return changed, ok
}

// direction is a vector of its own for each asset, near to those of the assets beside it.
func direction(asset, run int, ordinal int64) []float32 {
	angle := 2 * math.Pi * float64(asset) / 20_000
	return []float32{float32(math.Cos(angle)), float32(math.Sin(angle)), float32(run) / 1e4, float32(ordinal) / 1e4}
}

// TestQuestionAfterASwitch: among 20,000 runs, a question after a switch holds as many runs against its scope as were switched, and
// answers as through a scope that the engine has never seen.
func TestQuestionAfterASwitch(t *testing.T) {
	small := &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"}
	e, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	// Two of five runs are visible: so few vectors are all compared, while the space has enough to be sealed.
	const runs, batch = 20_000, 4000
	history := searchtest.NewHistory()
	asset := func(i int) string { return fmt.Sprint("asset-", i) }
	run := func(i, n int) string { return fmt.Sprintf("run-%d-%d", i, n) }
	items := func(b *search.Batch, i, n int, ordinal int64) {
		language, kind := []string{"en", "fr"}[(i+n)%2], []string{schema.KindDialogue, schema.KindLabel}[(i+n)/2%2]
		a := line(run(i, n), ordinal, []string{"storm lamp", "storm", "lamp harbour"}[(i+n)%3])
		a.Asset, a.Language, a.Kind, a.Character = asset(i), language, kind, fmt.Sprint("c", i%3)
		b.Annotations = append(b.Annotations, a)
		b.Embeddings = append(b.Embeddings, &pb.Embedding{
			Run: a.Run, Ordinal: ordinal, Asset: a.Asset, Space: "small@1", Kind: kind, Language: language, Character: a.Character,
			Vector: direction(i, n, ordinal),
		})
	}
	var all search.Batch
	write := func(b search.Batch) {
		t.Helper()
		all.Annotations, all.Embeddings = append(all.Annotations, b.Annotations...), append(all.Embeddings, b.Embeddings...)
		if err := e.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for from := 0; from < runs; from += batch {
		var b search.Batch
		for i := from; i < from+batch; i++ {
			items(&b, i, 0, 0)
			if i%5 < 2 {
				history.Show(asset(i), run(i, 0))
			} else {
				history.Hide(asset(i), run(i, 0))
			}
			if i%400 == 6 {
				items(&b, i, 1, 0) // a run that waits to be switched to
				history.Hide(asset(i), run(i, 1))
			}
		}
		write(b)
	}
	var has atomic.Int64
	scope := func() *search.Scope { return &search.Scope{Runs: &countedRuns{history.Scope().Runs, &has}} }
	at := 6 // the questions are about this asset
	ask := func(e *embedded.Engine, s *search.Scope, f search.Filter) (answer [2][]search.Hit) {
		t.Helper()
		var errText, errVector error
		answer[0], errText = e.Text(t.Context(), search.TextQuery{Scope: s, Filter: f, Words: "harbour storm", Limit: 50})
		answer[1], errVector = e.Vector(t.Context(), search.VectorQuery{Scope: s, Filter: f, Space: "small@1", Vector: direction(at, 0, 0), Limit: 50})
		if errText != nil || errVector != nil {
			t.Fatal(errText, errVector)
		}
		return answer
	}
	filters := func() []search.Filter {
		return []search.Filter{{}, {Kinds: []string{schema.KindDialogue}}, {Languages: []string{"en", "tr"}, Characters: []string{fmt.Sprint("C", (at-1)%3)}}}
	}
	check := func(when string, s *search.Scope, most int64) {
		t.Helper()
		fresh := history.Named()
		for _, f := range filters() {
			has.Store(0)
			got := ask(e, s, f)
			if n := has.Load(); n > most {
				t.Errorf("%s: the question holds %d runs against its scope, want %d at most", when, n, most)
			}
			if want := ask(e, fresh, f); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, filter %+v (-new +followed):\n%s", when, f, cmp.Diff(want, got))
			}
		}
	}
	check("first", scope(), 2*runs)
	for i := at; i < 4000; i += 400 {
		at = i
		hide, show := []string{run(i, 0)}, []string{run(i, 1)}
		if i%800 == 6 {
			history.Switch(asset(i), hide, show)
		} else {
			history.Hide(asset(i), hide...)
		}
		s := scope()
		check("switched", s, 32)
		var b search.Batch
		items(&b, i-1, 0, 1) // another line of a run that is visible: in a group of its own, if of another language
		b.Embeddings[0].Language = "tr"
		items(&b, i+2, 9, 0) // a run that nobody has heard of
		write(b)
		check("written", s, 32)
	}

	// The engine answers as an engine that holds nothing else than the visible runs.
	s := scope()
	lone, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer lone.Close()
	if err := lone.Write(t.Context(), search.Batch{
		Annotations: slices.DeleteFunc(all.Annotations, func(a *pb.Annotation) bool { return !s.Has(a.GetRun()) }),
		Embeddings:  slices.DeleteFunc(all.Embeddings, func(m *pb.Embedding) bool { return !s.Has(m.GetRun()) }),
	}); err != nil {
		t.Fatal(err)
	}
	for _, f := range filters() {
		got, want := ask(e, s, f), ask(lone, s, f)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("filter %+v (-alone +among others):\n%s", f, cmp.Diff(want, got))
		}
	}
}
