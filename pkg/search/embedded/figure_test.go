package embedded_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search/query"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// linesOfRun is how many lines a generated film has.
const linesOfRun = 1000

// figureLines are the lines that words are looked for in. CINEDEX_FIGURE_LINES makes it quick to try.
func figureLines(t *testing.T) int {
	return figure.Size(t, "CINEDEX_FIGURE_LINES", 1_000_000)
}

// TestFigureText measures the words half of the engine beside bare Bleve, in one process and over the same
// lines: generated ones, of English words as frequent as they are (the model artefact wordfreq-en).
func TestFigureText(t *testing.T) {
	figure.Begin(t, "text/search")
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Require("wordfreq-en")
	if err != nil {
		if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	v, err := loadVocabulary(path)
	if err != nil {
		t.Fatal(err)
	}
	b := &textBench{T: t, v: v, lines: figureLines(t)}
	bareTook, oursTook := b.indexBare(), b.indexOurs()
	n := float64(b.lines)
	figure.Report(t, false, figure.Result{
		Name: "text/indexed", Claim: "lines indexed ≥ 18,000/s in batches of 5,000, no slower than bare Bleve",
		Measured: fmt.Sprintf("%.0f/s, bare %.0f/s", n/oursTook.Seconds(), n/bareTook.Seconds()),
		Ratio:    bareTook.Seconds() / oursTook.Seconds(), Pass: n/oursTook.Seconds() >= 18_000 && oursTook <= bareTook,
		Note: fmt.Sprintf("%d lines", b.lines),
	})
	b.compare()
	b.scoped()
	b.fresh()
}

type textBench struct {
	*testing.T
	v     *vocabulary
	lines int
	bare  bleve.Index
	ours  *embedded.Engine
}

func annotation(i int, text string) *pb.Annotation {
	return &pb.Annotation{
		Run: fmt.Sprintf("%032x", i/linesOfRun), Ordinal: int64(i % linesOfRun), Asset: fmt.Sprintf("%032x", i/linesOfRun),
		Kind: schema.KindDialogue, Text: text, Language: "en", Confidence: 1,
		Start: int64(i%linesOfRun) * int64(5*schema.Second), End: int64(i%linesOfRun)*int64(5*schema.Second) + int64(3*schema.Second),
	}
}

func (b *textBench) eachLine(f func(i int, text string) error) time.Duration {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	begun := time.Now()
	for i := range b.lines {
		if err := f(i, b.v.line(r)); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(begun)
}

func (b *textBench) indexOurs() time.Duration {
	var err error
	if b.ours, err = embedded.Open(filepath.Join(b.TempDir(), "ours"), embedded.Config{}, embedded.Deps{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = b.ours.Close() })
	batch := make([]*pb.Annotation, 0, 5000)
	return b.eachLine(func(i int, text string) error {
		batch = append(batch, annotation(i, text))
		if len(batch) < cap(batch) && i < b.lines-1 {
			return nil
		}
		defer func() { batch = batch[:0] }()
		return b.ours.Write(b.Context(), search.Batch{Annotations: batch})
	})
}

// indexBare is what one would do with Bleve alone: the same fields that are asked for, nothing stored.
func (b *textBench) indexBare() time.Duration {
	im := bleve.NewIndexMapping()
	im.DefaultMapping = mapping.NewDocumentStaticMapping()
	text := mapping.NewTextFieldMapping()
	text.Analyzer, text.Store, text.DocValues, text.IncludeInAll = "en", false, false, false
	im.DefaultMapping.AddFieldMappingsAt("text", text)
	for _, name := range []string{"run", "kind", "language"} {
		k := mapping.NewTextFieldMapping()
		k.Analyzer, k.Store, k.DocValues, k.IncludeInAll, k.IncludeTermVectors, k.SkipFreqNorm = keyword.Name, false, false, false, false, true
		im.DefaultMapping.AddFieldMappingsAt(name, k)
	}
	var err error
	if b.bare, err = bleve.NewUsing(filepath.Join(b.TempDir(), "bare"), im, scorch.Name, scorch.Name, nil); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = b.bare.Close() })
	batch := b.bare.NewBatch()
	return b.eachLine(func(i int, text string) error {
		run := fmt.Sprintf("%032x", i/linesOfRun)
		if err := batch.Index(fmt.Sprintf("%s/%08x", run, i%linesOfRun), map[string]any{"text": text, "run": run, "kind": "dialogue", "language": "en"}); err != nil {
			return err
		}
		if batch.Size() < 5000 && i < b.lines-1 {
			return nil
		}
		defer batch.Reset()
		return b.bare.Batch(batch)
	})
}

