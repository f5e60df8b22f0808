package runner

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is set by an operator.
type Config struct {
	// Worker names this process among the processes that execute runs; empty is the host's name. A process that starts again under the same name
	// takes the leases of the process before at once.
	Worker string `mapstructure:"worker"`
	// LeaseTTL is how long other processes wait after a worker's death before they take the worker's runs.
	LeaseTTL time.Duration `mapstructure:"lease_ttl"`
	// Films is how many films are decoded at a time. Each takes about half a gigabyte and as many processors as there are.
	Films int `mapstructure:"films"`
	// Attempts is how often an algorithm may crash over an asset before the run has failed.
	Attempts int `mapstructure:"attempts"`
}

// Default returns a configuration for one machine.
func Default() Config { return Config{LeaseTTL: 30 * time.Second, Films: 1, Attempts: 3} }

// Validate names the first field that cannot be used.
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

// Log is the part of the log that the runner needs.
type Log interface {
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
	Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error
	Lag(ctx context.Context, group string, topics ...events.Topic) ([]events.PartitionLag, error)
}

// Store is the part of the store that the runner needs.
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

// Deps is built by main.
type Deps struct {
	Events   Log
	Store    Store
	Registry *algo.Registry
	// Workers are algorithms that come and go while the runner runs, beside those of Registry. Optional.
	Workers Workers
	// Catalogue says which algorithms arriving assets get. Without a Catalogue, arriving assets get the algorithms of Registry.
	Catalogue Catalogue
	Reader    *media.Reader
	Blobs     *blob.Blobs
	// Model is the error of a model file that cannot be used, by the file's id; nil for a usable file.
	Model      func(id string) error
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Progress, where set, is told about once a second how far each execution is.
	Progress func(Progress)
}

// Progress is how far an execution is.
type Progress struct {
	Asset, Run, Algorithm string
	// Done of Total, in the unit of the algorithm; Total is 0 where the algorithm does not know the total.
	Done, Total int64
	Elapsed     time.Duration
	// Ended is set in the last report of an execution.
	Ended bool
}

// Service is the algo-runner.
type Service struct {
	cfg     Config
	deps    Deps
	own     *runs.Plan                    // of Registry
	films   chan struct{}                 // a token for each film that is decoded
	current atomic.Pointer[algo.Registry] // Registry and the algorithms of workers
	aside   *aside                        // and for each film that is decoded for a worker
	metrics *metrics
	gate    *gate
	done    *recent // runs that finished here, perhaps not yet recorded in the store
	failed  *recent // and runs that failed here
	tries   *recent // and how often a run of a worker was tried here
	single  single  // of runs of workers
}

// New makes a runner; New opens nothing.
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
	s := &Service{cfg: cfg, deps: deps, own: deps.Registry.Plan(), films: make(chan struct{}, cfg.Films), metrics: newMetrics(deps.Registerer),
		aside: &aside{size: filmsAside * cfg.Films}, gate: newGate(deps.Events, deps.Log), done: &recent{}, failed: &recent{}, tries: &recent{}}
	s.current.Store(deps.Registry)
	return s, nil
}

// Serve plans and executes until ctx ends. An unfinished request is left to the next process.
func (s *Service) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var subscriptions errgroup.Group
	subscribe := func(sub events.Subscription, handle events.Handler) {
		subscriptions.Go(func() error {
			defer cancel() // the end of a subscription ends all
			return s.deps.Events.Subscribe(ctx, sub, handle)
		})
	}
	subscribe(events.Subscription{Group: events.HopPlanner.Group, Topics: events.HopPlanner.Topics}, s.plan)
	for i, l := range lanes {
		if !l.workers {
			subscribe(events.Subscription{Group: l.hop.Group, Topics: l.hop.Topics, MaxBatch: 1, Drain: 3 * time.Second}, s.executeIn(i))
		}
	}
	if s.deps.Workers != nil {
		subscribe(events.Subscription{Group: events.HopWorkers.Group, Topics: events.HopWorkers.Topics, AtOnce: requestsAtOnce, Drain: 3 * time.Second}, s.executeForWorkers)
		subscriptions.Go(func() error {
			s.followWorkers(ctx)
			return nil
		})
	}
	subscriptions.Go(func() error {
		s.resumeWaiting(ctx)
		return nil
	})
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

// models returns the error of the first missing model file of an algorithm. The file may be fetched at any time, so the error passes.
func (s *Service) models(a algo.Algorithm) error {
	for _, id := range a.Spec().GetModels() {
		if err := s.deps.Model(id); err != nil {
			return errkind.New(errkind.Unavailable, "algorithm %s: %w", a.Spec().GetName(), err)
		}
	}
	return nil
}

// recent remembers the last runs that ended, with their epochs.
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

// forget takes a run out.
func (r *recent) forget(run string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.epochs, run)
	r.order = slices.DeleteFunc(r.order, func(o string) bool { return o == run })
}

func (r *recent) epoch(run string) (epoch int64, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	epoch, ended = r.epochs[run]
	return epoch, ended
}
