package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A cursor names its snapshot by the runs that its scope holds. A library that was opened later, or in another process, has kept no such
// snapshot: the library takes back the latest switches, one after the other, until the scope holds these runs.
//
//   - The store tells of each active run when readers began to see it, and which runs they saw before: pb.ActiveRun.
//   - The snapshots of a library are in the order of the switches but for a few: a snapshot is read while runs are switched, and two clocks
//     differ. So some of the last takenBack switches that are taken back may stay.
//   - A switch from before an asset's title was decided is never taken back: who sees the title now may not have seen it then.

const (
	// mostTakenBack bounds the switches that are taken back for a cursor.
	mostTakenBack = 1 << 14
	// outOfOrder is how many switches beside the last that is taken back may be out of order.
	outOfOrder = 7
	// rememberedRebuilt bounds the snapshots that were made for cursors, and are kept for their next pages.
	rememberedRebuilt = 64
)

// A pastRun is a run that readers saw before another run of the same asset and algorithm.
type pastRun struct {
	id, version string
	since       int64 // when readers began to see the run, in milliseconds since 1970; 0 for unknown
}

// A reversal takes one switch back.
type reversal struct {
	of        *entry
	algorithm string
	since     int64   // when the switch was made
	now       string  // the run that the switch made active
	was       pastRun // the run before; no id for no run
	sum       uint64  // what the reversal adds to the sum of a census
}

func (u *reversal) runs() int {
	if u.was.id == "" {
		return -1
	}
	return 0
}

// reversals returns the switches of an active run that can be taken back, the latest first.
func (e *entry) reversals(i int) (out []reversal) {
	r := &e.active[i]
	now, since := r.id, r.since
	for n := range r.past {
		was := r.past[len(r.past)-1-n]
		if since == 0 || since <= e.titled {
			return out
		}
		out = append(out, reversal{e, e.lineup.versions[i].algorithm, since, now, was, hashOf(was.id) - hashOf(now)})
		now, since = was.id, was.since
	}
	if since > e.titled && since > 0 && r.generation == int64(len(r.past))+1 { // the first run of all
		out = append(out, reversal{of: e, algorithm: e.lineup.versions[i].algorithm, since: since, now: now, sum: -hashOf(now)})
	}
	return out
}

// A history is the latest switches within a scope, the latest first. It never changes.
type history struct {
	once sync.Once
	list []reversal
}

// history returns the latest switches of the assets that the scope shows. moved are assets whose titles are others than they were.
func (sc *scoped) history(moved map[string]bool) []reversal {
	sc.past.once.Do(func() {
		var all []reversal
		least := int64(0)
		for e := range sc.view.candidates(sc.snap) {
			if moved[e.id] || !sc.view.shows(sc.snap, e) {
				continue
			}
			for i := range e.active {
				for _, u := range e.reversals(i) {
					if u.since >= least {
						all = append(all, u)
					}
				}
			}
			if len(all) >= 2*mostTakenBack {
				all = latest(all)
				least = all[len(all)-1].since
			}
		}
		sc.past.list = latest(all)
	})
	return sc.past.list
}

// latest returns the latest mostTakenBack of some switches, the latest first, each once.
func latest(all []reversal) []reversal {
	slices.SortFunc(all, func(a, b reversal) int {
		return cmp.Or(cmp.Compare(b.since, a.since), cmp.Compare(a.of.id, b.of.id), cmp.Compare(a.algorithm, b.algorithm))
	})
	all = slices.CompactFunc(all, func(a, b reversal) bool {
		return a.since == b.since && a.of == b.of && a.algorithm == b.algorithm
	})
	return slices.Clip(all[:min(len(all), mostTakenBack)])
}

// takeBack returns the switches to take back of a census with the sum and number of runs, so that the census has the wanted sum and number.
// false is for none that lead there.
func takeBack(past []reversal, sum, want uint64, runs, wantRuns int) ([]reversal, bool) {
	for k := range past {
		sum += past[k].sum
		runs += past[k].runs()
		// Of the switches before the last, those in stay are not taken back.
		near := past[max(0, k-outOfOrder):k]
		for stay := range 1 << len(near) {
			s, n := sum, runs
			for i := range near {
				if stay>>i&1 == 1 {
					s -= near[i].sum
					n -= near[i].runs()
				}
			}
			if s != want || n != wantRuns {
				continue
			}
			out := slices.Clone(past[:k-len(near)])
			for i := range near {
				if stay>>i&1 == 0 {
					out = append(out, near[i])
				}
			}
			return append(out, past[k]), true
		}
	}
	return nil, false
}

// before returns the entry as it was before the switches, which are in their order and of the entry.
func (e *entry) before(taken []reversal, known lineups) *entry {
	active := e.runs()
	for _, u := range taken {
		i := slices.IndexFunc(active, func(r *pb.ActiveRun) bool { return r.GetAlgorithm() == u.algorithm })
		if i < 0 || active[i].GetRun() != u.now {
			continue // cannot be: the sum would be another
		}
		if u.was.id == "" {
			active = slices.Delete(active, i, i+1)
			continue
		}
		active[i] = &pb.ActiveRun{Asset: e.id, Algorithm: u.algorithm, Run: u.was.id, Version: u.was.version, Generation: active[i].GetGeneration() - 1}
	}
	was := *e
	was.line(active, known)
	return &was
}