// A question is asked of both.
type question struct {
	mode  search.TextMode
	words string
}

func (q question) bare() query.Query {
	switch q.mode {
	case search.AllWords:
		m := bleve.NewMatchQuery(q.words)
		m.SetField("text")
		m.SetOperator(query.MatchQueryOperatorAnd)
		return m
	case search.Phrase:
		m := bleve.NewMatchPhraseQuery(q.words)
		m.SetField("text")
		return m
	case search.Fuzzy:
		m := bleve.NewMatchQuery(q.words)
		m.SetField("text")
		m.SetAutoFuzziness(true)
		return m
	case search.Prefix:
		p := bleve.NewPrefixQuery(q.words)
		p.SetField("text")
		return p
	}
	m := bleve.NewMatchQuery(q.words)
	m.SetField("text")
	return m
}

// questions are drawn from lines like those indexed, so that they are as frequent as people's words are.
func questions(v *vocabulary, n int) map[string][]question {
	r := rand.New(rand.NewPCG(1, 2)) // the seed of the lines: phrases that are there
	all := map[string][]question{}
	seed := rand.New(rand.NewPCG(9, 9))
	for len(all["phrase"]) < n {
		w := strings.Fields(v.line(r))
		if seed.IntN(20) > 0 || len(w) < 5 {
			continue
		}
		at := seed.IntN(len(w) - 3)
		all["any word of three"] = append(all["any word of three"], question{search.AnyWord, strings.Join(w[at:at+3], " ")})
		all["one word"] = append(all["one word"], question{search.AnyWord, w[at]})
		all["all of two words"] = append(all["all of two words"], question{search.AllWords, strings.Join(w[at:at+2], " ")})
		all["phrase"] = append(all["phrase"], question{search.Phrase, strings.Join(w[at:at+3], " ")})
		long := w[at]
		for _, x := range w {
			if len(x) > len(long) {
				long = x
			}
		}
		runes := []rune(long)
		if len(runes) > 3 {
			k := 1 + seed.IntN(len(runes)-2)
			all["fuzzy"] = append(all["fuzzy"], question{search.Fuzzy, string(append(append([]rune{}, runes[:k]...), runes[k+1:]...))})
			all["prefix"] = append(all["prefix"], question{search.Prefix, string(runes[:3+seed.IntN(len(runes)-3)])})
		}
	}
	return all
}

type timings []time.Duration

func (t timings) p(share float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	s := slices.Clone(t)
	slices.Sort(s)
	return s[min(int(share*float64(len(s))), len(s)-1)]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1e6) }

func (b *textBench) ask(q question, runs []string) time.Duration {
	b.Helper()
	begun := time.Now()
	// A new scope for each question, as the gateway makes one.
	scope := search.NewScope(runs)
	if _, err := b.ours.Text(b.Context(), search.TextQuery{Scope: scope, Mode: q.mode, Words: q.words, Languages: []string{"en"}, Limit: 10}); err != nil {
		b.Fatalf("asking for %q: %v", q.words, err)
	}
	return time.Since(begun)
}

func (b *textBench) askBare(q question) time.Duration {
	b.Helper()
	begun := time.Now()
	if _, err := b.bare.SearchInContext(b.Context(), bleve.NewSearchRequestOptions(q.bare(), 10, 0, false)); err != nil {
		b.Fatalf("asking Bleve for %q: %v", q.words, err)
	}
	return time.Since(begun)
}

func (b *textBench) runs() []string {
	var runs []string
	for i := 0; i < b.lines; i += linesOfRun {
		runs = append(runs, fmt.Sprintf("%032x", i/linesOfRun))
	}
	return runs
}

