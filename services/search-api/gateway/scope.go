package gateway

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tidwall/btree"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A view is who asks and for which titles, series and assets.
type view struct {
	key                    string // the same for two views that see the same for the same caller
	caller                 *authz.Caller
	titles, series, assets []string
	ofTitle, ofSeries, is  func(string) bool
	all                    bool // nothing is hidden from the caller, and nothing narrows
}

func newView(caller *authz.Caller, f *pb.Filter) *view {
	v := &view{caller: caller, titles: f.GetTitles(), series: f.GetSeries(), assets: f.GetAssets()}
	v.key = fmt.Sprintf("%q|%s|%q|%q|%q", caller.Name(), caller.Key(), v.titles, v.series, v.assets)
	v.all = caller.SeesAll() && len(v.titles)+len(v.series)+len(v.assets) == 0
	v.ofTitle, v.ofSeries, v.is = oneOf(v.titles), oneOf(v.series), oneOf(v.assets)
	return v
}

// oneOf returns whether a name is among the names wanted; where none is wanted, every name is.
func oneOf(want []string) func(name string) bool {
	if len(want) == 0 {
		return func(string) bool { return true }
	}
	set := make(map[string]bool, len(want))
	for _, w := range want {
		set[w] = true
	}
	return func(name string) bool { return set[name] }
}

// seen returns the entry of an asset in a snapshot if the view shows the asset; otherwise nil. This is where authorisation, the
// choice of titles and run switching meet: everything downstream sees through it.
func (v *view) seen(s *snapshot, asset string) *entry {
	if e := s.asset(asset); v.shows(s, e) {
		return e
	}
	return nil
}

func (v *view) shows(s *snapshot, e *entry) bool {
	return e != nil && !s.moved[e.id] && v.ofTitle(e.title) && v.ofSeries(e.series) && v.is(e.id) && v.caller.MaySee(e.title)
}

// candidates yields every entry that the view shows, and others. A view that names what it is of costs as much as it names.
func (v *view) candidates(s *snapshot) iter.Seq[*entry] {
	each := func(names []string, of func(string) iter.Seq[*entry]) iter.Seq[*entry] {
		return func(yield func(*entry) bool) {
			for _, n := range names {
				for e := range of(n) {
					if !yield(e) {
						return
					}
				}
			}
		}
	}
	switch {
	case len(v.assets) > 0:
		return each(v.assets, func(id string) iter.Seq[*entry] {
			return func(yield func(*entry) bool) {
				if e := s.asset(id); e != nil {
					yield(e)
				}
			}
		})
	case len(v.titles) > 0:
		return each(v.titles, s.ofTitle)
	case len(v.series) > 0:
		return each(v.series, s.ofSeries)
	case !v.caller.SeesAll():
		return each(v.caller.Titles(), s.ofTitle)
	}
	return s.titles.Scan
}

// A scoped is the runs that a view shows in a snapshot: the active runs of the assets shown. It implements search.Runs.
type scoped struct {
	Scope *search.Scope
	view  *view
	snap  *snapshot
	census
	seen *assetSet // the assets shown; nil for every asset but those that have moved
	past history

	mu      sync.Mutex
	listed  bool
	named   []string
	outside *outside
}

// An assetSet is some assets. Scopes share a set.
type assetSet struct {
	mu     sync.Mutex // of Copy
	ids    *btree.Set[string]
	list   []string
	listed sync.Once
}

// outside is what Outside returns.
type outside struct{ assets, hidden []string }

// mostNamed is how many runs are sent with a question.
const mostNamed = 1000

func (v *view) scoped(s *snapshot, c census, seen *assetSet) *scoped {
	sc := &scoped{view: v, snap: s, census: c, seen: seen}
	sc.Scope = &search.Scope{Runs: sc}
	return sc
}

// in works out what a view shows in a snapshot, at the cost of its candidates.
func (v *view) in(s *snapshot) *scoped {
	if v.all {
		c := s.whole.copy()
		for id := range s.moved {
			c.swap(s.asset(id), nil)
		}
		return v.scoped(s, c, nil)
	}
	var c census
	ids := &btree.Set[string]{}
	for e := range v.candidates(s) {
		if v.shows(s, e) && !ids.Contains(e.id) {
			ids.Insert(e.id)
			c.swap(nil, e)
		}
	}
	return v.scoped(s, c, &assetSet{ids: ids})
}

