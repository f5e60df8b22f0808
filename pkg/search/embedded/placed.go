package embedded

import (
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/cinedex/cinedex/pkg/search"
)

// A placedTerm is the postings of a term in the order of places. The visibility of documents and the weight of the term are no part of the
// placedTerm, which therefore never changes.
type placedTerm struct {
	weighed
	places []uint32 // rising
	// codes are the numbers of the saturations of the documents, in gains.
	codes []uint16
	gains []float64
}

// placedFrom is how many documents of a segment a term has at least, so that its postings are kept in the order of places: fewer in tests.
var placedFrom uint64 = 512

// placedBytesOf bounds the memory of the kept terms of a segment.
func placedBytesOf(docs uint64) uint64 { return 1<<20 + 6*docs }

// A placedSight is the places of a segment that a sight sees.
type placedSight struct {
	weighed
	sight *sight
	p     *places
	left  atomic.Int64 // documents that are looked up one by one, before the bits are worth their cost
	once  sync.Once
	bits  atomic.Pointer[[]uint64] // a bit for each place; nil until bits are worth their cost
}

// begin prepares for a look at n places.
func (s *placedSight) begin(n int) {
	if s != nil && s.left.Add(int64(-n)) < 0 {
		s.once.Do(s.fill)
	}
}

// has reports whether the document of a place is seen. A nil placedSight sees every document.
func (s *placedSight) has(place uint32, bits *[]uint64) bool {
	if bits != nil {
		return (*bits)[place>>6]>>(place&63)&1 == 1
	}
	return s == nil || !s.sight.except.Contains(s.p.docs[place])
}

func (s *placedSight) fill() {
	bits := make([]uint64, (len(s.p.docs)+63)/64)
	each := func(docs *roaring.Bitmap, change func(word *uint64, bit uint64)) {
		var some [1024]uint32
		for it := docs.ManyIterator(); ; {
			n := it.NextMany(some[:])
			if n == 0 {
				return
			}
			for _, doc := range some[:n] {
				if int(doc) < len(s.p.place) {
					place := s.p.place[doc]
					change(&bits[place>>6], 1<<(place&63))
				}
			}
		}
	}
	if s.sight.visible != nil {
		each(s.sight.visible, func(word *uint64, bit uint64) { *word |= bit })
	} else {
		for i := range bits {
			bits[i] = ^uint64(0)
		}
		each(s.sight.except, func(word *uint64, bit uint64) { *word &^= bit })
	}
	s.bits.Store(&bits)
}

// A placedCache keeps the terms and the sights of a segment that were used last, in the order of places.
type placedCache struct {
	mu     sync.Mutex
	terms  recent[termOf, *placedTerm]
	sights recent[*sight, *placedSight]
}

type termOf struct{ field, term string }

func newPlacedCache(docs uint64) *placedCache {
	return &placedCache{
		terms:  recent[termOf, *placedTerm]{most: 256, mostBytes: placedBytesOf(docs)},
		sights: recent[*sight, *placedSight]{most: 8, mostBytes: 64<<10 + docs},
	}
}

// term returns the postings of a term. Where the postings are not kept and make is false, term returns nil.
func (c *placedCache) term(v *view, p *places, field, term string, make bool) (*placedTerm, error) {
	key := termOf{field, term}
	c.mu.Lock()
	t, ok := c.terms.get(key)
	c.mu.Unlock()
	if ok || !make {
		return t, nil
	}
	t, err := newPlacedTerm(v, p, field, term)
	if err != nil || t == nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if kept, ok := c.terms.get(key); ok {
		return kept, nil
	}
	c.terms.put(key, t)
	return t, nil
}

// newPlacedTerm reads the postings of a term; nil where the term has few postings, or more saturations than codes.
func newPlacedTerm(v *view, p *places, field, term string) (*placedTerm, error) {
	list, err := v.postings(field, term, postings{})
	if err != nil {
		return nil, err
	}
	n := list.docs.GetCardinality()
	if n < placedFrom {
		return nil, nil
	}
	t := &placedTerm{places: make([]uint32, n), codes: make([]uint16, n)}
	keys := make([]uint64, 0, n)
	codes := map[float64]uint16{}
	last, code := -1.0, uint16(0)
	for w := list.walk(list.docs, false, nil); ; {
		posting, err := w.next()
		if err != nil {
			return nil, err
		}
		if posting == nil {
			break
		}
		if gain := saturation(posting.Frequency(), posting.Norm()); gain != last {
			known := false
			if code, known = codes[gain]; !known {
				if len(t.gains) == 1<<16 {
					return nil, nil
				}
				code = uint16(len(t.gains))
				codes[gain], t.gains = code, append(t.gains, gain)
			}
			last = gain
		}
		keys = append(keys, uint64(p.place[posting.Number()])<<16|uint64(code))
	}
	for i, k := range sortKeys(keys, 16, 16+bits.Len(uint(len(p.docs)))) {
		t.places[i], t.codes[i] = uint32(k>>16), uint16(k)
	}
	t.bytes = 6*n + 8*uint64(len(t.gains)) + 128
	return t, nil
}

