package embedded

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cinedex/cinedex/pkg/search"
)

// A runTable numbers the runs that an engine holds, so that the id of a run is kept once. Numbers hold within the process only. A run
// that was deleted keeps its number.
//
// The table also keeps the last scopes in numbers, as shown sets. A scope that differs little from a kept scope costs the difference.
type runTable struct {
	mu      sync.RWMutex
	numbers map[string]uint32
	names   []string // by number

	scopes struct {
		sync.Mutex
		lineages []*lineage // the last used one at the end
		followed int        // how many sets were made from an earlier set
		named    []*shown   // likewise
	}
}

// A lineage is the last shown sets of scopes of which each differs little from the one before. The newest is the last.
type lineage struct {
	sets []*shown
	used int // scopes.followed as of the last use
}

const (
	// lineagesKept bounds the lineages. A caller has at least one lineage, of up to setsKept bits for each run of the engine.
	lineagesKept = 64
	// lineageAge bounds how many sets of any lineage are made after the last use of a lineage. A set keeps the library's snapshot, and a
	// snapshot of long ago shares little with the present snapshot.
	lineageAge = 8192
	// setsKept bounds the sets of a lineage. Questions of older snapshots end soon after a switch.
	setsKept = 4
	// namedKept bounds how many scopes that name few runs are kept, and fewNamed the runs of such a scope.
	namedKept = 8
	fewNamed  = 1024
)

func newRunTable() *runTable { return &runTable{numbers: map[string]uint32{}} }

// number returns the number of a run, a new number if need be.
func (t *runTable) number(run string) uint32 {
	if n, ok := t.find(run); ok {
		return n
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.numbers[run]
	if !ok {
		n, run = uint32(len(t.names)), strings.Clone(run)
		t.numbers[run] = n
		t.names = append(t.names, run)
	}
	return n
}

// find returns the number of a run that has one.
func (t *runTable) find(run string) (uint32, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n, ok := t.numbers[run]
	return n, ok
}

// list returns the runs by number. The slice is not to be changed; runs that are numbered later are not in the slice.
func (t *runTable) list() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.names
}

// A shown is a scope in numbers. A shown never changes, except that runs are added to known when they get a number.
type shown struct {
	runs  search.Runs
	table *runTable
	kin   []kin // related sets that were kept when this set was made, the nearest first

	grow  sync.Mutex
	known atomic.Pointer[decided]
}

// A kin is another set, with the numbers of the runs of which the two may differ.
type kin struct {
	runs    search.Runs
	changed []uint32
}

// decided tells which runs with numbers below n a set holds. A decided never changes.
type decided struct {
	n    uint32
	bits []uint64
	// few are the numbers of the runs of a scope that names few runs, rising. Such a scope has no bits.
	few   []uint32
	named bool
}

func (d *decided) has(run uint32) bool {
	if d.named {
		_, ok := slices.BinarySearch(d.few, run)
		return ok
	}
	return d.bits[run>>6]>>(run&63)&1 == 1
}

func (d *decided) set(run uint32, holds bool) {
	if holds {
		d.bits[run>>6] |= 1 << (run & 63)
	} else {
		d.bits[run>>6] &^= 1 << (run & 63)
	}
}

// upTo decides the runs with numbers below n, and possibly more.
func (s *shown) upTo(n int) *decided {
	if d := s.known.Load(); int(d.n) >= n {
		return d
	}
	s.grow.Lock()
	defer s.grow.Unlock()
	old := s.known.Load()
	if int(old.n) >= n {
		return old
	}
	var d *decided
	if names, ok := s.runs.Named(); ok && old.n == 0 {
		d = s.table.decidedOf(names, old.named)
	} else {
		d = old.grown(s.table.list(), s.runs)
	}
	s.known.Store(d)
	return d
}

// all decides every run that has a number.
func (s *shown) all() *decided { return s.upTo(len(s.table.list())) }

// decidedOf decides by the names of the runs of a set.
func (t *runTable) decidedOf(runs []string, few bool) *decided {
	t.mu.RLock()
	defer t.mu.RUnlock()
	d := &decided{n: uint32(len(t.names)), named: few}
	if !few {
		d.bits = make([]uint64, (len(t.names)+63)/64)
	}
	for _, r := range runs {
		if n, ok := t.numbers[r]; ok && few {
			d.few = append(d.few, n)
		} else if ok {
			d.set(n, true)
		}
	}
	slices.Sort(d.few)
	return d
}

