package embedded_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// A setBench is a library of films. Each film has a run of lines and a run of labels. A line has each of the words of setWords with the
// share of the word.
type setBench struct {
	testing.TB
	e      *embedded.Engine
	lines  int
	labels int // for each line
	scope  *search.Scope
}

// setShares are the shares of the lines that have a word. Each label is of the words as well.
var setShares = []struct {
	word  string
	share float64
}{{"common", 0.5}, {"tenth", 0.1}, {"decimal", 0.1}, {"percent", 0.01}, {"rare", 0.0001}}

const linesOfFilm = 500

func newSetBench(t testing.TB, lines, labels int) *setBench {
	b := &setBench{TB: t, lines: lines, labels: labels}
	var err error
	if b.e, err = embedded.Open(filepath.Join(t.TempDir(), "sets"), embedded.Config{}, embedded.Deps{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.e.Close() })
	rnd := rand.New(rand.NewPCG(7, 1))
	batch := make([]*pb.Annotation, 0, 5000)
	flush := func() {
		if err := b.e.Write(t.Context(), search.Batch{Annotations: batch}); err != nil {
			t.Fatal(err)
		}
		batch = batch[:0]
	}
	add := func(a *pb.Annotation) {
		if batch = append(batch, a); len(batch) == cap(batch) {
			flush()
		}
	}
	var runs []string
	for film := range lines / linesOfFilm {
		asset := fmt.Sprintf("%08x-film-%08x", rnd.Uint32(), film)
		said, seen := fmt.Sprintf("%08x-lines-%08x", rnd.Uint32(), film), fmt.Sprintf("%08x-labels-%08x", rnd.Uint32(), film)
		runs = append(runs, said, seen)
		for i := range linesOfFilm {
			start := schema.Time(i) * 7 * schema.Second
			add(&pb.Annotation{Run: said, Ordinal: int64(i), Asset: asset, Kind: schema.KindDialogue, Language: "en", Text: setText(rnd), Confidence: 1, Start: int64(start), End: int64(start + 3*schema.Second)})
			for k := range labels {
				at := start + schema.Time(k)*7*schema.Second/schema.Time(labels)
				add(&pb.Annotation{Run: seen, Ordinal: int64(i*labels + k), Asset: asset, Kind: schema.KindLabel, Label: setShares[rnd.IntN(len(setShares))].word, Confidence: rnd.Float32(), Start: int64(at), End: int64(at + 7*schema.Second/schema.Time(labels))})
			}
		}
	}
	flush()
	b.scope = search.NewScope(runs)
	return b
}

func setText(rnd *rand.Rand) string {
	var w []string
	for _, s := range setShares {
		if rnd.Float64() < s.share {
			w = append(w, s.word)
		}
	}
	for range 5 {
		w = append(w, fmt.Sprint("word", rnd.IntN(20_000)))
	}
	return strings.Join(w, " ")
}

func (b *setBench) query(words string, mode search.TextMode) search.SetQuery {
	return search.SetQuery{Text: &search.TextQuery{Scope: b.scope, Words: words, Mode: mode, Limit: search.MaxLimit}}
}

// read reads a set, and returns the number of items.
func (b *setBench) read(q search.SetQuery) (n int) {
	for hit, err := range b.e.Set(b.Context(), q) {
		if err != nil {
			b.Fatal(err)
		}
		if hit.Run == "" {
			b.Fatal("a hit without a run")
		}
		n++
	}
	return n
}

// windows returns a window around each item of a set.
func (b *setBench) windows(q search.SetQuery, around schema.Time) (ws []search.Window) {
	for hit, err := range b.e.Set(b.Context(), q) {
		if err != nil {
			b.Fatal(err)
		}
		w := search.Window{Asset: hit.Asset, Interval: schema.Interval{Start: hit.Interval.Start - around, End: hit.Interval.End + around}}
		if n := len(ws); n > 0 && ws[n-1].Asset == w.Asset && ws[n-1].Interval.End >= w.Interval.Start {
			ws[n-1].Interval.End = w.Interval.End
			continue
		}
		ws = append(ws, w)
	}
	return ws
}

