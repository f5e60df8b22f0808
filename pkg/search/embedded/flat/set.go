package flat

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// A Set is a set of groups of an index. A Set is valid for as long as the index is open, and never changes: With returns another set. A
// search of that set costs the groups that differ from the earlier set.
type Set struct {
	serial uint64 // unique; 0 for the zero Set alone, which is empty
	bits   []uint64
	n      int
	kin    []kin // sets that this set was made from, the nearest first
}

// A kin is an earlier set, with the groups of which the two may differ.
type kin struct {
	serial  uint64
	changed []uint32
}

const (
	// kinKept bounds how many earlier sets a set knows.
	kinKept = 4
	// kinChanged bounds how many changed groups are kept of each.
	kinChanged = 4096
)

var serials atomic.Uint64

// NewSet returns the set of the groups with these numbers.
func NewSet(groups ...uint32) *Set {
	s := &Set{serial: serials.Add(1)}
	for _, g := range groups {
		s.add(g)
	}
	return s
}

// Len returns how many groups the set holds.
func (s *Set) Len() int { return s.n }

// Has reports whether the set holds a group.
func (s *Set) Has(group uint32) bool {
	i := int(group >> 6)
	return i < len(s.bits) && s.bits[i]>>(group&63)&1 == 1
}

func (s *Set) add(group uint32) {
	for int(group>>6) >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	if !s.Has(group) {
		s.bits[group>>6] |= 1 << (group & 63)
		s.n++
	}
}

// With returns the set with some groups more and some fewer. If nothing changes, With returns the set itself.
func (s *Set) With(more, fewer []uint32) *Set {
	more = slices.DeleteFunc(slices.Clone(more), s.Has)
	fewer = slices.DeleteFunc(slices.Clone(fewer), func(g uint32) bool { return !s.Has(g) })
	if len(more)+len(fewer) == 0 {
		return s
	}
	t := &Set{serial: serials.Add(1), bits: slices.Clone(s.bits), n: s.n}
	for _, g := range more {
		t.add(g)
	}
	for _, g := range fewer {
		if t.Has(g) { // a group may be given twice
			t.bits[g>>6] &^= 1 << (g & 63)
			t.n--
		}
	}
	changed := slices.Concat(more, fewer)
	for _, k := range slices.Insert(slices.Clone(s.kin), 0, kin{serial: s.serial}) {
		if len(t.kin) < kinKept && len(k.changed)+len(changed) <= kinChanged {
			t.kin = append(t.kin, kin{k.serial, slices.Concat(k.changed, changed)})
		}
	}
	return t
}

// Changed returns the groups of which the set and an earlier set may differ. ok is false where the set was not made from the other.
func (s *Set) Changed(since *Set) (groups []uint32, ok bool) {
	if s == since {
		return nil, true
	}
	for _, k := range s.kin {
		if k.serial == since.serial {
			return k.changed, true
		}
	}
	return nil, false
}

// Where returns the groups of the set that pass.
func (s *Set) Where(pass func(group uint32) bool) *Set {
	t := NewSet()
	s.each(func(group uint32) {
		if pass(group) {
			t.add(group)
		}
	})
	return t
}

// And returns the groups that both sets hold.
func (s *Set) And(t *Set) *Set {
	both := &Set{serial: serials.Add(1), bits: make([]uint64, min(len(s.bits), len(t.bits)))}
	for i := range both.bits {
		both.bits[i] = s.bits[i] & t.bits[i]
		both.n += bits.OnesCount64(both.bits[i])
	}
	return both
}

// each calls f for the groups of the set, rising.
func (s *Set) each(f func(group uint32)) {
	for i, w := range s.bits {
		for ; w != 0; w &= w - 1 {
			f(uint32(i<<6 + bits.TrailingZeros64(w)))
		}
	}
}

// stretchesOf keeps the rows of a segment that a set lets through, for the sets of the last searches.
type stretchesOf struct {
	mu   sync.Mutex
	kept []keptStretches // the last used at the end
}

type keptStretches struct {
	serial    uint64
	stretches []stretch
}

const (
	// stretchesKept bounds how many sets a segment keeps stretches of, at some 8 bytes a group each.
	stretchesKept = 8
	// setsLooked is how many groups a set may have to be looked up anew by each question.
	setsLooked = 512
)

func (c *stretchesOf) find(serial uint64) ([]stretch, bool) {
	for i := len(c.kept) - 1; i >= 0; i-- {
		if c.kept[i].serial == serial {
			return c.kept[i].stretches, true
		}
	}
	return nil, false
}

// stretches returns the rows of the groups of a set, in their order. Adjacent stretches are joined. Where the set is asked with once,
// nothing is kept.
func (s *segment) stretches(groups *Set, once bool) []stretch {
	if once || groups.n <= setsLooked {
		return s.stretchesAnew(groups)
	}
	c := &s.planned
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.find(groups.serial); ok {
		return kept
	}
	stretches, known := []stretch(nil), false
	for _, k := range groups.kin {
		if kept, ok := c.find(k.serial); ok {
			stretches, known = s.changed(kept, k.changed, groups), true
			break
		}
	}
	if !known {
		stretches = s.stretchesAnew(groups)
	}
	if len(c.kept) == stretchesKept {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, keptStretches{groups.serial, stretches})
	return stretches
}

// stretchesAnew goes through the groups of the segment, or of the set where these are few.
func (s *segment) stretchesAnew(groups *Set) (out []stretch) {
	if groups.n < len(s.extents)/16 {
		var few []stretch
		groups.each(func(group uint32) {
			if place, ok := s.place(group); ok {
				few = append(few, s.extents[place].stretch())
			}
		})
		slices.SortFunc(few, func(a, b stretch) int { return a.from - b.from })
		for _, st := range few {
			out = join(out, st)
		}
		return out
	}
	for _, e := range s.extents {
		if groups.Has(e.group) {
			out = join(out, e.stretch())
		}
	}
	return out
}

// join appends a stretch to those before it.
func join(out []stretch, st stretch) []stretch {
	if n := len(out); n > 0 && out[n-1].to == st.from {
		out[n-1].to = st.to
		return out
	}
	return append(out, st)
}

// changed returns the stretches of a set from the stretches of an earlier set. If the segment holds none of the changed groups, changed returns
// old itself.
func (s *segment) changed(old []stretch, changed []uint32, groups *Set) (out []stretch) {
	places := make([]int, 0, len(changed))
	for _, group := range changed {
		if place, ok := s.place(group); ok {
			places = append(places, place)
		}
	}
	if len(places) == 0 {
		return old
	}
	slices.Sort(places)
	places = slices.Compact(places)
	// keep takes over the rows of the old stretches before row. from is the first row that is not decided yet.
	out = make([]stretch, 0, len(old)+len(places))
	from := 0
	keep := func(row int) {
		for len(old) > 0 && old[0].from < row {
			if begin, end := max(old[0].from, from), min(old[0].to, row); begin < end {
				out = join(out, stretch{begin, end})
			}
			if old[0].to > row {
				break
			}
			old = old[1:]
		}
		from = row
	}
	for _, place := range places {
		e := s.extents[place].stretch()
		keep(e.from)
		if groups.Has(s.extents[place].group) {
			out = join(out, e)
		}
		from = e.to
	}
	keep(s.n)
	return out
}
