package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Workers are the algorithms of workers. remote.Host implements Workers.
type Workers interface {
	// Algorithms returns the versions that workers serve now. Each has a method Declared.
	Algorithms() []algo.Algorithm
	// Changed is closed when Algorithms changes.
	Changed() <-chan struct{}
	// Known reports whether a worker has declared a version, "name@version", since the process began.
	Known(id string) bool
}

const (
	// requestsAtOnce is how many requests of a partition are executed at once for workers. Most requests of a slow worker wait for a film of the worker's own
	// pool, and hold nothing else, so a slow worker stands before no other worker until so many of its requests lie in a partition.
	requestsAtOnce = 256
	// filmsAside is how many films may be decoded at once for a version, for each film of Config.Films. Fewer, if the workers execute fewer runs at once.
	filmsAside = 4
	// comeback is how long a run that failed waits for its worker before the run is left. A supervisor starts a crashed worker within seconds.
	comeback = 5 * time.Second
)

// aside has the tokens of the films that are decoded for workers: a pool for each version, so that a worker that stands still with a film keeps no token
// of another algorithm.
type aside struct {
	size  int
	mu    sync.Mutex
	pools map[string]chan struct{}
}

func (a *aside) of(id string) chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pools == nil {
		a.pools = map[string]chan struct{}{}
	}
	if a.pools[id] == nil {
		a.pools[id] = make(chan struct{}, a.size)
	}
	return a.pools[id]
}

// registry returns the algorithms that this runner executes now.
func (s *Service) registry() *algo.Registry { return s.current.Load() }

// apart reports whether a version, "name@version", is of a worker: its runs go by themselves, so that a worker that fails, or stands still, fails or
// stops no other run.
func (s *Service) apart(id string) bool {
	if s.deps.Catalogue != nil {
		if e := s.deps.Catalogue.View().Entry(id); e != nil {
			return e.Remote
		}
	}
	return s.deps.Workers != nil && s.deps.Workers.Known(id)
}

