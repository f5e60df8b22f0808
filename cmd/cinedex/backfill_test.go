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

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestReplayCrash kills `cinedex up` while it folds a library again.
func TestReplayCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the command four times")
	}
	for _, r := range backfill(t, 40_000, 5000, 2) {
		if !r.same || r.kills == 0 {
			t.Errorf("replay from the %s: %+v", r.source, r)
		}
	}
}

// liveRate is the rate of live annotations that DESIGN's figures of latency are promised at.
const liveRate = 5000

func TestFigureBackfill(t *testing.T) {
	figure.Begin(t, "backfill/replay")
	for _, r := range backfill(t, 1_000_000, 0, 1) {
		figure.Report(t, false, figure.Result{Name: "backfill/" + r.source,
			Claim: "1M annotations, one text in ten, folded again from the " + r.source + ": ≥ 5x the live rate of 5,000/s; search p99 meanwhile ≤ 1.2 of quiet; after kill -9 in the midst dumps identical",
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

// backfill makes a library of n annotations, and has it folded again from the store and from the log by a process that is killed meanwhile.
func backfill(t *testing.T, n int, rate float64, kills int) []backfilled {
	testCache(t)
	bin := buildCommand(t)
	c := &commandHome{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "home"), media: t.TempDir()}
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, c.dir)
	live := w.fill(n)
	w.stop()
	before := &commandHome{t: t, bin: bin, dir: filepath.Join(t.TempDir(), "before")}
	if out, err := exec.Command("cp", "-a", c.dir, before.dir).CombinedOutput(); err != nil {
		t.Fatalf("copying the home folder: %v: %s", err, out)
	}
	rnd := rand.New(rand.NewPCG(uint64(n), 7))
	var out []backfilled
	for _, source := range []string{"store", "log"} {
		r := backfilled{source: source, live: live}
		c.up()
		r.quiet = c.searches(200, func() bool { return true })
		id := c.submit("replay", "--source", source, "--rate", fmt.Sprint(rate))
		for range kills {
			// Somewhere in the middle half of what is left.
			at := c.job(id)
			until := at.Done + int64((0.25+0.5*rnd.Float64())*float64(max(at.Total-at.Done, 0))/float64(kills))
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
		r.items, r.worked = n, time.Duration(j.Msg.GetJob().GetWorkedMs())*time.Millisecond
		r.rate = float64(n) / r.worked.Seconds()
		c.end(syscall.SIGTERM)
		var sameStore, sameSearch bool
		sameStore, r.store = sameDump(t, "store", before, c)
		sameSearch, r.search = sameDump(t, "search", before, c)
		r.same = sameStore && sameSearch
		out = append(out, r)
	}
	return out
}

const (
	// A run of the library has so many annotations, in batches as the algo-runner cuts them.
	filledRun   = 5000
	filledBatch = 500
)

// fill publishes finished runs of n annotations, one text in ten, waits until readers see them, and returns how many a second that was.
func (w *world) fill(n int) float64 {
	w.t.Helper()
	began := time.Now()
	runs := n / filledRun
	for r := range runs {
		asset := schema.AssetID(fmt.Sprintf("%032x", 1+r))
		a := &pb.Asset{Id: asset, Title: &pb.Title{Id: fmt.Sprintf("title-%d", r), Name: fmt.Sprintf("Title %d", r)}, Duration: int64(20_000 * schema.Second),
			Audio: []*pb.AudioTrack{{Codec: "aac", SampleRate: 48000, Channels: 2}}}
		if err := w.Store.PutAsset(w.ctx, a); err != nil {
			w.t.Fatal(err)
		}
		run := &pb.Run{Asset: asset, Algorithm: "filled", Version: "1", State: pb.RunState_RUN_STATE_FINISHED, Annotations: filledRun, Epoch: 1}
		run.Id = schema.RunID(run)
		var evs []events.Event
		for first := 0; first < filledRun; first += filledBatch {
			b := &pb.AnnotationBatch{Asset: asset, Run: run.Id, Epoch: 1, Algorithm: run.Algorithm, Version: run.Version, First: int64(first)}
			for i := first; i < first+filledBatch; i++ {
				at := int64(schema.Second) * int64(2*i)
				an := &pb.Annotation{Run: run.Id, Asset: asset, Ordinal: int64(i), Kind: schema.KindShot, Start: at, End: at + int64(schema.Second), Confidence: 1}
				if i%10 == 0 {
					an.Kind, an.Language = schema.KindDialogue, "en"
					an.Text = fmt.Sprintf("the %s of %s waits for the %s by the harbour", ordinary[(r+i/10)%len(ordinary)], ordinary[(r*7+3*i)%len(ordinary)], ordinary[(r*3+i*i)%len(ordinary)])
				}
				b.Annotations = append(b.Annotations, an)
			}
			evs = append(evs, events.Event{Subject: asset, Data: b})
		}
		if err := w.Events.Publish(w.ctx, events.Annotations, evs...); err != nil {
			w.t.Fatal(err)
		}
		if err := w.Events.Publish(w.ctx, events.RunsFinished, events.Event{Subject: asset, Data: &pb.RunFinished{Run: run}}); err != nil {
			w.t.Fatal(err)
		}
	}
	deadline := time.Now().Add(5 * time.Minute)
	for tick := time.NewTicker(20 * time.Millisecond); ; <-tick.C {
		active := 0
		for _, err := range w.Store.AllActive(w.ctx) {
			if err != nil {
				w.t.Fatal(err)
			}
			active++
		}
		if active == runs {
			tick.Stop()
			return float64(n) / time.Since(began).Seconds()
		}
		if time.Now().After(deadline) {
			for l := range w.Events.DeadLetters(w.ctx, events.LetterFilter{}) {
				w.t.Log(l)
			}
			w.t.Fatalf("%d of %d runs are seen", active, runs)
		}
	}
}

// says runs the command beside the one that is up.
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

// searches asks for lines, fifty times a second, at most so many and while it is wanted, and returns how long each answer took.
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
			Q: fmt.Sprintf("dialogue.words:%q", ordinary[i%len(ordinary)]+" "+ordinary[(i*7+3)%len(ordinary)])}))
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