// TestFigureSets reads sets of words of a million lines and a million labels. CINEDEX_FIGURE_LINES makes it quick to try.
func TestFigureSets(t *testing.T) {
	figure.Begin(t, "exact/sets")
	lines := figureLines(t)
	b := newSetBench(t, lines, 1)
	begun := time.Now()
	cold := b.read(b.query("tenth", search.AnyWord))
	took := time.Since(begun)
	b.e.Place()
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	t.Logf("the first set, of %d items, took %s; a heap of %d MB", cold, took, mem.HeapAlloc/1_000_000)
	scored := b.query("tenth", search.AnyWord)
	scored.Scored = true
	label := b.query("tenth", search.AnyWord)
	label.Text.Field = search.FieldLabel
	confident := label
	confident.Text = &search.TextQuery{Scope: b.scope, Words: "tenth", Field: search.FieldLabel, Filter: search.Filter{MinConfidence: 0.9}}
	within := func(q search.SetQuery, of string) search.SetQuery {
		q.Where = b.windows(b.query(of, search.AnyWord), schema.Second)
		return q
	}
	for _, c := range []struct {
		name string
		q    search.SetQuery
		most time.Duration
	}{
		{"one line in ten", b.query("tenth", search.AnyWord), 20 * time.Millisecond},
		{"one line in ten, scored", scored, 60 * time.Millisecond},
		{"every second line", b.query("common", search.AnyWord), 100 * time.Millisecond},
		{"both of two words", b.query("tenth decimal", search.AllWords), 10 * time.Millisecond},
		{"a phrase", b.query("tenth decimal", search.Phrase), 30 * time.Millisecond},
		{"labels", label, 40 * time.Millisecond},
		{"confident labels", confident, 40 * time.Millisecond},
		{"a word in lines of another", within(b.query("tenth", search.AnyWord), "decimal"), 30 * time.Millisecond},
		{"a word in lines of a rare word", within(b.query("tenth", search.AnyWord), "rare"), 10 * time.Millisecond},
		{"a common word in lines of a rare word", within(b.query("common", search.AnyWord), "rare"), 10 * time.Millisecond},
		{"a common word, scored, in lines of a rare word", func() search.SetQuery {
			q := within(b.query("common", search.AnyWord), "rare")
			q.Scored = true
			return q
		}(), 10 * time.Millisecond},
	} {
		var took, busy, sorted timings
		n, found := 0, 0
		runtime.LockOSThread()
		for i := range 33 {
			begun, busyBefore := time.Now(), figure.ThreadTime(t)
			n = b.read(c.q)
			if i < 3 {
				continue
			}
			took, busy = append(took, time.Since(begun)), append(busy, figure.ThreadTime(t)-busyBefore)
			if i%10 > 0 {
				continue
			}
			begun = time.Now()
			hits, err := b.e.Text(t.Context(), *c.q.Text)
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(hits, search.ComparePlaces)
			sorted, found = append(sorted, time.Since(begun)), len(hits)
		}
		runtime.UnlockOSThread()
		figure.Report(t, false, figure.Result{
			Name: "exact/sets/" + c.name, Claim: fmt.Sprintf("the whole set in the order of places: p99 ≤ %s", c.most),
			Measured: fmt.Sprintf("%d items: p50 %s p99 %s ms, of which the processor %s and %s; the %d best by Text, sorted: p50 %s ms", n, ms(took.p(0.5)), ms(took.p(0.99)), ms(busy.p(0.5)), ms(busy.p(0.99)), found, ms(sorted.p(0.5))),
			Ratio:    float64(sorted.p(0.5)) / float64(took.p(0.5)), Pass: took.p(0.99) <= c.most,
			Note: fmt.Sprintf("%d lines, %d labels, %d films", b.lines, b.lines*b.labels, b.lines/linesOfFilm),
		})
	}
}

