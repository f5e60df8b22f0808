package runner_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// workers starts the host of the workers in a folder.
func (w *world) workers(folder string, change func(*remote.Config)) *remote.Host {
	w.t.Helper()
	cfg := remote.Default()
	cfg.Folder = folder
	change(&cfg)
	h := must[*remote.Host](w.t)(remote.New(cfg, remote.Deps{Log: w.log, Registerer: prometheus.NewRegistry()}))
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	return h
}

// serveWith starts a runner with an algorithm of its own and the workers of a folder.
func (w *world) serveWith(h *remote.Host) (*catalog.Follower, func()) {
	w.t.Helper()
	follower := w.follow()
	w.until("the catalogue is read", time.Minute, func() bool { return follower.Ready() == nil })
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	if err := follower.Announce(w.t.Context(), &pb.AlgorithmAnnounced{Algorithm: steady.spec}); err != nil {
		w.t.Fatal(err)
	}
	stop := w.serve(must[*algo.Registry](w.t)(algo.NewRegistry(steady)), func(_ *runner.Config, d *runner.Deps) { d.Catalogue, d.Workers = follower, h })
	return follower, stop
}

func (w *world) known(f *catalog.Follower, ids ...string) {
	w.t.Helper()
	w.until("the catalogue has "+strings.Join(ids, ", "), time.Minute, func() bool {
		for _, id := range append(ids, "steady@1") {
			if f.View().Entry(id) == nil {
				return false
			}
		}
		return true
	})
}

func (w *world) state(asset *pb.Asset, algorithm string) pb.RunState {
	return w.runs(asset.GetId())[algorithm].GetState()
}

// A worker comes, and its algorithm is in the catalogue and gets runs of media that arrives. The worker is killed: runs wait, and go on once the worker
// is there again.
func TestWorkerComesAndGoes(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	later, _ := w.film(other())
	folder := remotetest.Folder(t)
	h := w.workers(folder, func(*remote.Config) {})
	follower, _ := w.serveWith(h)
	worker := remotetest.Start(t, folder, "good", "signs")
	w.known(follower, "signs@1")
	w.arrive(asset)
	w.until("both have ended", time.Minute, w.ended(asset, "steady", "signs"))
	if r := w.runs(asset.GetId())["signs"]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetAnnotations() != 120 || r.GetEmbeddings() != 120 {
		t.Fatalf("the run of the worker: %v", r)
	}
	worker.Kill()
	w.until("the worker has left", time.Minute, func() bool { return len(h.Algorithms()) == 0 })
	w.arrive(later)
	w.until("the runner's own algorithm has ended", time.Minute, w.ended(later, "steady"))
	w.until("the run waits", time.Minute, func() bool { return follower.View().Entry("signs@1").Waits })
	if s := w.state(later, "signs"); s != pb.RunState_RUN_STATE_REQUESTED {
		t.Errorf("without a worker the run is %s", s)
	}
	remotetest.Start(t, folder, "good", "signs")
	w.until("the run went on", time.Minute, func() bool { return w.state(later, "signs") == pb.RunState_RUN_STATE_FINISHED })
	for l, err := range w.events.DeadLetters(t.Context(), events.LetterFilter{}) {
		t.Errorf("a dead letter: %v %v", l, err)
	}
}