// followWorkers keeps the registry up to date with the workers until ctx ends.
func (s *Service) followWorkers(ctx context.Context) {
	const least, most = time.Second, time.Minute
	wait := least
	for {
		changed := s.deps.Workers.Changed()
		pause := most
		if !s.takeWorkers(ctx) {
			pause, wait = wait, min(2*wait, most)
		}
		timer := time.NewTimer(pause)
		select {
		case <-changed:
			timer.Stop()
			wait = least
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// takeWorkers announces the algorithms of the workers, and takes the announced algorithms into the registry. whole is false if an algorithm was left
// out: a claim may become free, or the log may answer, later.
func (s *Service) takeWorkers(ctx context.Context) (whole bool) {
	whole = true
	var taken []algo.Algorithm
	for _, a := range s.deps.Workers.Algorithms() {
		if err := s.announce(ctx, a); err != nil {
			whole = false
			s.deps.Log.Error("an algorithm of a worker is not served", "algorithm", idOf(a), "error", err)
			continue
		}
		taken = append(taken, a)
	}
	reg, refused := s.deps.Registry.With(taken...)
	for id, err := range refused {
		whole = false
		s.deps.Log.Error("an algorithm of a worker is not served", "algorithm", id, "error", err)
	}
	s.current.Store(reg)
	return whole
}

func idOf(a algo.Algorithm) string { return a.Spec().GetName() + "@" + a.Spec().GetVersion() }

// announce puts an algorithm of a worker into the catalogue. A private algorithm stays out of the catalogue.
func (s *Service) announce(ctx context.Context, a algo.Algorithm) error {
	w, ok := a.(interface{ Declared() *pb.WorkerAlgorithm })
	if !ok || s.deps.Catalogue == nil || w.Declared().GetPrivate() {
		return nil
	}
	if _, err := s.deps.Registry.Find(idOf(a)); err == nil {
		return errkind.New(errkind.Conflict, "algorithm %s is a part of Cinedex", idOf(a))
	}
	if err := s.deps.Catalogue.Ready(); err != nil {
		return err
	}
	d := w.Declared()
	return s.deps.Catalogue.Announce(ctx, &pb.AlgorithmAnnounced{Algorithm: d.GetAlgorithm(), Candidate: d.GetCandidate(), Remote: true, Digest: d.GetDigest()})
}

// executeForWorkers is the run hop of all lanes of workers. Requests of a partition are executed at once, and acknowledged in order: see
// events.Subscription.AtOnce.
func (s *Service) executeForWorkers(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		n := slices.IndexFunc(lanes, func(l lane) bool { return l.workers && l.hop.Topics[0] == d.Topic })
		if err := s.execute(ctx, n, d); err != nil {
			return err
		}
	}
	return nil
}

// single lets a run be executed once at a time in this process, whose executions would take each other's lease.
type single struct {
	mu      sync.Mutex
	running map[string]chan struct{}
}

// enter waits until no execution of the run is under way, and returns whether there was one.
func (o *single) enter(ctx context.Context, run string) (leave func(), waited bool, err error) {
	for {
		o.mu.Lock()
		if o.running == nil {
			o.running = map[string]chan struct{}{}
		}
		other := o.running[run]
		if other == nil {
			ended := make(chan struct{})
			o.running[run] = ended
			o.mu.Unlock()
			return func() {
				o.mu.Lock()
				defer o.mu.Unlock()
				delete(o.running, run)
				close(ended)
			}, waited, nil
		}
		o.mu.Unlock()
		waited = true
		select {
		case <-other:
		case <-ctx.Done():
			return nil, waited, context.Cause(ctx)
		}
	}
}

// requestOfWorkers brings every run of a request that is of a worker to its end, each run by itself.
func (s *Service) requestOfWorkers(ctx context.Context, asset *pb.Asset, m *pb.RunsRequested, in lane) error {
	todo, unknown, err := s.todo(ctx, asset, m, true)
	if err != nil {
		return err
	}
	errs := make([]error, len(todo))
	var executing sync.WaitGroup
	for i, r := range todo {
		executing.Go(func() { errs[i] = s.alone(ctx, asset, r, in) })
	}
	executing.Wait()
	return errors.Join(append(errs, unknown)...)
}

// alone brings a run of a worker to its end, or leaves the run until the worker is there again.
func (s *Service) alone(ctx context.Context, asset *pb.Asset, r *pb.Run, in lane) error {
	leave, waited, err := s.single.enter(ctx, r.GetId())
	if err != nil {
		return err
	}
	defer leave()
	if waited {
		if ended, err := s.endedHere(ctx, r.GetId(), false); ended || err != nil {
			return err
		}
	}
	for {
		ends, err := s.group(ctx, asset, []*pb.Run{r}, in)
		if errors.Is(err, algo.ErrAway) || err != nil && !s.serves(versionOf(r)) {
			return s.wait(ctx, r, err)
		}
		if err != nil {
			return err
		}
		e := ends[0]
		if errors.Is(e.err, algo.ErrAway) {
			return s.wait(ctx, r, e.err)
		}
		again, err := s.settle(ctx, e, s.try(e))
		if err != nil || !again {
			return err
		}
		if !s.comesBack(ctx, versionOf(r)) {
			return s.wait(ctx, r, e.err)
		}
	}
}

// try counts the tries of a run that ended with Internal. The count outlives a request: a run that crashes its worker is left until the worker is there
// again, and must not crash the worker for ever.
func (s *Service) try(e *execution) int {
	id := e.run.GetId()
	if e.err == nil || errkind.Of(e.err) != errkind.Internal {
		s.tries.forget(id)
		return 1
	}
	tries, _ := s.tries.epoch(id)
	s.tries.add(id, tries+1)
	if tries+1 >= int64(s.cfg.Attempts) {
		s.tries.forget(id)
	}
	return int(tries) + 1
}

// comesBack waits a little until a version is served again.
func (s *Service) comesBack(ctx context.Context, id string) bool {
	deadline := time.NewTimer(comeback)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !s.serves(id) {
		select {
		case <-tick.C:
		case <-deadline.C:
			return s.serves(id)
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// wait leaves a run whose worker is away. NotFound: the version is not in the catalogue, so nobody would request the run again.
func (s *Service) wait(ctx context.Context, r *pb.Run, why error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	id := versionOf(r)
	if s.deps.Catalogue == nil || s.deps.Catalogue.View().Entry(id) == nil {
		return errkind.New(errkind.NotFound, "no worker of %s takes run %s: %w", id, r.GetId(), why)
	}
	s.metrics.executed.WithLabelValues(r.GetAlgorithm(), "left").Inc()
	s.deps.Log.Warn("the run waits for a worker", "asset", r.GetAsset(), "algorithm", id, "run", r.GetId(), "error", why)
	if err := s.deps.Catalogue.SetWaits(ctx, id, true); err != nil {
		return fmt.Errorf("leaving run %s: %w", r.GetId(), err)
	}
	return nil
}
