package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// sideBySide is two processes side by side over the same library, of an earlier commit and of this commit. Both get the
// same work in turns: queries, and batches of annotations.
type sideBySide struct {
	before                 string // the earlier commit
	texts                  int    // every texts-th annotation is a text
	first                  int    // batches searched from the beginning
	rounds, queries, batch int
	seed                   uint64
}

// pairedRounds are the results. In a pair, the first result is of the earlier commit.
type pairedRounds struct {
	t               *testing.T
	before          string
	p50, p99, folds []float64    // ratios of now to before, a round each
	took            [2][]float64 // milliseconds of each search
	searching       [2]float64   // seconds of the processor while there were searches
	folding         [2]float64   // and while there were batches
}

func (b sideBySide) run(t *testing.T) *pairedRounds {
	testCache(t)
	media := t.TempDir()
	lib := synthetic.Of((b.rounds+b.first)*b.batch, b.texts)
	sides := [2]*commandHome{
		{t: t, bin: filepath.Join(buildAt(t, b.before), "cinedex"), dir: filepath.Join(t.TempDir(), "before"), media: media},
		{t: t, bin: buildCommand(t), dir: filepath.Join(t.TempDir(), "now"), media: media},
	}
	var feeds [2]*feed
	for i, c := range sides {
		c.up()
		feeds[i] = newFeed(c, lib)
		feeds[i].fold(b.first * b.batch / lib.Run)
	}
	rnd := rand.New(rand.NewPCG(b.seed, 7))
	ask := func(i int, q string) float64 {
		began := time.Now()
		feeds[i].search(q)
		return time.Since(began).Seconds() * 1000
	}
	for n := range 200 { // until caches and tables are warm
		for i := range sides {
			ask(i, question(n))
		}
	}
	r := &pairedRounds{t: t, before: b.before}
	for n := range b.rounds {
		var took [2][]float64
		for i, c := range sides {
			r.searching[i] -= c.processor()
		}
		for k := range b.queries {
			q := question(rnd.IntN(1 << 20))
			first := (n + k) % 2
			for _, i := range []int{first, 1 - first} {
				took[i] = append(took[i], ask(i, q))
			}
		}
		r.p50 = append(r.p50, figure.Quantile(took[1], 0.5)/figure.Quantile(took[0], 0.5))
		r.p99 = append(r.p99, figure.Quantile(took[1], 0.99)/figure.Quantile(took[0], 0.99))
		for i, c := range sides {
			r.searching[i] += c.processor()
		}
		var rate [2]float64
		for _, i := range []int{n % 2, 1 - n%2} {
			r.took[i] = append(r.took[i], took[i]...)
			began := sides[i].processor()
			rate[i] = feeds[i].fold(b.batch / lib.Run)
			r.folding[i] += sides[i].processor() - began
		}
		r.folds = append(r.folds, rate[0]/rate[1])
	}
	for i, c := range sides {
		feeds[i].log.Close()
		c.end(syscall.SIGTERM)
	}
	return r
}

// report reports the median of ratios, of which at most most passes.
func (r *pairedRounds) report(name, claim string, most float64, ratios []float64, detail string) {
	m := figure.Median(ratios)
	figure.Report(r.t, false, figure.Result{Name: name, Claim: claim, Ratio: m, Pass: m <= most,
		Note:     fmt.Sprintf("two processes side by side in one run, the commit before is %s; medians of paired rounds, in brackets the quartiles of the rounds' ratios", r.before[:7]),
		Measured: fmt.Sprintf("%.3f (%.3f to %.3f) over %d rounds; %s", m, figure.Quantile(ratios, 0.25), figure.Quantile(ratios, 0.75), len(ratios), detail)})
}

// processor is how many seconds of the processor the process has had: fields 14 and 15 of proc_pid_stat(5), in hundredths.
func (c *commandHome) processor() float64 {
	c.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	var ticks [2]int
	for i := range ticks {
		if ticks[i], err = strconv.Atoi(f[11+i]); err != nil {
			c.t.Fatal(err)
		}
	}
	return float64(ticks[0]+ticks[1]) / 100
}

