package pebblestore

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func named(doing string, r *pb.Run) error {
	if r.GetId() == "" || r.GetAsset() == "" {
		return errkind.New(errkind.Invalid, "%s: a run needs an id and an asset", doing)
	}
	return nil
}

// CreateRun implements store.Runs.
func (s *Store) CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error) {
	there, err := s.CreateRuns(ctx, r.GetAsset(), []*pb.Run{r})
	if err != nil {
		return nil, err
	}
	return there[0], nil
}

// CreateRuns implements store.Runs.
func (s *Store) CreateRuns(ctx context.Context, asset string, runs []*pb.Run) ([]*pb.Run, error) {
	for _, r := range runs {
		if err := named("creating a run", r); err != nil {
			return nil, err
		}
		if r.GetAsset() != asset {
			return nil, errkind.New(errkind.Invalid, "creating run %s: it is of asset %s, and not of %s", r.GetId(), r.GetAsset(), asset)
		}
	}
	var there []*pb.Run
	err := s.edit(ctx, "creating runs of "+asset, ofAsset(asset), func(e *edit) error {
		there = make([]*pb.Run, len(runs))
		created := map[string]*pb.Run{}
		for i, r := range runs {
			if first := created[r.GetId()]; first != nil {
				there[i] = proto.CloneOf(first)
				continue
			}
			there[i] = &pb.Run{}
			k := key(tableRuns, asset, r.GetId())
			err := s.get(k, there[i], "run")
			if errkind.Is(err, errkind.NotFound) {
				there[i], created[r.GetId()], e.changed = proto.CloneOf(r), r, asset
				err = e.put(k, r)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return there, nil
}

// FinishRun implements store.Runs.
func (s *Store) FinishRun(ctx context.Context, r *pb.Run) error {
	if err := named("finishing a run", r); err != nil {
		return err
	}
	if !runs.Ended(r) {
		return errkind.New(errkind.Invalid, "finishing run %s: %s is no end", r.GetId(), r.GetState())
	}
	return s.edit(ctx, "finishing run "+r.GetId(), ofAsset(r.GetAsset()), func(e *edit) error {
		k, old := key(tableRuns, r.GetAsset(), r.GetId()), &pb.Run{}
		switch err := s.get(k, old, "run"); {
		case errkind.Is(err, errkind.NotFound):
			e.changed = r.GetAsset()
		case err != nil:
			return err
		case old.GetEpoch() > r.GetEpoch():
			return errkind.New(errkind.Conflict, "epoch %d is older than %d", r.GetEpoch(), old.GetEpoch())
		case runs.Finished(old):
			return nil // and no later write changes the run
		}
		// No lease is handed out until this end is durable.
		lease := store.RunLease(r.GetId())
		if err := s.hold(ctx, e, s.lockOf(ofLease(lease))); err != nil {
			return err
		}
		switch last, err := s.lease(lease); {
		case err != nil:
			return err
		case last.Epoch > r.GetEpoch():
			return errkind.New(errkind.Conflict, "epoch %d of %s is over: the run is at epoch %d", r.GetEpoch(), lease, last.Epoch)
		}
		r = proto.CloneOf(r)
		r.Activated = false // an active run has finished, so this run is not active
		if proto.Equal(r, old) {
			return nil
		}
		return e.put(k, r)
	})
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, asset, id string) (*pb.Run, error) {
	return read[pb.Run](ctx, s, key(tableRuns, asset, id), "run "+id)
}

// RunsOf implements store.Runs.
func (s *Store) RunsOf(ctx context.Context, asset string) ([]*pb.Run, error) {
	return collect(scan[pb.Run](ctx, s, key(tableRuns, asset), "runs of "+asset))
}

// TrimRun implements store.Annotations.
func (s *Store) TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error {
	if annotations < 0 || embeddings < 0 {
		return errkind.New(errkind.Invalid, "trimming run %s: to %d annotations and %d embeddings", run, annotations, embeddings)
	}
	return s.edit(ctx, "trimming run "+run, ofAsset(asset), func(e *edit) error {
		for _, of := range []struct {
			table byte
			keep  int64
		}{{tableAnnotations, annotations}, {tableEmbeddings, embeddings}} {
			if err := e.DeleteRange(number(key(of.table, asset, run), of.keep), after(key(of.table, asset, run)), nil); err != nil {
				return err
			}
		}
		stretches := key(tableStretches, asset, run)
		if err := e.DeleteRange(number(stretches, annotations), after(key(tableStretches, asset, run)), nil); err != nil {
			return err
		}
		r := &pb.Run{}
		err := s.get(key(tableRuns, asset, run), r, "run")
		if errkind.Is(err, errkind.NotFound) || err == nil && r.GetEpoch() <= store.FirstEpoch {
			return nil // no epoch is over
		}
		if err != nil {
			return err
		}
		return e.DeleteRange(key(tableMarkers, asset, run), number(key(tableMarkers, asset, run), r.GetEpoch()), nil)
	})
}

// DeleteRun implements store.Annotations.
func (s *Store) DeleteRun(ctx context.Context, asset, run string) error {
	return s.edit(ctx, "deleting run "+run, ofAsset(asset), func(e *edit) error {
		active, err := collect(scanFrom[pb.ActiveRun](ctx, s, s.db, key(tableActive, asset), nil, "active runs"))
		if err != nil {
			return err
		}
		for _, a := range active {
			if a.GetRun() == run {
				return errkind.New(errkind.Conflict, "the run is the active run of %s: switch to another run first", a.GetAlgorithm())
			}
		}
		for _, table := range []byte{tableAnnotations, tableEmbeddings, tableMarkers, tableStretches} {
			if err := e.deleteAll(key(table, asset, run)); err != nil {
				return err
			}
		}
		k := key(tableRuns, asset, run)
		switch err := s.get(k, &pb.Run{}, "run"); {
		case errkind.Is(err, errkind.NotFound):
			return nil
		case err != nil:
			return err
		}
		e.changed = asset
		return e.Delete(k, nil)
	})
}
