package gateway

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A snapshot is the library as of one moment: its assets, and the run of each
// algorithm that is active for each of them. It never changes; a query keeps
// the one that it began with, and so does a cursor.
type snapshot struct {
	version int64
	assets  map[string]*entry
	order   []string                 // ids of assets, by title
	runs    map[string]*pb.ActiveRun // by run
	moved   map[string]bool          // assets that have another title in a newer snapshot, or are gone: nobody sees them here

	mu     sync.Mutex
	scopes map[string]*scoped         // by who asks and for what: nobody learns what others asked for
	wrote  map[*search.Scope][]string // the spaces that a scope's runs have written, sorted
}

// An entry is an asset with what is needed to place a moment in it.
type entry struct {
	asset  *pb.Asset
	clock  schema.Clock // nil for an asset without pictures, or with lost set
	scale  schema.TimecodeScale
	lost   string                   // why the frame table cannot be read; "" where it was
	active map[string]*pb.ActiveRun // by algorithm
}

// library keeps the newest snapshot, and some older ones for cursors.
type library struct {
	deps    *Deps
	current atomic.Pointer[snapshot]

	losses prometheus.Gauge
	now    func() time.Time
	retry  atomic.Int64 // when a lost frame table is to be read again, in Unix nanoseconds; 0 for never

	mu          sync.Mutex // held while a new snapshot is made
	kept        []*snapshot
	lost        map[string]lostTable // by asset
	silentUntil time.Time            // until then no frame table is asked for
}

// keptSnapshots bounds how many switches a cursor survives. Old runs stay in the
// engines for a grace after a switch, so an older snapshot still finds its runs.
const keptSnapshots = 64

// snapshot returns the library as it is now. The store's version is compared at
// every call, so what was activated before the call is in it.
func (l *library) snapshot(ctx context.Context) (*snapshot, error) {
	v, err := l.deps.Store.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the library's version: %w", err)
	}
	if s := l.current.Load(); s != nil && s.version >= v {
		if !l.due() || !l.mu.TryLock() { // one caller reads lost tables again, and the others go on
			return s, nil
		}
	} else {
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	old := l.current.Load()
	if old != nil && old.version >= v { // somebody else was quicker, or only tables are missing
		if l.due() {
			return l.mend(ctx, old), nil
		}
		return old, nil
	}
	s, err := l.load(ctx, old)
	if err != nil {
		return nil, err
	}
	l.hide(s.movedSince(old))
	if l.kept = append(l.kept, s); len(l.kept) > keptSnapshots {
		l.kept = slices.Delete(l.kept, 0, 1)
	}
	l.settle(s)
	l.current.Store(s)
	return s, nil
}

// movedSince returns the assets of an older snapshot that have another title in s, or are not in s.
func (s *snapshot) movedSince(old *snapshot) map[string]bool {
	moved := map[string]bool{}
	if old == nil {
		return moved
	}
	for id, was := range old.assets {
		if e := s.assets[id]; e == nil || e.asset.GetTitle().GetId() != was.asset.GetTitle().GetId() {
			moved[id] = true
		}
	}
	return moved
}

// hide takes assets out of the sight of every kept snapshot. What a caller may see is judged by the title that an asset has
// now: a cursor from before a move would otherwise go on showing the asset under the title that it had.
// A snapshot never changes, so that a kept one is replaced. The caller MUST hold l.mu.
func (l *library) hide(moved map[string]bool) {
	if len(moved) == 0 {
		return
	}
	for i, s := range l.kept {
		all := maps.Clone(moved)
		maps.Copy(all, s.moved)
		l.kept[i] = &snapshot{version: s.version, assets: s.assets, order: s.order, runs: s.runs, moved: all, scopes: map[string]*scoped{}}
	}
}

// load reads the library. The version is read first: what changes meanwhile makes
// the next call load again, never leaves this snapshot believing that it is newer than it is.
func (l *library) load(ctx context.Context, old *snapshot) (*snapshot, error) {
	v, err := l.deps.Store.Version(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the library's version: %w", err)
	}
	s := &snapshot{version: v, assets: map[string]*entry{}, runs: map[string]*pb.ActiveRun{}, scopes: map[string]*scoped{}}
	for a, err := range l.deps.Store.AllAssets(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the library: %w", err)
		}
		s.assets[a.GetId()] = l.entry(ctx, a, old)
	}
	for r, err := range l.deps.Store.AllActive(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the active runs: %w", err)
		}
		if e := s.assets[r.GetAsset()]; e != nil {
			e.active[r.GetAlgorithm()] = r
			s.runs[r.GetRun()] = r
		}
	}
	// What did not change is shared with the snapshot before: many are kept.
	if old != nil {
		for id, e := range s.assets {
			if was := old.assets[id]; was != nil && was.asset == e.asset && was.lost == e.lost && maps.EqualFunc(was.active, e.active, func(a, b *pb.ActiveRun) bool { return proto.Equal(a, b) }) {
				s.assets[id] = was
			}
		}
	}
	s.order = slices.SortedFunc(maps.Keys(s.assets), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.assets[a].asset.GetTitle().GetId(), s.assets[b].asset.GetTitle().GetId()), cmp.Compare(a, b))
	})
	return s, nil
}

