package embedded

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"

	"github.com/cinedex/cinedex/pkg/search"
)

// columns is what is kept in memory of one segment: which item each document is. A
// segment never changes, so columns are made once and shared; they cost 8 bytes a document.
type columns struct {
	runs     []string
	runOf    []uint32          // by document number, an index into runs
	ordinals []uint32          // by document number
	byRun    map[string]uint32 // a run's index in runs
	docs     []*roaring.Bitmap // by index of the run: its documents
	// first and last are, by index of the run, the ordinals that its documents lie between.
	first, last []uint32

	mu      sync.Mutex
	hidden  map[string]*roaring.Bitmap // by the runs allowed, as a bit set
	recency []string
}

// hiddenKept bounds how many scopes a segment remembers: most questions come with one of a few.
const hiddenKept = 8

func newColumns(seg *scorch.SegmentSnapshot) (*columns, error) {
	n := seg.Segment().Count()
	c := &columns{runOf: make([]uint32, n), ordinals: make([]uint32, n), byRun: map[string]uint32{}, hidden: map[string]*roaring.Bitmap{}}
	for doc := uint64(0); doc < n; doc++ {
		id, err := seg.DocID(doc)
		if err != nil {
			return nil, fmt.Errorf("reading the identity of document %d: %w", doc, err)
		}
		run, ordinal, err := parseDocumentID(id)
		if err != nil {
			return nil, err
		}
		r, ok := c.byRun[string(run)]
		if !ok {
			r = uint32(len(c.runs))
			c.byRun[string(run)] = r
			c.runs = append(c.runs, string(run))
			c.docs = append(c.docs, roaring.New())
			c.first, c.last = append(c.first, ordinal), append(c.last, ordinal)
		}
		c.runOf[doc] = r
		c.ordinals[doc] = ordinal
		c.docs[r].Add(uint32(doc))
		c.first[r], c.last[r] = min(c.first[r], ordinal), max(c.last[r], ordinal)
	}
	for _, d := range c.docs {
		d.RunOptimize()
	}
	return c, nil
}

// outside returns the documents of runs that the scope does not hold, nil if there are none.
// all reports that it hides every document. The bitmap is shared: it is not to be changed.
func (c *columns) outside(scope *search.Scope) (hidden *roaring.Bitmap, all bool) {
	key := make([]byte, (len(c.runs)+7)/8)
	allowed := 0
	for i, run := range c.runs {
		if scope.Has(run) {
			key[i/8] |= 1 << (i % 8)
			allowed++
		}
	}
	switch allowed {
	case len(c.runs):
		return nil, false
	case 0:
		return nil, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.hidden[string(key)]; ok {
		return b, false
	}
	// The fewer of both is gathered; hiding the rest is a flip.
	few := make([]*roaring.Bitmap, 0, min(allowed, len(c.runs)-allowed))
	gatherAllowed := allowed <= len(c.runs)/2
	for i := range c.runs {
		if (key[i/8]&(1<<(i%8)) != 0) == gatherAllowed {
			few = append(few, c.docs[i])
		}
	}
	b := roaring.FastOr(few...)
	if gatherAllowed {
		b.Flip(0, uint64(len(c.runOf)))
	}
	if len(c.recency) == hiddenKept {
		delete(c.hidden, c.recency[0])
		c.recency = append(c.recency[:0], c.recency[1:]...)
	}
	c.recency = append(c.recency, string(key))
	c.hidden[string(key)] = b
	return b, false
}

// columnCache holds the columns of the segments of the index as it stands.
type columnCache struct {
	mu sync.Mutex
	by map[uint64]*columnsOnce
}

type columnsOnce struct {
	once sync.Once
	made atomic.Pointer[columns]
	err  error
}

// made returns the columns of a segment if they are there already, or nil.
func (cc *columnCache) made(seg *scorch.SegmentSnapshot) *columns {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	if e := cc.by[seg.Id()]; e != nil {
		return e.made.Load()
	}
	return nil
}

func (cc *columnCache) of(seg *scorch.SegmentSnapshot) (*columns, error) {
	cc.mu.Lock()
	if cc.by == nil {
		cc.by = map[uint64]*columnsOnce{}
	}
	e := cc.by[seg.Id()]
	if e == nil {
		e = &columnsOnce{}
		cc.by[seg.Id()] = e
	}
	cc.mu.Unlock()
	e.once.Do(func() {
		var c *columns
		c, e.err = newColumns(seg)
		e.made.Store(c)
	})
	if e.err != nil {
		cc.mu.Lock()
		if cc.by[seg.Id()] == e {
			delete(cc.by, seg.Id())
		}
		cc.mu.Unlock()
	}
	return e.made.Load(), e.err
}

// keep forgets the segments that a snapshot no longer holds. A question that still reads an
// older snapshot makes them again if it must.
func (cc *columnCache) keep(segments []*scorch.SegmentSnapshot) {
	live := make(map[uint64]bool, len(segments))
	for _, s := range segments {
		live[s.Id()] = true
	}
	cc.mu.Lock()
	defer cc.mu.Unlock()
	for id := range cc.by {
		if !live[id] {
			delete(cc.by, id)
		}
	}
}
