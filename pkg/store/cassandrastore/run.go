package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gocql/gocql"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A record is the row of a run, with the row's revision.
type record struct {
	run *pb.Run // nil where there is none
	// With deleted, a deletion of the run has begun: readers do not see the run, and the next writer to read the record
	// completes the deletion.
	deleted bool
	// With untold, Version has yet to grow for the new record.
	untold   bool
	revision gocql.UUID
}

func (r record) there() bool { return r.run != nil && !r.deleted }

const selectRun = "SELECT body, told, deleted, revision FROM runs WHERE library = ? AND asset = ? AND kind = ? AND name = ?"

func (s *Store) record(ctx context.Context, read readFunc, asset, id string) (r record, err error) {
	var body []byte
	var told *bool // nil where an earlier release made the record
	err = read(ctx, selectRun, s.cfg.Library, asset, kindRecord, id).Scan(&body, &told, &r.deleted, &r.revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return r, nil
	}
	if err == nil {
		r.untold = told != nil && !*told
		r.run, err = decode[pb.Run](body)
	}
	return r, err
}

// records reads the records of some runs of an asset, by id. A run without a row is left out.
func (s *Store) records(ctx context.Context, read readFunc, asset string, ids []string) (map[string]record, error) {
	out := map[string]record{}
	var body []byte
	var told *bool
	var name string
	var r record
	q := read(ctx, "SELECT name, body, told, deleted, revision FROM runs WHERE library = ? AND asset = ? AND kind = ? AND name IN ?", s.cfg.Library, asset, kindRecord, ids)
	err := each(q, func() (err error) {
		next := record{deleted: r.deleted, revision: r.revision, untold: told != nil && !*told}
		next.run, err = decode[pb.Run](body)
		out[name] = next
		return err
	}, &name, &body, &told, &r.deleted, &r.revision)
	return out, err
}

// put adds the statement to b that writes the record r over old. A new record is marked as untold. An existing record is marked as told:
// the caller MUST have told, or tell as part of the same change.
func (s *Store) put(b *swap, old record, r *pb.Run, revision gocql.UUID) error {
	body, err := encode(r)
	if err != nil {
		return err
	}
	if old.run == nil {
		b.more = true
		b.Query("INSERT INTO runs (library, asset, kind, name, body, told, revision) VALUES (?, ?, ?, ?, ?, false, ?) IF NOT EXISTS",
			s.cfg.Library, r.GetAsset(), kindRecord, r.GetId(), body, revision)
	} else {
		b.Query("UPDATE runs SET body = ?, told = true, revision = ? WHERE library = ? AND asset = ? AND kind = ? AND name = ? IF revision = ?",
			body, revision, s.cfg.Library, r.GetAsset(), kindRecord, r.GetId(), old.revision)
	}
	return nil
}

// ofAsset is the name of the lock of an asset's runs.
func ofAsset(id string) string { return "runs/" + id }

// changeRun is change for the record of a run. changeRun first completes a deletion left unfinished by another process,
// and tells of a record left untold by another process.
func (s *Store) changeRun(ctx context.Context, asset, id string, decide func(old record, revision gocql.UUID) (*swap, error)) error {
	return s.change(ctx, ofAsset(asset), func(read readFunc, revision gocql.UUID) (*swap, error) {
		old, err := s.record(ctx, read, asset, id)
		switch {
		case err != nil:
			return nil, err
		case old.deleted:
			b, err := s.purge(ctx, asset, id, old)
			if err == nil {
				b.more = true
			}
			return b, err
		case old.untold:
			if err := s.tell(ctx, asset); err != nil {
				return nil, err
			}
			old.untold = false
			b, refused := decide(old, revision)
			if b != nil && refused == nil {
				return b, nil // put marks the record as told
			}
			b = s.swap(ctx)
			b.more = refused != nil // decide refuses in the next step as well
			return b, s.put(b, old, old.run, revision)
		}
		return decide(old, revision)
	})
}

// CreateRun implements store.Runs.
func (s *Store) CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error) {
	there, err := s.CreateRuns(ctx, r.GetAsset(), []*pb.Run{r})
	if err != nil {
		return nil, err
	}
	return there[0], nil
}

// createdTogether bounds the runs of one swap.
const createdTogether = 64

