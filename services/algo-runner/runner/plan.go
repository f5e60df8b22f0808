package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// plan is the request hop: runs that are possible, or have become possible, are requested.
func (s *Service) plan(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		var err error
		switch m := d.Data.(type) {
		case *pb.MediaReady:
			err = s.planAsset(ctx, m.GetAsset())
		case *pb.RunFinished:
			err = s.planAfter(ctx, m.GetRun())
		}
		if err != nil {
			return fmt.Errorf("planning runs of %s: %w", d.Subject, err)
		}
	}
	return nil
}

// planAsset requests all runs that are possible now. Repeated calls request no run twice.
func (s *Service) planAsset(ctx context.Context, asset *pb.Asset) error {
	// The executor must find the asset, however far the indexer is.
	err := s.deps.Store.PutAsset(ctx, asset)
	if errkind.Is(err, errkind.Conflict) { // the store knows a later revision, whose tracks may be others
		asset, err = s.deps.Store.Asset(ctx, asset.GetId())
	}
	if err != nil {
		return fmt.Errorf("putting the asset into the library: %w", err)
	}
	plan := s.planOf()
	planned, err := plan.Runs(asset)
	if err != nil {
		return err
	}
	recorded, err := s.recorded(ctx, asset.GetId())
	if err != nil {
		return err
	}
	// A request for all runs that share the decoding of the film, and a request for all runs without frames, so that dialogue can be searched long
	// before pictures. The runs of workers share a third request, of which
	// each run goes by itself: a run that reads the output of another run is requested when the other run has finished.
	film, other, workers := &together{}, &together{}, &together{}
	for _, r := range planned {
		with, beside := other, other
		switch s.requestOf(plan, r) {
		case filmRuns:
			with, beside = film, film
		case otherRuns:
		default:
			with, beside = workers, nil
		}
		// A run that waits is planned when its inputs have finished.
		if inputs(recorded, r, beside) == possible && !runs.Ended(recorded[r.GetId()]) {
			with.runs = append(with.runs, r)
		}
	}
	for _, request := range []*together{other, film, workers} {
		if err := s.ask(ctx, asset.GetId(), schema.ReasonArrival, request.runs...); err != nil {
			return err
		}
	}
	return nil
}

// The requests of an asset. The run of a worker goes by itself, and is named by its version.
const (
	filmRuns  = "film"
	otherRuns = "other"
)

// requestOf names the request of a run among the requests of the asset.
func (s *Service) requestOf(plan *runs.Plan, r *pb.Run) string {
	switch id := versionOf(r); {
	case s.apart(id):
		return id
	case plan.WithFrames(id):
		return filmRuns
	}
	return otherRuns
}

// versionOf names the version of an algorithm that a run is of.
func versionOf(r *pb.Run) string { return r.GetAlgorithm() + "@" + r.GetVersion() }

// recorded returns the recorded runs of an asset by id.
func (s *Service) recorded(ctx context.Context, asset string) (map[string]*pb.Run, error) {
	all, err := runs.Of(ctx, s.deps.Store, asset)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*pb.Run, len(all))
	for _, r := range all {
		byID[r.GetId()] = r
	}
	return byID, nil
}

// together is the runs of a request.
type together struct{ runs []*pb.Run }

func (t *together) has(run string) bool {
	return t != nil && slices.ContainsFunc(t.runs, func(r *pb.Run) bool { return r.GetId() == run })
}

// requestedTogether reports whether a run is requested together with the runs of all inputs. byID are the runs of the asset.
func (s *Service) requestedTogether(plan *runs.Plan, r *pb.Run, byID map[string]*pb.Run) bool {
	key := s.requestOf(plan, r)
	for _, id := range r.GetInputs() {
		in := byID[id]
		if s.requestOf(plan, in) != key || !s.requestedTogether(plan, in, byID) {
			return false
		}
	}
	return true
}

