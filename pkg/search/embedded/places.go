package embedded

import (
	"cmp"
	"context"
	"math/bits"
	"slices"
	"sort"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
)

// places are documents of a segment in the order of search.ComparePlaces. A place is the number of a document in this order.
type places struct {
	docs []uint32 // by place
	// place is the place of each document of the segment; nil if the places are of some documents.
	place []uint32
	// assets are rising. The places of assets[i] begin at from[i].
	assets []string
	from   []uint32

	spots []spot // by place
	// reach is the latest end of each block of places.
	reach []schema.Time
	look  []search.Look
}

// A spot is the rest of the item at a place, in half a line of the processor's cache. run and look are numbers.
type spot struct {
	interval   schema.Interval
	run        uint32
	ordinal    uint32
	look       uint32
	confidence float32
}

// placeBytes is the memory of a document, without the names of assets.
const placeBytes = 40

func (p *places) bytes() int {
	if p == nil {
		return 0
	}
	return len(p.docs) * placeBytes
}

// blockPlaces is how many places have a reach together.
const blockPlaces = 32

// A placing gathers documents of a segment. The gathered documents become the spots of the places, so that the documents of a large segment are in memory
// once.
type placing struct {
	view   *view
	runs   []string // by number
	docs   []spot   // on the way: run is the number of the asset, and ordinal the document
	assets map[string]uint32
	names  []string // of assets, by number
	looks  map[search.Look]uint32
	look   []search.Look
	last   uint32 // asset of the last document
}

// newPlaces reads the rows of documents. nil docs are every document of the segment.
func newPlaces(ctx context.Context, v *view, runs []string, docs *roaring.Bitmap) (*places, error) {
	g := &placing{view: v, runs: runs, assets: map[string]uint32{}, looks: map[search.Look]uint32{}}
	var err error
	if docs == nil {
		n := uint32(len(v.cols.runOf))
		g.docs = make([]spot, 0, n)
		for doc := uint32(0); doc < n && err == nil; doc++ {
			err = g.add(ctx, doc)
		}
	} else {
		g.docs = make([]spot, 0, docs.GetCardinality())
		for it := docs.Iterator(); it.HasNext() && err == nil; {
			err = g.add(ctx, it.Next())
		}
	}
	if err != nil {
		return nil, err
	}
	p := g.sorted()
	if docs == nil {
		p.place = make([]uint32, len(p.docs))
		for place, doc := range p.docs {
			p.place[doc] = uint32(place)
		}
	}
	return p, nil
}

func (g *placing) add(ctx context.Context, doc uint32) error {
	if doc%checkEvery == 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return g.view.row(uint64(doc), func(b []byte) error {
		r, err := decodeRaw(b)
		if err != nil {
			return err
		}
		d := spot{ordinal: doc, interval: r.interval, confidence: r.confidence}
		if len(g.names) > 0 && g.names[g.last] == string(r.asset) {
			d.run = g.last
		} else if n, ok := g.assets[string(r.asset)]; ok {
			d.run = n
		} else {
			d.run = uint32(len(g.names))
			g.names = append(g.names, string(r.asset))
			g.assets[g.names[d.run]] = d.run
		}
		g.last = d.run
		// The compiler makes no strings for a look that is known.
		n, ok := g.looks[search.Look{Kind: string(r.kind), Language: string(r.language)}]
		if !ok {
			n = uint32(len(g.look))
			l := search.Look{Kind: string(r.kind), Language: string(r.language)}
			g.look, g.looks[l] = append(g.look, l), n
		}
		d.look = n
		g.docs = append(g.docs, d)
		return nil
	})
}

