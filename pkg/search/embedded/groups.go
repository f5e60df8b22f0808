package embedded

import (
	"context"
	"slices"
	"sync"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// groups knows the run and the filterable values of each group of a flat index, and keeps which groups scopes and filters let through.
// A scope that is related to an earlier scope costs the runs that changed. A kept filter costs the groups that are new.
type groups struct {
	index *flat.Index
	runs  *runTable

	mu sync.Mutex
	of []groupOfRun // by the group's number
	// newest is the newest group of each run, plus one, by the run's number.
	newest                   []uint32
	kinds, languages, people values
	// assets are of the first placed groups: of none until a set is asked for within windows.
	assets values
	placed int

	followed, named, filters []*keptSet // the last used at the end
	both                     []*keptBoth
}

// A groupOfRun is 20 bytes, beside the group's name in the index. A group that has become empty stays.
type groupOfRun struct {
	run, kind, language, person uint32
	older                       uint32 // another group of the run, plus one
}

// values numbers the values that groups have of one kind.
type values struct {
	numbers map[string]uint32
	names   []string
	groups  [][]uint32 // by value, rising
}

func (v *values) add(name string, group uint32) uint32 {
	n, ok := v.numbers[name]
	if !ok {
		n = uint32(len(v.names))
		v.numbers[name] = n
		v.names, v.groups = append(v.names, name), append(v.groups, nil)
	}
	v.groups[n] = append(v.groups[n], group)
	return n
}

// A keptSet is the set of the groups that a scope or a filter lets through, of the first groups.
type keptSet struct {
	runs   search.Runs // of a scope
	filter string      // of a filter
	groups int
	set    *flat.Set
}

// A keptBoth is the set of the groups that a scope and a filter let through.
type keptBoth struct {
	scope  *flat.Set
	filter string
	set    *flat.Set
}

// groupFiltersKept bounds how many sets of a filter are kept.
const groupFiltersKept = 8

// bothKept bounds how many sets of a scope and a filter are kept.
const bothKept = 16

func newGroups(index *flat.Index, runs *runTable) *groups {
	g := &groups{index: index, runs: runs}
	for _, v := range []*values{&g.kinds, &g.languages, &g.people, &g.assets} {
		v.numbers = map[string]uint32{}
	}
	return g
}

// catchUp takes in the groups that the index has numbered since.
func (g *groups) catchUp() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.caughtUp()
}

func (g *groups) caughtUp() error {
	names := g.index.Names()
	for i := len(g.of); i < len(names); i++ {
		p, err := parseGroup(names[i])
		if err != nil {
			return err
		}
		n, run := uint32(i), g.runs.number(p.run)
		if more := int(run) + 1 - len(g.newest); more > 0 {
			g.newest = append(g.newest, make([]uint32, more)...)
		}
		g.of = append(g.of, groupOfRun{
			run: run, older: g.newest[run],
			kind: g.kinds.add(p.kind, n), language: g.languages.add(p.language, n), person: g.people.add(words.Name(p.char), n),
		})
		g.newest[run] = n + 1
	}
	return nil
}

// each calls f for the groups of a run.
func (g *groups) each(run uint32, f func(group uint32)) {
	if int(run) >= len(g.newest) {
		return
	}
	for n := g.newest[run]; n > 0; n = g.of[n-1].older {
		f(n - 1)
	}
}

// namesOf returns the names of the groups of a run.
func (g *groups) namesOf(run string) (names []string, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.caughtUp(); err != nil {
		return nil, err
	}
	if n, ok := g.runs.find(run); ok {
		all := g.index.Names()
		g.each(n, func(group uint32) { names = append(names, all[group]) })
	}
	return names, nil
}

// beside makes a group known, and returns the names of the other groups of its run.
func (g *groups) beside(o group) ([]string, error) {
	g.index.Number(o.name)
	names, err := g.namesOf(o.run)
	return slices.DeleteFunc(names, func(n string) bool { return n == o.name }), err
}

// groupsLooked is how many groups are looked at between two looks at the context.
const groupsLooked = 1024

// looked looks at the context once in a while.
func looked(ctx context.Context, n int) error {
	if n%groupsLooked > 0 {
		return nil
	}
	return ctx.Err()
}

