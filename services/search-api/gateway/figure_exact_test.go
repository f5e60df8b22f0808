package gateway_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/interval"
	"github.com/cinedex/cinedex/pkg/query"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// sized returns a number that the environment may set.
func sized(t testing.TB, name string, otherwise int) int {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestFigureOracle: random queries over random small libraries are answered as the oracle answers. EXACT_QUERIES sets how many.
func TestFigureOracle(t *testing.T) {
	figure.Begin(t, "exact/oracle")
	const together = 500 * oracleQueries // of one store and engine
	want := sized(t, "EXACT_QUERIES", 100_000)
	if err := flag.Set("rapid.checks", "500"); err != nil {
		t.Fatal(err)
	}
	asked, found, matches, failed := 0, 0, 0, 0
	for n := 0; n < want; n += together {
		ok := t.Run(fmt.Sprint(n), func(t *testing.T) {
			tr := newTrial(t)
			rapid.Check(t, func(r *rapid.T) { tr.once(t, r) })
			asked, found, matches = asked+tr.asked, found+tr.found, matches+tr.matches
		})
		if !ok {
			failed++
		}
	}
	figure.Report(t, true, figure.Result{Name: "exact/oracle", Claim: fmt.Sprintf("%d random queries over small libraries: sets, intervals, scores and order are the oracle's", want),
		Measured: fmt.Sprintf("%d queries, %d of them with matches, %d matches; %d differ", asked, found, matches, failed), Pass: failed == 0 && asked >= want})
}

// largeFilms are films of 200 shots and 400 lines, in which each word and label has tens of thousands of hits.
func largeFilms(n int) []apitest.Film {
	r := rand.New(rand.NewPCG(1, 2))
	phrase := func() string {
		s := trialWords[r.IntN(len(trialWords))]
		for range r.IntN(3) {
			s += " " + trialWords[r.IntN(len(trialWords))]
		}
		return s
	}
	films := make([]apitest.Film, n)
	for i := range films {
		for range 200 {
			s := apitest.Shot{Seconds: 1 + r.Int64N(4), LabelConfidence: 0.9, Colour: []apitest.Shot{{Colour: apitest.Red}, {Colour: apitest.Green}, {Colour: apitest.Blue}}[r.IntN(3)].Colour}
			if r.IntN(2) == 0 {
				s.Label = phrase()
			}
			films[i].Shots = append(films[i].Shots, s)
		}
		for at := range int64(400) {
			films[i].Lines = append(films[i].Lines, apitest.Line{From: at, To: at + 1 + r.Int64N(3), Language: "en", Text: phrase()})
		}
	}
	return films
}

// TestFigureLarge: queries whose leaves have 10,000 to 100,000 hits each are answered as the oracle answers. EXACT_LARGE sets how many
// queries, and EXACT_FILMS how many films of 400 lines.
func TestFigureLarge(t *testing.T) {
	figure.Begin(t, "exact/large")
	want, films := sized(t, "EXACT_LARGE", 1000), sized(t, "EXACT_FILMS", 250)
	tr := newTrial(t)
	o := tr.add(t, largeFilms(films))
	o.large, o.known = true, map[string]map[string][]oracleItem{}
	if err := flag.Set("rapid.checks", fmt.Sprint(want)); err != nil {
		t.Fatal(err)
	}
	ok := t.Run("queries", func(t *testing.T) {
		rapid.Check(t, func(r *rapid.T) {
			q := exactQuery(r)
			if problem := tr.check(t, o, q, &pb.Filter{}); problem != "" {
				r.Fatalf("%s: %.2000s", query.Language{Names: tr.view}.Print(q, nil), problem)
			}
		})
	})
	smallest, largest := search.MaxLimit*1000, 0
	for _, n := range tr.leaves {
		smallest, largest = min(smallest, n), max(largest, n)
	}
	figure.Report(t, true, figure.Result{Name: "exact/large", Claim: fmt.Sprintf("%d queries of leaves with 10,000 to 100,000 hits each: sets, intervals, scores and order are the oracle's", want),
		Measured: fmt.Sprintf("%d queries, %d of them with matches, %d matches; leaves of %d to %d items; the same: %t", tr.asked, tr.found, tr.matches, smallest, largest, ok), Pass: ok && tr.asked >= want})
}

// A vast library has a thousand shots, a thousand lines and eight thousand further labels in each film.
type vast struct {
	*gateway.Gateway
	engine search.Engine
	runs   []string
	shots  int
}

const vastFilm = 1000 // shots of a film

// openVast opens the library of a size, which EXACT_HOMES keeps for the next run.
func openVast(t testing.TB, shots int) *vast {
	home := t.TempDir()
	if homes := os.Getenv("EXACT_HOMES"); homes != "" {
		home = filepath.Join(homes, fmt.Sprint(shots))
	}
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = filepath.Join(home, "store"), 0
	_, missing := os.Stat(filepath.Join(home, "filled"))
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	spaces := []*pb.Space{apitest.SpaceOf(apitest.Pictures), apitest.SpaceOf(apitest.Pictures2), apitest.SpaceOf(apitest.Sentences)}
	e, err := embedded.Open(filepath.Join(home, "engine"), embedded.Config{Spaces: spaces}, embedded.Deps{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	v := &vast{engine: e, shots: shots}
	for f := range shots / vastFilm {
		v.film(t, s, f, missing != nil)
	}
	if err := os.WriteFile(filepath.Join(home, "filled"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfgGateway := gateway.Default()
	cfgGateway.Timeout = time.Minute
	v.Gateway = open(t, &apitest.Library{Store: s, Engine: e}, nil, cfgGateway)
	return v
}

// film writes a film, if fill is set, and notes its runs.
func (v *vast) film(t testing.TB, s store.Store, number int, fill bool) {
	title := fmt.Sprintf("vast-%d", number)
	a := &pb.Asset{Id: apitest.AssetOf(title), Sha256: fmt.Sprintf("%064x", number), Title: &pb.Title{Id: title, Name: title}, Duration: int64(vastFilm * 4 * schema.Second)}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if fill {
		must(s.PutAsset(t.Context(), a))
	}
	r := rand.New(rand.NewPCG(uint64(number), 7))
	for _, algorithm := range []string{"shots", "dialogue", "labels"} {
		run := &pb.Run{Asset: a.GetId(), Algorithm: algorithm, Version: "1", State: pb.RunState_RUN_STATE_REQUESTED}
		run.Id = schema.RunID(run)
		v.runs = append(v.runs, run.GetId())
		if !fill {
			continue
		}
		var items []*pb.Annotation
		say := func(kind string, at, length schema.Time, text, label string) {
			items = append(items, &pb.Annotation{Run: run.GetId(), Asset: a.GetId(), Ordinal: int64(len(items)), Kind: kind, Start: int64(at), End: int64(at + length), Text: text, Language: "en", Label: label, Confidence: 0.9})
		}
		for i := range schema.Time(vastFilm) {
			at := i * 4 * schema.Second
			switch algorithm {
			case "shots":
				say(schema.KindShot, at, 4*schema.Second, "", "")
			case "dialogue":
				say(schema.KindDialogue, at+schema.Second, 2*schema.Second, vastLine(r), "")
			default:
				for range 8 {
					say(schema.KindLabel, at, 4*schema.Second, "", vastLabel(r))
				}
			}
		}
		_, err := s.CreateRun(t.Context(), run)
		must(err)
		must(s.WriteBatches(t.Context(), []store.Batch{{Asset: a.GetId(), Run: run.GetId(), Epoch: 1, Annotations: items}}))
		must(v.engine.Write(t.Context(), search.Batch{Annotations: items}))
		must(s.MarkIndexed(t.Context(), []store.Marker{{Asset: a.GetId(), Run: run.GetId(), Epoch: 1, Part: store.PartAnnotations, Count: int64(len(items))}}))
		run.State, run.Epoch, run.Annotations = pb.RunState_RUN_STATE_FINISHED, 1, int64(len(items))
		must(s.FinishRun(t.Context(), run))
		_, err = s.Activate(t.Context(), run, "")
		must(err)
	}
}

// vastLine has two words of ten each, so that each word is in a tenth of the lines, and now and then a rare word.
func vastLine(r *rand.Rand) string {
	s := fmt.Sprintf("zulu%d kilo%d", r.IntN(10), r.IntN(10))
	if r.IntN(10_000) == 0 {
		s += " sierra"
	}
	return s
}

// vastLabel is a label of eighty: a library of a million shots has each label 100,000 times.
func vastLabel(r *rand.Rand) string { return fmt.Sprintf("tango%d", r.IntN(80)) }

// straight evaluates AND, NOT and WITHIN of two leaves the straightforward way: both sets are read whole, and then swept.
func (v *vast) straight(t testing.TB, left, right *search.TextQuery, operator string) int {
	sets := make([]map[string][]interval.Span[int], 2)
	for i, q := range []*search.TextQuery{left, right} {
		sets[i] = map[string][]interval.Span[int]{}
		for h, err := range v.engine.Set(context.Background(), search.SetQuery{Text: q, Scored: true}) {
			if err != nil {
				t.Fatal(err)
			}
			sets[i][h.Asset] = append(sets[i][h.Asset], interval.Span[int]{Interval: h.Interval, Of: int(h.Ordinal)})
		}
	}
	al := interval.Algebra[int]{Join: func(a, b int) int { return max(a, b) }, Better: func(a, b interval.Span[int]) int { return b.Of - a.Of }}
	n := 0
	for asset, a := range sets[0] {
		a, b := al.Settle(a), al.Settle(sets[1][asset])
		var out []interval.Span[int]
		switch operator {
		case "and":
			out, _ = al.And(a, b)
		case "not":
			out = al.Not(a, b)
		default:
			out, _ = al.Within(a, b, 2*schema.Second)
		}
		n += len(out)
	}
	return n
}

// measure asks the same kind of question with different words, and returns the milliseconds of each, here and the straightforward way.
func (v *vast) measure(t testing.TB, operator string, left, right func(i int) (string, string), rounds int) (ours, straight []float64) {
	scope := search.NewScope(v.runs)
	for i := range rounds {
		field, word := left(i)
		field2, word2 := right(i)
		q := fmt.Sprintf("%s:%s AND %s:%s", field, word, field2, word2)
		switch operator {
		case "not":
			q = fmt.Sprintf("%s:%s AND NOT %s:%s", field, word, field2, word2)
		case "within":
			q += " WITHIN 2s"
		}
		began := time.Now()
		resp, err := v.Search(t.Context(), everybody, &pb.SearchRequest{Q: q, Limit: 20})
		if err != nil || len(resp.GetPartial()) > 0 || !resp.GetTotal().GetExact() {
			t.Fatalf("%s: %v, %v", q, err, resp)
		}
		ours = append(ours, float64(time.Since(began).Microseconds())/1000)
		ask := func(field, word string) *search.TextQuery {
			tq := &search.TextQuery{Scope: scope, Filter: search.Filter{Kinds: []string{schema.KindDialogue}}, Mode: search.AllWords, Words: word}
			if field == "label" {
				tq.Field, tq.Filter.Kinds = search.FieldLabel, []string{schema.KindLabel}
			}
			return tq
		}
		began = time.Now()
		if n := v.straight(t, ask(field, word), ask(field2, word2), operator); n != int(resp.GetTotal().GetCount()) {
			t.Fatalf("%s: %d matches, and %d the straightforward way", q, resp.GetTotal().GetCount(), n)
		}
		straight = append(straight, float64(time.Since(began).Microseconds())/1000)
	}
	return ours, straight
}

// TestFigureExactSpeed: AND, NOT and WITHIN of leaves with a tenth of the lines each, and selective queries, beside the straightforward
// way. EXACT_SHOTS sets the size, EXACT_HOMES keeps the libraries.
func TestFigureExactSpeed(t *testing.T) {
	figure.Begin(t, "exact/speed")
	shots := sized(t, "EXACT_SHOTS", 1_000_000)
	const rounds = 30
	words := func(name string, n int) func(int) (string, string) {
		return func(i int) (string, string) { return "dialogue.words", fmt.Sprint(name, i%n) }
	}
	labels := func(i int) (string, string) { return "label", fmt.Sprint("tango", i%80) }
	rare := func(int) (string, string) { return "dialogue.words", "sierra" }
	v := openVast(t, shots)
	p := func(ms []float64, share float64) float64 {
		return slices.Sorted(slices.Values(ms))[min(len(ms)-1, int(share*float64(len(ms))))]
	}
	for _, operator := range []string{"and", "not", "within"} {
		ours, straight := v.measure(t, operator, words("zulu", 10), words("kilo", 10), rounds)
		figure.Report(t, false, figure.Result{Name: "exact/speed", Claim: fmt.Sprintf("%s of two words, each in a tenth of %d lines: p99 ≤ 100 ms, ≥ 10x faster than reading both sets whole", operator, shots),
			Measured: fmt.Sprintf("p50 %.1f ms, p99 %.1f ms; straightforward p50 %.1f ms, p99 %.1f ms", p(ours, .5), p(ours, .99), p(straight, .5), p(straight, .99)),
			Ratio:    p(straight, .5) / p(ours, .5), Pass: p(ours, .99) <= 100 && p(straight, .5)/p(ours, .5) >= 10})
	}
	ours, straight := v.measure(t, "and", rare, labels, rounds)
	small := openVast(t, max(vastFilm, shots/100))
	oursSmall, _ := small.measure(t, "and", rare, labels, rounds)
	figure.Report(t, false, figure.Result{Name: "exact/speed", Claim: fmt.Sprintf("a rare word AND a common label: grows less than the library from %d to %d shots, ≥ 10x faster than reading both sets whole", small.shots, shots),
		Measured: fmt.Sprintf("p50 %.1f ms to %.1f ms, p99 %.1f ms; straightforward p50 %.1f ms", p(oursSmall, .5), p(ours, .5), p(ours, .99), p(straight, .5)),
		Ratio:    p(straight, .5) / p(ours, .5), Pass: p(ours, .5)/p(oursSmall, .5) < float64(shots)/float64(small.shots) && p(straight, .5)/p(ours, .5) >= 10})
}
