package gateway

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tidwall/btree"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// A snapshot is the library as of one moment: its assets, and the run of each algorithm that is active for each asset.
// A snapshot never changes. A query keeps the snapshot that the query began with, and so does a cursor.
//
// Snapshots share what they have in common: a snapshot is a copy of the snapshot before, at no cost, and a change costs log n.
type snapshot struct {
	lib    *library
	number int64 // in the library's lineage; unnumbered for a preview
	assets *btree.Map[string, *entry]
	titles *btree.BTreeG[*entry]      // by title, then by id
	series *btree.BTreeG[*entry]      // by series, title and id; assets of no series are left out
	owners *btree.Map[string, *entry] // by active run
	whole  census                     // of every asset
	moved  map[string]bool            // assets that have another title in a newer snapshot, or are gone: nobody sees them here
	hidden atomic.Pointer[hiddenRuns] // nil until an engine asks
	// rebuilt are the assets that differ from the snapshot of the same number: the snapshot was made for a cursor.
	rebuilt map[string]bool

	mu     sync.Mutex
	scopes map[string]*scoped // by who asks and for what: nobody learns what others asked for
}

func compareTitles(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.title, b.title), cmp.Compare(a.id, b.id))
}

func compareSeries(a, b *entry) int {
	return cmp.Or(cmp.Compare(a.series, b.series), compareTitles(a, b))
}

func byTitle(a, b *entry) bool { return compareTitles(a, b) < 0 }

func bySeries(a, b *entry) bool { return compareSeries(a, b) < 0 }

// unnumbered is the number of a snapshot that is not in the lineage.
const unnumbered = -1

// branches is the degree of the trees: a change copies log n nodes, and smaller nodes make less to copy.
const branches = 16

func newSnapshot(l *library) *snapshot {
	unlocked := btree.Options{NoLocks: true, Degree: branches}
	return &snapshot{lib: l, assets: btree.NewMap[string, *entry](branches), owners: btree.NewMap[string, *entry](branches), scopes: map[string]*scoped{},
		titles: btree.NewBTreeGOptions(byTitle, unlocked), series: btree.NewBTreeGOptions(bySeries, unlocked)}
}

// next returns a copy to be changed before anybody sees it. The caller MUST hold the library's turn: a tree is copied by one at a time.
func (s *snapshot) next() *snapshot {
	return &snapshot{lib: s.lib, number: s.number, assets: s.assets.Copy(), titles: s.titles.Copy(), series: s.series.Copy(), owners: s.owners.Copy(),
		whole: s.whole.copy(), moved: s.moved, scopes: map[string]*scoped{}}
}

// without returns the snapshot as it is once these assets are hidden as well.
func (s *snapshot) without(moved map[string]bool) *snapshot {
	all := maps.Clone(moved)
	maps.Copy(all, s.moved)
	return &snapshot{lib: s.lib, number: s.number, assets: s.assets, titles: s.titles, series: s.series, owners: s.owners, whole: s.whole, moved: all, scopes: map[string]*scoped{}}
}

// compare returns the assets that readers see otherwise with the changes, and those among them that the title of the snapshot has lost.
func (s *snapshot) compare(changes []change) (differ []string, moved map[string]bool) {
	moved = map[string]bool{}
	for _, c := range changes {
		var was *entry
		if s != nil {
			was = s.asset(c.asset)
		}
		if was == c.now {
			continue
		}
		differ = append(differ, c.asset)
		if was != nil && (c.now == nil || c.now.title != was.title) {
			moved[c.asset] = true
		}
	}
	return differ, moved
}

// apply makes the changes in a snapshot that nobody has seen.
func (s *snapshot) apply(changes []change) {
	if s.assets.Len() == 0 {
		s.fill(changes)
		return
	}
	for _, c := range changes {
		switch was := s.asset(c.asset); {
		case was == c.now:
		case c.now == nil:
			s.remove(c.asset)
		default:
			s.put(c.now)
		}
	}
}

// fill makes the changes in a snapshot that is empty. The trees are loaded in order, without a search for the place of each item.
func (s *snapshot) fill(changes []change) {
	type owned struct {
		run string
		by  *entry
	}
	var entries []*entry
	var owners []owned
	for _, c := range changes {
		if c.now == nil {
			continue
		}
		entries = append(entries, c.now)
		for _, r := range c.now.active {
			owners = append(owners, owned{r.id, c.now})
		}
		s.whole.swap(nil, c.now)
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.id, b.id) })
	for _, e := range entries {
		s.assets.Load(e.id, e)
	}
	slices.SortFunc(owners, func(a, b owned) int { return cmp.Compare(a.run, b.run) })
	for _, o := range owners {
		s.owners.Load(o.run, o.by)
	}
	slices.SortFunc(entries, compareTitles)
	for _, e := range entries {
		s.titles.Load(e)
	}
	slices.SortFunc(entries, compareSeries)
	for _, e := range entries {
		if e.series != "" {
			s.series.Load(e)
		}
	}
}