// sortKeys sorts keys by their bits from low to high, and may use the slice.
func sortKeys(keys []uint64, low, high int) []uint64 {
	const digit = 11
	if slices.IsSorted(keys) {
		return keys
	}
	spare := make([]uint64, len(keys))
	for ; low < high; low += digit {
		var from [1<<digit + 1]int
		for _, k := range keys {
			from[k>>low&(1<<digit-1)+1]++
		}
		for i := 1; i < len(from); i++ {
			from[i] += from[i-1]
		}
		for _, k := range keys {
			d := k >> low & (1<<digit - 1)
			spare[from[d]] = k
			from[d]++
		}
		keys, spare = spare, keys
	}
	return keys
}

// seen returns the places that a view sees; nil where the view sees every document.
func (c *placedCache) seen(v *view, p *places) *placedSight {
	if v.except == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.sights.get(v.sight)
	if !ok {
		s = &placedSight{sight: v.sight, p: p}
		s.bytes = uint64(len(p.docs) / 8)
		s.left.Store(int64(len(p.docs) / lookedUp))
		c.sights.put(v.sight, s)
	}
	return s
}

// lookedUp is the share of the documents of a segment that are looked up one by one before a bit for each place is worth its cost.
const lookedUp = 4

// readPlaced reads the items of a view from postings in the order of places. done is false where the question is not of a single word, or
// where the postings of the word are not kept.
func (r *setReader) readPlaced(v *view, s *textStream) (done bool, err error) {
	if s.places == nil || len(r.fields) != 1 || len(r.fields[0].clauses) != 1 || len(r.fields[0].clauses[0].alternatives) != 1 {
		return false, nil
	}
	c := r.fields[0].clauses[0]
	word := c.alternatives[0]
	t, err := v.cols.placed.term(v, s.places, r.fields[0].name, word.Term, r.where == nil)
	if err != nil || t == nil {
		return false, err
	}
	g := &placedReader{stream: s, term: t, seen: v.cols.placed.seen(v, s.places), filter: r.Text.Filter}
	if r.Scored {
		g.gains = make([]float64, len(t.gains))
		for i, gain := range t.gains {
			g.gains[i] = word.Weight * c.idf * gain
		}
	}
	if r.where == nil {
		g.whole()
	} else {
		g.within(r.where)
	}
	return true, r.ctx.Err()
}

// A placedReader takes the items of a term that are seen.
type placedReader struct {
	stream *textStream
	term   *placedTerm
	seen   *placedSight
	bits   *[]uint64 // of seen
	filter search.Filter
	gains  []float64 // by code; nil where scores are not asked for
}

// whole takes the items everywhere.
func (g *placedReader) whole() {
	n := len(g.term.places)
	g.begin(n)
	g.stream.list = make([]uint32, 0, n)
	if g.gains != nil {
		g.stream.scores = make([]float64, 0, n)
	}
	for i := range g.term.places {
		g.take(i)
	}
}

// within takes the items that overlap a window.
func (g *placedReader) within(where []windowed) {
	p, list := g.stream.places, g.term.places
	asset, at := 0, 0
	for _, w := range where {
		if asset += gallop(len(p.assets)-asset, func(i int) bool { return p.assets[asset+i] >= w.asset }); asset == len(p.assets) {
			return
		}
		if p.assets[asset] != w.asset {
			continue
		}
		at += gallop(len(list)-at, func(i int) bool { return list[at+i] >= p.from[asset] })
		end := at + gallop(len(list)-at, func(i int) bool { return list[at+i] >= p.from[asset+1] })
		g.begin(end - at)
		for ws := w.windows; at < end; at++ {
			iv := p.spots[list[at]].interval
			for len(ws) > 0 && ws[0].Interval.End <= iv.Start {
				ws = ws[1:]
			}
			if len(ws) == 0 {
				break
			}
			if ws[0].Interval.Overlaps(iv) {
				g.take(at)
			}
		}
		at = end
	}
}

func (g *placedReader) begin(n int) {
	if g.seen != nil {
		g.seen.begin(n)
		g.bits = g.seen.bits.Load()
	}
}

// take takes an item of the term, if the item is seen and passes the filter.
func (g *placedReader) take(i int) {
	place := g.term.places[i]
	if !g.seen.has(place, g.bits) {
		return
	}
	if f := &g.filter; f.MinConfidence > 0 || !f.Span.Empty() {
		at := &g.stream.places.spots[place]
		if at.confidence < f.MinConfidence || !f.Span.Empty() && !at.interval.Overlaps(f.Span) {
			return
		}
	}
	g.stream.list = append(g.stream.list, place)
	if g.gains != nil {
		g.stream.scores = append(g.stream.scores, g.gains[g.term.codes[i]])
	}
}
