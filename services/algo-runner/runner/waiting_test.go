package runner_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// follow returns a follower of the topic of algorithms, which follows until the test ends.
func (w *world) follow() *catalog.Follower {
	w.t.Helper()
	c := must[*catalog.Catalog](w.t)(catalog.New())
	f := catalog.Follow(c, catalog.Deps{Events: w.events, Log: w.log, Registerer: prometheus.NewRegistry()})
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- f.Serve(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	return f
}

// An algorithm in the catalogue which no runner serves is planned for arriving media. Its runs wait, and so do the runs that read them. A runner that
// serves the algorithm executes the runs that waited.
func TestRunsWaitForARunner(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	says := func(kind string, needs ...string) *fake {
		reads := []string{"video"}
		if len(needs) > 0 {
			reads = nil
		}
		return &fake{spec: spec(kind, reads, needs...), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			for _, need := range needs {
				for _, err := range in.Annotations(ctx, need) {
					if err != nil {
						return err
					}
				}
			}
			_, err := out.Annotation(ctx, &pb.Annotation{Kind: kind, Label: kind, Start: 0, End: 1, Confidence: 1})
			return err
		}}
	}
	steady, late, after := says("steady"), says("late"), says("after", "late")
	follower := w.follow()
	serve := func(list ...algo.Algorithm) (stop func()) {
		return w.serve(must[*algo.Registry](t)(algo.NewRegistry(list...)), func(_ *runner.Config, d *runner.Deps) { d.Catalogue = follower })
	}
	w.until("the catalogue is read", time.Minute, func() bool { return follower.Ready() == nil })
	var declared []*pb.AlgorithmAnnounced
	for _, a := range []*fake{steady, late, after} {
		declared = append(declared, &pb.AlgorithmAnnounced{Algorithm: a.spec})
	}
	if err := follower.Announce(t.Context(), declared...); err != nil {
		t.Fatal(err)
	}
	w.until("announced", time.Minute, func() bool { return len(follower.View().Entries()) == 3 })

	stop := serve(steady)
	w.arrive(asset)
	w.until("what the runner serves has ended", time.Minute, w.ended(asset, "steady"))
	waits := func(want bool) func() bool {
		return func() bool {
			return follower.View().Entry("late@1").Waits == want && follower.View().Entry("after@1").Waits == want && !follower.View().Entry("steady@1").Waits
		}
	}
	w.until("the catalogue says that runs wait", time.Minute, waits(true))
	for _, name := range []string{"late", "after"} {
		if r := w.runs(asset.GetId())[name]; r.GetState() != pb.RunState_RUN_STATE_REQUESTED {
			t.Errorf("the run of %s is %v, want requested", name, r)
		}
	}
	for l, err := range w.events.DeadLetters(t.Context(), events.LetterFilter{}) {
		t.Errorf("a dead letter: %v %v", l, err)
	}
	// An operator's request waits, too.
	backfill := w.runs(asset.GetId())["late"]
	if err := w.events.Publish(t.Context(), events.RunsBackfill, events.Event{Subject: asset.GetId(), Data: &pb.RunsRequested{Asset: asset.GetId(), Runs: []*pb.Run{backfill}, Reason: "backfill"}}); err != nil {
		t.Fatal(err)
	}
	stop()
	if late.calls.Load()+after.calls.Load() != 0 {
		t.Error("a runner executed what it does not serve")
	}

	serve(steady, late, after)
	w.until("the waiting runs have finished", time.Minute, func() bool {
		for _, r := range w.runs(asset.GetId()) {
			if r.GetState() != pb.RunState_RUN_STATE_FINISHED {
				return false
			}
		}
		return true
	})
	w.until("the catalogue says that no run waits", time.Minute, waits(false))
	if steady.calls.Load() != 1 {
		t.Errorf("steady was executed %d times", steady.calls.Load())
	}
}

// A request for an algorithm that the catalogue does not have is refused, as before.
func TestUnknownAlgorithmIsRefused(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	follower := w.follow()
	w.until("the catalogue is read", time.Minute, func() bool { return follower.Ready() == nil })
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(steady)), func(_ *runner.Config, d *runner.Deps) { d.Catalogue = follower })
	if err := w.store.PutAsset(t.Context(), asset); err != nil {
		t.Fatal(err)
	}
	if err := w.events.Publish(t.Context(), events.RunsRequested, events.Event{Subject: asset.GetId(),
		Data: &pb.RunsRequested{Asset: asset.GetId(), Reason: "arrival", Runs: []*pb.Run{{Id: "x", Asset: asset.GetId(), Algorithm: "unknown", Version: "1"}}}}); err != nil {
		t.Fatal(err)
	}
	w.until("refused", time.Minute, func() bool {
		for l, err := range w.events.DeadLetters(t.Context(), events.LetterFilter{}) {
			if err == nil && l.Kind == errkind.NotFound {
				return true
			}
		}
		return false
	})
}
