package cassandrastore

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A pointer is the row of an active run, with the row's revision.
type pointer struct {
	active *pb.ActiveRun // nil where there is none
	// told is true if Version grew for the last switch.
	told     bool
	revision gocql.UUID
}

const selectActive = "SELECT body, told, revision FROM runs WHERE library = ? AND asset = ? AND kind = ? AND name = ?"

func (s *Store) pointer(ctx context.Context, read readFunc, asset, algorithm string) (p pointer, err error) {
	var body []byte
	err = read(ctx, selectActive, s.cfg.Library, asset, kindActive, algorithm).Scan(&body, &p.told, &p.revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return p, nil
	}
	if err == nil {
		p.active, err = decode[pb.ActiveRun](body)
	}
	return p, err
}

// Activate implements store.Activation. The pointer and the run's record are in the same partition, so a single
// compare-and-set switches the pointer and marks the record.
func (s *Store) Activate(ctx context.Context, next *pb.Run, previous string) (active *pb.ActiveRun, err error) {
	err = s.do(ctx, "activate", "activating run "+next.GetId(), func() error {
		if err := named(next.GetId(), next.GetAsset()); err != nil {
			return err
		}
		return s.change(ctx, ofAsset(next.GetAsset()), func(read readFunc, revision gocql.UUID) (*swap, error) {
			old, err := s.record(ctx, read, next.GetAsset(), next.GetId())
			if err != nil {
				return nil, err
			}
			run := old.run
			switch {
			case !old.there():
				return nil, errkind.New(errkind.NotFound, "there is no run %s", next.GetId())
			case !runs.Finished(run):
				return nil, errkind.New(errkind.Invalid, "the run's state is %s: readers see finished runs only", run.GetState())
			}
			at, err := s.pointer(ctx, read, run.GetAsset(), run.GetAlgorithm())
			if err != nil {
				return nil, err
			}
			active = at.active
			if active != nil && !at.told {
				// Version has yet to grow for the last switch, by this process or another.
				if err := s.tell(ctx, run.GetAsset()); err != nil {
					return nil, err
				}
				b := s.swap(ctx)
				b.more = active.GetRun() != run.GetId()
				b.Query("UPDATE runs SET told = true, revision = ? WHERE library = ? AND asset = ? AND kind = ? AND name = ? IF revision = ?",
					revision, s.cfg.Library, run.GetAsset(), kindActive, run.GetAlgorithm(), at.revision)
				return b, nil
			}
			switch active.GetRun() {
			case run.GetId():
				return nil, nil
			case previous:
			default:
				return nil, errkind.New(errkind.Conflict, "the active run is %q, not %q", active.GetRun(), previous)
			}
			return s.switchTo(ctx, old, at, revision)
		})
	})
	if err != nil {
		return nil, err
	}
	return active, nil
}

// switchTo is the swap for making a run active.
func (s *Store) switchTo(ctx context.Context, next record, at pointer, revision gocql.UUID) (*swap, error) {
	run := next.run
	body, err := encode(store.Switched(run, at.active, s.clock().UnixMilli()))
	if err != nil {
		return nil, err
	}
	b := s.swap(ctx)
	b.more = true // the telling
	if at.active == nil {
		b.Query("INSERT INTO runs (library, asset, kind, name, body, told, revision) VALUES (?, ?, ?, ?, ?, false, ?) IF NOT EXISTS",
			s.cfg.Library, run.GetAsset(), kindActive, run.GetAlgorithm(), body, revision)
	} else {
		b.Query("UPDATE runs SET body = ?, told = false, revision = ? WHERE library = ? AND asset = ? AND kind = ? AND name = ? IF revision = ?",
			body, revision, s.cfg.Library, run.GetAsset(), kindActive, run.GetAlgorithm(), at.revision)
	}
	// The record gets a new revision even if the record is marked already: a deletion that read the record before is
	// refused.
	run.Activated = true
	return b, s.put(b, next, run, revision)
}