// CreateRuns implements store.Runs.
func (s *Store) CreateRuns(ctx context.Context, asset string, runs []*pb.Run) (there []*pb.Run, err error) {
	err = s.do(ctx, "create_runs", "creating runs of "+asset, func() error {
		for _, r := range runs {
			if err := named(r.GetId(), r.GetAsset()); err != nil {
				return err
			}
			if r.GetAsset() != asset {
				return errkind.New(errkind.Invalid, "run %s is of asset %s, and not of %s", r.GetId(), r.GetAsset(), asset)
			}
		}
		for some := range slices.Chunk(runs, createdTogether) {
			records, err := s.createRuns(ctx, asset, some)
			if err != nil {
				return err
			}
			for _, r := range some {
				there = append(there, proto.CloneOf(records[r.GetId()]))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return there, nil
}

// createRuns records runs by two swaps, however many the runs are: the records, and the mark that Version has grown for the records. createRuns
// returns the record of each run by id.
func (s *Store) createRuns(ctx context.Context, asset string, runs []*pb.Run) (there map[string]*pb.Run, err error) {
	first := map[string]*pb.Run{}
	var names []string
	for _, r := range runs {
		if first[r.GetId()] == nil {
			first[r.GetId()] = r
			names = append(names, r.GetId())
		}
	}
	err = s.change(ctx, ofAsset(asset), func(read readFunc, revision gocql.UUID) (*swap, error) {
		there = map[string]*pb.Run{}
		old, err := s.records(ctx, read, asset, names)
		if err != nil {
			return nil, err
		}
		b := s.swap(ctx)
		var untold bool
		for _, name := range names {
			switch r := old[name]; {
			case r.deleted:
				b, err := s.purge(ctx, asset, name, r)
				if err == nil {
					b.more = true
				}
				return b, err
			case r.run == nil:
				there[name] = first[name]
				err = s.put(b, r, first[name], revision)
			case r.untold:
				there[name], untold = r.run, true
				err = s.put(b, r, r.run, revision) // marks the record as told
			default:
				there[name] = r.run
			}
			if err != nil {
				return nil, err
			}
		}
		if untold {
			err = s.tell(ctx, asset)
		}
		if err != nil || b.Size() == 0 {
			return nil, err
		}
		return b, nil
	})
	return there, err
}

// FinishRun implements store.Runs.
func (s *Store) FinishRun(ctx context.Context, r *pb.Run) error {
	return s.do(ctx, "finish_run", "finishing run "+r.GetId(), func() error {
		if err := named(r.GetId(), r.GetAsset()); err != nil {
			return err
		}
		if !runs.Ended(r) {
			return errkind.New(errkind.Invalid, "%s is no end", r.GetState())
		}
		end := proto.CloneOf(r)
		end.Activated = false // an active run has finished, so this run is not active
		return s.changeRun(ctx, r.GetAsset(), r.GetId(), func(old record, revision gocql.UUID) (*swap, error) {
			switch {
			case old.run.GetEpoch() > r.GetEpoch():
				return nil, errkind.New(errkind.Conflict, "epoch %d is older than %d", r.GetEpoch(), old.run.GetEpoch())
			case runs.Finished(old.run): // and no later write changes the run
				return nil, nil
			case proto.Equal(old.run, end):
				return nil, nil
			}
			// The lease lies in another partition: a lease handed out during the swap is not seen.
			lease := store.RunLease(r.GetId())
			switch last, err := s.lease(ctx, s.linear, lease); {
			case err != nil:
				return nil, err
			case last.Epoch > r.GetEpoch():
				return nil, errkind.New(errkind.Conflict, "epoch %d of %s is over: the run is at epoch %d", r.GetEpoch(), lease, last.Epoch)
			}
			b := s.swap(ctx)
			return b, s.put(b, old, end, revision)
		})
	})
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, asset, id string) (*pb.Run, error) {
	var r record
	err := s.do(ctx, "run", "reading run "+id, func() (err error) {
		if r, err = s.record(ctx, s.query, asset, id); err == nil && !r.there() {
			err = errkind.New(errkind.NotFound, "there is no run %s", id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.run, nil
}

// RunsOf implements store.Runs.
func (s *Store) RunsOf(ctx context.Context, asset string) (runs []*pb.Run, err error) {
	err = s.do(ctx, "runs_of", "reading runs of "+asset, func() (err error) {
		runs, err = s.runsOf(ctx, asset)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

func (s *Store) runsOf(ctx context.Context, asset string) (runs []*pb.Run, err error) {
	var body []byte
	var deleted bool
	q := s.query(ctx, "SELECT body, deleted FROM runs WHERE library = ? AND asset = ? AND kind = ?", s.cfg.Library, asset, kindRecord)
	err = each(q, func() error {
		if deleted {
			return nil
		}
		r, err := decode[pb.Run](body)
		runs = append(runs, r)
		return err
	}, &body, &deleted)
	return runs, err
}

// DeleteRun implements store.Annotations. DeleteRun first marks the record by compare-and-set, so the run cannot be
// activated any more. Then DeleteRun deletes the items, and the record last: the record says that items are left to
// delete.
func (s *Store) DeleteRun(ctx context.Context, asset, run string) error {
	return s.do(ctx, "delete_run", "deleting run "+run, func() error {
		return s.change(ctx, ofAsset(asset), func(read readFunc, revision gocql.UUID) (*swap, error) {
			// The record before the pointers: a switch to the run in between changes the record, so the mark is
			// refused.
			old, err := s.record(ctx, read, asset, run)
			if err != nil {
				return nil, err
			}
			if old.deleted {
				return s.purge(ctx, asset, run, old)
			}
			active, err := s.active(ctx, asset)
			if err != nil {
				return nil, err
			}
			for _, a := range active {
				if a.GetRun() == run {
					return nil, errkind.New(errkind.Conflict, "the run is the active run of %s: switch to another run first", a.GetAlgorithm())
				}
			}
			if old.run == nil {
				return nil, s.deleteItems(ctx, asset, run, 0)
			}
			b := s.swap(ctx)
			b.more = true // the items
			b.Query("UPDATE runs SET deleted = true, revision = ? WHERE library = ? AND asset = ? AND kind = ? AND name = ? IF revision = ?",
				revision, s.cfg.Library, asset, kindRecord, run, old.revision)
			return b, nil
		})
	})
}

// purge deletes the items of a run marked as deleted, and returns the swap for deleting the record.
func (s *Store) purge(ctx context.Context, asset, run string, old record) (*swap, error) {
	if err := s.deleteItems(ctx, asset, run, old.run.GetEpoch()); err != nil {
		return nil, err
	}
	if err := s.tell(ctx, asset); err != nil {
		return nil, err
	}
	b := s.swap(ctx)
	b.Query("DELETE FROM runs WHERE library = ? AND asset = ? AND kind = ? AND name = ? IF revision = ?", s.cfg.Library, asset, kindRecord, run, old.revision)
	return b, nil
}

// active reads the active runs of an asset, by algorithm, linearizably.
func (s *Store) active(ctx context.Context, asset string) (runs []*pb.ActiveRun, err error) {
	var body []byte
	q := s.linear(ctx, "SELECT body FROM runs WHERE library = ? AND asset = ? AND kind = ?", s.cfg.Library, asset, kindActive)
	err = each(q, func() error {
		a, err := decode[pb.ActiveRun](body)
		runs = append(runs, a)
		return err
	}, &body)
	return runs, err
}

// longestNames bounds the names of a partition's key together: the key has room for 65,535 bytes.
const longestNames = 60_000

// named refuses names without room in the tables.
func named(names ...string) error {
	n := 0
	for _, name := range names {
		if name == "" {
			return errkind.New(errkind.Invalid, "an id is missing: an asset needs an id, and a run needs an id and the asset's id")
		}
		n += len(name)
	}
	if n > longestNames {
		return errkind.New(errkind.Invalid, "the ids are %d bytes long, more than %d", n, longestNames)
	}
	return nil
}

// message is a pointer to the generated struct T.
type message[T any] interface {
	*T
	proto.Message
}

// Rows are deterministic protobuf: equal rows are equal bytes.
var marshal = proto.MarshalOptions{Deterministic: true}

// largestRow bounds a row: half of the largest mutation by the server's defaults, and many times the largest event of the log.
const largestRow = 8 << 20

func encode(m proto.Message) ([]byte, error) {
	b, err := marshal.Marshal(m)
	if err != nil {
		return nil, errkind.Wrap(errkind.Invalid, err)
	}
	if len(b) > largestRow {
		return nil, errkind.New(errkind.Invalid, "the message is %d bytes long, more than %d", len(b), largestRow)
	}
	return b, nil
}

func decode[T any, M message[T]](body []byte) (M, error) {
	m := M(new(T))
	if err := proto.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("decoding: %w", err)
	}
	return m, nil
}
