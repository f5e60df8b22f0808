package gateway

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// library keeps the newest snapshot, and older snapshots for cursors.
//
//   - The first snapshot reads the whole library. A later snapshot reads the assets that Store.Changes names, and shares all else with
//     the snapshot before. Where the store does not remember the changes, the library is read whole, and what is the same is shared.
//   - A call of snapshot sees every change that returned before the call.
//   - One caller reads, and the others who need what is read wait for the reader.
type library struct {
	deps    *Deps
	current atomic.Pointer[versioned]
	lineage lineage
	recent  *lru.Cache[string, *scoped] // the last scope of each view
	rebuilt *lru.Cache[rebuiltKey, *scoped]
	hides   atomic.Int64 // grows each time that titles have moved

	losses prometheus.Gauge
	now    func() time.Time
	retry  atomic.Int64 // when a lost frame table is to be read again, in Unix nanoseconds; 0 for never
	hiding sync.Mutex   // held by who reads which runs are hidden, before the turn

	turn turn // of who makes a new snapshot. The fields below belong to its holder.

	since       string          // where Store.Changes goes on
	changed     map[string]bool // collects the assets that change while somebody reads which runs are hidden; otherwise nil
	lineups     lineups
	kept        []*snapshot
	lost        map[string]lostTable // by asset
	silentUntil time.Time            // until then no frame table is asked for
}

// A versioned is a snapshot with the store's version up to which the snapshot is known to be right. It never changes.
type versioned struct {
	*snapshot
	version int64
}

func (v *versioned) get() *snapshot {
	if v == nil {
		return nil
	}
	return v.snapshot
}

// A turn is held by one at a time.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

// enter takes the turn. waited says that somebody else had it.
func (t turn) enter(ctx context.Context) (waited bool, err error) {
	if t.try() {
		return false, nil
	}
	select {
	case t <- struct{}{}:
		return true, nil
	case <-ctx.Done():
		return true, errkind.New(errkind.Cancelled, "waiting for the library to be read: %w", ctx.Err())
	}
}

func (t turn) try() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turn) leave() { <-t }

// keptSnapshots is how many snapshots are kept for cursors. An older snapshot is made anew: see history.go. Old runs stay in the engines for a
// grace after a switch, so that an older snapshot still finds its runs.
const keptSnapshots = 64

// snapshot returns the library as it is now. The store's version is compared at
// every call, so what was activated before the call is in it.
func (l *library) snapshot(ctx context.Context) (*snapshot, error) {
	v, err := l.version(ctx)
	if err != nil {
		return nil, err
	}
	if c := l.current.Load(); c != nil && c.version >= v {
		if !l.due() || !l.turn.try() { // one caller reads lost tables again, and the others go on
			return c.snapshot, nil
		}
	} else {
		waited, err := l.turn.enter(ctx)
		if err != nil {
			return nil, err
		}
		if waited { // what changed meanwhile is read together
			if v, err = l.version(ctx); err != nil {
				l.turn.leave()
				return nil, err
			}
		}
	}
	defer l.turn.leave()
	c := l.current.Load()
	if c == nil || c.version < v {
		return l.read(ctx, c.get(), v)
	}
	if l.due() {
		return l.mend(ctx, c), nil
	}
	return c.snapshot, nil // somebody else was quicker
}

func (l *library) version(ctx context.Context) (int64, error) {
	v, err := l.deps.Store.Version(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the library's version: %w", err)
	}
	return v, nil
}

// A change is what became of an asset.
type change struct {
	asset string
	now   *entry   // nil where the asset is gone
	runs  []string // every run with a record; left out where nobody has asked which runs are hidden
}

// read makes the next snapshot. The store's version v was read before: what changes meanwhile makes the next call read again, never leaves
// this snapshot believing that it is newer than it is. The caller MUST hold the turn.
func (l *library) read(ctx context.Context, old *snapshot, v int64) (*snapshot, error) {
	named, err := l.deps.Store.Changes(ctx, l.since)
	if err != nil {
		return nil, fmt.Errorf("reading what changed in the library: %w", err)
	}
	whole := old == nil || !named.Whole || len(named.Assets) > max(wholeAbove, old.assets.Len()/8)
	var changes []change
	if whole {
		l.changed = nil
		// The library is read for everybody who waits: the reading goes on where its first caller leaves.
		changes, err = l.readWhole(context.WithoutCancel(ctx), old)
	} else {
		l.noteChanged(named.Assets)
		changes, err = l.readAssets(ctx, old, named.Assets)
	}
	if err != nil {
		return nil, err
	}
	l.since = named.Next
	return l.publish(old, changes, whole, v), nil
}

// noteChanged tells whoever reads which runs are hidden that assets have changed meanwhile.
func (l *library) noteChanged(assets []string) {
	for _, id := range assets {
		if l.changed != nil {
			l.changed[id] = true
		}
	}
}

// wholeAbove is how many changed assets are read one by one at least. Beyond that, and an eighth of the library, the whole is read.
const wholeAbove = 1000

