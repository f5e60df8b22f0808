package runner_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// gated is an algorithm that runs until the test lets the algorithm go.
type gated struct {
	spec     *pb.AlgorithmSpec
	began    atomic.Int64
	gaveUp   atomic.Int64
	released chan struct{}
}

func (g *gated) Spec() *pb.AlgorithmSpec { return g.spec }

func (g *gated) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	g.began.Add(1)
	select {
	case <-g.released:
	case <-ctx.Done():
		g.gaveUp.Add(1)
		return ctx.Err()
	}
	_, err := out.Annotation(ctx, &pb.Annotation{Kind: g.spec.GetKinds()[0], Start: 0, End: int64(schema.Second), Label: "there", Language: "en", Confidence: 1})
	return err
}

func newGated(name, version, kind string) *gated {
	return &gated{spec: &pb.AlgorithmSpec{Name: name, Version: version, Reads: []string{schema.ReadsText}, Kinds: []string{kind}}, released: make(chan struct{})}
}

// A request of an operator gives way to live work, begins anew behind live work, is held, and goes through a lane of its own. A candidate is executed
// where the request names its version. A request of a cancelled job is not executed.
func TestLanes(t *testing.T) {
	w := newWorld(t)
	current, candidate := newGated("named", "1", "named"), newGated("named", "2", "named")
	reg := must[*algo.Registry](t)(must[*algo.Registry](t)(algo.NewRegistry(current)).WithCandidates(candidate))
	old, _ := w.film(small)
	if err := w.store.PutAsset(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	fresh := proto.CloneOf(old)
	fresh.Id = schema.AssetID("00000000000000000000000000000007")
	w.serve(reg)

	asked := must[[]*pb.Run](t)(reg.Plan().Derive(old, candidate.Spec()))
	if len(asked) != 1 || asked[0].GetVersion() != "2" {
		t.Fatalf("derived %v", asked)
	}
	asked[0].Hold = true
	ask := func(topic events.Topic, reason, job string, runs ...*pb.Run) {
		t.Helper()
		if err := w.events.Publish(t.Context(), topic, events.Event{Subject: old.GetId(), Data: &pb.RunsRequested{Asset: old.GetId(), Runs: runs, Reason: reason, Job: job}}); err != nil {
			t.Fatal(err)
		}
	}
	ask(events.RunsBackfill, schema.ReasonBackfill, "", asked...)
	w.until("executing the backfill", 20*time.Second, func() bool { return candidate.began.Load() == 1 })

	w.arrive(fresh)
	w.until("executing what is live", 20*time.Second, func() bool { return current.began.Load() == 1 })
	if candidate.gaveUp.Load() != 1 {
		t.Error("the backfill did not give way")
	}
	if n := candidate.began.Load(); n != 1 {
		t.Errorf("the backfill was begun %d times while something live ran", n)
	}
	close(current.released)
	w.until("the live run ended", 20*time.Second, w.ended(fresh, "named"))
	w.until("executing the backfill again", 20*time.Second, func() bool { return candidate.began.Load() == 2 })
	close(candidate.released)
	record := func() *pb.Run {
		r, err := w.store.Run(t.Context(), old.GetId(), asked[0].GetId())
		if err != nil {
			return nil
		}
		return r
	}
	w.until("the backfill ended", 20*time.Second, func() bool { return record().GetState() == pb.RunState_RUN_STATE_FINISHED })
	if r := record(); !r.GetHold() || r.GetVersion() != "2" || r.GetTookMs() == 0 || r.GetAnnotations() != 1 {
		t.Errorf("the backfill's run: %v", r)
	}
	var lane []events.Delivery
	for d, err := range w.events.ReadAll(t.Context(), events.AnnotationsBackfill) {
		if err != nil {
			t.Fatal(err)
		}
		lane = append(lane, d)
	}
	if len(lane) != 1 || lane[0].Data.(*pb.AnnotationBatch).GetRun() != asked[0].GetId() {
		t.Errorf("the backfill's lane has %v", lane)
	}

	// A cancelled job's request is passed over.
	job := must[*pb.Job](t)(w.store.PutJob(t.Context(), &pb.Job{Id: "cancelled", State: pb.JobState_JOB_STATE_CANCELLED}))
	live := must[[]*pb.Run](t)(reg.Plan().Derive(old, current.Spec()))
	ask(events.RunsBackfill, schema.ReasonBackfill, job.GetId(), live...)
	w.until("passing over", 20*time.Second, func() bool {
		lags, err := w.events.Lag(t.Context(), events.HopRunnerBackfill.Group, events.HopRunnerBackfill.Topics...)
		if err != nil {
			t.Fatal(err)
		}
		return events.Waiting(lags) == 0
	})
	if n := current.began.Load(); n != 1 {
		t.Errorf("what a cancelled job asked for was executed: %d", n)
	}
}
