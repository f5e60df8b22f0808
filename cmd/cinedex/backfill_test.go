package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/synthetic"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// TestChaosReplayCrash kills `cinedex up` while a replay folds a library again.
func TestChaosReplayCrash(t *testing.T) {
	serverstest.Chaos(t)
	for _, r := range (replayed{annotations: 40_000, rate: 5000, kills: 2, searches: 20}).backfill(t) {
		if !r.same || r.kills == 0 {
			t.Errorf("replay from the %s: %+v", r.source, r)
		}
	}
}

func TestFigureBackfill(t *testing.T) {
	figure.Begin(t, "backfill/replay")
	reportBackfill(t, "backfill/", "", 5000)
}

// The same over real servers, at the live rate of the figure opensearch/found.
func TestFigureBackfillProduction(t *testing.T) {
	figure.Begin(t, "backfill/production")
	reportBackfill(t, "backfill/production-", productionFile(t), 2000)
}

func reportBackfill(t *testing.T, name, config string, liveRate float64) {
	for _, r := range (replayed{config: config, annotations: 1_000_000, kills: 1, searches: 500}).backfill(t) {
		figure.Report(t, false, figure.Result{Name: name + r.source,
			Claim: fmt.Sprintf("1M annotations, one text in ten, folded again from the %s: ≥ 5x the live rate of %.0f/s; search p99 meanwhile ≤ 1.2 of quiet; after kill -9 in the midst dumps identical", r.source, liveRate),
			Measured: fmt.Sprintf("%d annotations in %.1f s of work, %.0f/s (%.1fx); search p50 %.1f → %.1f ms, p99 %.1f → %.1f ms (%.2fx, %d and %d searches); %d kills, dumps of %d and %d bytes %s",
				r.items, r.worked.Seconds(), r.rate, r.rate/liveRate, ms(quantile(r.quiet, 0.5)), ms(quantile(r.busy, 0.5)), ms(quantile(r.quiet, 0.99)), ms(quantile(r.busy, 0.99)), r.slower(),
				len(r.quiet), len(r.busy), r.kills, r.store, r.search, sameness(r.same)),
			Ratio: r.rate / liveRate,
			Note:  fmt.Sprintf("the library was first folded live, as fast as it went, at %.0f/s; searching and folding share the processors", r.live),
			Pass:  r.rate >= 5*liveRate && r.slower() <= 1.2 && r.same && r.kills > 0})
	}
}

type backfilled struct {
	source        string
	items, kills  int
	live, rate    float64
	worked        time.Duration
	quiet, busy   []time.Duration
	same          bool
	store, search int
}

func (r backfilled) slower() float64 {
	return float64(quantile(r.busy, 0.99)) / float64(max(1, quantile(r.quiet, 0.99)))
}

// replayed describes the work on a library.
type replayed struct {
	config      string // a file of settings, or empty
	annotations int
	rate        float64 // of the replay; 0 is unlimited
	kills       int
	searches    int // while nothing is replayed
}

// backfill makes a library, and folds the library again from the store and from the log, in a process killed meanwhile.
func (p replayed) backfill(t *testing.T) []backfilled {
	testCache(t)
	c := &commandHome{t: t, bin: buildCommand(t), config: p.config, dir: filepath.Join(t.TempDir(), "home"), media: t.TempDir()}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, c.dir, func(cfg *upConfig) {
		if err := config.Load(cfg, p.config, nil); err != nil {
			t.Fatal(err)
		}
	})
	live := w.fill(synthetic.Of(p.annotations, 10))
	w.stop()
	before := [2][]byte{c.dump("store"), c.dump("search")}
	rnd := rand.New(rand.NewPCG(uint64(p.annotations), 7))
	var out []backfilled
	for _, source := range []string{"store", "log"} {
		r := backfilled{source: source, live: live}
		c.up()
		c.searches(p.searches/2, func() bool { return true }) // until the servers are warm
		r.quiet = c.searches(p.searches, func() bool { return true })
		id := c.submit("replay", "--source", source, "--rate", fmt.Sprint(p.rate))
		for range p.kills {
			// Somewhere in the middle half of the remaining work.
			at := c.job(id)
			until := at.Done + int64((0.25+0.5*rnd.Float64())*float64(max(at.Total-at.Done, 0))/float64(p.kills))
			var j jobEntry
			r.busy = append(r.busy, c.searches(1<<30, func() bool {
				j = c.job(id)
				return j.Done < until && j.State != "finished"
			})...)
			if j.State != "finished" {
				r.kills++
			}
			c.end(syscall.SIGKILL)
			c.up()
			c.searches(p.searches/5, func() bool { return true }) // the first moments of a replay are no measure
		}
		var last jobEntry
		r.busy = append(r.busy, c.searches(1<<30, func() bool {
			last = c.job(id)
			if last.State == "failed" {
				t.Fatalf("the replay failed: %+v", last)
			}
			return last.State != "finished"
		})...)
		client, _, err := c.home().operators()
		if err != nil {
			t.Fatal(err)
		}
		j, err := client.GetJob(context.Background(), connect.NewRequest(&pb.GetJobRequest{Id: id}))
		if err != nil {
			t.Fatal(err)
		}
		r.items, r.worked = p.annotations, time.Duration(j.Msg.GetJob().GetWorkedMs())*time.Millisecond
		r.rate = float64(p.annotations) / r.worked.Seconds()
		c.end(syscall.SIGTERM)
		after := [2][]byte{c.dump("store"), c.dump("search")}
		r.store, r.search = len(after[0]), len(after[1])
		r.same = sameBytes(t, "store", before[0], after[0]) && sameBytes(t, "search", before[1], after[1])
		out = append(out, r)
	}
	return out
}