// readAssets reads some assets. Of what is as before, the entry is the entry before.
func (l *library) readAssets(ctx context.Context, old *snapshot, ids []string) ([]change, error) {
	type record struct {
		asset  *pb.Asset
		active []*pb.ActiveRun
	}
	records, changes := make([]record, len(ids)), make([]change, len(ids))
	eg, egCtx := errgroup.WithContext(ctx)
	eg.SetLimit(readAtOnce)
	for i, id := range ids {
		changes[i].asset = id
		eg.Go(func() (err error) {
			if records[i].asset, err = l.deps.Store.Asset(egCtx, id); errkind.Is(err, errkind.NotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("reading the asset %s: %w", id, err)
			}
			if records[i].active, err = runs.Active(egCtx, l.deps.Store, id); err != nil {
				return err
			}
			if old.hidden.Load() != nil {
				changes[i].runs, err = l.runsOf(egCtx, id)
			}
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	for i, r := range records {
		if r.asset != nil {
			changes[i].now = l.entry(ctx, r.asset, r.active, old)
		}
	}
	return changes, nil
}

// readAtOnce is how many assets are read at once.
const readAtOnce = 16

// runsOf returns every run of an asset.
func (l *library) runsOf(ctx context.Context, asset string) ([]string, error) {
	recorded, err := runs.Of(ctx, l.deps.Store, asset)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(recorded))
	for i, r := range recorded {
		ids[i] = r.GetId()
	}
	return ids, nil
}

// inactive reads every run that is not active, by asset.
func (l *library) inactive(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	for r, err := range l.deps.Store.Inactive(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the runs that are not active: %w", err)
		}
		all[r.Asset] = append(all[r.Asset], r.Run)
	}
	return all, nil
}

// readWhole reads every asset, and returns those that differ from an older snapshot. Of a first snapshot, old is nil.
func (l *library) readWhole(ctx context.Context, old *snapshot) ([]change, error) {
	var assets []*pb.Asset
	active := map[string][]*pb.ActiveRun{}
	eg, egCtx := errgroup.WithContext(ctx)
	eg.Go(func() error {
		for a, err := range l.deps.Store.AllAssets(egCtx) {
			if err != nil {
				return fmt.Errorf("reading the library: %w", err)
			}
			assets = append(assets, a)
		}
		return nil
	})
	eg.Go(func() error {
		for r, err := range l.deps.Store.AllActive(egCtx) {
			if err != nil {
				return fmt.Errorf("reading the active runs: %w", err)
			}
			active[r.GetAsset()] = append(active[r.GetAsset()], r)
		}
		return nil
	})
	if err := eg.Wait(); err != nil {
		return nil, err
	}
	var changes []change
	there := make(map[string]bool, len(assets))
	for _, a := range assets {
		there[a.GetId()] = true
		e := l.entry(ctx, a, active[a.GetId()], old)
		if old == nil || old.asset(e.id) != e {
			changes = append(changes, change{asset: e.id, now: e})
		}
	}
	if old != nil {
		for e := range old.titles.Scan {
			if !there[e.id] {
				changes = append(changes, change{asset: e.id})
			}
		}
	}
	return changes, nil
}

// entry makes the entry of an asset, or returns the entry of an older snapshot where nothing changed. The caller MUST hold the turn.
func (l *library) entry(ctx context.Context, a *pb.Asset, active []*pb.ActiveRun, old *snapshot) *entry {
	e := newEntry(a, active, l.lineups)
	var was *entry
	if old != nil {
		was = old.asset(e.id)
	}
	switch {
	case was != nil && was.lost == "" && (slices.Equal(was.record, e.record) || proto.Equal(was.asset().GetVideo(), a.GetVideo())):
		e.clock, e.scale = was.clock, was.scale // a frame table is read once: the content is the asset's identity
	case a.GetVideo() != nil:
		l.place(ctx, a, e)
	}
	if was != nil && was.same(e) {
		return was
	}
	return e
}

// publish makes the snapshot with the changes the newest, and returns it. whole says that the changes do not tell which runs are hidden.
// The caller MUST hold the turn.
func (l *library) publish(old *snapshot, changes []change, whole bool, version int64) *snapshot {
	differ, moved := old.compare(changes)
	s := old
	switch hid := old != nil && old.hidden.Load() != nil; {
	case old == nil:
		s = newSnapshot(l)
	case len(differ) > 0, hid && whole, hid && len(changes) > 0:
		s = old.next()
	}
	if s != old {
		s.apply(changes)
		if old != nil && !whole {
			s.hidden.Store(old.hidden.Load().after(s, changes))
		}
		s.number = l.lineage.add(differ)
		l.hide(moved)
		l.keep(s, old, len(differ) == 0)
		l.settle(s)
	}
	l.current.Store(&versioned{s, version})
	if len(moved) > 0 {
		l.hides.Add(1) // now that no reader finds the snapshot of before
	}
	return s
}

// keep keeps a snapshot for cursors. A snapshot that shows the same as the snapshot before goes in that one's place.
func (l *library) keep(s, old *snapshot, same bool) {
	if i := slices.Index(l.kept, old); same && i >= 0 {
		l.kept[i] = s
		return
	}
	if l.kept = append(l.kept, s); len(l.kept) > keptSnapshots {
		l.kept = slices.Delete(l.kept, 0, 1)
	}
}

// hide takes assets out of the sight of every kept snapshot. What a caller may see is judged by the title that an asset has
// now: a cursor from before a move would otherwise go on showing the asset under the title that it had.
// A snapshot never changes, so that a kept one is replaced. The caller MUST hold the turn.
func (l *library) hide(moved map[string]bool) {
	if len(moved) == 0 {
		return
	}
	for i, s := range l.kept {
		l.kept[i] = s.without(moved)
	}
}

// newestFirst returns the snapshots that are still kept.
func (l *library) newestFirst(ctx context.Context) ([]*snapshot, error) {
	if _, err := l.turn.enter(ctx); err != nil {
		return nil, err
	}
	defer l.turn.leave()
	kept := slices.Clone(l.kept)
	slices.Reverse(kept)
	return kept, nil
}