// sorted lays the documents out by asset, and sorts the documents of each asset.
func (g *placing) sorted() *places {
	order := make([]uint32, len(g.names)) // numbers of assets, by name
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return strings.Compare(g.names[a], g.names[b]) })
	p := &places{look: g.look, assets: make([]string, len(order)), from: make([]uint32, len(order)+1)}
	rank := make([]uint32, len(order))
	for i, a := range order {
		p.assets[i], rank[a] = g.names[a], uint32(i)
	}
	for _, d := range g.docs {
		p.from[rank[d.run]+1]++
	}
	for i := range p.assets {
		p.from[i+1] += p.from[i]
	}
	// Each document changes places with the document that is where the first belongs.
	docs, next := g.docs, slices.Clone(p.from)
	for i := range p.assets {
		for at := next[i]; at < p.from[i+1]; at = next[i] {
			of := rank[docs[at].run]
			docs[at], docs[next[of]] = docs[next[of]], docs[at]
			next[of]++
		}
	}
	for i := range p.assets {
		slices.SortFunc(docs[p.from[i]:p.from[i+1]], g.compare)
	}
	p.fill(docs, g.view.cols)
	return p
}

// compare compares two documents of an asset.
func (g *placing) compare(a, b spot) int {
	if c := cmp.Or(cmp.Compare(a.interval.Start, b.interval.Start), cmp.Compare(a.interval.End, b.interval.End)); c != 0 {
		return c
	}
	cols := g.view.cols
	if x, y := cols.runOf[a.ordinal], cols.runOf[b.ordinal]; x != y {
		return strings.Compare(g.runs[x], g.runs[y])
	}
	return cmp.Compare(cols.ordinals[a.ordinal], cols.ordinals[b.ordinal])
}

// fill makes spots of sorted documents, in place.
func (p *places) fill(docs []spot, cols *columns) {
	p.docs, p.spots = make([]uint32, len(docs)), docs
	p.reach = make([]schema.Time, 0, (len(docs)+blockPlaces-1)/blockPlaces)
	for i := range docs {
		d := &docs[i]
		doc := d.ordinal
		p.docs[i], d.run, d.ordinal = doc, cols.runOf[doc], cols.ordinals[doc]
		if i%blockPlaces == 0 {
			p.reach = append(p.reach, d.interval.End)
		}
		p.reach[i/blockPlaces] = max(p.reach[i/blockPlaces], d.interval.End)
	}
}

// of returns the places of documents, rising.
func (p *places) of(docs *roaring.Bitmap) []uint32 {
	n := int(docs.GetCardinality())
	list := make([]uint32, 0, n)
	if p.place == nil {
		for place := range p.docs {
			list = append(list, uint32(place))
		}
		return list
	}
	it := docs.ManyIterator()
	var some [1024]uint32
	if n < len(p.place)/64 {
		for k := it.NextMany(some[:]); k > 0; k = it.NextMany(some[:]) {
			for _, doc := range some[:k] {
				list = append(list, p.place[doc])
			}
		}
		slices.Sort(list)
		return list
	}
	// A bit for each place sorts many documents.
	set := make([]uint64, (len(p.place)+63)/64)
	for k := it.NextMany(some[:]); k > 0; k = it.NextMany(some[:]) {
		for _, doc := range some[:k] {
			place := p.place[doc]
			set[place>>6] |= 1 << (place & 63)
		}
	}
	for i, w := range set {
		for ; w != 0; w &= w - 1 {
			list = append(list, uint32(i<<6+bits.TrailingZeros64(w)))
		}
	}
	return list
}

// asset returns which of the assets a place is of. from is the asset of an earlier place.
func (p *places) asset(place uint32, from int) int {
	if place < p.from[from+1] {
		return from
	}
	i, ok := slices.BinarySearch(p.from[from+1:], place)
	if !ok {
		return from + i
	}
	// Each asset has a place, so the starts of assets differ.
	return from + 1 + i
}

// A windowed is an asset with its windows.
type windowed struct {
	asset   string
	windows []search.Window
}

// byAsset divides windows by their assets. The result is nil for nil alone.
func byAsset(ws []search.Window) (all []windowed) {
	if ws != nil {
		all = []windowed{}
	}
	for len(ws) > 0 {
		n := 1 + gallop(len(ws)-1, func(i int) bool { return ws[i+1].Asset != ws[0].Asset })
		all = append(all, windowed{ws[0].Asset, ws[:n]})
		ws = ws[n:]
	}
	return all
}