// rebuild returns the newest snapshot without some switches.
func (l *library) rebuild(ctx context.Context, newest *snapshot, taken []reversal) (*snapshot, error) {
	of := map[*entry][]reversal{}
	for _, u := range taken {
		of[u.of] = append(of[u.of], u)
	}
	if _, err := l.turn.enter(ctx); err != nil {
		return nil, err
	}
	defer l.turn.leave()
	s := newest.next()
	s.rebuilt = map[string]bool{}
	for e, list := range of {
		s.put(e.before(list, l.lineups))
		s.rebuilt[e.id] = true
	}
	return s, nil
}

// errOutdated is the error of a cursor whose snapshot cannot be had any more.
var errOutdated = errkind.New(errkind.Invalid, "cursor: the library has changed too much since; search again")

// scopeOfCursor returns the scope that holds the runs of a cursor: of the newest snapshot, of a snapshot that is kept, or of a snapshot that is
// made for the cursor. Of each snapshot the caller sees the assets that still have the title that they had in it.
func (p *processed) scopeOfCursor(ctx context.Context, g *Gateway, caller *authz.Caller, c cursor) (*scoped, error) {
	hides := g.lib.hides.Load() // before the newest snapshot is read
	kept, err := g.lib.newestFirst(ctx)
	if err != nil {
		return nil, err
	}
	var newest *scoped
	for _, s := range kept {
		scope, err := g.scope(ctx, s, caller, s.titled(caller, p.filter))
		if err != nil {
			return nil, err
		}
		if c.of(scope) {
			return scope, nil
		}
		if newest == nil {
			newest = scope
		}
	}
	if newest == nil {
		return nil, errOutdated
	}
	key := rebuiltKey{hides, newest.view.key, c.sum, c.runs}
	if scope, ok := g.lib.rebuilt.Get(key); ok {
		return scope, nil
	}
	taken, ok := takeBack(newest.history(kept[len(kept)-1].moved), newest.sum, c.sum, newest.runs, c.runs)
	if !ok {
		return nil, errOutdated
	}
	s, err := g.lib.rebuild(ctx, newest.snap, taken)
	if err != nil {
		return nil, err
	}
	scope, err := g.scope(ctx, s, caller, s.titled(caller, p.filter))
	if err != nil {
		return nil, err
	}
	if !c.of(scope) { // cannot be: the sum is the same
		return nil, errOutdated
	}
	g.lib.rebuilt.Add(key, scope)
	return scope, nil
}

// A rebuiltKey finds the scope that was made for a cursor. Once a title has moved, no scope of before is found.
type rebuiltKey struct {
	hides int64
	view  string
	sum   uint64
	runs  int
}

func newRebuilt() *lru.Cache[rebuiltKey, *scoped] {
	cache, _ := lru.New[rebuiltKey, *scoped](rememberedRebuilt)
	return cache
}

// readRunsOfAtMost is how many assets' runs are read one by one.
const readRunsOfAtMost = 256

// checkRuns returns an error where a run that the query sees has been collected: its hits are gone from the answer, and so the pages would not
// be those of the answer that the cursor is of.
func (p *processed) checkRuns(ctx context.Context, g *Gateway) error {
	newest, err := g.lib.snapshot(ctx)
	if err != nil || newest == p.snap {
		return err
	}
	old := map[string][]string{} // runs that are not active any more, by asset
	see := func(id string) {
		if e := p.scope.view.seen(p.snap, id); e != nil {
			if runs := missing(e, newest.asset(id)); len(runs) > 0 {
				old[id] = runs
			}
		}
	}
	if ids, ok := p.snap.differ(newest); ok {
		for id := range ids {
			see(id)
		}
	} else {
		for e := range p.snap.titles.Scan {
			see(e.id)
		}
	}
	recorded, err := g.lib.recorded(ctx, newest, old)
	if err != nil {
		return err
	}
	for id, runs := range old {
		for _, r := range runs {
			if !slices.Contains(recorded[id], r) {
				return errkind.New(errkind.Invalid, "cursor: runs that the page before was told of have been collected since; search again")
			}
		}
	}
	return nil
}

// recorded returns the runs of assets that have a record and are not active.
func (l *library) recorded(ctx context.Context, newest *snapshot, of map[string][]string) (map[string][]string, error) {
	out := make(map[string][]string, len(of))
	if len(of) > readRunsOfAtMost {
		h, err := l.hiddenIn(newest) //nolint:contextcheck // the reading is for every caller, and goes on when this caller is gone
		if err != nil {
			return nil, err
		}
		for id := range of {
			out[id], _ = h.byAsset.Get(id)
		}
		return out, nil
	}
	var mu sync.Mutex
	eg, ctx := errgroup.WithContext(ctx)
	eg.SetLimit(readAtOnce)
	for id := range of {
		eg.Go(func() error {
			runs, err := l.runsOf(ctx, id)
			mu.Lock()
			defer mu.Unlock()
			out[id] = runs
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return nil, fmt.Errorf("reading which runs are collected: %w", err)
	}
	return out, nil
}

// checkPlace returns an error where a page would not go on where the page before ended.
func (p *processed) checkPlace(ms []*moment, partial []*pb.PartialFailure) error {
	if p.offset == 0 || p.offset <= len(ms) && printOf(ms[p.offset-1]) == p.last {
		return nil
	}
	if len(partial) > 0 {
		return errkind.New(errkind.Unavailable, "cursor: the page cannot be told now, since the answer is incomplete (%s: %s); ask for the page again", partial[0].GetPart(), partial[0].GetError())
	}
	return errkind.Wrap(errkind.Invalid, errOtherOrder)
}

var errOtherOrder = errors.New("cursor: the answer is another than it was at the page before; search again")

// printOf is a fingerprint of the place of a moment.
func printOf(m *moment) uint32 {
	return uint32(hashOf(fmt.Sprintf("%s %d %d", m.asset, m.Start, m.End)))
}
