// Package operating does operators' work: jobs that may take hours, show how far they are,
// can be paused, resumed and cancelled, and go on after a kill with the same result.
//
// A job lies in the store and changes by compare-and-set of its revision. Each process that
// serves this looks for jobs that wait, and for those whose worker died; it takes the job's
// lease, has the job's kind do it (kind.go has the table, one file for each kind), and notes
// about once a second how far it is.
//
// What holds: a worker that lost the lease writes no progress any more. A cursor is noted
// after what it stands for is durable, and what a kind does is idempotent by identity, so
// that going on from an older cursor gives the same rows. What an operator wishes (pause,
// cancel) ends the work within about a second, and what was done by then is noted.
package operating

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is what an operator sets.
type Config struct {
	// Worker names this process among those that do jobs; its host's name where it is
	// empty. A process that is started again under the same name takes its own jobs back at once.
	Worker string `mapstructure:"worker"`
	// LeaseTTL is how long after a worker's death others wait before they take its jobs.
	LeaseTTL time.Duration `mapstructure:"lease_ttl"`
	// Jobs is how many jobs of each kind are done here at once: a switch never waits behind a replay.
	Jobs int `mapstructure:"jobs"`
	// Batch bounds what one caller may ask for on demand.
	Batch BatchLimits `mapstructure:"batch"`
}

// Default does two jobs of each kind at once.
func Default() Config {
	return Config{LeaseTTL: 15 * time.Second, Jobs: 2, Batch: DefaultBatchLimits()}
}

// Validate names the first field that cannot be worked with.
func (c Config) Validate() error {
	switch {
	case c.LeaseTTL < 3*time.Second || c.LeaseTTL > time.Hour:
		return errkind.New(errkind.Invalid, "lease_ttl: %s is not from 3s to 1h", c.LeaseTTL)
	case c.Jobs < 1 || c.Jobs > 100:
		return errkind.New(errkind.Invalid, "jobs: %d is not from 1 to 100", c.Jobs)
	}
	if err := c.Batch.Validate(); err != nil {
		return fmt.Errorf("batch.%w", err)
	}
	return nil
}

// Deps is what main builds.
type Deps struct {
	Events *events.Client
	Store  store.Store
	Engine search.Engine
	// Registry knows every algorithm, candidates included.
	Registry *algo.Registry
	// Blobs keeps the results of batches; without it there are none.
	Blobs      *blob.Blobs
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Service does jobs.
type Service struct {
	cfg   Config
	deps  Deps
	kinds map[string]Kind
	kick  chan struct{} // one token: there may be something to do

	// filling is the lack for which a rebuild was submitted; for Serve alone.
	filling *search.Lack

	mu   sync.Mutex
	here map[string]string // kinds of the jobs that are being done here, by id

	ended   *prometheus.CounterVec
	working *prometheus.GaugeVec
	done    *prometheus.CounterVec
}

// New makes a service; it opens nothing.
func New(cfg Config, deps Deps) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring operating: %w", err)
	}
	if cfg.Worker == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "operating.worker: must be set, since the host has no name: %w", err)
		}
		cfg.Worker = host
	}
	f := promauto.With(deps.Registerer)
	return &Service{cfg: cfg, deps: deps, kinds: kinds(cfg, deps), kick: make(chan struct{}, 1), here: map[string]string{},
		ended:   f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_jobs_total", Help: "Jobs that ended here, by kind and state."}, []string{"kind", "state"}),
		working: f.NewGaugeVec(prometheus.GaugeOpts{Name: "cinedex_jobs_working", Help: "Jobs being done here, by kind."}, []string{"kind"}),
		done:    f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_job_items_total", Help: "What jobs have done, in the unit of their kind."}, []string{"kind"}),
	}, nil
}

// Ready reports whether the store answers, and the search engine holds all of it.
func (s *Service) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return errors.Join(s.deps.Store.Ready(ctx), search.Whole(s.deps.Engine))
}

// lookEvery is how soon a job is found that another process took in, or whose worker died.
const lookEvery = time.Second