// inside returns the documents that overlap a window. If more than most documents are to be looked at, inside returns nil. The places are
// of every document.
func (p *places) inside(where []windowed, most int) *roaring.Bitmap {
	var docs []uint32
	asset := 0
	for len(where) > 0 {
		asset += gallop(len(p.assets)-asset, func(i int) bool { return p.assets[asset+i] >= where[0].asset })
		if asset == len(p.assets) {
			break
		}
		if p.assets[asset] == where[0].asset {
			if docs = p.overlapping(docs, p.from[asset], p.from[asset+1], where[0].windows, &most); most < 0 {
				return nil
			}
			where = where[1:]
		} else {
			where = where[gallop(len(where), func(i int) bool { return where[i].asset >= p.assets[asset] }):]
		}
	}
	slices.Sort(docs)
	return roaring.BitmapOf(docs...)
}

// overlapping appends the documents of places that overlap a window. The places and the windows are of one asset. Each look at a document
// is taken from most. overlapping ends early if most is below zero.
func (p *places) overlapping(docs []uint32, from, to uint32, ws []search.Window, most *int) []uint32 {
	for place := from; place < to && *most >= 0; {
		*most--
		// A block that ends ahead of the window ends ahead of later windows as well.
		if place%blockPlaces == 0 && p.reach[place/blockPlaces] <= ws[0].Interval.Start {
			place += blockPlaces
			continue
		}
		iv := p.spots[place].interval
		for ws[0].Interval.End <= iv.Start {
			if ws = ws[1:]; len(ws) == 0 {
				return docs
			}
		}
		if ws[0].Interval.Overlaps(iv) {
			docs = append(docs, p.docs[place])
		}
		place++
	}
	return docs
}

// gallop returns the first number below n that passes, or n. Every number behind a number that passes passes. Low numbers cost least.
func gallop(n int, pass func(int) bool) int {
	low, high := 0, 1
	for high < n && !pass(high-1) {
		low, high = high, 2*high
	}
	high = min(high, n)
	return low + sort.Search(high-low, func(i int) bool { return pass(low + i) })
}

// narrowed keeps the places that overlap a window, overlap a span, and have a confidence. nil windows are everywhere. narrowed changes list.
func (p *places) narrowed(list []uint32, where []windowed, f search.Filter) []uint32 {
	if where == nil && f.Span.Empty() && f.MinConfidence <= 0 {
		return list
	}
	kept := list[:0]
	asset, s := 0, sweep{where: where}
	for _, place := range list {
		at := &p.spots[place]
		if !f.Span.Empty() && !at.interval.Overlaps(f.Span) || at.confidence < f.MinConfidence {
			continue
		}
		if where != nil {
			if asset = p.asset(place, asset); !s.overlaps(p.assets[asset], at.interval) {
				continue
			}
		}
		kept = append(kept, place)
	}
	return kept
}

// A sweep goes through windows and intervals side by side.
type sweep struct {
	where []windowed
	begun bool
	asset string // of the last interval
	of    []search.Window
}

// overlaps reports whether a window overlaps an interval of an asset. The calls are in the order of asset and start.
func (s *sweep) overlaps(asset string, iv schema.Interval) bool {
	if asset != s.asset || !s.begun {
		s.begun, s.asset, s.of = true, asset, nil
		s.where = s.where[gallop(len(s.where), func(i int) bool { return s.where[i].asset >= asset }):]
		if len(s.where) > 0 && s.where[0].asset == asset {
			s.of = s.where[0].windows
		}
	}
	for len(s.of) > 0 && s.of[0].Interval.End <= iv.Start {
		s.of = s.of[1:]
	}
	return len(s.of) > 0 && s.of[0].Interval.Overlaps(iv)
}