// TestFigureVectorSets reads sets of vectors: of all titles, and of a title in a hundred.
func TestFigureVectorSets(t *testing.T) {
	figure.Begin(t, "exact/vectors")
	const dimension, ofFilm = 384, 100
	vectors := figureLines(t) / 5
	e, err := embedded.Open(filepath.Join(t.TempDir(), "vectors"), embedded.Config{Spaces: []*pb.Space{{Name: "large", Version: "1", Dimension: dimension, Metric: "cosine"}}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	rnd := rand.New(rand.NewPCG(7, 2))
	near := make([]float32, dimension) // one vector in ten is near
	for i := range near {
		near[i] = float32(rnd.NormFloat64())
	}
	var runs []string
	var windows []search.Window
	var batch []*pb.Embedding
	for i := range vectors {
		asset, run := fmt.Sprintf("film-%08x", i/ofFilm), fmt.Sprintf("run-%08x", i/ofFilm)
		if i%ofFilm == 0 {
			runs = append(runs, run)
		}
		if i%(100*ofFilm) == 0 {
			windows = append(windows, search.Window{Asset: asset, Interval: schema.Interval{End: schema.Hour}})
		}
		v := make([]float32, dimension)
		for k := range v {
			if v[k] = float32(rnd.NormFloat64()); i%10 == 0 {
				v[k] += near[k]
			}
		}
		at := int64(i%ofFilm) * int64(schema.Second)
		if batch = append(batch, &pb.Embedding{Run: run, Ordinal: int64(i % ofFilm), Asset: asset, Space: "large@1", Kind: schema.KindShot, Start: at, End: at + int64(schema.Second), Vector: v}); len(batch) == 2000 || i == vectors-1 {
			if err := e.Write(t.Context(), search.Batch{Embeddings: batch}); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	for _, where := range []struct {
		name    string
		windows []search.Window
	}{{"all titles", nil}, {"a title in a hundred", windows}} {
		q := search.SetQuery{Vector: &search.VectorQuery{Scope: search.NewScope(runs), Space: "large@1", Vector: near}, MinScore: 0.5, Where: where.windows}
		var took, busy timings
		n := 0
		runtime.LockOSThread()
		for i := range 33 {
			begun, before := time.Now(), figure.ThreadTime(t)
			n = 0
			for _, err := range e.Set(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				n++
			}
			if i >= 3 {
				took, busy = append(took, time.Since(begun)), append(busy, figure.ThreadTime(t)-before)
			}
		}
		runtime.UnlockOSThread()
		figure.Report(t, false, figure.Result{
			Name: "exact/vectors/" + where.name, Claim: "the exact set of vectors in the order of places: p99 ≤ 100 ms",
			Measured: fmt.Sprintf("%d items: p50 %s p99 %s ms, of which the processor %s and %s", n, ms(took.p(0.5)), ms(took.p(0.99)), ms(busy.p(0.5)), ms(busy.p(0.99))),
			Pass:     took.p(0.99) <= 100*time.Millisecond, Note: fmt.Sprintf("%d vectors of %d dimensions, of which one in ten is near", vectors, dimension),
		})
	}
}

// TestFigureFrequent asks for a word of every second line, and for a phrase with the word, within one film: of a library of 10,000 lines
// and of a million.
func TestFigureFrequent(t *testing.T) {
	figure.Begin(t, "scope/frequent")
	lines := figureLines(t)
	var took [2]map[string]timings
	kinds := []string{"a word", "two words", "a phrase"}
	for i, n := range []int{10_000, lines} {
		b := newSetBench(t, n, 1)
		took[i] = map[string]timings{}
		runs, _ := b.scope.Named()
		for k := range 330 {
			film := k * 37 % (len(runs) / 2)
			scope := search.NewScope(runs[2*film : 2*film+2])
			for _, kind := range kinds {
				q := search.TextQuery{Scope: scope, Words: "common tenth", Limit: 10}
				switch kind {
				case "a word":
					q.Words = "common"
				case "a phrase":
					q.Mode = search.Phrase
				}
				begun := time.Now()
				if hits, err := b.e.Text(t.Context(), q); err != nil || len(hits) < 10 {
					t.Fatalf("%s: %d hits, %v", kind, len(hits), err)
				}
				if k >= 30 {
					took[i][kind] = append(took[i][kind], time.Since(begun))
				}
			}
		}
	}
	for _, kind := range kinds {
		small, large := took[0][kind], took[1][kind]
		ratio := float64(large.p(0.5)) / float64(small.p(0.5))
		figure.Report(t, false, figure.Result{
			Name: "scope/frequent/" + kind, Claim: "frequent words within a film: p50 ≤ 1.5 of a library of 10,000 lines",
			Measured: fmt.Sprintf("p50 %s p99 %s ms; of 10,000 lines %s and %s ms", ms(large.p(0.5)), ms(large.p(0.99)), ms(small.p(0.5)), ms(small.p(0.99))),
			Ratio:    ratio, Pass: ratio <= 1.5, Note: fmt.Sprintf("%d lines, %d labels, %d films", lines, lines, lines/linesOfFilm),
		})
	}
}

// BenchmarkSet reads sets of a small library.
func BenchmarkSet(b *testing.B) {
	s := newSetBench(b, 20_000, 1)
	s.e.Place()
	for _, w := range []string{"common", "tenth", "rare"} {
		b.Run(w, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.read(s.query(w, search.AnyWord))
			}
		})
	}
}
