package pebblestore

import (
	"context"
	"iter"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Activate implements store.Activation.
func (s *Store) Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error) {
	if err := named("activating a run", next); err != nil {
		return nil, err
	}
	active := &pb.ActiveRun{}
	err := s.edit(ctx, "activating run "+next.GetId(), ofAsset(next.GetAsset()), func(e *edit) error {
		runKey, run := key(tableRuns, next.GetAsset(), next.GetId()), &pb.Run{}
		if err := s.get(runKey, run, "run "+next.GetId()); err != nil {
			return err
		}
		if !runs.Finished(run) {
			return errkind.New(errkind.Invalid, "its state is %s: readers see finished runs only", run.GetState())
		}
		activeKey := key(tableActive, run.GetAsset(), run.GetAlgorithm())
		if err := s.get(activeKey, active, "active run"); err != nil && !errkind.Is(err, errkind.NotFound) {
			return err
		}
		if active.GetRun() == run.GetId() {
			return nil
		}
		if active.GetRun() != previous {
			return errkind.New(errkind.Conflict, "the active run is %q, not %q", active.GetRun(), previous)
		}
		e.library = true
		active = &pb.ActiveRun{
			Asset: run.GetAsset(), Algorithm: run.GetAlgorithm(), Run: run.GetId(), Version: run.GetVersion(),
			Previous: previous, Generation: active.GetGeneration() + 1,
		}
		if err := e.put(activeKey, active); err != nil {
			return err
		}
		run.Activated = true
		return e.put(runKey, run)
	})
	if err != nil {
		return nil, err
	}
	return active, nil
}

// Active implements store.Activation.
func (s *Store) Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error) {
	return collect(scan[pb.ActiveRun](ctx, s, key(tableActive, asset), "active runs of "+asset))
}

// AllActive implements store.Activation.
func (s *Store) AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error] {
	return scan[pb.ActiveRun](ctx, s, key(tableActive), "active runs")
}