// visible returns the groups that a question may look into. visible does not wait for a writer's sync.
func (g *groups) visible(ctx context.Context, scope *search.Scope, f search.Filter) (*flat.Set, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	shown := g.runs.shown(scope)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.caughtUp(); err != nil {
		return nil, err
	}
	set, err := g.within(ctx, shown)
	if err != nil {
		return nil, err
	}
	key := filterKey(f)
	if key == "" {
		return set, nil
	}
	return g.narrowed(ctx, set, key, f)
}

// within returns the groups of the runs that a scope shows.
func (g *groups) within(ctx context.Context, s *shown) (*flat.Set, error) {
	d := s.all()
	kept, most := &g.followed, lineagesKept*setsKept/2
	if d.named {
		kept, most = &g.named, namedKept
	}
	if i := slices.IndexFunc(*kept, func(k *keptSet) bool { return k.runs == s.runs }); i >= 0 {
		k := (*kept)[i]
		*kept = append(slices.Delete(*kept, i, i+1), k)
		k.set, k.groups = g.grown(k, d), len(g.of)
		return k.set, nil
	}
	var set *flat.Set
	var err error
	if earlier, changed := g.earlier(s); earlier != nil {
		set = g.switched(&keptSet{set: g.grown(earlier, d), groups: len(g.of)}, changed, d)
	} else if set, err = g.anew(ctx, d); err != nil {
		return nil, err
	}
	if len(*kept) == most {
		*kept = slices.Delete(*kept, 0, 1)
	}
	*kept = append(*kept, &keptSet{runs: s.runs, set: set, groups: len(g.of)})
	return set, nil
}

// earlier returns the nearest related set that is kept, with the runs of which it may differ; nil where none is.
func (g *groups) earlier(s *shown) (*keptSet, []uint32) {
	for _, k := range s.kin {
		if i := slices.IndexFunc(g.followed, func(e *keptSet) bool { return e.runs == k.runs }); i >= 0 {
			return g.followed[i], k.changed
		}
	}
	return nil, nil
}

// grown takes the groups in that are new since a set was kept.
func (g *groups) grown(k *keptSet, d *decided) *flat.Set {
	var more []uint32
	for n := k.groups; n < len(g.of); n++ {
		if d.has(g.of[n].run) {
			more = append(more, uint32(n))
		}
	}
	return k.set.With(more, nil)
}

// switched takes the groups of changed runs in or out.
func (g *groups) switched(k *keptSet, changed []uint32, d *decided) *flat.Set {
	var more, fewer []uint32
	for _, run := range changed {
		into := &fewer
		if d.has(run) {
			into = &more
		}
		g.each(run, func(group uint32) { *into = append(*into, group) })
	}
	return k.set.With(more, fewer)
}

// anew goes through the groups, or through the runs of a scope that names few runs.
func (g *groups) anew(ctx context.Context, d *decided) (*flat.Set, error) {
	var all []uint32
	if d.named {
		for i, run := range d.few {
			if err := looked(ctx, i); err != nil {
				return nil, err
			}
			g.each(run, func(group uint32) { all = append(all, group) })
		}
		return flat.NewSet(all...), nil
	}
	for n, o := range g.of {
		if err := looked(ctx, n); err != nil {
			return nil, err
		}
		if d.has(o.run) {
			all = append(all, uint32(n))
		}
	}
	return flat.NewSet(all...), nil
}

// inside returns the groups of a set that are of assets with windows.
func (g *groups) inside(set *flat.Set, ws []search.Window) (*flat.Set, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for names := g.index.Names(); g.placed < len(g.of); g.placed++ {
		p, err := parseGroup(names[g.placed])
		if err != nil {
			return nil, err
		}
		g.assets.add(p.asset, uint32(g.placed))
	}
	var within []uint32
	for i, w := range ws {
		if i > 0 && ws[i-1].Asset == w.Asset {
			continue
		}
		if n, ok := g.assets.numbers[w.Asset]; ok {
			for _, group := range g.assets.groups[n] {
				if set.Has(group) {
					within = append(within, group)
				}
			}
		}
	}
	return flat.NewSet(within...), nil
}