// Active implements store.Activation.
func (s *Store) Active(ctx context.Context, asset string) (runs []*pb.ActiveRun, err error) {
	err = s.do(ctx, "active", "reading active runs of "+asset, func() (err error) {
		runs, err = s.active(ctx, asset)
		return err
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}

// AllActive implements store.Activation. AllActive scans all assets, and sorts the rows here: a row is some hundred
// bytes, and callers keep every row anyway.
//
// The scan reads at the level of committed switches, so the scan sees every switch acknowledged before the scan began.
// A switch whose writer died half way stays unseen until the next linearizable read of the asset completes the switch.
// An asset that crosses a page is read again as a whole.
func (s *Store) AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error] {
	return iterate(ctx, s, "all_active", "reading active runs", func(ctx context.Context, yield func(*pb.ActiveRun) bool) error {
		all, err := s.allActive(ctx)
		if err != nil {
			return err
		}
		for _, a := range all {
			if !yield(a) {
				return nil
			}
		}
		return nil
	})
}

func (s *Store) allActive(ctx context.Context) (all []*pb.ActiveRun, err error) {
	var cut []string
	var mu sync.Mutex
	err = s.scanRuns(ctx, "asset, body", "kind = 0", func(rows *gocql.Iter) error {
		some, within, err := activeIn(rows)
		mu.Lock()
		defer mu.Unlock()
		all, cut = append(all, some...), append(cut, within...)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, asset := range cut {
		again, err := s.active(ctx, asset)
		if err != nil {
			return nil, err
		}
		all = append(slices.DeleteFunc(all, func(a *pb.ActiveRun) bool { return a.GetAsset() == asset }), again...)
	}
	slices.SortFunc(all, func(a, b *pb.ActiveRun) int {
		return cmp.Or(cmp.Compare(a.GetAsset(), b.GetAsset()), cmp.Compare(a.GetAlgorithm(), b.GetAlgorithm()))
	})
	return all, nil
}

// activeIn reads the active runs of a part of a scan. cut are the assets that crossed a page.
func activeIn(rows *gocql.Iter) (all []*pb.ActiveRun, cut []string, err error) {
	var asset, before string
	var body []byte
	for {
		page := rows.WillSwitchPage()
		if !rows.Scan(&asset, &body) {
			return all, cut, nil
		}
		if page && asset == before && len(all) > 0 {
			cut = append(cut, asset)
		}
		a, err := decode[pb.ActiveRun](body)
		if err != nil {
			return nil, nil, err
		}
		all, before = append(all, a), asset
	}
}

// A scan over the runs of all assets has several parts, which are read side by side. A part is a range of the partitions' hashes.
const (
	scanParts = 8
	// scanRows is how many rows of a scan are fetched together. A row is some hundred bytes.
	scanRows = 5000
)

// scanRuns scans the table of runs, with a condition. The rows of an asset are in the same part, in order. use reads a
// part, and MUST NOT close its rows.
func (s *Store) scanRuns(ctx context.Context, columns, condition string, use func(rows *gocql.Iter) error) error {
	g, ctx := errgroup.WithContext(ctx)
	const width = 1 << 61 // of 2^64 hashes
	for i := range int64(scanParts) {
		first := math.MinInt64 + i*width
		g.Go(func() error {
			rows := s.query(ctx, "SELECT "+columns+" FROM runs WHERE token(library, asset) >= ? AND token(library, asset) <= ? AND library = ? AND "+condition+" ALLOW FILTERING",
				first, first+width-1, s.cfg.Library).PageSize(scanRows).Iter()
			return errors.Join(use(rows), rows.Close())
		})
	}
	return g.Wait()
}

// Inactive implements store.Activation by a scan. The rows of an asset follow each other, active runs first.
func (s *Store) Inactive(ctx context.Context) iter.Seq2[store.InactiveRun, error] {
	return iterate(ctx, s, "inactive", "reading the inactive runs", func(ctx context.Context, yield func(store.InactiveRun) bool) error {
		ctx, stop := context.WithCancel(ctx)
		found := make(chan store.InactiveRun, scanParts)
		var failed error
		go func() {
			defer close(found)
			failed = s.scanRuns(ctx, "asset, kind, name, body, deleted", "kind >= 0", func(rows *gocql.Iter) error { return inactiveIn(ctx, rows, found) })
		}()
		left := false
		for r := range found {
			if !left && !yield(r) {
				left = true
				stop()
			}
		}
		stop()
		if left {
			return nil
		}
		return failed
	})
}

// inactiveIn finds the inactive runs among the rows of a scan.
func inactiveIn(ctx context.Context, rows *gocql.Iter, found chan<- store.InactiveRun) error {
	var asset, name, of string
	var kind int8
	var body []byte
	var deleted bool
	active := map[string]bool{}
	for rows.Scan(&asset, &kind, &name, &body, &deleted) {
		if asset != of {
			of = asset
			clear(active)
		}
		if kind == kindActive {
			a, err := decode[pb.ActiveRun](body)
			if err != nil {
				return err
			}
			active[a.GetRun()] = true
			continue
		}
		if deleted || active[name] {
			continue
		}
		r, err := decode[pb.Run](body)
		if err != nil {
			return err
		}
		select {
		case found <- store.InactiveRun{Asset: asset, Run: name, State: r.GetState()}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