func (l *library) entry(ctx context.Context, a *pb.Asset, old *snapshot) *entry {
	e := &entry{asset: a, active: map[string]*pb.ActiveRun{}}
	if old != nil && old.assets[a.GetId()] != nil {
		was := old.assets[a.GetId()]
		if proto.Equal(was.asset, a) {
			e.asset = was.asset
		}
		// A frame table is read once: the content is the asset's identity.
		if was.lost == "" && proto.Equal(was.asset.GetVideo(), a.GetVideo()) {
			e.clock, e.scale = was.clock, was.scale
			return e
		}
	}
	if a.GetVideo() != nil {
		l.place(ctx, e)
	}
	return e
}

// newestFirst returns the snapshots that are still kept.
func (l *library) newestFirst() []*snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	kept := slices.Clone(l.kept)
	slices.Reverse(kept)
	return kept
}

// visible returns an asset if the caller may see it.
func (s *snapshot) visible(caller *authz.Caller, asset string) (*entry, error) {
	e := s.assets[asset]
	if e == nil || s.moved[asset] || !caller.MaySee(e.asset.GetTitle().GetId()) {
		return nil, errkind.New(errkind.NotFound, "there is no asset %.64q", asset)
	}
	return e, nil
}

// A scoped is a scope, with the fingerprint by which a cursor finds it again.
type scoped struct {
	*search.Scope
	print []byte
}

// assetsPerMs is about how many assets a processor goes through in a millisecond to make a scope.
const assetsPerMs = 3000

// scope returns the runs that a caller's query may see in a snapshot. This is where
// authorisation, the choice of titles and run switching meet: everything
// downstream sees through it.
//
// Making a scope goes through the whole library, so the caller waits for their turn: a made-up cursor asks for one of every kept snapshot.
func (g *Gateway) scope(ctx context.Context, s *snapshot, caller *authz.Caller, f *pb.Filter) (*scoped, error) {
	key := fmt.Sprintf("%q|%s|%q|%q|%q", caller.Name(), caller.Key(), f.GetTitles(), f.GetSeries(), f.GetAssets())
	if sc := s.scopeOf(key); sc != nil {
		return sc, nil
	}
	release, err := g.processors.Acquire(ctx, caller.Name(), float64(len(s.order))/assetsPerMs)
	if err != nil {
		return nil, err
	}
	defer release()
	if sc := s.scopeOf(key); sc != nil { // another request of the same caller made it
		return sc, nil
	}
	return s.keepScope(key, s.makeScope(caller, f)), nil
}

func (s *snapshot) scopeOf(key string) *scoped {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.scopes[key]
}

func (s *snapshot) makeScope(caller *authz.Caller, f *pb.Filter) *scoped {
	titles, series, assets := oneOf(f.GetTitles()), oneOf(f.GetSeries()), oneOf(f.GetAssets())
	var runs []string
	for _, id := range s.order {
		e := s.assets[id]
		t := e.asset.GetTitle()
		if s.moved[id] || !titles(t.GetId()) || !series(t.GetSeries()) || !assets(id) || !caller.MaySee(t.GetId()) {
			continue
		}
		for _, r := range e.active {
			runs = append(runs, r.GetRun())
		}
	}
	slices.Sort(runs)
	sc := search.NewScope(runs)
	return &scoped{sc, fingerprint(sc)}
}

// keepScope keeps a scope for the caller's next query. Engines know a scope by its identity, so the first that was kept stays.
func (s *snapshot) keepScope(key string, sc *scoped) *scoped {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was := s.scopes[key]; was != nil {
		return was
	}
	if len(s.scopes) >= 256 { // many callers with many filters: begin again rather than grow
		clear(s.scopes)
		clear(s.wrote)
	}
	s.scopes[key] = sc
	return sc
}

// spaces returns the spaces that the runs of a scope have written. It looks at nothing but what the scope shows.
func (s *snapshot) spaces(scope *search.Scope, of func(algorithm, version string) []string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrote, ok := s.wrote[scope]; ok {
		return wrote
	}
	type version struct{ algorithm, version string }
	seen := map[version]bool{}
	var wrote []string
	runs, _ := scope.Named()
	for _, id := range runs {
		r := s.runs[id]
		v := version{r.GetAlgorithm(), r.GetVersion()}
		if seen[v] {
			continue
		}
		seen[v] = true
		for _, space := range of(v.algorithm, v.version) {
			if !slices.Contains(wrote, space) {
				wrote = append(wrote, space)
			}
		}
	}
	slices.Sort(wrote)
	if s.wrote == nil {
		s.wrote = map[*search.Scope][]string{}
	}
	s.wrote[scope] = wrote
	return wrote
}

