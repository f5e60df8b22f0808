package gateway_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// spokenFilm is how many lines a film of the figure has.
const spokenFilm = 1000

// A vocabulary is words of which the first are said most often, as in a language.
type vocabulary struct {
	words []string
	draw  *rand.Zipf
}

func newVocabulary(r *rand.Rand, size int) vocabulary {
	v := vocabulary{draw: rand.NewZipf(r, 1.1, 8, uint64(size-1))}
	// Two letters begin one word in eighty, as "st" or "pa" of English do.
	const consonants, vowels = "bcdfghjklmnprstv", "aeiou"
	for i := range size {
		word := ""
		for n := i + 80; n > 0; n /= 80 {
			word += string(consonants[n%16]) + string(vowels[n/16%5])
		}
		v.words = append(v.words, word)
	}
	return v
}

func (v vocabulary) word() string { return v.words[v.draw.Uint64()] }

// openSpoken makes a library of lines of dialogue, in films of a thousand lines, said by twenty characters each.
func openSpoken(t testing.TB, lines int) (*gateway.Gateway, vocabulary) {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir, cfg.MinFreeBytes = t.TempDir(), 0
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	e, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: []*pb.Space{apitest.SpaceOf(apitest.Pictures), apitest.SpaceOf(apitest.Sentences)}}, embedded.Deps{Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	r := rand.New(rand.NewPCG(4, 9))
	v := newVocabulary(r, 50_000)
	for film := range lines / spokenFilm {
		title := fmt.Sprintf("spoken-%d", film)
		a := &pb.Asset{Id: apitest.AssetOf(title), Sha256: fmt.Sprintf("%064x", film), Title: &pb.Title{Id: title, Name: v.word() + " " + v.word()}, Duration: int64(spokenFilm * 4 * schema.Second)}
		run := &pb.Run{Asset: a.GetId(), Algorithm: "dialogue", Version: "1", State: pb.RunState_RUN_STATE_REQUESTED}
		run.Id = schema.RunID(run)
		var items []*pb.Annotation
		for i := range spokenFilm {
			text := v.word()
			for range 4 + r.IntN(8) {
				text += " " + v.word()
			}
			at := schema.Time(i) * 4 * schema.Second
			items = append(items, &pb.Annotation{Run: run.GetId(), Asset: a.GetId(), Ordinal: int64(i), Kind: schema.KindDialogue, Start: int64(at), End: int64(at + 3*schema.Second),
				Text: text, Language: "en", Character: v.words[(film*7+i%20)%len(v.words)] + fmt.Sprint(film%50), Confidence: 1})
		}
		must(s.PutAsset(t.Context(), a))
		_, err := s.CreateRun(t.Context(), run)
		must(err)
		must(s.WriteBatches(t.Context(), []store.Batch{{Asset: a.GetId(), Run: run.GetId(), Epoch: 1, Annotations: items}}))
		must(e.Write(t.Context(), search.Batch{Annotations: items}))
		run.State, run.Epoch, run.Annotations = pb.RunState_RUN_STATE_FINISHED, 1, int64(len(items))
		must(s.FinishRun(t.Context(), run))
		_, err = s.Activate(t.Context(), run, "")
		must(err)
	}
	return open(t, &apitest.Library{Store: s, Engine: e}, nil, gateway.Default()), v
}

// TestFigureSuggestSpeed: the answers to somebody who types, letter by letter, over a million lines. SUGGEST_LINES sets the size.
func TestFigureSuggestSpeed(t *testing.T) {
	figure.Begin(t, "suggest/speed")
	lines := figure.Size(t, "SUGGEST_LINES", 1_000_000)
	g, v := openSpoken(t, lines)
	half := make([]string, 0, lines/spokenFilm/2)
	for i := range lines / spokenFilm / 2 {
		half = append(half, fmt.Sprintf("spoken-%d", 2*i))
	}
	for name, caller := range map[string]*authz.Caller{"everything": everybody, "half of the titles": authz.NewCaller("half", half)} {
		var took, worked []float64
		missing := 0
		r := rand.New(rand.NewPCG(1, 2))
		for n := range 60 {
			typed := v.words[r.IntN(3000)] + " " + v.words[r.IntN(300)]
			for i := 2; i <= len(typed); i++ {
				began, busy := time.Now(), processorTime(t)
				resp, err := g.Suggest(t.Context(), caller, &pb.SuggestRequest{Typed: typed[:i]})
				if err != nil {
					t.Fatal(err)
				}
				if n >= 10 { // the first read comes from disk
					took = append(took, float64(time.Since(began).Microseconds())/1000)
					worked = append(worked, float64((processorTime(t)-busy).Microseconds())/1000)
					missing += len(resp.GetPartial())
				}
			}
		}
		p := func(of []float64, share float64) float64 {
			return slices.Sorted(slices.Values(of))[min(len(of)-1, int(share*float64(len(of))))]
		}
		figure.Report(t, false, figure.Result{Name: "suggest/speed", Claim: fmt.Sprintf("titles, characters, lines and phrases while somebody types, over %d lines, of %s: p99 ≤ 20 ms", lines, name),
			Measured: fmt.Sprintf("p50 %.1f ms, p90 %.1f ms, p99 %.1f ms; of a processor p50 %.1f ms, p90 %.1f ms, p99 %.1f ms; %d letters typed, %d parts late",
				p(took, .5), p(took, .9), p(took, .99), p(worked, .5), p(worked, .9), p(worked, .99), len(took), missing), Pass: p(took, .99) <= 20 && missing == 0})
	}
}

// processorTime is how long processors have worked for the test so far: on a busy machine, an answer waits for processors for most of its time.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
