package flat

import (
	"slices"
	"sync"
)

// passing are the rows of the cells of a segment that a filter lets through.
type passing struct {
	of    []stretch // the same rows, in the order of the segment
	masks []uint64  // by block of the cells
	cells []int32   // cells that hold such rows
}

// passingKept bounds how many filters a segment keeps the passing rows of, at a bit a row each.
const passingKept = 8

// passedCells keeps the passing rows for the filters of the last searches. The last used is at the end.
type passedCells struct {
	mu   sync.Mutex
	kept []*passing
}

// passing returns the rows of stretches by cells. A filter that leaves the rows of an earlier search costs nothing, and another filter costs the
// rows.
func (c *cells) passing(of []stretch) *passing {
	if p := c.passed.find(of); p != nil {
		return p
	}
	p := &passing{of: of, masks: make([]uint64, c.shape.blocks)}
	for _, st := range of {
		for _, at := range c.positions[st.from:st.to] {
			if at != nowhere {
				p.masks[at>>6] |= 1 << (at & 63)
			}
		}
	}
	for cell := range c.sizes {
		if slices.ContainsFunc(p.masks[c.firsts[cell]:c.firsts[cell+1]], func(mask uint64) bool { return mask != 0 }) {
			p.cells = append(p.cells, int32(cell))
		}
	}
	c.passed.keep(p)
	return p
}

func (c *passedCells) find(of []stretch) *passing {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.kept) - 1; i >= 0; i-- {
		p := c.kept[i]
		if len(p.of) == len(of) && (&p.of[0] == &of[0] || slices.Equal(p.of, of)) {
			c.kept = append(slices.Delete(c.kept, i, i+1), p)
			return p
		}
	}
	return nil
}

func (c *passedCells) keep(p *passing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.kept) == passingKept {
		c.kept = slices.Delete(c.kept, 0, 1)
	}
	c.kept = append(c.kept, p)
}
