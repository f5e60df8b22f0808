// Command textbench measures the words half of the embedded engine beside bare Bleve, in one process and
// over the same lines: generated ones, of English words as frequent as they are.
//
//	go run ./pkg/search/embedded/textbench -words FILE [-lines 1000000] [-queries 300] [-dir DIR]
//
// FILE is the model artefact wordfreq-en. Each line of its output has a claim, what was measured, the ratio
// to bare Bleve and whether the claim holds; the exit status is 1 if one does not and -strict is given.
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/keyword"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/blevesearch/bleve/v2/mapping"
	"github.com/blevesearch/bleve/v2/search/query"
	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

const linesOfRun = 1000

var (
	words   = flag.String("words", "", "the artefact wordfreq-en")
	lines   = flag.Int("lines", 1_000_000, "lines to generate")
	queries = flag.Int("queries", 300, "questions of each kind")
	rate    = flag.Int("rate", 5000, "annotations a second, for the time until they are found")
	seconds = flag.Int("seconds", 10, "how long to write at that rate")
	dir     = flag.String("dir", "", "folder to work in; empty for one that is removed afterwards. What is there already is used again")
	byCPU   = flag.Bool("cpu", false, "time questions by the processor time of their thread, where the machine does other work, too")
	strict  = flag.Bool("strict", false, "fail if a claim does not hold")
	short   = false
)

func main() {
	flag.Parse()
	if err := bench(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "textbench:", err)
		os.Exit(1)
	}
	if short && *strict {
		os.Exit(1)
	}
}

// claim prints one line of the report.
func claim(name, claimed, measured string, ratio float64, holds bool) {
	verdict := "pass"
	if !holds {
		verdict, short = "falls short", true
	}
	r := ""
	if ratio > 0 {
		r = fmt.Sprintf("%.2f", ratio)
	}
	fmt.Printf("%-44s claim %-34s measured %-44s ratio %-6s %s\n", name, claimed, measured, r, verdict)
}

func bench(ctx context.Context) error {
	v, err := loadVocabulary(*words)
	if err != nil {
		return err
	}
	home := *dir
	if home == "" {
		if home, err = os.MkdirTemp("", "textbench"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(home) }()
	}
	fmt.Printf("%d lines over %d words, %d cores\n", *lines, len(v.words), runtime.NumCPU())
	bare, bareTook, err := indexBare(v, filepath.Join(home, "bare"))
	if err != nil {
		return err
	}
	defer func() { _ = bare.Close() }()
	ours, oursTook, err := indexOurs(ctx, v, filepath.Join(home, "ours"))
	if err != nil {
		return err
	}
	defer func() { _ = ours.Close() }()
	if bareTook > 0 && oursTook > 0 {
		n := float64(*lines)
		claim("lines indexed, batches of 5,000", ">= 18,000/s", fmt.Sprintf("%.0f/s, bare %.0f/s", n/oursTook.Seconds(), n/bareTook.Seconds()),
			bareTook.Seconds()/oursTook.Seconds(), n/oursTook.Seconds() >= 18_000)
	}
	if err := compare(ctx, v, bare, ours); err != nil {
		return err
	}
	return fresh(ctx, v, ours)
}

func annotation(i int, text string) *pb.Annotation {
	return &pb.Annotation{
		Run: fmt.Sprintf("%032x", i/linesOfRun), Ordinal: int64(i % linesOfRun), Asset: fmt.Sprintf("%032x", i/linesOfRun),
		Kind: schema.KindDialogue, Text: text, Language: "en", Confidence: 1,
		Start: int64(i%linesOfRun) * int64(5*schema.Second), End: int64(i%linesOfRun)*int64(5*schema.Second) + int64(3*schema.Second),
	}
}

func eachLine(v *vocabulary, f func(i int, text string) error) error {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range *lines {
		if err := f(i, v.line(r)); err != nil {
			return err
		}
	}
	return nil
}

func indexOurs(ctx context.Context, v *vocabulary, dir string) (*embedded.Engine, time.Duration, error) {
	_, statErr := os.Stat(dir)
	e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
	if err != nil || statErr == nil {
		return e, 0, err
	}
	begun := time.Now()
	batch := make([]*pb.Annotation, 0, 5000)
	err = eachLine(v, func(i int, text string) error {
		batch = append(batch, annotation(i, text))
		if len(batch) < cap(batch) && i < *lines-1 {
			return nil
		}
		defer func() { batch = batch[:0] }()
		return e.Write(ctx, search.Batch{Annotations: batch})
	})
	return e, time.Since(begun), err
}

