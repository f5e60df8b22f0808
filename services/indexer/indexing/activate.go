package indexing

import (
	"context"
	"fmt"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// finished records how runs ended, and activates those whose every item is already indexed.
func (s *Service) finished(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		m, ok := d.Data.(*pb.RunFinished)
		if !ok || m.GetRun().GetId() == "" || m.GetRun().GetAsset() != d.Subject {
			return errkind.New(errkind.Invalid, "the event names no run of its subject")
		}
		r := m.GetRun()
		err := s.deps.Store.FinishRun(ctx, r)
		if errkind.Is(err, errkind.Conflict) {
			s.refused.WithLabelValues(string(events.RunsFinished)).Inc()
			s.deps.Log.Warn("refused the end of an execution that lost its lease", "run", r.GetId(), "epoch", r.GetEpoch())
			if err := s.askAgain(ctx, r); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("recording the end of run %s: %w", r.GetId(), err)
		}
		if err := s.tryActivate(ctx, r.GetAsset(), r.GetId()); err != nil {
			return err
		}
		s.visible.Observe(time.Since(d.Logged).Seconds())
	}
	return nil
}

// askAgain asks for a run whose end was refused, unless it has ended since. The lease is with another execution, which may give up:
// where the end was logged and not yet recorded, as while no indexer runs, nothing else would have the run executed then.
func (s *Service) askAgain(ctx context.Context, refused *pb.Run) error {
	there, err := runs.Lookup(ctx, s.deps.Store, refused.GetAsset(), refused.GetId())
	switch {
	case err != nil:
		return err
	case there == nil:
		return nil // deleted since it was requested: nobody waits for it
	case runs.Finished(there), runs.Failed(there) && there.GetEpoch() >= refused.GetEpoch():
		return nil
	}
	r := &pb.Run{Id: refused.GetId(), Asset: refused.GetAsset(), Algorithm: refused.GetAlgorithm(), Version: refused.GetVersion(),
		Parameters: refused.GetParameters(), Inputs: refused.GetInputs(), Reads: refused.GetReads(), Hold: refused.GetHold(), State: pb.RunState_RUN_STATE_REQUESTED}
	lane := events.RunsRequested
	if r.GetHold() {
		lane = events.RunsBackfill
	}
	err = s.deps.Events.Publish(ctx, lane, events.Event{
		Subject: r.GetAsset(), Data: &pb.RunsRequested{Asset: r.GetAsset(), Runs: []*pb.Run{r}, Reason: schema.ReasonRefused},
	})
	if err != nil {
		return fmt.Errorf("asking again for run %s: %w", r.GetId(), err)
	}
	return nil
}

// tryActivate makes a run the active one if it has finished and all that it wrote
// is indexed. It is called after every write that may have been the last one missing, by whichever
// topic brought it: each writes first and looks afterwards, so one of them sees both.
func (s *Service) tryActivate(ctx context.Context, asset, id string) error {
	r, err := runs.Lookup(ctx, s.deps.Store, asset, id)
	if err != nil || r.GetActivated() {
		return err
	}
	if whole, err := runs.Whole(ctx, s.deps.Store, r); err != nil || !whole {
		return err // the last item, or the end, will come
	}
	if r.GetEpoch() > store.FirstEpoch {
		// What an earlier execution left beyond the end must not be seen.
		if err := s.deps.Store.TrimRun(ctx, asset, id, r.GetAnnotations(), r.GetEmbeddings()); err != nil {
			return fmt.Errorf("trimming run %s in the store: %w", id, err)
		}
		if err := s.deps.Engine.TrimRun(ctx, id, r.GetAnnotations(), r.GetEmbeddings()); err != nil {
			return fmt.Errorf("trimming run %s in the search engine: %w", id, err)
		}
	}
	if r.GetHold() {
		return nil // whole and findable: an operator switches to it
	}
	for {
		active, err := runs.Active(ctx, s.deps.Store, asset)
		if err != nil {
			return err
		}
		seen := runs.Seen(active, r.GetAlgorithm())
		if !runs.Supersedes(r, seen) {
			return nil
		}
		_, err = s.deps.Store.Activate(ctx, r, seen.GetRun())
		if errkind.Is(err, errkind.Conflict) {
			continue // another run was switched in between: look again
		}
		if err != nil {
			return fmt.Errorf("activating run %s: %w", id, err)
		}
		s.activated.WithLabelValues(r.GetAlgorithm()).Inc()
		s.deps.Log.Info("activated", "asset", asset, "algorithm", r.GetAlgorithm(), "version", r.GetVersion(), "run", id,
			"annotations", r.GetAnnotations(), "embeddings", r.GetEmbeddings(), "before", seen.GetRun())
		return nil
	}
}