// question is the n-th search: words, phrases, beginnings, and joins of two.
func question(n int) string {
	word := func(k int) string { return synthetic.Words[(n/7+k*n)%len(synthetic.Words)] }
	switch n % 5 {
	case 0:
		return "dialogue.words:" + word(0)
	case 1:
		return fmt.Sprintf(`dialogue.phrase:"waits for the %s"`, word(0))
	case 2:
		return fmt.Sprintf("dialogue.words:%s AND dialogue.words:%s", word(0), word(1))
	case 3:
		return "dialogue.prefix:" + word(0)[:3]
	}
	return fmt.Sprintf("(dialogue.words:%s OR dialogue.words:%s) title:title-%d", word(0), word(2), n%8)
}

// A feed gives a home the runs of a synthetic library over the home's log, and asks the home.
type feed struct {
	c      *commandHome
	log    *events.Client
	server endpoint
	client *http.Client
	runs   []published
	done   int
}

type published struct {
	batches  []events.Event
	finished events.Event
}

func newFeed(c *commandHome, lib synthetic.Library) *feed {
	c.t.Helper()
	log, err := c.home().log(context.Background())
	if err != nil {
		c.t.Fatal(err)
	}
	e, err := c.home().endpoint()
	if err != nil {
		c.t.Fatal(err)
	}
	f := &feed{c: c, log: log, server: e, client: &http.Client{Timeout: time.Minute}}
	i := 0
	for batches, finished := range lib.Events() {
		asset := lib.Asset(i)
		asset.Sha256 = asset.GetId() + asset.GetId() // an arriving asset must be complete
		asset.Media = &pb.MediaRef{Key: "none"}
		if err := log.Publish(context.Background(), events.MediaReady, events.Event{Subject: asset.GetId(), Data: &pb.MediaReady{Asset: asset}}); err != nil {
			c.t.Fatal(err)
		}
		f.runs = append(f.runs, published{batches, finished})
		i++
	}
	f.until("the assets are in the library", func(r *pb.GetStatusResponse) bool { return len(r.GetAssets()) == i })
	return f
}

// fold publishes the next runs, waits until readers see the runs, and returns the annotations per second.
func (f *feed) fold(runs int) float64 {
	f.c.t.Helper()
	began := time.Now()
	n := 0
	for _, p := range f.runs[f.done : f.done+runs] {
		if err := f.log.Publish(context.Background(), events.Annotations, p.batches...); err != nil {
			f.c.t.Fatal(err)
		}
		if err := f.log.Publish(context.Background(), events.RunsFinished, p.finished); err != nil {
			f.c.t.Fatal(err)
		}
		n += len(p.batches)
	}
	f.done += runs
	f.until("the runs are seen", func(r *pb.GetStatusResponse) bool {
		active := 0
		for _, a := range r.GetAssets() {
			active += len(a.GetActive())
		}
		return active >= f.done
	})
	return float64(n) / time.Since(began).Seconds()
}

func (f *feed) until(what string, is func(*pb.GetStatusResponse) bool) {
	f.c.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(2 * time.Millisecond) { // the grain of the figure
		r, err := f.c.status(context.Background())
		if err == nil && is(r) {
			return
		}
		if time.Now().After(deadline) {
			f.c.t.Fatalf("never: %s: %v, %v", what, r, err)
		}
	}
}

// search asks once, and waits if told to wait.
func (f *feed) search(q string) {
	f.c.t.Helper()
	body, err := json.Marshal(map[string]any{"q": q})
	if err != nil {
		f.c.t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodPost, f.server.Server+searchPath+"Search", strings.NewReader(string(body)))
	if err != nil {
		f.c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.server.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		f.c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		f.c.t.Fatalf("searching %s: %d %s, %v", q, resp.StatusCode, b, err)
	}
}
