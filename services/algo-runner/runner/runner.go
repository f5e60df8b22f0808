// Package runner plans which algorithms look at which assets, and executes them.
//
// Live work goes first: what an operator asked for (runs.batch, behind it runs.backfill) is
// executed only while nothing before it waits or runs, and is given up for it and begun anew (lane.go).
//
// The planner turns media.ready and runs.finished into runs.requested: a run for
// every algorithm that applies and whose inputs exist, once, by memo in the store. The
// executor turns runs.requested into annotations, embeddings and runs.finished. Runs of one
// request that read frames share one decoding of the film, and a run that reads what
// another of the same request writes gets it as it is written.
//
// What holds: a request's offset is committed only after all that its runs wrote, and their
// ends, are acknowledged by the log. An execution holds a lease; one that lost it writes nothing more, and
// what it wrote before is refused by its epoch. Executing a run again gives the same rows. What
// goes wrong with one algorithm, a panic included, is that run's failure and nobody else's.
package runner

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is what an operator sets.
type Config struct {
	// Worker names this process among those that execute runs; its host's name where it is
	// empty. A process that is started again under the same name takes its own leases back at once.
	Worker string `mapstructure:"worker"`
	// LeaseTTL is how long after a worker's death others wait before they take its runs.
	LeaseTTL time.Duration `mapstructure:"lease_ttl"`
	// Films is how many films are decoded at a time. Each takes about half a gigabyte and as many processors as there are.
	Films int `mapstructure:"films"`
	// Attempts is how often an algorithm may crash over an asset before its run has failed.
	Attempts int `mapstructure:"attempts"`
}

// Default returns a configuration for one machine.
func Default() Config { return Config{LeaseTTL: 30 * time.Second, Films: 1, Attempts: 3} }

// Validate names the first field that cannot be worked with.
func (c Config) Validate() error {
	switch {
	case c.LeaseTTL < time.Second || c.LeaseTTL > time.Hour:
		return errkind.New(errkind.Invalid, "lease_ttl: %s is not from 1s to 1h", c.LeaseTTL)
	case c.Films < 1 || c.Films > 100:
		return errkind.New(errkind.Invalid, "films: %d is not from 1 to 100", c.Films)
	case c.Attempts < 1 || c.Attempts > 1000:
		return errkind.New(errkind.Invalid, "attempts: %d is not from 1 to 1000", c.Attempts)
	}
	return nil
}

// Log is what the runner needs of the events.
type Log interface {
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
	Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error
	Lag(ctx context.Context, group string, topics ...events.Topic) ([]events.PartitionLag, error)
}

// Store is what the runner needs of the store.
type Store interface {
	store.Assets
	store.Runs
	store.Leases
	Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error)
	AnnotationsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Annotation, error]
	EmbeddingsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Embedding, error]
	Job(ctx context.Context, id string) (*pb.Job, error)
	Ready(ctx context.Context) error
}

// Deps is what main builds.
type Deps struct {
	Events   Log
	Store    Store
	Registry *algo.Registry
	Reader   *media.Reader
	Blobs    *blob.Blobs
	// Model says why a model file, by its id, cannot be used; nil where it can.
	Model      func(id string) error
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Progress, where set, is told about once a second how far each execution is.
	Progress func(Progress)
}

// Progress is how far an execution is.
type Progress struct {
	Asset, Run, Algorithm string
	// Done of Total, in whatever unit the algorithm counts; Total is 0 where it does not know.
	Done, Total int64
	Elapsed     time.Duration
	// Ended is set in the last report of an execution.
	Ended bool
}

// Service is the algo-runner.
type Service struct {
	cfg     Config
	deps    Deps
	films   chan struct{} // one token for each film being decoded
	metrics *metrics
	gate    *gate
	done    *recent // runs that finished here, perhaps not yet recorded in the store
	failed  *recent // and those that failed
}

// New makes a runner; it opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the runner: %w", err)
	}
	if cfg.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "worker: must be set, since the host has no name: %w", err)
		}
		cfg.Worker = host
	}
	if deps.Progress == nil {
		deps.Progress = func(Progress) {}
	}
	return &Service{cfg: cfg, deps: deps, films: make(chan struct{}, cfg.Films), metrics: newMetrics(deps.Registerer),
		gate: newGate(deps.Events, deps.Log), done: &recent{}, failed: &recent{}}, nil
}

// Serve plans and executes until ctx ends. A film that is being looked at then is looked at again by whoever comes next.
func (s *Service) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var subscriptions errgroup.Group
	subscribe := func(sub events.Subscription, handle events.Handler) {
		subscriptions.Go(func() error {
			defer cancel() // one that ends ends all
			return s.deps.Events.Subscribe(ctx, sub, handle)
		})
	}
	subscribe(events.Subscription{Group: events.HopPlanner.Group, Topics: events.HopPlanner.Topics}, s.plan)
	for i, l := range lanes {
		subscribe(events.Subscription{Group: l.hop.Group, Topics: l.hop.Topics, MaxBatch: 1, Drain: 3 * time.Second}, s.executeIn(i))
	}
	return subscriptions.Wait()
}

// Ready reports whether the store answers and every model file is there.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.deps.Store.Ready(ctx); err != nil {
		return err
	}
	for _, a := range s.deps.Registry.All() {
		if err := s.models(a); err != nil {
			return err
		}
	}
	return nil
}

// models reports the first model file of an algorithm that is missing. It may be fetched at any time, so this passes.
func (s *Service) models(a algo.Algorithm) error {
	for _, id := range a.Spec().GetModels() {
		if err := s.deps.Model(id); err != nil {
			return errkind.New(errkind.Unavailable, "algorithm %s: %w", a.Spec().GetName(), err)
		}
	}
	return nil
}

// recent remembers the last runs that ended, and under which epoch.
type recent struct {
	mu     sync.Mutex
	epochs map[string]int64
	order  []string
}

const remembered = 4096

func (r *recent) add(run string, epoch int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.epochs == nil {
		r.epochs = make(map[string]int64)
	}
	_, known := r.epochs[run]
	r.epochs[run] = epoch
	if known {
		return
	}
	r.order = append(r.order, run)
	if len(r.order) > remembered {
		delete(r.epochs, r.order[0])
		r.order = r.order[1:]
	}
}

func (r *recent) epoch(run string) (epoch int64, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	epoch, ended = r.epochs[run]
	return epoch, ended
}