// grown decides the runs that were numbered since.
func (d *decided) grown(names []string, runs search.Runs) *decided {
	g := &decided{n: uint32(len(names)), named: d.named, few: d.few}
	if !g.named {
		g.bits = make([]uint64, (len(names)+63)/64)
		copy(g.bits, d.bits)
	}
	for n := d.n; n < g.n; n++ {
		switch holds := runs.Has(names[n]); {
		case !g.named:
			g.set(n, holds)
		case holds:
			g.few = append(slices.Clip(g.few), n)
		}
	}
	return g
}

// shown returns a scope in numbers. A scope that is related to a kept scope costs the runs that changed. Any other scope costs the
// runs that the scope names, or all runs of the engine, once.
func (t *runTable) shown(scope *search.Scope) *shown {
	s := t.kept(scope.Runs)
	s.all()
	return s
}

// kept returns the set that is kept of a scope, or keeps a new set.
func (t *runTable) kept(runs search.Runs) *shown {
	t.scopes.Lock()
	defer t.scopes.Unlock()
	if names, ok := runs.Named(); ok && len(names) <= fewNamed {
		return t.keepNamed(runs)
	}
	lineages := t.scopes.lineages
	for i := len(lineages) - 1; i >= 0; i-- {
		for _, s := range lineages[i].sets {
			if same(s.runs, runs) {
				t.use(i)
				return s
			}
		}
	}
	for i := len(lineages) - 1; i >= 0; i-- {
		if s := t.follow(lineages[i], runs); s != nil {
			t.use(i)
			return s
		}
	}
	s := t.fresh(runs, &decided{})
	if len(lineages) == lineagesKept {
		t.scopes.lineages = slices.Delete(lineages, 0, 1)
	}
	t.scopes.lineages = append(t.scopes.lineages, &lineage{sets: []*shown{s}, used: t.scopes.followed})
	return s
}

// same reports whether two sets are the same, or name the same runs in the same order.
func same(a, b search.Runs) bool {
	if a == b {
		return true
	}
	x, named := a.Named()
	if !named {
		return false
	}
	y, named := b.Named()
	return named && slices.Equal(x, y)
}

func (t *runTable) fresh(runs search.Runs, d *decided) *shown {
	s := &shown{runs: runs, table: t}
	s.known.Store(d)
	return s
}

func (t *runTable) keepNamed(runs search.Runs) *shown {
	for _, s := range t.scopes.named {
		if same(s.runs, runs) {
			return s
		}
	}
	s := t.fresh(runs, &decided{named: true})
	if len(t.scopes.named) == namedKept {
		t.scopes.named = slices.Delete(t.scopes.named, 0, 1)
	}
	t.scopes.named = append(t.scopes.named, s)
	return s
}

// newest returns the newest set of each of the lineages that were used last.
func (t *runTable) newest() (sets []*shown) {
	t.scopes.Lock()
	defer t.scopes.Unlock()
	lineages := t.scopes.lineages
	for _, l := range lineages[max(0, len(lineages)-setsKept):] {
		sets = append(sets, l.sets[len(l.sets)-1])
	}
	return sets
}

// use makes a lineage the last used one.
func (t *runTable) use(i int) {
	l := t.scopes.lineages[i]
	l.used = t.scopes.followed
	t.scopes.lineages = append(slices.Delete(t.scopes.lineages, i, i+1), l)
	for t.scopes.followed-t.scopes.lineages[0].used > lineageAge {
		t.scopes.lineages = slices.Delete(t.scopes.lineages, 0, 1)
	}
}

// follow makes a set from the newest set of a lineage; nil where the two are not related.
func (t *runTable) follow(l *lineage, runs search.Runs) *shown {
	newest := l.sets[len(l.sets)-1]
	changed, ok := runs.Changed(newest.runs)
	if !ok {
		return nil
	}
	d := *newest.known.Load()
	d.bits = slices.Clone(d.bits)
	numbers := t.numbersOf(changed)
	for i, n := range numbers {
		if n < d.n {
			d.set(n, runs.Has(changed[i]))
		}
	}
	s := t.fresh(runs, &d)
	s.kin = append(s.kin, kin{newest.runs, numbers})
	for i := len(l.sets) - 2; i >= 0; i-- {
		if changed, ok := runs.Changed(l.sets[i].runs); ok {
			s.kin = append(s.kin, kin{l.sets[i].runs, t.numbersOf(changed)})
		}
	}
	if len(l.sets) == setsKept {
		l.sets = slices.Delete(l.sets, 0, 1)
	}
	l.sets = append(l.sets, s)
	t.scopes.followed++
	return s
}

// numbersOf returns the numbers of runs. A run without a number gets one: the engine may be told of the run at any time.
func (t *runTable) numbersOf(runs []string) []uint32 {
	numbers := make([]uint32, len(runs))
	for i, r := range runs {
		numbers[i] = t.number(r)
	}
	return numbers
}