// Serve does jobs until ctx ends. A job that is underway then is left to whoever comes next.
func (s *Service) Serve(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := s.fill(ctx); err != nil && ctx.Err() == nil {
			s.deps.Log.Warn("having the search engine filled anew", "error", err)
		}
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

// look takes up what can be taken up.
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
			continue // an older or a newer version of Cinedex knows it
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

// reserve makes sure that one goroutine of this process does a job, and not too many do jobs of one kind.
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

// attempts is how often a job that fails with Internal is tried without getting any further.
const attempts = 5

// work does one job under its lease, from its cursor to its end, or to where it is stopped.
func (s *Service) work(ctx context.Context, id string, kind Kind) error {
	lease, err := s.deps.Store.Acquire(ctx, store.JobLease(id), s.cfg.Worker, s.cfg.LeaseTTL)
	if errkind.Is(err, errkind.Conflict) {
		return nil // its worker lives
	}
	if err != nil {
		return fmt.Errorf("taking its lease: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.deps.Store.Release(ctx, lease); err != nil {
			s.deps.Log.Warn("giving a lease back", "lease", lease.Name, "error", err)
		}
	}()
	w, err := s.begin(ctx, id, lease)
	if err != nil || w == nil {
		return err
	}
	s.working.WithLabelValues(w.job.GetKind()).Inc()
	defer s.working.WithLabelValues(w.job.GetKind()).Dec()
	log := s.deps.Log.With("job", id, "kind", w.job.GetKind(), "caller", w.job.GetCaller())
	log.Info("doing a job", "done", w.job.GetDone(), "of", w.job.GetTotal(), "unit", w.job.GetUnit(), "epoch", lease.Epoch)

	err = w.do(ctx, kind)
	if errors.Is(err, errLost) {
		log.Warn("another worker has the job")
		return nil
	}
	// What was done is noted, also when the process is told to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	state, err := w.end(ctx, err)
	if errors.Is(err, errLost) {
		log.Warn("another worker has the job")
		return nil
	}
	if err != nil {
		return fmt.Errorf("noting its end: %w", err)
	}
	if state != pb.JobState_JOB_STATE_RUNNING {
		s.ended.WithLabelValues(w.job.GetKind(), StateName(state)).Inc()
	}
	log.Info("left a job", "state", StateName(state), "done", w.job.GetDone(), "of", w.job.GetTotal(), "error", w.job.GetError())
	return nil
}

// begin notes that a job is being done, unless it has ended meanwhile or is to be stopped before it begins.
func (s *Service) begin(ctx context.Context, id string, lease store.Lease) (*Work, error) {
	w := &Work{s: s, id: id, lease: lease, counted: time.Now()}
	taken := false
	err := w.put(ctx, func(j *pb.Job) bool {
		taken = false
		switch {
		case j.GetState() != pb.JobState_JOB_STATE_WAITING && j.GetState() != pb.JobState_JOB_STATE_RUNNING:
			return false
		case j.GetWish() != "":
			settle(j, wishes[j.GetWish()])
			return true
		}
		taken = true
		j.State, j.ErrorKind, j.Error = pb.JobState_JOB_STATE_RUNNING, "", ""
		if j.GetStartedMs() == 0 {
			j.StartedMs = time.Now().UnixMilli()
		}
		return true
	})
	if errors.Is(err, errLost) || err == nil && !taken {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("noting that it is being done: %w", err)
	}
	w.done, w.total, w.cursor = w.job.GetDone(), w.job.GetTotal(), w.job.GetCursor()
	return w, nil
}

// do calls the kind until the job is done or stopped, or has failed for good.
func (w *Work) do(ctx context.Context, kind Kind) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { w.keep(ctx, stop, cancel) })
	defer keeping.Wait()
	defer close(stop)

	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 200*time.Millisecond, 30*time.Second
	tries, at := 0, int64(-1)
	for {
		err := guard(ctx, kind, w)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		k := errkind.Of(err)
		if done := w.progressed(); done != at {
			tries, at = 0, done
			b.Reset()
		}
		tries++
		if !k.Retryable() || k == errkind.Internal && tries >= attempts {
			return err
		}
		w.trouble(err)
		w.s.deps.Log.Warn("doing a job again", "job", w.id, "attempt", tries, "error", err)
		t := time.NewTimer(b.NextBackOff())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// guard turns a kind's panic into its error.
func guard(ctx context.Context, kind Kind, w *Work) (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.s.deps.Log.Error("a job panicked", "job", w.id, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errkind.New(errkind.Internal, "the job panicked: %v", r)
		}
	}()
	return kind.Do(ctx, w)
}