// narrowed returns the groups of a set that pass a filter.
func (g *groups) narrowed(ctx context.Context, set *flat.Set, key string, f search.Filter) (*flat.Set, error) {
	t := g.taken(f)
	if set.Len() <= groupsLooked {
		return set.Where(func(group uint32) bool { return t.passes(g.of[group]) }), nil
	}
	passes, err := g.filtered(ctx, key, t)
	if err != nil {
		return nil, err
	}
	var both *flat.Set
	for i := len(g.both) - 1; i >= 0; i-- {
		b := g.both[i]
		if b.filter != key {
			continue
		}
		changed, ok := set.Changed(b.scope)
		if !ok {
			continue
		}
		if b.scope == set {
			return b.set, nil
		}
		var more, fewer []uint32
		for _, group := range changed {
			if set.Has(group) && passes.Has(group) {
				more = append(more, group)
			} else {
				fewer = append(fewer, group)
			}
		}
		both = b.set.With(more, fewer)
		break
	}
	if both == nil {
		both = set.And(passes)
	}
	if len(g.both) == bothKept {
		g.both = slices.Delete(g.both, 0, 1)
	}
	g.both = append(g.both, &keptBoth{set, key, both})
	return both, nil
}

// filtered returns the groups that pass a filter, whatever the scope.
func (g *groups) filtered(ctx context.Context, key string, t taken) (*flat.Set, error) {
	if i := slices.IndexFunc(g.filters, func(k *keptSet) bool { return k.filter == key }); i >= 0 {
		k := g.filters[i]
		g.filters = append(slices.Delete(g.filters, i, i+1), k)
		var more []uint32
		for n := k.groups; n < len(g.of); n++ {
			if t.passes(g.of[n]) {
				more = append(more, uint32(n))
			}
		}
		k.set, k.groups = k.set.With(more, nil), len(g.of)
		return k.set, nil
	}
	var all []uint32
	n := 0
	for _, list := range g.candidates(t) {
		for _, group := range list {
			if err := looked(ctx, n); err != nil {
				return nil, err
			}
			n++
			if t.passes(g.of[group]) {
				all = append(all, group)
			}
		}
	}
	k := &keptSet{filter: key, groups: len(g.of), set: flat.NewSet(all...)}
	if len(g.filters) == groupFiltersKept {
		g.filters = slices.Delete(g.filters, 0, 1)
	}
	g.filters = append(g.filters, k)
	return k.set, nil
}

// candidates returns the groups with a value that the filter takes: of characters, else of kinds, else of languages.
func (g *groups) candidates(t taken) (lists [][]uint32) {
	values, numbers := &g.languages, t.languages
	if t.kinds != nil {
		values, numbers = &g.kinds, t.kinds
	}
	if t.people != nil {
		values, numbers = &g.people, t.people
	}
	for n := range numbers {
		lists = append(lists, values.groups[n])
	}
	return lists
}

// taken are the numbers of the values that a filter takes; nil means every value.
type taken struct{ kinds, languages, people map[uint32]bool }

func (g *groups) taken(f search.Filter) (t taken) {
	if len(f.Kinds) > 0 {
		t.kinds = g.kinds.find(f.Kinds, func(s string) string { return s })
	}
	if len(f.Characters) > 0 {
		t.people = g.people.find(f.Characters, words.Name)
	}
	if len(f.Languages) > 0 {
		t.languages = map[uint32]bool{}
		for n, tag := range g.languages.names {
			if slices.ContainsFunc(f.Languages, func(l string) bool { return words.Within(tag, words.Canonical(l)) }) {
				t.languages[uint32(n)] = true
			}
		}
	}
	return t
}

func (v *values) find(wanted []string, form func(string) string) map[uint32]bool {
	found := map[uint32]bool{}
	for _, w := range wanted {
		if n, ok := v.numbers[form(w)]; ok {
			found[n] = true
		}
	}
	return found
}

func (t taken) passes(o groupOfRun) bool {
	return (t.kinds == nil || t.kinds[o.kind]) && (t.people == nil || t.people[o.person]) && (t.languages == nil || t.languages[o.language])
}
