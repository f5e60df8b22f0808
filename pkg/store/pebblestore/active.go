package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
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
			return errkind.New(errkind.Invalid, "the run's state is %s: readers see finished runs only", run.GetState())
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
		e.changed = run.GetAsset()
		active = store.Switched(run, active, s.clock().UnixMilli())
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

// Inactive implements store.Activation. The records of runs and the active runs are read side by side, as of a single
// moment: both tables are in the order of assets.
func (s *Store) Inactive(ctx context.Context) iter.Seq2[store.InactiveRun, error] {
	return func(yield func(store.InactiveRun, error) bool) {
		leave, err := s.enter(ctx)
		if err == nil {
			defer leave()
			err = s.inactive(ctx, func(r store.InactiveRun) bool { return yield(r, nil) })
		}
		if err != nil {
			yield(store.InactiveRun{}, fmt.Errorf("reading the inactive runs: %w", s.noticed(err)))
		}
	}
}

func (s *Store) inactive(ctx context.Context, yield func(store.InactiveRun) bool) (err error) {
	now := s.db.NewSnapshot()
	defer now.Close()
	rows := func(table byte) (*pebble.Iterator, error) {
		return now.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: key(table), UpperBound: after(key(table))})
	}
	pointers, err := rows(tableActive)
	if err != nil {
		return err
	}
	defer pointers.Close()
	records, err := rows(tableRuns)
	if err != nil {
		return err
	}
	defer records.Close()
	pointers.First()
	var asset []byte // the asset of active, in the form of keys
	active := map[string]bool{}
	for ok := records.First(); ok; ok = records.Next() {
		of, rest, found := cutText(records.Key()[1:])
		run, _, alsoFound := cutText(rest)
		if !found || !alsoFound {
			return fmt.Errorf("decoding the key of a run: %q", records.Key())
		}
		if !bytes.Equal(of, asset) {
			asset = append(asset[:0], of...)
			if err := activeOf(pointers, asset, active); err != nil {
				return err
			}
		}
		id := plain(run)
		if active[id] {
			continue
		}
		row, err := records.ValueAndErr()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if !yield(store.InactiveRun{Asset: plain(of), Run: id, State: stateOf(row)}) {
			return nil
		}
	}
	return errors.Join(records.Error(), pointers.Error())
}

// activeOf moves the iterator over active runs past an asset, and collects the asset's active runs.
func activeOf(pointers *pebble.Iterator, asset []byte, active map[string]bool) error {
	clear(active)
	for ; pointers.Valid(); pointers.Next() {
		of, _, ok := cutText(pointers.Key()[1:])
		if !ok {
			return fmt.Errorf("decoding the key of an active run: %q", pointers.Key())
		}
		switch order := bytes.Compare(of, asset); {
		case order > 0:
			return nil
		case order < 0:
			continue
		}
		row, err := pointers.ValueAndErr()
		if err != nil {
			return err
		}
		a := &pb.ActiveRun{}
		if err := proto.Unmarshal(row, a); err != nil {
			return fmt.Errorf("decoding an active run: %w", err)
		}
		active[a.GetRun()] = true
	}
	return pointers.Error()
}

// fieldState is the number of the field of a run's state.
const fieldState protowire.Number = 6

// stateOf reads the state of a run without decoding the rest.
func stateOf(row []byte) pb.RunState {
	for len(row) > 0 {
		num, typ, n := protowire.ConsumeField(row)
		if n < 0 {
			return 0
		}
		if num == fieldState && typ == protowire.VarintType {
			_, _, head := protowire.ConsumeTag(row)
			v, _ := protowire.ConsumeVarint(row[head:])
			return pb.RunState(v)
		}
		row = row[n:]
	}
	return 0
}