// differ returns the assets of which two snapshots may show other runs; false where they have too little in common.
func (s *snapshot) differ(o *snapshot) (map[string]bool, bool) {
	if s.lib != o.lib {
		return nil, false
	}
	ids, ok := s.lib.lineage.between(s.number, o.number)
	if !ok {
		return nil, false
	}
	for _, rebuilt := range []map[string]bool{s.rebuilt, o.rebuilt} {
		for id := range rebuilt {
			ids[id] = true
		}
	}
	for id := range s.moved {
		if !o.moved[id] {
			ids[id] = true
		}
	}
	for id := range o.moved {
		if !s.moved[id] {
			ids[id] = true
		}
	}
	return ids, true
}

// to works out what the scope's view shows in another snapshot, at the cost of what differs; nil where the snapshots have too little in common.
func (sc *scoped) to(s *snapshot) *scoped {
	ids, ok := sc.snap.differ(s)
	if !ok {
		return nil
	}
	v, c, seen := sc.view, sc.copy(), sc.seen
	for id := range ids {
		was, is := v.seen(sc.snap, id), v.seen(s, id)
		if was == is {
			continue
		}
		c.swap(was, is)
		if sc.seen == nil || (was == nil) == (is == nil) {
			continue
		}
		if seen == sc.seen {
			seen = sc.seen.copy()
		}
		if is == nil {
			seen.ids.Delete(id)
		} else {
			seen.ids.Insert(id)
		}
	}
	return v.scoped(s, c, seen)
}

// copy returns a set to be changed before anybody sees it.
func (a *assetSet) copy() *assetSet {
	a.mu.Lock()
	defer a.mu.Unlock()
	return &assetSet{ids: a.ids.Copy()}
}

func (a *assetSet) all() []string {
	a.listed.Do(func() { a.list = a.ids.Keys() })
	return a.list
}

// Has implements search.Runs.
func (sc *scoped) Has(run string) bool {
	e, ok := sc.snap.owners.Get(run)
	return ok && sc.view.shows(sc.snap, e)
}

// Empty implements search.Runs.
func (sc *scoped) Empty() bool { return sc.runs == 0 }

// Named implements search.Runs.
func (sc *scoped) Named() ([]string, bool) {
	if sc.runs > mostNamed {
		return nil, false
	}
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if !sc.listed {
		sc.named, sc.listed = sc.name(), true
	}
	return sc.named, true
}

func (sc *scoped) name() []string {
	runs := make([]string, 0, sc.runs)
	if sc.seen == nil {
		sc.snap.owners.Scan(func(run string, e *entry) bool {
			if !sc.snap.moved[e.id] {
				runs = append(runs, run)
			}
			return true
		})
		return runs
	}
	sc.seen.ids.Scan(func(id string) bool {
		for _, r := range sc.snap.asset(id).active {
			runs = append(runs, r.id)
		}
		return true
	})
	return runs
}

// Outside implements search.Runs.
func (sc *scoped) Outside() (assets, hidden []string) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.outside == nil {
		h, err := sc.snap.lib.hiddenIn(sc.snap)
		if err != nil {
			// The engine holds each hit against Has, so that the answer is right, and late perhaps.
			sc.snap.lib.deps.Log.Error("reading which runs are hidden", "error", err)
			return sc.assets(), nil
		}
		sc.outside = &outside{sc.assets(), sc.hiddenAmong(h)}
	}
	return sc.outside.assets, sc.outside.hidden
}

func (sc *scoped) assets() []string {
	if sc.seen == nil {
		return nil
	}
	return sc.seen.all()
}

