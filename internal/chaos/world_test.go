package chaos

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
	"github.com/cinedex/cinedex/services/indexer/indexing"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

var discard = slog.New(slog.DiscardHandler)

// A world is a real log, a real store and a real engine, for the services of a test.
type world struct {
	t      testing.TB
	events *events.Client
	store  *pebblestore.Store
	engine *embedded.Engine
}

// newWorld is over a broker in the process, or over the brokers given.
func newWorld(t testing.TB, brokers []string) *world {
	t.Helper()
	w := &world{t: t}
	dir, layout := t.TempDir(), events.Layout{Replication: 1, Embedded: true}
	cfg := events.Default()
	cfg.SessionTimeout = 6 * time.Second
	if brokers == nil {
		b := must[*broker.Broker](t)(broker.Open(broker.Config{Dir: filepath.Join(dir, "log")}))
		t.Cleanup(func() { _ = b.Close() })
		brokers = []string{b.Addr()}
	} else {
		cfg.Prefix = fmt.Sprintf("chaos-%d.", time.Now().UnixNano())
	}
	cfg.Brokers = brokers
	w.events = must[*events.Client](t)(events.New(cfg, events.Deps{Logger: discard, Registerer: prometheus.NewRegistry()}))
	t.Cleanup(func() { _ = w.events.Close() })
	if _, err := w.events.EnsureTopics(t.Context(), layout); err != nil {
		t.Fatal(err)
	}
	w.store = must[*pebblestore.Store](t)(pebblestore.Open(pebblestore.Config{Dir: filepath.Join(dir, "store"), CacheBytes: 8 << 20}, pebblestore.Deps{Log: discard}))
	t.Cleanup(func() { _ = w.store.Close() })
	w.engine = must[*embedded.Engine](t)(embedded.Open(filepath.Join(dir, "search"), embedded.Config{}, embedded.Deps{}))
	t.Cleanup(func() { _ = w.engine.Close() })
	return w
}

// serve runs a service until the test ends or stop is called.
func (w *world) serve(serve func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		if err := serve(ctx); err != nil {
			w.t.Errorf("serving: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	w.t.Cleanup(stop)
	return stop
}

func (w *world) indexer(log indexing.Log, metrics prometheus.Registerer) (stop func()) {
	w.t.Helper()
	s := must[*indexing.Service](w.t)(indexing.New(indexing.Default(), indexing.Deps{Events: log, Store: w.store, Engine: w.engine, Log: discard, Registerer: metrics}))
	return w.serve(s.Serve)
}

func (w *world) worker(name string, ttl time.Duration, log runner.Log, s runner.Store, algorithms ...algo.Algorithm) (stop func()) {
	w.t.Helper()
	cfg := runner.Default()
	cfg.Worker, cfg.LeaseTTL = name, ttl
	r := must[*runner.Service](w.t)(runner.New(cfg, runner.Deps{
		Events: log, Store: s, Registry: must[*algo.Registry](w.t)(algo.NewRegistry(algorithms...)), Log: discard,
		Registerer: prometheus.NewRegistry(), Model: func(string) error { return nil },
	}))
	return w.serve(r.Serve)
}

func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	const patience = 2 * time.Minute
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("still not after %s: %s", patience, what)
		}
		<-tick.C
	}
}

// asset is invented: no code reads its media.
func asset(i int) *pb.Asset {
	sum := fmt.Sprintf("%032x%032x", i+1, i+1)
	return &pb.Asset{Id: schema.AssetID(sum), Title: &pb.Title{Id: fmt.Sprintf("title-%d", i), Name: "A title"}, Sha256: sum,
		Duration: 100 * int64(schema.Second), Container: "matroska", Media: &pb.MediaRef{Bucket: "b", Key: "k"}}
}

func (w *world) arrive(a *pb.Asset) {
	w.t.Helper()
	if err := w.events.Publish(w.t.Context(), events.MediaReady, events.Event{Subject: a.GetId(), Data: &pb.MediaReady{Asset: a}}); err != nil {
		w.t.Fatal(err)
	}
}

// says is an algorithm with a single line as its output: the name of its worker.
type says string

func (s says) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "says", Version: "1", Summary: "says a line", Kinds: []string{"line"}}
}

func (s says) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	_, err := out.Annotation(ctx, &pb.Annotation{Kind: "line", End: int64(schema.Second), Text: string(s), Language: "en", Confidence: 1})
	return err
}

// total is the sum of a counter.
func total(t testing.TB, from prometheus.Gatherer, name string) int {
	t.Helper()
	sum := 0.0
	for _, f := range must2(from.Gather())(t) {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return int(sum)
}

func must2[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T { t.Helper(); return must[T](t)(v, err) }
}