// oneOf returns whether a name is among those wanted; where none is wanted, every name is.
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

// see returns the library as it is now to somebody who was recognised.
func (g *Gateway) see(ctx context.Context, caller *authz.Caller) (*snapshot, error) {
	if caller == nil {
		return nil, errNobody
	}
	return g.lib.snapshot(ctx)
}

var errNobody = errkind.New(errkind.Unauthenticated, "nobody is asking: every read needs a caller")

// Asset returns an asset and its active runs.
func (g *Gateway) Asset(ctx context.Context, caller *authz.Caller, id string) (*pb.Asset, []*pb.ActiveRun, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, nil, err
	}
	call := audit.From(ctx)
	call.About(id)
	e, err := s.visible(caller, id)
	if err != nil {
		return nil, nil, err
	}
	call.Told(1, e.asset.GetTitle().GetId())
	return e.asset, e.runs(), nil
}

// Sees reports whether the caller may see an asset now: nil, or NotFound. A transfer that takes long asks again and again, so that
// the transfer ends once the asset has moved out of its caller's sight. It adds nothing to the line of the audit log.
func (g *Gateway) Sees(ctx context.Context, caller *authz.Caller, asset string) error {
	s, err := g.see(ctx, caller)
	if err != nil {
		return err
	}
	_, err = s.visible(caller, asset)
	return err
}

func (e *entry) runs() []*pb.ActiveRun {
	return slices.SortedFunc(maps.Values(e.active), func(a, b *pb.ActiveRun) int { return cmp.Compare(a.GetAlgorithm(), b.GetAlgorithm()) })
}

// Assets returns every asset that the caller may see with its active runs, by title.
func (g *Gateway) Assets(ctx context.Context, caller *authz.Caller) ([]*pb.Asset, map[string][]*pb.ActiveRun, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, nil, err
	}
	var assets []*pb.Asset
	active := map[string][]*pb.ActiveRun{}
	for _, id := range s.order {
		if e := s.assets[id]; caller.MaySee(e.asset.GetTitle().GetId()) {
			assets = append(assets, e.asset)
			active[id] = e.runs()
		}
	}
	return assets, active, nil
}

// Annotations returns what the active runs say of an asset within span, in time order.
func (g *Gateway) Annotations(ctx context.Context, caller *authz.Caller, asset string, kinds []string, span schema.Interval) ([]*pb.Annotation, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	call := audit.From(ctx)
	call.About(asset)
	e, err := s.visible(caller, asset)
	if err != nil {
		return nil, err
	}
	call.Told(0, e.asset.GetTitle().GetId())
	var out []*pb.Annotation
	for _, r := range e.runs() {
		for a, err := range g.deps.Store.AnnotationsOf(ctx, asset, r.GetRun(), span) {
			if err != nil {
				return nil, fmt.Errorf("reading annotations of %s: %w", asset, err)
			}
			if len(kinds) == 0 || slices.Contains(kinds, a.GetKind()) {
				out = append(out, a)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *pb.Annotation) int {
		return schema.IntervalOf(a).Compare(schema.IntervalOf(b))
	})
	return out, nil
}

// Thumbnail returns the blob of a thumbnail that belongs to an active or recent run of an asset that the caller may see.
func (g *Gateway) Thumbnail(ctx context.Context, caller *authz.Caller, asset, run string, ordinal int64) (*pb.MediaRef, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	call := audit.From(ctx)
	call.About(asset)
	e, err := s.visible(caller, asset)
	if err != nil {
		return nil, err
	}
	// The pictures of a run that has not finished may be of a film that was overwritten while the run decoded it.
	if s.runs[run] == nil {
		if r, err := g.deps.Store.Run(ctx, asset, run); err != nil || !runs.Finished(r) {
			return nil, errkind.New(errkind.NotFound, "there is no such thumbnail")
		}
	}
	a, err := g.deps.Store.Annotation(ctx, asset, run, ordinal)
	if err != nil || a.GetKind() != schema.KindThumbnail {
		return nil, errkind.New(errkind.NotFound, "there is no such thumbnail")
	}
	call.Told(1, e.asset.GetTitle().GetId())
	return &pb.MediaRef{Bucket: a.GetAttributes()["bucket"].GetText(), Key: a.GetAttributes()["blob"].GetText()}, nil
}
