package chaos

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// A worker that was suspended beyond its leases and continues changes nothing.
func TestFencing(t *testing.T) {
	if refused, changed := fence(t, 10); refused != 10 || changed != 0 {
		t.Errorf("%d of 10 writes refused, %d runs changed", refused, changed)
	}
}

func TestFigureFencing(t *testing.T) {
	figure.Begin(t, "fencing/refused")
	const n = 100
	refused, changed := fence(t, n)
	figure.Report(t, true, figure.Result{Name: "fencing/refused",
		Claim:    "a worker held past its leases and woken: 100 of 100 writes refused",
		Measured: fmt.Sprintf("%d of %d refused, %d runs changed", refused, n, changed), Pass: refused == n && changed == 0,
		Note: "real runners, indexer, Pebble store and broker in one process; each held write lands in the log after the other worker's run is seen"})
}

// An end was logged while no indexer ran, and the lease has moved to a worker that gave up. The run still gets an end.
func TestRefusedEndIsAskedAgain(t *testing.T) {
	w := newWorld(t, nil)
	ctx, a := t.Context(), asset(1)
	if err := w.store.PutAsset(ctx, a); err != nil {
		t.Fatal(err)
	}
	registry := must[*algo.Registry](t)(algo.NewRegistry(says("")))
	r := must[[]*pb.Run](t)(registry.Runs(a))[0]
	r = must[*pb.Run](t)(w.store.CreateRun(ctx, r))
	for _, who := range []string{"first", "second"} {
		lease := must[store.Lease](t)(w.store.Acquire(ctx, store.RunLease(r.GetId()), who, time.Minute))
		if who == "first" {
			end := proto.CloneOf(r)
			end.State, end.Epoch = pb.RunState_RUN_STATE_FINISHED, lease.Epoch
			if err := w.events.Publish(ctx, events.RunsFinished, events.Event{Subject: a.GetId(), Data: &pb.RunFinished{Run: end}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.store.Release(ctx, lease); err != nil {
			t.Fatal(err)
		}
	}
	metrics := prometheus.NewRegistry()
	w.indexer(w.events, metrics)
	w.worker("third", time.Minute, w.events, w.store, says("I am third"))
	w.until("the run is seen", func() bool { return len(must[[]*pb.ActiveRun](t)(activeRuns(w))) == 1 })
	if got := must[*pb.Annotation](t)(w.store.Annotation(ctx, a.GetId(), r.GetId(), 0)); got.GetText() != "I am third" {
		t.Errorf("readers see %q", got.GetText())
	}
	if n := refusedOf(t, metrics, events.RunsFinished); n != 1 {
		t.Errorf("%d ends were refused", n)
	}
}

// standing is a suspended worker's view of the world: the worker got requests, took the leases, and hangs in its first
// write of each run until the test wakes it. The renewals of the worker hang as well, as in a stopped process.
type standing struct {
	*events.Client
	requests []events.Delivery
	hanging  sync.WaitGroup
	woken    chan struct{}
}

func (s *standing) Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error {
	if sub.Group == events.HopRunner.Group {
		var handling sync.WaitGroup
		for _, d := range s.requests {
			handling.Go(func() { _ = handle(ctx, []events.Delivery{d}) })
		}
		handling.Wait()
	}
	<-ctx.Done()
	return nil
}

func (s *standing) Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error {
	if topic == events.Annotations {
		s.hanging.Done()
		<-s.woken
		// The write was under way already: the worker learns of the lost leases too late for this write.
		ctx = context.WithoutCancel(ctx)
	}
	return s.Client.Publish(ctx, topic, evs...)
}

// stopped delays the renewals of a suspended worker.
type stopped struct {
	store.Store
	woken chan struct{}
}

func (s stopped) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	select {
	case <-s.woken:
	case <-ctx.Done():
		return l, ctx.Err()
	}
	return s.Store.Renew(ctx, l, ttl)
}

// fence suspends a worker before n writes until another worker has made the n runs and readers see the runs. fence then
// wakes the first worker. fence returns how many writes were refused, and how many runs differ from the other worker's
// runs.
func fence(t *testing.T, n int) (refused, changed int) {
	w := newWorld(t, nil)
	metrics := prometheus.NewRegistry()
	w.indexer(w.events, metrics)
	ctx, ttl := t.Context(), 2*time.Second
	registry := must[*algo.Registry](t)(algo.NewRegistry(says("")))
	first := &standing{Client: w.events, woken: make(chan struct{})}
	var runs []*pb.Run
	for i := range n {
		a := asset(i)
		if err := w.store.PutAsset(ctx, a); err != nil {
			t.Fatal(err)
		}
		r := must[[]*pb.Run](t)(registry.Runs(a))
		runs = append(runs, r...)
		first.requests = append(first.requests, events.Delivery{Topic: events.RunsRequested, Logged: time.Now(),
			Event: events.Event{Subject: a.GetId(), Data: &pb.RunsRequested{Asset: a.GetId(), Runs: r}}})
	}
	first.hanging.Add(n)
	stop := w.worker("first", ttl, first, runner.Store(stopped{w.store, first.woken}), says("I was first"))
	first.hanging.Wait()

	w.worker("second", time.Minute, w.events, w.store, says("I am second"))
	for i := range n {
		w.arrive(asset(i))
	}
	w.until("the second worker's runs are seen", func() bool {
		seen := 0
		for _, r := range must[[]*pb.ActiveRun](t)(activeRuns(w)) {
			if r.GetRun() != "" {
				seen++
			}
		}
		return seen == n
	})
	if got := total(t, metrics, "cinedex_indexer_refused_batches_total"); got != 0 {
		t.Fatalf("%d writes refused before the worker was woken", got)
	}
	close(first.woken)
	w.until("all that the first worker wrote has been judged", func() bool {
		lags, err := w.events.Lag(ctx, events.HopIndexer.Group, events.Annotations)
		if err != nil {
			return false
		}
		var ends, behind int64
		for _, l := range lags {
			ends, behind = ends+l.End, behind+l.Lag
		}
		return ends == int64(2*n) && behind == 0
	})
	stop()
	for _, r := range runs {
		a, err := w.store.Annotation(ctx, r.GetAsset(), r.GetId(), 0)
		if err != nil || a.GetText() != "I am second" {
			changed++
		}
	}
	return refusedOf(t, metrics, events.Annotations), changed
}

func activeRuns(w *world) (out []*pb.ActiveRun, err error) {
	for a, err := range w.store.AllActive(w.t.Context()) {
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

// refusedOf counts the refused batches of a topic.
func refusedOf(t testing.TB, from prometheus.Gatherer, topic events.Topic) int {
	t.Helper()
	for _, f := range must2(from.Gather())(t) {
		if f.GetName() != "cinedex_indexer_refused_batches_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == string(topic) {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}
