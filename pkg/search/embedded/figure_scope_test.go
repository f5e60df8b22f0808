package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// TestFigureScope asks selective questions of 1,000 runs and of 100,000, at rest, right after a switch, and beside 100 switches a second.
// CINEDEX_FIGURE_RUNS makes it quick to try.
func TestFigureScope(t *testing.T) {
	figure.Begin(t, "scope/followed")
	many := figure.Size(t, "CINEDEX_FIGURE_RUNS", 100_000)
	small, large := newScopeBench(t, 1000), newScopeBench(t, many)
	for _, kind := range []string{"words", "words of a kind", "vectors of a title"} {
		var quiet [2]timings
		for i, b := range []*scopeBench{small, large} {
			b.ask(kind, questionsOfKind) // warms caches
			quiet[i] = b.ask(kind, questionsOfKind)
		}
		ratio := func(a, b timings, share float64) float64 { return float64(a.p(share)) / float64(b.p(share)) }
		figure.Report(t, false, figure.Result{
			Name: "scope/" + kind, Claim: "selective questions, p50 and p99 ≤ 1.5 of those of 1,000 runs",
			Measured: fmt.Sprintf("p50 %s p99 %s ms, of 1,000 runs %s and %s ms", ms(quiet[1].p(0.5)), ms(quiet[1].p(0.99)), ms(quiet[0].p(0.5)), ms(quiet[0].p(0.99))),
			Ratio:    ratio(quiet[1], quiet[0], 0.5), Pass: ratio(quiet[1], quiet[0], 0.5) <= 1.5 && ratio(quiet[1], quiet[0], 0.99) <= 1.5,
			Note: fmt.Sprintf("%d runs of %d lines and a vector, %d questions", many, linesOfScope, questionsOfKind),
		})
		var first timings
		for range 60 {
			large.step()
			first = append(first, large.ask(kind, 1)...)
		}
		figure.Report(t, false, figure.Result{
			Name: "scope/" + kind + " after a switch", Claim: "the first question after a switch, p50 ≤ 1.2 of none",
			Measured: fmt.Sprintf("p50 %s p99 %s ms", ms(first.p(0.5)), ms(first.p(0.99))),
			Ratio:    ratio(first, quiet[1], 0.5), Pass: ratio(first, quiet[1], 0.5) <= 1.2,
		})
		stop := large.switching(100)
		beside := large.ask(kind, 3*questionsOfKind)
		stop()
		figure.Report(t, false, figure.Result{
			Name: "scope/" + kind + " beside switches", Claim: "beside 100 switches a second, p99 ≤ 1.3 of none",
			Measured: fmt.Sprintf("p50 %s p99 %s ms", ms(beside.p(0.5)), ms(beside.p(0.99))),
			Ratio:    ratio(beside, quiet[1], 0.99), Pass: ratio(beside, quiet[1], 0.99) <= 1.3,
		})
	}
	docs, runs := float64(many*linesOfScope), float64(many)
	figure.Report(t, false, figure.Result{
		Name: "scope/memory", Claim: "12 bytes a document and 150 bytes a run, or less, for each of words and vectors",
		Measured: fmt.Sprintf("%.0f MB of Go's heap", float64(large.heap)/1e6), Ratio: float64(large.heap) / (2 * (12*docs + 150*runs)),
		Pass: float64(large.heap) <= 2*(12*docs+150*runs), Note: "beside an engine without items; segments are mapped files",
	})
}

// linesOfScope are the lines of each run. Every word of a question is in the lines of a few runs, however many runs there are.
const linesOfScope = 3

type scopeBench struct {
	*testing.T
	dir     string
	e       *embedded.Engine
	runs    int
	history *searchtest.History
	rnd     *rand.Rand
	turn    int
	heap    uint64
}

