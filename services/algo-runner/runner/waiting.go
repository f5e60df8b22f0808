package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Catalogue is the part of the catalogue that the runner uses. catalog.Follower implements Catalogue.
type Catalogue interface {
	View() *catalog.View
	// Ready returns nil once the catalogue was read.
	Ready() error
	// Announce publishes declarations. Conflict, Invalid: a declaration is refused.
	Announce(ctx context.Context, own ...*pb.AlgorithmAnnounced) error
	// SetWaits announces whether the runs of a version, "name@version", wait for a runner that serves the version.
	SetWaits(ctx context.Context, id string, waits bool) error
}

// planOf derives runs: of the algorithms in the catalogue, or, in a runner without catalogue, of the runner's own.
func (s *Service) planOf() *runs.Plan {
	if s.deps.Catalogue == nil {
		return s.own
	}
	return s.deps.Catalogue.View().Plan()
}

// A run of an algorithm that this runner does not serve is left: the record of the run stays REQUESTED, and the catalogue says that the version
// waits. A runner that serves the version requests the run again (resume).

// leave leaves a run whose algorithm is in the catalogue and not here. left is false for a run that has to be executed or refused here.
func (s *Service) leave(ctx context.Context, r *pb.Run) (left bool, err error) {
	id := r.GetAlgorithm() + "@" + r.GetVersion()
	if s.serves(id) || s.deps.Catalogue == nil || s.deps.Catalogue.View().Entry(id) == nil {
		return false, nil
	}
	s.metrics.executed.WithLabelValues(r.GetAlgorithm(), "left").Inc()
	s.deps.Log.Warn("the run waits for a runner that serves its algorithm", "asset", r.GetAsset(), "algorithm", r.GetAlgorithm(), "version", r.GetVersion(), "run", r.GetId())
	return true, s.deps.Catalogue.SetWaits(ctx, id, true)
}

const (
	// lookEvery is how often a runner looks for versions that it serves and whose runs wait.
	lookEvery = time.Second
	// resumeEvery bounds how often a runner goes through the library for waiting runs of a version, where another runner of the group, which does
	// not serve the version, goes on leaving runs.
	resumeEvery = 30 * time.Second
)

// resumeWaiting requests waiting runs of the versions that this runner serves, until ctx ends.
func (s *Service) resumeWaiting(ctx context.Context) {
	if s.deps.Catalogue == nil {
		return
	}
	limit := rate.NewLimiter(rate.Every(resumeEvery), 1)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		var ids []string
		for _, e := range s.deps.Catalogue.View().Entries() {
			if id := catalog.ID(e.AlgorithmSpec); e.Waits && s.serves(id) {
				ids = append(ids, id)
			}
		}
		if len(ids) > 0 && limit.Allow() {
			if err := s.resume(ctx, ids); err != nil && ctx.Err() == nil {
				s.deps.Log.Warn("requesting runs that waited for this runner", "versions", ids, "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// serves reports whether this runner executes a version, "name@version".
func (s *Service) serves(id string) bool {
	_, err := s.registry().Find(id)
	return err == nil
}

// resume requests the waiting runs of versions in the lane of backfills, each together with the waiting runs that it may read. Of several runners,
// a single runner goes through the library.
func (s *Service) resume(ctx context.Context, ids []string) error {
	lease, err := s.deps.Store.Acquire(ctx, "waiting runs", s.cfg.Worker, resumeEvery)
	if errkind.Is(err, errkind.Conflict) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("taking the lease of the waiting runs: %w", err)
	}
	for asset, err := range s.deps.Store.AllAssets(ctx) {
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		if err := s.resumeAsset(ctx, asset.GetId(), ids); err != nil {
			return err
		}
	}
	for _, id := range ids {
		if err := s.deps.Catalogue.SetWaits(ctx, id, false); err != nil {
			return err
		}
	}
	return s.deps.Store.Release(ctx, lease)
}

// resumeAsset requests every run over an asset that was requested and that this runner serves, if a run of the versions is among the runs.
func (s *Service) resumeAsset(ctx context.Context, asset string, ids []string) error {
	recorded, err := runs.Of(ctx, s.deps.Store, asset)
	if err != nil {
		return err
	}
	var requested []*pb.Run
	waiting := false
	for _, r := range recorded {
		id := r.GetAlgorithm() + "@" + r.GetVersion()
		if runs.Requested(r) && s.serves(id) {
			requested = append(requested, r)
			waiting = waiting || slices.Contains(ids, id)
		}
	}
	if !waiting {
		return nil
	}
	err = s.deps.Events.Publish(ctx, events.RunsBackfill, events.Event{
		Subject: asset, Data: &pb.RunsRequested{Asset: asset, Runs: requested, Reason: schema.ReasonBackfill},
	})
	if err != nil {
		return fmt.Errorf("requesting the waiting runs over %s: %w", asset, err)
	}
	return nil
}