// hiddenAmong returns those of the hidden runs whose assets the scope shows.
func (sc *scoped) hiddenAmong(h *hiddenRuns) []string {
	if sc.seen != nil {
		var out []string
		h.byAsset.Scan(func(asset string, runs []string) bool {
			if sc.seen.ids.Contains(asset) {
				out = append(out, runs...)
			}
			return true
		})
		return out
	}
	out := h.all()
	if len(sc.snap.moved) > 0 {
		out = slices.Clone(out)
	}
	for id := range sc.snap.moved {
		if e := sc.snap.asset(id); e != nil {
			for _, r := range e.active {
				out = append(out, r.id)
			}
		}
	}
	return out
}

// Changed implements search.Runs.
func (sc *scoped) Changed(since search.Runs) ([]string, bool) {
	was, ok := since.(*scoped)
	switch {
	case !ok || was.view.key != sc.view.key && !(was.view.all && sc.view.all): // all who see everything see the same
		return nil, false
	case was == sc:
		return nil, true
	}
	ids, ok := was.snap.differ(sc.snap)
	if !ok {
		return nil, false
	}
	runs := []string{}
	for id := range ids {
		a, b := was.view.seen(was.snap, id), sc.view.seen(sc.snap, id)
		runs = append(append(runs, missing(a, b)...), missing(b, a)...)
	}
	return runs, true
}

// missing returns the active runs of a that are not active in b. Either may be nil.
func missing(a, b *entry) (runs []string) {
	if a == nil {
		return nil
	}
	for _, r := range a.active {
		if b == nil || !b.has(r.id) {
			runs = append(runs, r.id)
		}
	}
	return runs
}

// assetsPerMs is about how many assets a processor goes through in a millisecond to make a scope.
const assetsPerMs = 3000

// scope returns what a caller's query may see in a snapshot.
//
// A scope is made of the scope that the caller had last, at the cost of what changed. The first scope goes through all that the caller may
// see, so the caller waits for their turn.
func (g *Gateway) scope(ctx context.Context, s *snapshot, caller *authz.Caller, f *pb.Filter) (*scoped, error) {
	v := newView(caller, f)
	if sc := s.scopeOf(v.key); sc != nil {
		return sc, nil
	}
	if was, ok := g.lib.recent.Get(v.key); ok {
		if sc := was.to(s); sc != nil {
			return g.lib.keepScope(s, sc), nil
		}
	}
	release, err := g.processors.Acquire(ctx, caller.Name(), v.cost(s))
	if err != nil {
		return nil, err
	}
	defer release()
	if sc := s.scopeOf(v.key); sc != nil { // another request of the same caller made it
		return sc, nil
	}
	return g.lib.keepScope(s, v.in(s)), nil
}

// cost is about how many milliseconds in takes.
func (v *view) cost(s *snapshot) float64 {
	n := s.assets.Len()
	switch {
	case v.all:
		n = 1
	case len(v.assets) > 0:
		n = min(n, len(v.assets))
	case len(v.titles) > 0:
		n = min(n, len(v.titles))
	}
	return float64(n) / assetsPerMs
}

func (s *snapshot) scopeOf(key string) *scoped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scopes[key]
}

// keepScope keeps a scope for the caller's next query. Engines know a scope by its identity, so the scope that was kept first stays.
func (l *library) keepScope(s *snapshot, sc *scoped) *scoped {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.scopes[sc.view.key]; was != nil {
		return was
	}
	if len(s.scopes) >= rememberedScopes { // many callers with many filters: begin again rather than grow
		clear(s.scopes)
	}
	s.scopes[sc.view.key] = sc
	if !sc.view.all && s.number != unnumbered { // what shows all is made at no cost
		l.recent.Add(sc.view.key, sc)
	}
	return sc
}

// rememberedScopes bounds the scopes of one snapshot, and the scopes that others are made of. A scope keeps its snapshot.
const rememberedScopes = 256

// hiddenRuns are the runs that have a record and are not active in a snapshot: replaced, unfinished, or waiting.
type hiddenRuns struct {
	byAsset *btree.Map[string, []string] // assets without hidden runs are left out
	listed  sync.Once
	list    []string
}

func (h *hiddenRuns) all() []string {
	h.listed.Do(func() {
		h.byAsset.Scan(func(_ string, runs []string) bool {
			h.list = append(h.list, runs...)
			return true
		})
		h.list = slices.Clip(h.list)
	})
	return h.list
}