// Hostile workers cost their own runs alone: the runs of the runner and of a good worker end while the hostile workers stand still, and the run of each
// hostile worker fails with the name of the fault.
func TestHostileWorkers(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	folder := remotetest.Folder(t)
	h := w.workers(folder, func(c *remote.Config) { c.Silence, c.Stall = 2*time.Minute, 2*time.Minute })
	follower, _ := w.serveWith(h)
	hostile := map[string]string{"hangs": "not been heard of", "crashes": "connection to the worker ended", "floods": "floods the platform", "outside": "outside the asset's"}
	names := []string{"signs"}
	remotetest.Start(t, folder, "good", "signs")
	for behaviour := range hostile {
		remotetest.Start(t, folder, behaviour, behaviour)
		names = append(names, behaviour)
	}
	var ids []string
	for _, n := range names {
		ids = append(ids, n+"@1")
	}
	w.known(follower, ids...)
	w.until("all are served", time.Minute, func() bool { return len(h.Algorithms()) == len(names) })
	w.arrive(asset)
	w.until("the others have ended", 90*time.Second, w.ended(asset, "steady", "signs"))
	if s := w.state(asset, "hangs"); s != pb.RunState_RUN_STATE_REQUESTED {
		t.Errorf("the hanging run has ended before the others: %s", s)
	}
	for _, name := range []string{"steady", "signs"} {
		if s := w.state(asset, name); s != pb.RunState_RUN_STATE_FINISHED {
			t.Errorf("%s: %s", name, s)
		}
	}
	for _, name := range []string{"floods", "outside"} {
		w.until(name+" has failed", time.Minute, func() bool { return w.state(asset, name) == pb.RunState_RUN_STATE_FAILED })
		if r := w.runs(asset.GetId())[name]; r.GetErrorKind() != "invalid" || !strings.Contains(r.GetError(), hostile[name]) {
			t.Errorf("%s ended as %v", name, r)
		}
	}
	// The crashed worker does not come back, so its run waits.
	w.until("the run of the crashed worker waits", time.Minute, func() bool { return follower.View().Entry("crashes@1").Waits })
}

// A worker that stands still holds up no later request of the partition: runs of a good worker, requested behind a run that stands still, end first.
func TestSlowWorkerHoldsUpNoOther(t *testing.T) {
	w := newWorld(t)
	folder := remotetest.Folder(t)
	h := w.workers(folder, func(c *remote.Config) { c.Silence, c.Stall = 5*time.Minute, 5*time.Minute })
	follower, _ := w.serveWith(h)
	remotetest.Start(t, folder, "hangs", "hangs")
	remotetest.Start(t, folder, "good", "signs")
	w.known(follower, "hangs@1", "signs@1")
	w.until("both are served", time.Minute, func() bool { return len(h.Algorithms()) == 2 })
	var assets []*pb.Asset
	for i := range 12 { // over four partitions
		a, _ := w.film(mediatest.Film{Name: fmt.Sprint("film", i), Width: 64, Height: 36, Rate: schema.Rate{Num: 25, Den: 1}, Scenes: []mediatest.Scene{{Frames: int64(10 + i), Seed: uint64(i)}}})
		assets = append(assets, a)
	}
	for i, a := range assets {
		w.arrive(a)
		w.until(fmt.Sprintf("the good worker's run %d has ended", i), time.Minute, w.ended(a, "signs", "steady"))
		if s := w.state(a, "hangs"); s != pb.RunState_RUN_STATE_REQUESTED {
			t.Errorf("the hanging run has ended before the others: %s", s)
		}
	}
}

// A run that crashes its worker each time fails, although a supervisor starts the worker again each time.
func TestRunThatCrashesItsWorker(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	folder := remotetest.Folder(t)
	h := w.workers(folder, func(*remote.Config) {})
	follower, _ := w.serveWith(h)
	done := make(chan struct{})
	supervised := make(chan int)
	go func() {
		starts := 0
		for {
			p := remotetest.Start(t, folder, "crashes", "crashes")
			starts++
			select {
			case <-p.Ended():
			case <-done:
				supervised <- starts
				return
			}
		}
	}()
	w.known(follower, "crashes@1")
	w.arrive(asset)
	w.until("the run has failed", 2*time.Minute, func() bool { return w.state(asset, "crashes") == pb.RunState_RUN_STATE_FAILED })
	close(done)
	if starts := <-supervised; starts > runner.Default().Attempts+1 {
		t.Errorf("the worker was started %d times", starts)
	}
	if r := w.runs(asset.GetId())["crashes"]; r.GetErrorKind() != "internal" || !strings.Contains(r.GetError(), "worker unix:") {
		t.Errorf("ended as %v", r)
	}
}