// put puts an entry in place of the entry of its asset. Only next and newSnapshot make snapshots that may be put into.
func (s *snapshot) put(e *entry) {
	was, _ := s.assets.Set(e.id, e)
	s.take(was, e)
	s.titles.Set(e)
	if e.series != "" {
		s.series.Set(e)
	}
	for _, r := range e.active {
		s.owners.Set(r.id, e)
	}
	s.whole.swap(was, e)
}

// remove takes an asset out.
func (s *snapshot) remove(id string) {
	was, ok := s.assets.Delete(id)
	if !ok {
		return
	}
	s.take(was, nil)
	s.whole.swap(was, nil)
}

// take takes away what leads to an entry and will not lead to the entry that comes in its place.
func (s *snapshot) take(was, now *entry) {
	if was == nil {
		return
	}
	if now == nil || byTitle(was, now) || byTitle(now, was) {
		s.titles.Delete(was)
	}
	if was.series != "" && (now == nil || bySeries(was, now) || bySeries(now, was)) {
		s.series.Delete(was)
	}
	for _, r := range was.active {
		if now == nil || !now.has(r.id) {
			s.owners.Delete(r.id)
		}
	}
}

// asset returns the entry of an asset, nil where there is none.
func (s *snapshot) asset(id string) *entry {
	e, _ := s.assets.Get(id)
	return e
}

// A shownRun is an active run with the asset that it is of.
type shownRun struct {
	*entry
	algorithmVersion
}

// run returns an active run; false where the run is not active in the snapshot.
func (s *snapshot) run(id string) (shownRun, bool) {
	e, ok := s.owners.Get(id)
	if !ok {
		return shownRun{}, false
	}
	i := slices.IndexFunc(e.active, func(r activeRun) bool { return r.id == id })
	return shownRun{e, e.lineup.versions[i]}, true
}

// visible returns an asset if the caller may see it.
func (s *snapshot) visible(caller *authz.Caller, asset string) (*entry, error) {
	e := s.asset(asset)
	if e == nil || s.moved[asset] || !caller.MaySee(e.title) {
		return nil, errkind.New(errkind.NotFound, "there is no asset %.64q", asset)
	}
	return e, nil
}

// visibleFrom yields the assets behind a place that the caller may see.
func (s *snapshot) visibleFrom(caller *authz.Caller, behind Place) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		from := &entry{title: behind.Title, id: behind.Asset}
		if caller.SeesAll() {
			s.titles.Ascend(from, func(e *entry) bool { return !byTitle(from, e) || yield(e) })
			return
		}
		for _, t := range caller.Titles() {
			if t < behind.Title {
				continue
			}
			for e := range s.ofTitle(t) {
				if byTitle(from, e) && !yield(e) {
					return
				}
			}
		}
	}
}

// ofTitle yields the assets of a title, by id.
func (s *snapshot) ofTitle(title string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		s.titles.Ascend(&entry{title: title}, func(e *entry) bool { return e.title == title && yield(e) })
	}
}

// ofSeries yields the assets of a series, by title.
func (s *snapshot) ofSeries(series string) iter.Seq[*entry] {
	return func(yield func(*entry) bool) {
		s.series.Ascend(&entry{series: series}, func(e *entry) bool { return e.series == series && yield(e) })
	}
}

// A census counts the active runs of some assets.
type census struct {
	runs int
	// sum is of the runs' hashes: the same for the same runs, in whatever order the runs came.
	sum     uint64
	lineups map[*lineup]int // assets by lineup; shared between copies until one of them changes
	own     bool            // lineups is this census' own
}

// copy returns a census that counts on from c. c MUST NOT count on.
func (c census) copy() census {
	c.own = false
	return c
}

// swap counts an entry in place of another. Either may be nil.
func (c *census) swap(was, now *entry) {
	if was != nil {
		c.runs -= len(was.active)
		c.sum -= was.sum
	}
	if now != nil {
		c.runs += len(now.active)
		c.sum += now.sum
	}
	if was != nil && now != nil && was.lineup == now.lineup {
		return
	}
	if !c.own {
		c.lineups, c.own = maps.Clone(c.lineups), true
		if c.lineups == nil {
			c.lineups = map[*lineup]int{}
		}
	}
	if was != nil {
		if c.lineups[was.lineup]--; c.lineups[was.lineup] == 0 {
			delete(c.lineups, was.lineup)
		}
	}
	if now != nil {
		c.lineups[now.lineup]++
	}
}

// spaces returns the spaces that the runs counted have written, sorted.
func (c *census) spaces(of func(algorithm, version string) []string) []string {
	var wrote []string
	seen := map[algorithmVersion]bool{}
	for l := range c.lineups {
		for _, v := range l.versions {
			if !seen[v] {
				seen[v] = true
				wrote = append(wrote, of(v.algorithm, v.version)...)
			}
		}
	}
	slices.Sort(wrote)
	return slices.Compact(wrote)
}
