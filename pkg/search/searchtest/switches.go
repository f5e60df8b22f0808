package searchtest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// testSwitches compares answers through a followed scope with answers through a new scope of the same runs.
func testSwitches(t *testing.T, h Harness) {
	t.Run("as a new scope", func(t *testing.T) { testFollowed(t, h) })
	t.Run("beside writers", func(t *testing.T) { testSwitchesUnderLoad(t, h) })
}

// A switched library has assets with several runs each, of which a history shows some.
type switched struct {
	e       search.Engine
	rnd     *rand.Rand
	history *History
	runs    map[string][]string // by asset
	made    int
}

const switchedAssets = 6

// add writes a hidden run of an asset.
func (l *switched) add(t *testing.T, asset string) string {
	t.Helper()
	run := fmt.Sprintf("run-%s-%d", asset, l.made)
	l.made++
	if err := l.e.Write(t.Context(), l.items(run, asset)); err != nil {
		t.Fatal(err)
	}
	l.history.Hide(asset, run)
	l.runs[asset] = append(l.runs[asset], run)
	return run
}

func (l *switched) items(run, asset string) (b search.Batch) {
	vocabulary := strings.Fields("lighthouse lamp storm coffee captain harbour keeper lamplight stormy the and")
	for i := range 1 + l.rnd.IntN(6) {
		var text []string
		for range 1 + l.rnd.IntN(6) {
			text = append(text, vocabulary[l.rnd.IntN(len(vocabulary))])
		}
		start, end := at(i)
		b.Annotations = append(b.Annotations, &pb.Annotation{
			Run: run, Ordinal: int64(i), Asset: asset, Kind: []string{schema.KindDialogue, schema.KindLabel}[l.rnd.IntN(2)], Text: strings.Join(text, " "),
			Label: text[0], Language: []string{"en", "fr", "tr"}[l.rnd.IntN(3)], Character: []string{"", "Mara"}[l.rnd.IntN(2)],
			Start: int64(start), End: int64(end), Confidence: 1,
		})
		m := vectors(60)[l.rnd.IntN(60)]
		m.Run, m.Asset, m.Ordinal = run, asset, int64(i)
		b.Embeddings = append(b.Embeddings, m)
	}
	return b
}

// step changes the library in one way.
func (l *switched) step(t *testing.T) {
	t.Helper()
	asset := fmt.Sprint("asset-", l.rnd.IntN(switchedAssets))
	runs := l.runs[asset]
	one := func() string { return runs[l.rnd.IntN(len(runs))] }
	switch n := l.rnd.IntN(10); {
	case n < 2 || len(runs) == 0:
		l.add(t, asset)
	case n < 5:
		l.history.Switch(asset, runs, []string{one()})
	case n < 6:
		l.history.Show(asset, one())
	case n < 7:
		l.history.Hide(asset, one())
	case n < 8:
		if err := l.e.Write(t.Context(), l.items(one(), asset)); err != nil {
			t.Fatal(err)
		}
	case n < 9:
		if err := l.e.TrimRun(t.Context(), one(), 2, 1); err != nil {
			t.Fatal(err)
		}
	default:
		run := one()
		if err := l.e.DeleteRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		l.history.Hide(asset, run)
		l.runs[asset] = slices.DeleteFunc(runs, func(r string) bool { return r == run })
	}
}

func testFollowed(t *testing.T, h Harness) {
	l := &switched{e: open(t, h), rnd: rand.New(rand.NewPCG(1, 6)), history: NewHistory(), runs: map[string][]string{}}
	for range 8 {
		l.step(t)
	}
	for n := range 40 {
		l.step(t)
		var assets []string
		if n%4 == 3 {
			assets = []string{"asset-1", "asset-3", "asset-4"}
		}
		l.compare(t, fmt.Sprint("step ", n), l.history.Scope(assets...), l.history.Named(assets...))
		if n == 20 && !h.Exceptions.NoRebuild {
			l.refill(t)
		}
	}
}

