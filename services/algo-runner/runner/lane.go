package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A lane is a hop of requests, and the topics for the items of the lane's runs.
type lane struct {
	hop                     events.Hop
	annotations, embeddings events.Topic
	// workers: the lane has the runs that workers execute. Otherwise the lane has all other runs.
	workers bool
	// before are the lanes whose requests go first. A worker may be slow, or stand still, so no lane waits for a lane of workers but such a lane.
	before []int
}

// lanes are the lanes of this process's own algorithms, and then the lanes of workers.
var lanes = []lane{
	{hop: events.HopRunner, annotations: events.Annotations, embeddings: events.Embeddings},
	{hop: events.HopRunnerBatch, annotations: events.Annotations, embeddings: events.Embeddings, before: []int{0}},
	{hop: events.HopRunnerBackfill, annotations: events.AnnotationsBackfill, embeddings: events.EmbeddingsBackfill, before: []int{0, 1}},
	{hop: workersIn(events.RunsRequested), annotations: events.Annotations, embeddings: events.Embeddings, workers: true},
	{hop: workersIn(events.RunsBatch), annotations: events.Annotations, embeddings: events.Embeddings, workers: true, before: []int{0, 3}},
	{hop: workersIn(events.RunsBackfill), annotations: events.AnnotationsBackfill, embeddings: events.EmbeddingsBackfill, workers: true, before: []int{0, 1, 3, 4}},
}

// workersIn is the part of the workers' hop that reads a topic.
func workersIn(topic events.Topic) events.Hop {
	return events.Hop{Group: events.HopWorkers.Group, Topics: []events.Topic{topic}}
}

// errYield ends an execution in favour of a more urgent request.
var errYield = errkind.New(errkind.Unavailable, "a more urgent request has come")

// A gate lets a lane's requests pass while no request of an earlier lane waits or runs.
type gate struct {
	log interface {
		Lag(ctx context.Context, group string, topics ...events.Topic) ([]events.PartitionLag, error)
	}
	say *slog.Logger

	mu      sync.Mutex
	busy    []int // requests of each lane that wait or run here
	changed chan struct{}
	running map[*through]bool
}

// through is a request that has passed the gate.
type through struct {
	lane int
	end  context.CancelCauseFunc
}

func newGate(log Log, say *slog.Logger) *gate {
	return &gate{log: log, say: say, busy: make([]int, len(lanes)), changed: make(chan struct{}), running: map[*through]bool{}}
}

// askEvery is how often a waiting lane reads the lags of other processes.
const askEvery = time.Second

// enter waits for the lane's turn. The returned context ends with errYield when a request of an earlier lane comes. The caller MUST call leave in any
// case.
func (g *gate) enter(ctx context.Context, lane int) (_ context.Context, leave func(), err error) {
	g.change(func() {
		g.busy[lane]++
		for t := range g.running {
			if slices.Contains(lanes[t.lane].before, lane) {
				t.end(errYield)
			}
		}
	})
	leave = func() { g.change(func() { g.busy[lane]-- }) }
	for {
		g.mu.Lock()
		first, changed := g.first(lane), g.changed
		g.mu.Unlock()
		if first {
			// Then nobody here is in the way; perhaps another process's partition has something.
			elsewhere, err := g.elsewhere(ctx, lane)
			if err != nil {
				g.say.Warn("looking whether live work waits", "error", err)
			}
			if err == nil && !elsewhere {
				if work, left := g.pass(ctx, lane, leave); work != nil {
					return work, left, nil
				}
				continue
			}
		}
		t := time.NewTimer(askEvery)
		select {
		case <-changed:
			t.Stop()
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, leave, ctx.Err()
		}
	}
}

// pass lets a request pass, unless an earlier lane has become busy meanwhile.
func (g *gate) pass(ctx context.Context, lane int, leave func()) (context.Context, func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.first(lane) {
		return nil, nil
	}
	work, end := context.WithCancelCause(ctx)
	t := &through{lane, end}
	g.running[t] = true
	return work, func() {
		g.mu.Lock()
		delete(g.running, t)
		g.mu.Unlock()
		end(nil)
		leave()
	}
}

// first reports whether nothing of the lanes before waits or runs here. The lock is held.
func (g *gate) first(lane int) bool {
	return !slices.ContainsFunc(lanes[lane].before, func(l int) bool { return g.busy[l] > 0 })
}

func (g *gate) change(what func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	what()
	close(g.changed)
	g.changed = make(chan struct{})
}

// elsewhere reports whether the log has an unhandled request for an earlier lane.
func (g *gate) elsewhere(ctx context.Context, lane int) (bool, error) {
	for _, i := range lanes[lane].before {
		l := lanes[i]
		lags, err := g.log.Lag(ctx, l.hop.Group, l.hop.Topics...)
		if err != nil {
			return false, fmt.Errorf("reading the lag of %s: %w", l.hop.Group, err)
		}
		for _, p := range lags {
			if p.Lag > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// executeIn is the run hop of a lane.
func (s *Service) executeIn(n int) events.Handler {
	return func(ctx context.Context, batch []events.Delivery) error {
		for _, d := range batch {
			if err := s.execute(ctx, n, d); err != nil {
				return err
			}
		}
		return nil
	}
}

// execute executes the runs of a request that belong to a lane.
func (s *Service) execute(ctx context.Context, n int, d events.Delivery) error {
	m, ok := d.Data.(*pb.RunsRequested)
	workers := lanes[n].workers
	switch {
	case !ok || m.GetAsset() != d.Subject:
		if workers {
			return nil // the hop of the process's own algorithms puts the event aside
		}
		return errkind.New(errkind.Invalid, "the event requests no runs of its subject")
	case !slices.ContainsFunc(m.GetRuns(), func(r *pb.Run) bool { return s.apart(versionOf(r)) == workers }) && (workers || len(m.GetRuns()) > 0):
		return nil
	}
	s.metrics.late.Observe(max(0, time.Since(d.Logged).Seconds()))
	if err := s.inTurn(ctx, n, m); err != nil {
		return fmt.Errorf("executing runs of %s: %w", d.Subject, err)
	}
	return nil
}

// inTurn executes a request in the lane's turn. An execution that yielded begins anew.
func (s *Service) inTurn(ctx context.Context, n int, m *pb.RunsRequested) error {
	for {
		work, leave, err := s.gate.enter(ctx, n)
		if err != nil {
			leave()
			return err
		}
		var unwanted bool
		if unwanted, err = s.withdrawn(work, m.GetJob()); err == nil && !unwanted {
			err = s.request(work, m, lanes[n])
		}
		yielded := err != nil && ctx.Err() == nil && errors.Is(context.Cause(work), errYield)
		leave()
		if !yielded {
			return err
		}
		s.deps.Log.Info("gave way to live work", "asset", m.GetAsset(), "job", m.GetJob())
	}
}

// withdrawn reports whether the job of a request was cancelled.
func (s *Service) withdrawn(ctx context.Context, job string) (bool, error) {
	if job == "" {
		return false, nil
	}
	j, err := s.deps.Store.Job(ctx, job)
	if err != nil && !errkind.Is(err, errkind.NotFound) {
		return false, fmt.Errorf("reading job %s: %w", job, err)
	}
	return j.GetState() == pb.JobState_JOB_STATE_CANCELLED, nil
}
