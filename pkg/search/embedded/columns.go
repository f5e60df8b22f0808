package embedded

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/blevesearch/bleve/v2/index/scorch"
)

// columns hold the run and the ordinal of each document of a segment in memory. A segment never changes, so its columns are built once and
// shared. Columns cost 12 bytes a document and 16 bytes a run.
type columns struct {
	runOf    []uint32 // by document: the number of the run
	ordinals []uint32 // by document
	runs     []uint32 // the numbers of the runs, rising
	// order holds the documents of runs[0], then the documents of runs[1] and so on, each rising. The documents of runs[i] begin at
	// starts[i].
	order, starts []uint32
	// first and last are the lowest and the highest ordinal of a run, by its place in runs.
	first, last []uint32

	// followed keeps sights of large scopes, named of scopes that name few runs.
	followed, named sights

	// places are of every document. places is nil until text.place has read them.
	places atomic.Pointer[places]
	placed *placedCache
}

func newColumns(seg *scorch.SegmentSnapshot, table *runTable) (*columns, error) {
	n := seg.Segment().Count()
	c := &columns{runOf: make([]uint32, n), ordinals: make([]uint32, n)}
	var last string // documents of one run mostly follow each other
	var number uint32
	for doc := uint64(0); doc < n; doc++ {
		id, err := seg.DocID(doc)
		if err != nil {
			return nil, fmt.Errorf("reading the identity of document %d: %w", doc, err)
		}
		run, ordinal, err := parseDocumentID(id)
		if err != nil {
			return nil, err
		}
		if string(run) != last {
			last = string(run)
			number = table.number(last)
		}
		c.runOf[doc], c.ordinals[doc] = number, ordinal
	}
	c.group()
	c.followed, c.named = newSights(n, lineagesKept*setsKept/2), newSights(n, namedKept)
	c.placed = newPlacedCache(n)
	return c, nil
}

// group lays the documents out by run.
func (c *columns) group() {
	c.runs = slices.Clone(c.runOf)
	slices.Sort(c.runs)
	c.runs = slices.Clip(slices.Clone(slices.Compact(c.runs)))
	c.starts = make([]uint32, len(c.runs)+1)
	c.first, c.last = make([]uint32, len(c.runs)), make([]uint32, len(c.runs))
	for doc, run := range c.runOf {
		i, _ := c.place(run)
		if c.starts[i+1]++; c.starts[i+1] == 1 {
			c.first[i], c.last[i] = c.ordinals[doc], c.ordinals[doc]
		}
		c.first[i], c.last[i] = min(c.first[i], c.ordinals[doc]), max(c.last[i], c.ordinals[doc])
	}
	for i := range c.runs {
		c.starts[i+1] += c.starts[i]
	}
	next := slices.Clone(c.starts)
	c.order = make([]uint32, len(c.runOf))
	for doc, run := range c.runOf {
		i, _ := c.place(run)
		c.order[next[i]] = uint32(doc)
		next[i]++
	}
}

// place returns where a run is in runs.
func (c *columns) place(run uint32) (int, bool) { return slices.BinarySearch(c.runs, run) }

// docs returns the documents of the run at a place, rising.
func (c *columns) docs(place int) []uint32 { return c.order[c.starts[place]:c.starts[place+1]] }

// columnCache holds the columns of the present segments of the index.
type columnCache struct {
	table *runTable
	mu    sync.Mutex
	by    map[uint64]*columnsOnce
}

type columnsOnce struct {
	once sync.Once
	made atomic.Pointer[columns]
	err  error
}

// made returns the columns of a segment if the columns are built already; nil if not.
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
		c, e.err = newColumns(seg, cc.table)
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

// present returns the columns that are built.
func (cc *columnCache) present() (all []*columns) {
	cc.mu.Lock()
	defer cc.mu.Unlock()
	for _, e := range cc.by {
		if c := e.made.Load(); c != nil {
			all = append(all, c)
		}
	}
	return all
}

// keep drops the columns of segments that a snapshot no longer holds. A question that reads an older snapshot builds the columns anew.
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
