package flat

import (
	"errors"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"
)

// A snapshot is the state that a search sees. A snapshot never changes, and keeps its segments mapped until the snapshot is released.
type snapshot struct {
	segments []segmentView
	tails    []tailView // the last is the one that is written to
	names    []string   // of groups, by their number
	refs     atomic.Int64
}

// A segmentView is a segment with the rows that are dead.
type segmentView struct {
	*segment
	dead dead
	live int
}

// A tailView is the beginning of a tail with the rows that are dead.
type tailView struct {
	rows
	groups []uint32
	dead   dead
	live   int
	tail   *tail
}

func (t *tail) view() tailView {
	return tailView{rows: t.rows, groups: t.groups, tail: t}
}

func (s *snapshot) live() (n int) {
	for _, v := range s.segments {
		n += v.live
	}
	for _, v := range s.tails {
		n += v.live
	}
	return n
}

// clone returns a copy to be changed and installed.
func (s *snapshot) clone() *snapshot {
	return &snapshot{segments: slices.Clone(s.segments), tails: slices.Clone(s.tails), names: s.names}
}

func (s *snapshot) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	var errs []error
	for _, v := range s.segments {
		errs = append(errs, v.release())
	}
	return errors.Join(errs...)
}

// A current holds the newest snapshot.
type current struct {
	mu   sync.Mutex
	snap *snapshot
}

// acquire returns the newest snapshot, which the caller releases, or nil after close.
func (c *current) acquire() *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.snap != nil {
		c.snap.refs.Add(1)
	}
	return c.snap
}

// install makes a snapshot the newest; nil ends it all.
func (c *current) install(s *snapshot) error {
	if s != nil {
		s.refs.Store(1)
		for _, v := range s.segments {
			v.refs.Add(1)
		}
	}
	c.mu.Lock()
	old := c.snap
	c.snap = s
	c.mu.Unlock()
	if old == nil {
		return nil
	}
	return old.release()
}

// kill marks a row dead in a bit set of n rows, which it copies first unless the caller owns it
// already, and reports whether the row was alive.
func kill(d dead, row, n int, owned bool) (dead, bool) {
	if d.has(row) {
		return d, false
	}
	words := (n + blockRows - 1) / blockRows
	if d == nil {
		d = make(dead, words)
	} else if !owned {
		d = append(make(dead, 0, max(words, len(d))), d...)
	}
	for len(d) < words {
		d = append(d, 0)
	}
	d[row>>6] |= 1 << (row & 63)
	return d, true
}

// count counts the dead rows of [from, to).
func (d dead) count(from, to int) (n int) {
	to = min(to, len(d)*64)
	for from < to {
		w := d[from>>6] >> (from & 63)
		take := min(64-from&63, to-from)
		if take < 64 {
			w &= 1<<take - 1
		}
		n += bits.OnesCount64(w)
		from += take
	}
	return n
}