// set says which runs of an asset are hidden.
func (h *hiddenRuns) set(asset string, runs []string) {
	if len(runs) == 0 {
		h.byAsset.Delete(asset)
		return
	}
	h.byAsset.Set(asset, runs)
}

// after returns the hidden runs of a snapshot that was made of the one before by changes; nil where they were not known before.
func (h *hiddenRuns) after(s *snapshot, changes []change) *hiddenRuns {
	if h == nil {
		return nil
	}
	next := &hiddenRuns{byAsset: h.byAsset.Copy()}
	for _, c := range changes {
		next.set(c.asset, s.hide(c.asset, slices.Values(c.runs)))
	}
	return next
}

// hide returns those of an asset's runs that are not active in the snapshot.
func (s *snapshot) hide(asset string, runs iter.Seq[string]) (hidden []string) {
	e := s.asset(asset)
	for r := range runs {
		if e == nil || !e.has(r) {
			hidden = append(hidden, r)
		}
	}
	return hidden
}

// hiddenIn returns the hidden runs of a snapshot. The first call reads them from the store; later snapshots are told what changes.
func (l *library) hiddenIn(s *snapshot) (*hiddenRuns, error) {
	if h := s.hidden.Load(); h != nil {
		return h, nil
	}
	l.hiding.Lock()
	defer l.hiding.Unlock()
	if h := s.hidden.Load(); h != nil {
		return h, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), hiddenTimeout)
	defer cancel()
	newest, err := l.findHidden(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := l.turn.enter(ctx); err != nil {
		return nil, err
	}
	defer l.turn.leave()
	h := newest.hidden.Load()
	if newest != s {
		h = h.in(newest, s)
		s.hidden.Store(h)
	}
	return h, nil
}

// in returns the hidden runs of another snapshot. The caller MUST hold the library's turn.
func (h *hiddenRuns) in(of, s *snapshot) *hiddenRuns {
	other := &hiddenRuns{byAsset: h.byAsset.Copy()}
	ids, ok := of.differ(s)
	if !ok {
		ids = map[string]bool{}
		for _, some := range []*snapshot{of, s} {
			for e := range some.titles.Scan {
				ids[e.id] = true
			}
		}
	}
	for id := range ids {
		runs, _ := h.byAsset.Get(id)
		runs = slices.Clone(runs)
		if e := of.asset(id); e != nil {
			for _, r := range e.active {
				runs = append(runs, r.id)
			}
		}
		other.set(id, s.hide(id, slices.Values(runs)))
	}
	return other
}

// hiddenTimeout bounds the reading of every run that is not active.
const hiddenTimeout = time.Minute

// findHidden returns the newest snapshot, whose hidden runs are known. The caller MUST hold l.hiding, and MUST NOT hold the turn.
func (l *library) findHidden(ctx context.Context) (*snapshot, error) {
	for {
		if s := l.current.Load().snapshot; s.hidden.Load() != nil {
			return s, nil
		}
		if err := l.readHidden(ctx); err != nil {
			return nil, err
		}
	}
}

// readHidden reads the hidden runs of the newest snapshot. Snapshots are made meanwhile: what changes is read a second time.
func (l *library) readHidden(ctx context.Context) error {
	if _, err := l.turn.enter(ctx); err != nil {
		return err
	}
	changed := map[string]bool{}
	l.changed = changed
	l.turn.leave()

	all, err := l.inactive(ctx)

	if _, err := l.turn.enter(ctx); err != nil {
		return err
	}
	defer l.turn.leave()
	whole := l.changed != nil // otherwise, the library was read anew meanwhile
	l.changed = nil
	if err != nil || !whole {
		return err
	}
	for id := range changed {
		if all[id], err = l.runsOf(ctx, id); err != nil {
			return err
		}
	}
	s := l.current.Load().snapshot
	h := &hiddenRuns{byAsset: btree.NewMap[string, []string](branches)}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		h.set(id, s.hide(id, slices.Values(all[id])))
	}
	s.hidden.Store(h)
	return nil
}
