package embedded

import (
	"context"
	"math"
	"sync"

	"github.com/RoaringBitmap/roaring/v2"
	segment "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// saturation returns BM25's factor of frequency and length. norm is Bleve's: one over the square root of the length.
func saturation(freq uint64, norm float64) float64 {
	terms := uint64(1/(norm*norm) + 0.5)
	if freq < uint64(len(saturations)) && terms < uint64(len(saturations[0])) {
		return saturations[freq][terms]
	}
	return words.Saturation(freq, float64(words.Length(terms)))
}

// saturations is a table of saturation for the usual frequencies and lengths. Every matching document reads the table.
var saturations = func() (t [8][256]float64) {
	for freq := range t {
		for terms := range t[freq] {
			t[freq][terms] = words.Saturation(uint64(freq), float64(words.Length(uint64(terms))))
		}
	}
	return t
}()

// A cursor goes through the visible documents of one segment that a clause matches.
type cursor struct {
	list   postings // of a clause of one term
	walk   *walk
	weight float64
	bound  float64
	offset int

	docs *roaring.Bitmap // of the cursor; not to be changed
	doc  uint64
	gain float64 // of the document, by the clause
	locs []segment.Location
	done bool
	// fresh says that next has not been called yet.
	fresh bool

	// A clause of several terms is gathered beforehand: the documents, and the gain of each document.
	bits  roaring.IntPeekable
	gains []float64

	// A clause of several terms whose positions matter reads the terms side by side.
	forms []*cursor
}

func (c *cursor) take(p segment.Posting, err error) error {
	if err != nil {
		return err
	}
	if p == nil {
		c.done = true
		return nil
	}
	c.doc = p.Number()
	c.gain = c.weight * saturation(p.Frequency(), p.Norm())
	c.locs = p.Locations()
	return nil
}

func (c *cursor) next() error {
	if c.forms != nil {
		for _, f := range c.forms {
			if !f.done && (f.doc == c.doc || f.fresh) {
				f.fresh = false
				if err := f.next(); err != nil {
					return err
				}
			}
		}
		c.join()
		return nil
	}
	if c.bits == nil {
		return c.take(c.walk.next())
	}
	if !c.bits.HasNext() {
		c.done = true
		return nil
	}
	c.doc = uint64(c.bits.Next())
	c.gain = c.gains[c.doc]
	return nil
}

// advance moves the cursor to a document, or to the next document behind.
func (c *cursor) advance(doc uint64) error {
	if c.done || c.doc >= doc {
		return nil
	}
	if c.forms != nil {
		for _, f := range c.forms {
			if err := f.advance(doc); err != nil {
				return err
			}
		}
		c.join()
		return nil
	}
	if c.bits == nil {
		return c.take(c.walk.advance(doc))
	}
	c.bits.AdvanceIfNeeded(uint32(doc))
	return c.next()
}

// join takes the next document of any of the forms.
func (c *cursor) join() {
	c.doc, c.gain, c.locs, c.done = math.MaxUint64, 0, nil, true
	for _, f := range c.forms {
		if !f.done && f.doc < c.doc {
			c.doc, c.done = f.doc, false
		}
	}
	for _, f := range c.forms {
		if !f.done && f.doc == c.doc {
			c.gain = max(c.gain, f.gain)
			c.locs = append(c.locs, f.locs...)
		}
	}
}

// A matcher runs the clauses of a question over one segment.
type matcher struct {
	ctx     context.Context
	view    *view
	segment int
	field   string
	clauses []clause
	slop    int // of a phrase
	// only are the visible documents to look at; nil stands for every visible document.
	only *roaring.Bitmap
	to   taker
	used []used
}

// A taker takes the documents that a matcher finds.
type taker interface {
	// floor is the least score of a document that is taken.
	floor() float64
	offer(score float64, segment int, doc uint64) error
}

// run offers the documents that match in a mode.
func (m *matcher) run(mode search.TextMode) error {
	defer m.release()
	if err := m.ctx.Err(); err != nil {
		return err
	}
	switch mode {
	case search.AllWords:
		return m.all(false)
	case search.Phrase:
		return m.all(len(m.clauses) > 1)
	default:
		return m.any()
	}
}

// cursor opens a clause. The cursor is nil where no document matches.
func (m *matcher) cursor(c clause, positions bool) (*cursor, error) {
	switch {
	case len(c.alternatives) == 1:
		return m.termCursor(c, positions)
	case positions:
		return m.formsCursor(c)
	}
	return m.gatheredCursor(c)
}

// termCursor opens a clause of one term.
func (m *matcher) termCursor(c clause, positions bool) (*cursor, error) {
	a := c.alternatives[0]
	p, err := m.view.postings(m.field, a.Term, postings{})
	if err != nil {
		return nil, err
	}
	docs := m.view.seen(p, m.only)
	if docs.IsEmpty() {
		return nil, nil
	}
	return &cursor{list: p, walk: p.walk(docs, positions, nil), docs: docs, weight: a.Weight * c.idf, bound: c.bound(), offset: c.offset}, nil
}

// gatheredCursor opens a clause of several terms whose places do not matter: the documents of all terms are gathered beforehand.
func (m *matcher) gatheredCursor(c clause) (*cursor, error) {
	docs := roaring.New()
	gains := m.view.scratch()
	m.used = append(m.used, used{gains, docs})
	var p postings
	var w *walk
	looked := 0
	for _, a := range c.alternatives {
		var err error
		if p, err = m.view.postings(m.field, a.Term, p); err != nil {
			return nil, err
		}
		seen := m.view.seen(p, m.only)
		if seen.IsEmpty() {
			continue
		}
		docs.Or(seen)
		w = p.walk(seen, false, w)
		if looked, err = m.gather(gains, w, a.Weight*c.idf, looked); err != nil {
			return nil, err
		}
	}
	if docs.IsEmpty() {
		return nil, nil
	}
	return &cursor{bits: docs.Iterator(), docs: docs, gains: gains, bound: c.bound(), offset: c.offset}, nil
}

// gather notes the most that each document of a term gains. looked counts the documents of the clause.
func (m *matcher) gather(gains []float64, w *walk, weight float64, looked int) (int, error) {
	for {
		p, err := w.next()
		if err != nil || p == nil {
			return looked, err
		}
		if looked++; looked%checkEvery == 0 {
			if err := m.ctx.Err(); err != nil {
				return looked, err
			}
		}
		n := p.Number()
		gains[n] = max(gains[n], weight*saturation(p.Frequency(), p.Norm()))
	}
}

// formsCursor opens a clause of several terms with their places.
func (m *matcher) formsCursor(c clause) (*cursor, error) {
	all := &cursor{docs: roaring.New(), bound: c.bound(), offset: c.offset}
	for _, a := range c.alternatives {
		form, err := m.cursor(clause{alternatives: []words.Alternative{a}, idf: c.idf}, true)
		if err != nil {
			return nil, err
		}
		if form == nil {
			continue
		}
		form.fresh = true
		all.forms = append(all.forms, form)
		all.docs.Or(form.docs)
	}
	if len(all.forms) == 0 {
		return nil, nil
	}
	return all, nil
}

// used is a table of gains that the matcher borrowed, and the documents with a gain in the table.
type used struct {
	gains []float64
	docs  *roaring.Bitmap
}

// gainTables keeps tables of zeros, one entry per document of a segment.
var gainTables sync.Pool

func (v *view) scratch() []float64 {
	n := len(v.cols.runOf)
	if t, ok := gainTables.Get().(*[]float64); ok && cap(*t) >= n {
		return (*t)[:n]
	}
	return make([]float64, n)
}

// release sets a borrowed table to zero and gives the table back.
func (u used) release() {
	for it := u.docs.Iterator(); it.HasNext(); {
		u.gains[it.Next()] = 0
	}
	gainTables.Put(&u.gains)
}

// release gives the borrowed tables back.
func (m *matcher) release() {
	for _, u := range m.used {
		u.release()
	}
	m.used = nil
}

// checkEvery is the number of documents between two looks at the context.
const checkEvery = 4096

// any offers every document that has one of the words. any passes over documents that cannot be among the best.
func (m *matcher) any() error {
	cursors := make([]*cursor, 0, len(m.clauses))
	for _, c := range m.clauses {
		cur, err := m.cursor(c, false)
		if err != nil {
			return err
		}
		if cur == nil {
			continue
		}
		if err := cur.next(); err != nil {
			return err
		}
		cursors = append(cursors, cur)
	}
	// sums[i] is the highest gain of the first i words together.
	sums := make([]float64, len(cursors)+1)
	for i, c := range cursors {
		sums[i+1] = sums[i] + c.bound
	}
	// Words before essential gain too little to lift a document by themselves.
	essential := 0
	for n := 1; ; n++ {
		if n%checkEvery == 0 {
			if err := m.ctx.Err(); err != nil {
				return err
			}
		}
		floor := m.to.floor()
		for essential < len(cursors) && sums[essential+1] < floor {
			essential++
		}
		doc, gain, ok := nextOf(cursors[essential:])
		if !ok {
			return nil
		}
		if sums[essential]+gain >= floor {
			if err := m.offer(cursors, doc); err != nil {
				return err
			}
		}
		for _, c := range cursors[essential:] {
			if !c.done && c.doc == doc {
				if err := c.next(); err != nil {
					return err
				}
			}
		}
	}
}

// nextOf returns the next document of any cursor, and the gain of the document by the cursors.
func nextOf(cursors []*cursor) (doc uint64, gain float64, ok bool) {
	doc = math.MaxUint64
	for _, c := range cursors {
		if !c.done && c.doc < doc {
			doc, ok = c.doc, true
		}
	}
	for _, c := range cursors {
		if !c.done && c.doc == doc {
			gain += c.gain
		}
	}
	return doc, gain, ok
}

// offer offers a document with the sum of its gains. Gains are always summed in the order of the clauses, so that equal documents get
// equal scores.
func (m *matcher) offer(cursors []*cursor, doc uint64) error {
	score := 0.0
	for _, c := range cursors {
		if err := c.advance(doc); err != nil {
			return err
		}
		if !c.done && c.doc == doc {
			score += c.gain
		}
	}
	return m.to.offer(score, m.segment, doc)
}

// all offers every document with all the words, in their order if inOrder.
func (m *matcher) all(inOrder bool) error {
	cursors, err := m.narrowed(inOrder)
	if err != nil || cursors == nil {
		return err
	}
	for _, c := range cursors {
		if err := c.next(); err != nil {
			return err
		}
	}
	for n := 1; ; n++ {
		if n%checkEvery == 0 {
			if err := m.ctx.Err(); err != nil {
				return err
			}
		}
		doc, score, together, err := meet(cursors)
		if err != nil || doc == math.MaxUint64 {
			return err
		}
		if !together {
			continue
		}
		if inOrder {
			if score >= m.to.floor() {
				score *= phraseFactor(cursors, m.slop)
			} else {
				score = 0
			}
		}
		if score > 0 {
			if err := m.to.offer(score, m.segment, doc); err != nil {
				return err
			}
		}
		if err := cursors[0].next(); err != nil {
			return err
		}
	}
}

// narrowed opens every clause. Cursors of one term then walk the documents that have all words. narrowed returns nil if no document has
// all words.
func (m *matcher) narrowed(positions bool) ([]*cursor, error) {
	cursors := make([]*cursor, 0, len(m.clauses))
	var docs *roaring.Bitmap
	for _, c := range m.clauses {
		cur, err := m.cursor(c, positions)
		if err != nil || cur == nil {
			return nil, err
		}
		if docs == nil {
			docs = cur.docs
		} else {
			docs = roaring.And(docs, cur.docs)
		}
		cursors = append(cursors, cur)
	}
	if docs.IsEmpty() {
		return nil, nil
	}
	for _, c := range cursors {
		if c.walk != nil {
			c.walk.replace(c.list, docs)
		}
	}
	return cursors, nil
}

// meet moves all cursors to the furthest document of any cursor, or to the next document behind. together reports whether all cursors are
// at the document. The document is math.MaxUint64 if a cursor is at its end.
func meet(cursors []*cursor) (doc uint64, score float64, together bool, err error) {
	for _, c := range cursors {
		if c.done {
			return math.MaxUint64, 0, false, nil
		}
		doc = max(doc, c.doc)
	}
	together = true
	for _, c := range cursors {
		if err := c.advance(doc); err != nil {
			return doc, 0, false, err
		}
		if c.done {
			return math.MaxUint64, 0, false, nil
		}
		together = together && c.doc == doc
		score += c.gain
	}
	return doc, score, together, nil
}

// phraseFactor is 1 if the words follow each other as in the question, less with words in between, and 0 if the words do not follow.
func phraseFactor(cursors []*cursor, slop int) float64 {
	best := -1
	first := cursors[0]
	for _, start := range first.locs {
		at, gaps := start.Pos(), 0
		for i, c := range cursors[1:] {
			// A stop word that was left out of the question leaves its position open.
			wanted := at + uint64(c.offset-cursors[i].offset)
			next := uint64(math.MaxUint64)
			for _, l := range c.locs {
				if p := l.Pos(); p > at && p+uint64(slop) >= wanted && p < next {
					next = p
				}
			}
			if next == math.MaxUint64 {
				gaps = -1
				break
			}
			if next > wanted {
				gaps += int(min(next-wanted, uint64(slop)+1))
			} else {
				gaps += int(wanted - next)
			}
			at = next
		}
		if gaps >= 0 && gaps <= slop && (best < 0 || gaps < best) {
			best = gaps
		}
	}
	if best < 0 {
		return 0
	}
	return words.PhraseFactor(best)
}