// fill publishes finished runs, waits until readers see the runs, and returns the annotations per second.
func (w *world) fill(l synthetic.Library) float64 {
	w.t.Helper()
	began := time.Now()
	i := 0
	for batches, finished := range l.Events() {
		err := w.Store.PutAsset(w.ctx, l.Asset(i))
		if err == nil {
			err = w.Events.Publish(w.ctx, events.Annotations, batches...)
		}
		if err == nil {
			err = w.Events.Publish(w.ctx, events.RunsFinished, finished)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		i++
	}
	deadline := time.Now().Add(5 * time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		active := countActive(w.t, w.Store)
		if active == l.Runs() {
			tick.Stop()
			return float64(l.Annotations) / time.Since(began).Seconds()
		}
		if time.Now().After(deadline) {
			for l := range w.Events.DeadLetters(w.ctx, events.LetterFilter{}) {
				w.t.Log(l)
			}
			w.t.Fatalf("%d of %d runs are seen", active, l.Runs())
		}
	}
}

// countActive is how many runs readers see.
func countActive(t testing.TB, s store.Store) (n int) {
	t.Helper()
	for _, err := range s.AllActive(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}

// says runs the command beside the running platform.
func (c *commandHome) says(line ...string) []byte {
	c.t.Helper()
	cmd := exec.Command(c.bin, append([]string{"--home", c.dir, "--json"}, line...)...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		c.t.Fatalf("cinedex %s: %v: %s", strings.Join(line, " "), err, said.String())
	}
	return out
}

func (c *commandHome) submit(line ...string) string {
	c.t.Helper()
	var j jobJSON
	if err := json.Unmarshal(c.says(append(line, "--yes", "--detach")...), &j); err != nil {
		c.t.Fatal(err)
	}
	return j.ID
}

// job asks the process how far a job is.
func (c *commandHome) job(id string) jobEntry {
	c.t.Helper()
	client, _, err := c.home().operators()
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := client.GetJob(context.Background(), connect.NewRequest(&pb.GetJobRequest{Id: id}))
	if err != nil {
		c.t.Fatal(err)
	}
	return jobEntryOf(r.Msg.GetJob())
}

// searches asks for lines, fifty times a second, at most most times and while wanted returns true. searches returns how
// long each answer took.
func (c *commandHome) searches(most int, wanted func() bool) (took []time.Duration) {
	c.t.Helper()
	client, _, err := c.home().client()
	if err != nil {
		c.t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; i < most; i++ {
		if i%5 == 0 && !wanted() {
			return took
		}
		began := time.Now()
		r, err := client.Search(context.Background(), connect.NewRequest(&pb.SearchRequest{Limit: 10,
			Q: fmt.Sprintf("dialogue.words:%q", synthetic.Words[i%len(synthetic.Words)]+" "+synthetic.Words[(i*7+3)%len(synthetic.Words)])}))
		if err != nil {
			c.t.Fatal(err)
		}
		if i > 0 { // the first opens the connection, and reads the library
			took = append(took, time.Since(began))
		}
		if len(r.Msg.GetPartial()) > 0 {
			c.t.Errorf("a partial answer: %v", r.Msg.GetPartial())
		}
		<-tick.C
	}
	return took
}
