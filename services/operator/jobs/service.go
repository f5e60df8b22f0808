package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is set by an operator.
type Config struct {
	// Worker names this process among the processes that do jobs; empty is the host's name. A process that starts again under the same name takes the
	// jobs of the process before at once.
	Worker string `mapstructure:"worker"`
	// LeaseTTL is how long other processes wait after a worker's death before they take the worker's jobs.
	LeaseTTL time.Duration `mapstructure:"lease_ttl"`
	// Jobs is how many jobs of each kind are done here at once: a switch never waits behind a replay.
	Jobs int `mapstructure:"jobs"`
}

// Default does two jobs of each kind at once.
func Default() Config { return Config{LeaseTTL: 15 * time.Second, Jobs: 2} }

// Validate names the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.LeaseTTL < 3*time.Second || c.LeaseTTL > time.Hour:
		return errkind.New(errkind.Invalid, "lease_ttl: %s is not from 3s to 1h", c.LeaseTTL)
	case c.Jobs < 1 || c.Jobs > 100:
		return errkind.New(errkind.Invalid, "jobs: %d is not from 1 to 100", c.Jobs)
	}
	return nil
}

// Store is the part of a store that the machine needs.
type Store interface {
	store.Assets
	store.Jobs
	store.Leases
}

// Deps is built by main.
type Deps struct {
	Store      Store
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service does jobs.
type Service struct {
	cfg   Config
	deps  Deps
	kinds map[string]*Kind
	kick  chan struct{} // a token: a job may be waiting

	mu   sync.Mutex
	here map[string]string // kinds of the jobs that this process does, by id

	ended   *prometheus.CounterVec
	working *prometheus.GaugeVec
	done    *prometheus.CounterVec
}

// New makes a service of kinds; New opens nothing.
func New(cfg Config, deps Deps, kinds []Kind) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring operating: %w", err)
	}
	byName, err := check(kinds)
	if err != nil {
		return nil, err
	}
	if cfg.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "operating.worker: must be set, since the host has no name: %w", err)
		}
		cfg.Worker = host
	}
	f := promauto.With(deps.Registerer)
	return &Service{cfg: cfg, deps: deps, kinds: byName, kick: make(chan struct{}, 1), here: map[string]string{},
		ended:   f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_jobs_total", Help: "Jobs that ended here, by kind and state."}, []string{"kind", "state"}),
		working: f.NewGaugeVec(prometheus.GaugeOpts{Name: "cinedex_jobs_working", Help: "Jobs being done here, by kind."}, []string{"kind"}),
		done:    f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_job_items_total", Help: "What jobs have done, in the unit of their kind."}, []string{"kind"}),
	}, nil
}

// lookEvery is how soon this process finds a job that another process stored, or whose worker died.
const lookEvery = time.Second

// Serve does jobs until ctx ends. A job that is underway at the end is left to the next process.
func (s *Service) Serve(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.look(ctx, &running); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("looking for jobs", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.kick:
		}
	}
}

// look starts every job that waits, as far as the limits allow.
func (s *Service) look(ctx context.Context, running *sync.WaitGroup) error {
	for j, err := range s.deps.Store.AllJobs(ctx) {
		if err != nil {
			return err
		}
		if st := j.GetState(); st != pb.JobState_JOB_STATE_WAITING && st != pb.JobState_JOB_STATE_RUNNING {
			continue
		}
		kind := s.kinds[j.GetKind()]
		if kind == nil || !s.reserve(j) {
			continue // an older or a newer version of Cinedex knows the kind
		}
		running.Go(func() {
			defer s.unreserve(j.GetId())
			if err := s.work(ctx, j.GetId(), kind); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("doing a job", "job", j.GetId(), "kind", j.GetKind(), "error", err)
			}
		})
	}
	return nil
}

// reserve makes sure that a single goroutine of this process does a job, and that not too many goroutines do jobs of the same kind.
func (s *Service) reserve(j *pb.Job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, twice := s.here[j.GetId()]; twice {
		return false
	}
	same := 0
	for _, k := range s.here {
		if k == j.GetKind() {
			same++
		}
	}
	if same >= s.cfg.Jobs {
		return false
	}
	s.here[j.GetId()] = j.GetKind()
	return true
}

func (s *Service) unreserve(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.here, id)
}