const questionsOfKind = 300

func (b *textBench) compare() {
	all := questions(b.v, questionsOfKind)
	runs := b.runs()
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		var theirs, mine timings
		for range 2 { // the first warms caches
			theirs, mine = nil, nil
			for _, q := range all[kind] {
				theirs = append(theirs, b.askBare(q))
				mine = append(mine, b.ask(q, runs))
			}
		}
		ratio := float64(mine.p(0.99)) / float64(theirs.p(0.99))
		figure.Report(b, false, figure.Result{
			Name: "text/" + strings.ReplaceAll(kind, " ", "-"), Claim: "top-10 p99 ≤ 5 ms and ≤ 1.3 of bare Bleve",
			Measured: fmt.Sprintf("p50 %s p99 %s, bare %s and %s ms", ms(mine.p(0.5)), ms(mine.p(0.99)), ms(theirs.p(0.5)), ms(theirs.p(0.99))),
			Ratio:    ratio, Pass: ratio <= 1.3 && mine.p(0.99) <= 5*time.Millisecond,
			Note: fmt.Sprintf("%d lines, %d questions, all %d runs in scope", b.lines, len(mine), len(runs)),
		})
	}
}

func (b *textBench) scoped() {
	r := rand.New(rand.NewPCG(4, 4))
	qs := questions(b.v, questionsOfKind)["any word of three"]
	for _, share := range []float64{0.99, 0.5, 0.01} {
		visible := b.runs()
		r.Shuffle(len(visible), func(i, j int) { visible[i], visible[j] = visible[j], visible[i] })
		visible = visible[:max(1, int(share*float64(len(visible))))]
		var mine timings
		for range 2 {
			mine = nil
			for _, q := range qs {
				mine = append(mine, b.ask(q, visible))
			}
		}
		figure.Report(b, false, figure.Result{
			Name: fmt.Sprintf("text/scope-%g%%", 100*share), Claim: "top-10 of any word p99 ≤ 5 ms within a part of the runs",
			Measured: fmt.Sprintf("p50 %s p99 %s ms", ms(mine.p(0.5)), ms(mine.p(0.99))), Pass: mine.p(0.99) <= 5*time.Millisecond,
		})
	}
}

// fresh writes at a steady rate, each batch of one run, and tells how long it takes from when a batch is
// due until a search finds it.
func (b *textBench) fresh() {
	const rate, batch, seconds = 5000, 50, 20
	var mu sync.Mutex
	var took timings
	var wg sync.WaitGroup
	r := rand.New(rand.NewPCG(6, 6))
	begun := time.Now()
	for n := range seconds * rate / batch {
		due := begun.Add(time.Duration(n) * time.Second * batch / rate)
		time.Sleep(time.Until(due)) // the rate is what is claimed
		run, mark := fmt.Sprintf("fresh%027x", n/20), fmt.Sprintf("mark%dx", n)
		var as []*pb.Annotation
		for i := range batch {
			a := annotation(i, b.v.line(r)+" "+mark)
			a.Run, a.Ordinal = run, int64(n%20*batch+i)
			as = append(as, a)
		}
		wg.Go(func() {
			if err := b.ours.Write(b.Context(), search.Batch{Annotations: as}); err != nil {
				b.Errorf("writing: %v", err)
				return
			}
			hits, err := b.ours.Text(b.Context(), search.TextQuery{Scope: search.NewScope([]string{run}), Words: mark, Languages: []string{"en"}, Limit: batch})
			if err != nil || len(hits) != batch {
				b.Errorf("found %d of %d: %v", len(hits), batch, err)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
		})
	}
	wg.Wait()
	figure.Report(b, false, figure.Result{
		Name: "text/fresh", Claim: "written until found at 5,000 annotations/s: p99 ≤ 100 ms",
		Measured: fmt.Sprintf("p50 %s p99 %s max %s ms", ms(took.p(0.5)), ms(took.p(0.99)), ms(took.p(1))),
		Pass:     took.p(0.99) <= 100*time.Millisecond,
		Note:     fmt.Sprintf("the engine alone, batches of %d, beside %d lines", batch, b.lines),
	})
}
