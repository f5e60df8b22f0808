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

// finished records the ends of runs, and activates runs whose every item is already indexed.
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

// askAgain requests a run again whose end was refused, unless the run has ended since. Another execution holds the lease, and may give up. Where the
// end was logged while no indexer ran, nobody else would have the run executed then.
func (s *Service) askAgain(ctx context.Context, refused *pb.Run) error {
	there, err := runs.Lookup(ctx, s.deps.Store, refused.GetAsset(), refused.GetId())
	switch {
	case err != nil:
		return err
	case there == nil:
		return nil // deleted since the request: nobody waits for the run
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

// tryActivate makes a run the active run if the run is whole and supersedes the active run. tryActivate is called after every write that may have
// been the last missing write, by the handler of either topic. Each handler writes first and reads afterwards, so one of the two sees both writes.
func (s *Service) tryActivate(ctx context.Context, asset, id string) error {
	r, err := runs.Lookup(ctx, s.deps.Store, asset, id)
	if err != nil || r.GetActivated() {
		return err
	}
	if whole, err := runs.Whole(ctx, s.deps.Store, r); err != nil || !whole {
		return err // the last item, or the end, will come
	}
	if r.GetEpoch() > store.FirstEpoch {
		// Readers must not see items that an earlier execution left beyond the end.
		if err := s.deps.Store.TrimRun(ctx, asset, id, r.GetAnnotations(), r.GetEmbeddings()); err != nil {
			return fmt.Errorf("trimming run %s in the store: %w", id, err)
		}
		if err := s.deps.Engine.TrimRun(ctx, id, r.GetAnnotations(), r.GetEmbeddings()); err != nil {
			return fmt.Errorf("trimming run %s in the search engine: %w", id, err)
		}
	}
	if r.GetHold() {
		return nil // whole and findable: an operator switches to the run
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