// indexBare is what one would do with Bleve alone: the same fields that are asked for, nothing stored.
func indexBare(v *vocabulary, dir string) (bleve.Index, time.Duration, error) {
	if _, err := os.Stat(dir); err == nil {
		i, err := bleve.Open(dir)
		return i, 0, err
	}
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
	index, err := bleve.NewUsing(dir, im, scorch.Name, scorch.Name, nil)
	if err != nil {
		return nil, 0, err
	}
	begun := time.Now()
	b := index.NewBatch()
	err = eachLine(v, func(i int, text string) error {
		run := fmt.Sprintf("%032x", i/linesOfRun)
		if err := b.Index(fmt.Sprintf("%s/%08x", run, i%linesOfRun), map[string]any{"text": text, "run": run, "kind": "dialogue", "language": "en"}); err != nil {
			return err
		}
		if b.Size() < 5000 && i < *lines-1 {
			return nil
		}
		defer b.Reset()
		return index.Batch(b)
	})
	return index, time.Since(begun), err
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
func questions(v *vocabulary) map[string][]question {
	r := rand.New(rand.NewPCG(1, 2)) // the seed of the lines: phrases that are there
	all := map[string][]question{}
	seed := rand.New(rand.NewPCG(9, 9))
	for len(all["phrase"]) < *queries {
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

// clock is the time, or the processor time of the thread.
func clock() time.Duration {
	if !*byCPU {
		return time.Since(started)
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

var started = time.Now()

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/1e6) }

func compare(ctx context.Context, v *vocabulary, bare bleve.Index, ours *embedded.Engine) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runs := make([]string, 0, *lines/linesOfRun+1)
	for i := 0; i < *lines; i += linesOfRun {
		runs = append(runs, fmt.Sprintf("%032x", i/linesOfRun))
	}
	all := questions(v)
	kinds := make([]string, 0, len(all))
	for k := range all {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		var theirs, mine timings
		for round := range 2 { // the first warms caches
			theirs, mine = nil, nil
			for _, q := range all[kind] {
				begun := clock()
				if _, err := bare.SearchInContext(ctx, bleve.NewSearchRequestOptions(q.bare(), 10, 0, false)); err != nil {
					return fmt.Errorf("asking Bleve for %q: %w", q.words, err)
				}
				theirs = append(theirs, clock()-begun)
				// A new scope for each question, as the gateway makes one.
				begun = clock()
				scope := search.NewScope(runs)
				if _, err := ours.Text(ctx, search.TextQuery{Scope: scope, Mode: q.mode, Words: q.words, Languages: []string{"en"}, Limit: 10}); err != nil {
					return fmt.Errorf("asking for %q: %w", q.words, err)
				}
				mine = append(mine, clock()-begun)
			}
			_ = round
		}
		ratio := float64(mine.p(0.99)) / float64(theirs.p(0.99))
		claim("top 10, "+kind, "p99 <= 5 ms and <= 1.3 of bare",
			fmt.Sprintf("p50 %s p99 %s, bare %s %s ms", ms(mine.p(0.5)), ms(mine.p(0.99)), ms(theirs.p(0.5)), ms(theirs.p(0.99))),
			ratio, ratio <= 1.3 && mine.p(0.99) <= 5*time.Millisecond)
	}
	r := rand.New(rand.NewPCG(4, 4))
	for _, share := range []float64{0.99, 0.5, 0.01} {
		var mine timings
		visible := slices.Clone(runs)
		r.Shuffle(len(visible), func(i, j int) { visible[i], visible[j] = visible[j], visible[i] })
		visible = visible[:max(1, int(share*float64(len(visible))))]
		for range 2 {
			mine = nil
			for _, q := range all["any word of three"] {
				begun := clock()
				if _, err := ours.Text(ctx, search.TextQuery{Scope: search.NewScope(visible), Mode: q.mode, Words: q.words, Limit: 10}); err != nil {
					return err
				}
				mine = append(mine, clock()-begun)
			}
		}
		claim(fmt.Sprintf("top 10, any word, %g %% of runs visible", 100*share), "p99 <= 5 ms", fmt.Sprintf("p50 %s p99 %s ms", ms(mine.p(0.5)), ms(mine.p(0.99))), 0, mine.p(0.99) <= 5*time.Millisecond)
	}
	return nil
}

// fresh writes at a steady rate, each batch of one run, and tells how long it takes from when a batch is
// due until a search finds it.
func fresh(ctx context.Context, v *vocabulary, e *embedded.Engine) error {
	const batch = 50
	every := time.Second * batch / time.Duration(*rate)
	var mu sync.Mutex
	var took timings
	var failed error
	var wg sync.WaitGroup
	r := rand.New(rand.NewPCG(6, 6))
	begun := time.Now()
	n := *seconds * *rate / batch
	for b := range n {
		due := begun.Add(time.Duration(b) * every)
		time.Sleep(time.Until(due))
		run := fmt.Sprintf("fresh%027x", b/20)
		mark := fmt.Sprintf("mark%dx", b)
		var as []*pb.Annotation
		for i := range batch {
			a := annotation(b*batch+i, v.line(r)+" "+mark)
			a.Run, a.Ordinal = run, int64(b%20*batch+i)
			as = append(as, a)
		}
		wg.Go(func() {
			err := e.Write(ctx, search.Batch{Annotations: as})
			var hits []search.Hit
			if err == nil {
				hits, err = e.Text(ctx, search.TextQuery{Scope: search.NewScope([]string{run}), Words: mark, Languages: []string{"en"}, Limit: batch})
			}
			if err == nil && len(hits) != batch {
				err = fmt.Errorf("found %d of %d", len(hits), batch)
			}
			mu.Lock()
			defer mu.Unlock()
			took = append(took, time.Since(due))
			if err != nil && failed == nil {
				failed = err
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	claim(fmt.Sprintf("found after writing, %d/s over %d lines", *rate, *lines), "p99 <= 100 ms",
		fmt.Sprintf("p50 %s p99 %s max %s ms", ms(took.p(0.5)), ms(took.p(0.99)), ms(took.p(1))), 0, took.p(0.99) <= 100*time.Millisecond)
	return nil
}