func newScopeBench(t *testing.T, runs int) *scopeBench {
	dir := t.TempDir()
	e, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{{Name: "small", Version: "1", Dimension: 64, Metric: "cosine"}}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	b := &scopeBench{T: t, dir: dir, e: e, runs: runs, history: searchtest.NewHistory(), rnd: rand.New(rand.NewPCG(1, 90))}
	before := heap()
	var batch search.Batch
	for i := range runs {
		for n := range 2 { // every tenth title has a run that waits
			if n == 1 && i%10 != 0 {
				continue
			}
			b.items(&batch, i, n)
		}
		if len(batch.Annotations) > 4500 || i == runs-1 {
			if err := e.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			batch = search.Batch{}
		}
	}
	b.ask("words", 10)
	b.ask("vectors of a title", 10)
	b.settle()
	written := heap()
	b.heap = written - min(before, written)
	for i := range runs {
		b.history.Show(titleOf(i), runOf(i, 0))
		if i%10 == 0 {
			b.history.Hide(titleOf(i), runOf(i, 1))
		}
	}
	return b
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// settle waits until the files of the engine stay the same for a while: nothing is merged any more.
func (b *scopeBench) settle() {
	files := func() (names []string) {
		for _, pattern := range []string{"text/*", "vectors/*/*"} {
			found, err := filepath.Glob(filepath.Join(b.dir, pattern))
			if err != nil {
				b.Fatal(err)
			}
			names = append(names, found...)
		}
		return names
	}
	last := files()
	for same := 0; same < 30; same++ {
		time.Sleep(100 * time.Millisecond) // merges end by themselves
		if now := files(); !slices.Equal(now, last) {
			last, same = now, 0
		}
	}
}

func titleOf(i int) string    { return fmt.Sprintf("%032x", i) }
func runOf(i, n int) string   { return fmt.Sprintf("%031x%d", i, n) }
func rareWord(i int) string   { return fmt.Sprintf("word%dx", i/5) }
func commonWord(i int) string { return fmt.Sprintf("common%dx", i%50) }

func (b *scopeBench) items(into *search.Batch, i, n int) {
	for k := range linesOfScope {
		a := annotation(k, rareWord(i)+" "+commonWord(i+k))
		a.Run, a.Asset, a.Ordinal, a.Kind = runOf(i, n), titleOf(i), int64(k), []string{schema.KindDialogue, schema.KindLabel}[k%2]
		into.Annotations = append(into.Annotations, a)
	}
	v := make([]float32, 64)
	for k := range v {
		v[k] = float32(b.rnd.NormFloat64())
	}
	into.Embeddings = append(into.Embeddings, &pb.Embedding{Run: runOf(i, n), Asset: titleOf(i), Space: "small@1", Kind: schema.KindShot, Vector: v})
}

// step switches one title to its other run and back.
func (b *scopeBench) step() {
	i, n := b.turn/2*10%b.runs, b.turn%2
	b.turn++
	b.history.Switch(titleOf(i), []string{runOf(i, n)}, []string{runOf(i, 1-n)})
}

func (b *scopeBench) switching(rate int) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(time.Second / time.Duration(rate))
		defer tick.Stop()
		for {
			select {
			case <-end:
				return
			case <-tick.C:
				b.step()
			}
		}
	}()
	return func() { close(end); <-ended }
}

func (b *scopeBench) ask(kind string, n int) (took timings) {
	b.Helper()
	for range n {
		i := b.rnd.IntN(b.runs)
		begun := time.Now()
		var err error
		switch kind {
		case "vectors of a title":
			v := make([]float32, 64)
			v[i%64] = 1
			_, err = b.e.Vector(b.Context(), search.VectorQuery{Scope: search.NewScope([]string{runOf(i, 0), runOf(i, 1)}), Space: "small@1", Vector: v, Limit: 10})
		default:
			q := search.TextQuery{Scope: b.history.Scope(), Words: rareWord(i) + " " + rareWord(b.rnd.IntN(b.runs)), Languages: []string{"en"}, Limit: 10}
			if kind != "words" {
				q.Filter.Kinds = []string{schema.KindDialogue}
			}
			_, err = b.e.Text(b.Context(), q)
		}
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(begun))
	}
	return took
}