// planAfter requests the runs that read a finished run and were not requested together with the finished run.
func (s *Service) planAfter(ctx context.Context, finished *pb.Run) error {
	if !runs.Finished(finished) || finished.GetHold() {
		return nil // the readers of a held run are requested by an operator
	}
	asset, err := s.deps.Store.Asset(ctx, finished.GetAsset())
	if err != nil {
		return fmt.Errorf("reading the asset: %w", err)
	}
	plan := s.planOf()
	planned, err := plan.Runs(asset)
	if err != nil {
		return err
	}
	byID := map[string]*pb.Run{}
	for _, r := range planned {
		byID[r.GetId()] = r
	}
	var next []*pb.Run
	for _, r := range planned {
		if r.GetInputs()[finished.GetAlgorithm()] != finished.GetId() {
			continue
		}
		// Where a run has several inputs, the handler of the last recorded input must see the records of the other inputs.
		if err := s.awaitRecord(ctx, finished); err != nil {
			return err
		}
		recorded, err := s.recorded(ctx, asset.GetId())
		if err != nil {
			return err
		}
		known := recorded[r.GetId()]
		if inputs(recorded, r, nil) != possible || runs.Ended(known) || known != nil && s.requestedTogether(plan, r, byID) {
			continue // a run that is requested together with its inputs was requested with the finished run
		}
		next = append(next, r)
	}
	return s.ask(ctx, asset.GetId(), schema.ReasonDependency, next...)
}

// readiness says whether a run's inputs allow the run.
type readiness int

const (
	possible readiness = iota
	waiting
	impossible
)

// inputs looks whether all inputs of a run have finished, or will be made in the same request.
func inputs(recorded map[string]*pb.Run, r *pb.Run, with *together) readiness {
	state := possible
	for _, id := range r.GetInputs() {
		switch in := recorded[id]; {
		case with.has(id), runs.Finished(in):
		case runs.Failed(in):
			state = impossible
		default:
			state = max(state, waiting)
		}
	}
	return state
}

// recordWait is how long the planner waits for the indexer to record an end before the event is tried again later.
const recordWait = 2 * time.Second

// awaitRecord waits until the store has the end of the run.
func (s *Service) awaitRecord(ctx context.Context, finished *pb.Run) error {
	deadline := time.Now().Add(recordWait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := runs.Lookup(ctx, s.deps.Store, finished.GetAsset(), finished.GetId())
		if err != nil {
			return err
		}
		if runs.Ended(r) || r.GetEpoch() > finished.GetEpoch() { // another execution's end will come
			return nil
		}
		if time.Now().After(deadline) {
			return errkind.New(errkind.Unavailable, "the end of run %s (%s) is not yet in the store", finished.GetId(), finished.GetAlgorithm())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ask records the request of runs over an asset, and publishes the request of the runs that have not ended.
func (s *Service) ask(ctx context.Context, asset, reason string, list ...*pb.Run) error {
	if len(list) == 0 {
		return nil
	}
	known, err := s.deps.Store.CreateRuns(ctx, asset, list)
	if err != nil {
		return fmt.Errorf("recording the request of %d runs: %w", len(list), err)
	}
	var wanted []*pb.Run
	for i, r := range list {
		if !runs.Ended(known[i]) {
			wanted = append(wanted, r)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	err = s.deps.Events.Publish(ctx, events.RunsRequested, events.Event{
		Subject: asset, Data: &pb.RunsRequested{Asset: asset, Runs: wanted, Reason: reason},
	})
	if err != nil {
		return fmt.Errorf("requesting %d runs: %w", len(wanted), err)
	}
	for _, r := range wanted {
		s.metrics.requested.WithLabelValues(r.GetAlgorithm(), reason).Inc()
		s.deps.Log.Info("requested", "asset", asset, "algorithm", r.GetAlgorithm(), "run", r.GetId(), "reason", reason)
	}
	return nil
}