// refill fills the engine anew with other items of the same runs.
func (l *switched) refill(t *testing.T) {
	t.Helper()
	r := rebuild(t, l.e)
	for asset, runs := range l.runs {
		for _, run := range runs {
			if err := r.Write(t.Context(), l.items(run, asset)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := r.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// compare asks the same question through two scopes of the same runs.
func (l *switched) compare(t *testing.T, when string, followed, named *search.Scope) {
	t.Helper()
	q := search.TextQuery{
		Filter: filter(l.rnd), Field: search.Field(l.rnd.IntN(2)), Mode: search.TextMode(l.rnd.IntN(int(search.Prefix) + 1)),
		Words: []string{"lighthouse", "storm lamp keeper", "captain coffee", "lam", "stro"}[l.rnd.IntN(5)], Limit: []int{3, 100}[l.rnd.IntN(2)],
	}
	ask := func(s *search.Scope) string {
		q.Scope = s
		texts, err := l.e.Text(t.Context(), q)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		near, err := l.e.Vector(t.Context(), search.VectorQuery{Scope: s, Filter: q.Filter, Space: spaceName, Vector: vectors(1)[0].GetVector(), Limit: q.Limit})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		languages, err := l.e.Languages(t.Context(), s)
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		for _, hit := range slices.Concat(texts, near) {
			if !s.Has(hit.Run) {
				t.Errorf("%s: run %s is outside the scope", when, hit.Run)
			}
		}
		b, err := json.Marshal([]any{texts, near, languages})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if a, b := ask(followed), ask(named); a != b {
		t.Errorf("%s, %q in mode %d, filter %+v:\nfollowed: %s\nnew:      %s", when, q.Words, q.Mode, q.Filter, a, b)
	}
}

// testSwitchesUnderLoad has questions go on while runs are written, switched, trimmed and deleted. Each answer must be whole: every line of
// every run that the scope holds, and nothing else.
func testSwitchesUnderLoad(t *testing.T, h Harness) {
	e := open(t, h)
	const lines, assets, switches = 5, 4, 30
	history := NewHistory()
	write := func(run, asset string) error {
		var b search.Batch
		for i := range lines {
			b.Annotations = append(b.Annotations, &pb.Annotation{Run: run, Ordinal: int64(i), Asset: asset, Kind: schema.KindDialogue, Text: "comet", Language: "en", Confidence: 1})
			b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: run, Ordinal: int64(i), Asset: asset, Space: spaceName, Kind: schema.KindDialogue, Vector: vectors(1)[0].GetVector()})
		}
		return e.Write(t.Context(), b)
	}
	var done atomic.Bool
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for asked := false; !asked || !done.Load(); asked = true {
				scope := history.Scope()
				shown, _ := history.Scope().Runs.(*version).split()
				want := 0
				for _, run := range shown {
					if scope.Has(run) {
						want += lines
					}
				}
				hits, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Words: "comet", Limit: 1000})
				near, nearErr := e.Vector(t.Context(), search.VectorQuery{Scope: scope, Space: spaceName, Vector: vectors(1)[0].GetVector(), Limit: 1000})
				if err != nil || nearErr != nil {
					t.Errorf("while switching: %v, %v", err, nearErr)
					return
				}
				// A run is deleted right after a switch hides the run, so an answer counts only if no switch came meanwhile.
				if scope.Runs.(*version).number != history.Scope().Runs.(*version).number {
					continue
				}
				if len(hits) != want || len(near) != want {
					t.Errorf("while switching: %d texts and %d vectors of %d", len(hits), len(near), want)
				}
				for _, hit := range slices.Concat(hits, near) {
					if !scope.Has(hit.Run) {
						t.Errorf("while switching: run %s is outside the scope", hit.Run)
					}
				}
			}
		})
	}
	for a := range assets {
		writers.Go(func() {
			asset, shown := fmt.Sprint("asset-", a), ""
			for n := range switches / assets {
				run := fmt.Sprintf("run-%d-%d", a, n)
				history.Hide(asset, run)
				if err := write(run, asset); err != nil {
					t.Errorf("writing while switching: %v", err)
					return
				}
				if shown == "" {
					history.Show(asset, run)
				} else {
					history.Switch(asset, []string{shown}, []string{run})
					if err := e.DeleteRun(t.Context(), shown); err != nil {
						t.Errorf("deleting while switching: %v", err)
						return
					}
				}
				shown = run
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
}
