package runner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// request brings every run of a request to its end. An error says why the request should be tried again.
func (s *Service) request(ctx context.Context, m *pb.RunsRequested, in lane) error {
	asset, err := s.deps.Store.Asset(ctx, m.GetAsset())
	if err != nil {
		return fmt.Errorf("reading the asset: %w", err)
	}
	if in.workers {
		return s.requestOfWorkers(ctx, asset, m, in)
	}
	// Runs that cannot be executed here are reported at the end, after the other runs.
	todo, unknown, err := s.todo(ctx, asset, m, in.workers)
	if err != nil {
		return err
	}
	for attempt := 1; len(todo) > 0; attempt++ {
		var again []*pb.Run
		var later error
		ends, err := s.group(ctx, asset, todo, in)
		if err != nil {
			return err
		}
		for _, e := range ends {
			switch retry, err := s.settle(ctx, e, attempt); {
			case err != nil:
				later = errors.Join(later, err)
			case retry:
				again = append(again, e.run)
			}
		}
		if later != nil {
			return later
		}
		todo = again
	}
	return unknown
}

// todo returns the runs of a request that have not ended yet, inputs first.
func (s *Service) todo(ctx context.Context, asset *pb.Asset, m *pb.RunsRequested, workers bool) (todo []*pb.Run, unknown, err error) {
	byVersion := make(map[string]*pb.Run)
	for _, r := range m.GetRuns() {
		if s.apart(versionOf(r)) != workers {
			continue
		}
		switch leave, err := s.leave(ctx, r); {
		case err != nil:
			return nil, nil, err
		case leave:
			continue
		}
		if err := s.known(asset, r); err != nil {
			unknown = errors.Join(unknown, err)
			continue
		}
		byVersion[r.GetAlgorithm()+"@"+r.GetVersion()] = r
	}
	// A request by hand tries failed runs again.
	byHand := m.GetReason() != schema.ReasonArrival && m.GetReason() != schema.ReasonDependency
	for _, a := range s.registry().Versions() {
		r := byVersion[a.Spec().GetName()+"@"+a.Spec().GetVersion()]
		if r == nil {
			continue
		}
		ended, err := s.endedHere(ctx, r.GetId(), byHand)
		if err != nil {
			return nil, nil, err
		}
		if ended {
			continue
		}
		there, err := runs.Lookup(ctx, s.deps.Store, r.GetAsset(), r.GetId())
		if err != nil {
			return nil, nil, err
		}
		if runs.Finished(there) || runs.Failed(there) && !byHand {
			continue
		}
		todo = append(todo, r)
	}
	return todo, unknown, nil
}

// endedHere reports whether a run has ended in this process, recorded yet or not. An end does not count once a later execution has begun, here or
// elsewhere: the indexer refuses the earlier end and waits for the later end.
func (s *Service) endedHere(ctx context.Context, run string, byHand bool) (bool, error) {
	epoch, ended := s.done.epoch(run)
	if !ended && !byHand {
		epoch, ended = s.failed.epoch(run)
	}
	if !ended {
		return false, nil
	}
	err := s.deps.Store.CheckEpoch(ctx, store.RunLease(run), epoch)
	if errkind.Is(err, errkind.Conflict) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("checking that the end of run %s counts: %w", run, err)
	}
	return true, nil
}

// known checks that a run's identity is right, and that the run's algorithm is here.
func (s *Service) known(asset *pb.Asset, r *pb.Run) error {
	if _, err := s.registry().Find(r.GetAlgorithm() + "@" + r.GetVersion()); err != nil {
		return err
	}
	if r.GetAsset() != asset.GetId() || r.GetId() != schema.RunID(r) {
		return errkind.New(errkind.Invalid, "the identity of run %q is not derived from the run", r.GetId())
	}
	return nil
}

// settle acts on the end of an execution. again says that the run is to be executed again at once; an error says that the whole request should come
// again later.
func (s *Service) settle(ctx context.Context, e *execution, attempt int) (again bool, err error) {
	name := e.run.GetAlgorithm()
	log := s.deps.Log.With("asset", e.run.GetAsset(), "algorithm", name, "run", e.run.GetId())
	if e.skipped {
		return false, nil
	}
	s.metrics.seconds.WithLabelValues(name).Observe(e.took.Seconds())
	if e.err == nil {
		s.done.add(e.run.GetId(), e.run.GetEpoch())
		s.metrics.executed.WithLabelValues(name, "finished").Inc()
		log.Info("finished", "seconds", e.took.Seconds(), "annotations", e.out.annotations.next(), "embeddings", e.out.embeddings.next())
		return false, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	kind := errkind.Of(e.err)
	s.metrics.errors.WithLabelValues(name, kind.String()).Inc()
	switch kind {
	case errkind.Unavailable, errkind.Exhausted, errkind.Cancelled:
		s.metrics.executed.WithLabelValues(name, "retried").Inc()
		return false, fmt.Errorf("algorithm %s: %w", name, e.err)
	case errkind.Internal:
		if attempt < s.cfg.Attempts {
			s.metrics.executed.WithLabelValues(name, "retried").Inc()
			log.Warn("executing again", "attempt", attempt, "error", e.err)
			return true, nil
		}
	}
	r := proto.CloneOf(e.run)
	r.State, r.ErrorKind, r.Error = pb.RunState_RUN_STATE_FAILED, kind.String(), clip(e.err.Error())
	if err := s.deps.Events.Publish(ctx, events.RunsFinished, events.Event{Subject: r.GetAsset(), Data: &pb.RunFinished{Run: r}}); err != nil {
		return false, fmt.Errorf("telling that run %s failed: %w", r.GetId(), err)
	}
	s.failed.add(r.GetId(), r.GetEpoch())
	s.metrics.executed.WithLabelValues(name, "failed").Inc()
	log.Error("failed", "kind", kind.String(), "attempts", attempt, "error", e.err)
	return false, nil
}

// clip keeps an error short enough to be stored.
func clip(s string) string {
	const most = 2000
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// An execution is a run during an attempt.
type execution struct {
	run       *pb.Run // a copy, with the lease's epoch
	algorithm algo.Algorithm
	in        *input
	out       *output

	skipped bool // the run had finished elsewhere
	err     error
	took    time.Duration
}
