package embedded

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/RoaringBitmap/roaring/v2"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// A stream is a part of a set, asset by asset.
type stream interface {
	// next returns the next asset of the stream and the number of its items; 0 items at the end.
	next() (asset string, n int)
	// take appends the items of the asset to a list, in the order of search.ComparePlaces, and moves on to the next asset.
	take(list []search.Item) []search.Item
}

// A reading is a set that is ready to be given.
type reading struct {
	streams []stream
	runs    []string
	looks   []search.Look
}

// slabItems is how many items are allocated at once.
const slabItems = 4096

// give calls yield with the items of the set, asset by asset, until yield returns false.
func (r *reading) give(ctx context.Context, yield func(search.Items, error) bool) {
	var slab []search.Item
	streams := r.streams
	for {
		if ctx.Err() != nil {
			yield(search.Items{}, ctx.Err())
			return
		}
		first, items, of := "", 0, 0
		kept := streams[:0:0]
		if len(streams) == 1 {
			kept = streams
			first, items = streams[0].next()
		} else {
			for _, s := range streams {
				asset, n := s.next()
				if n == 0 {
					continue
				}
				kept = append(kept, s)
				switch {
				case of == 0 || asset < first:
					first, items, of = asset, n, 1
				case asset == first:
					items, of = items+n, of+1
				}
			}
		}
		if streams = kept; items == 0 {
			return
		}
		if cap(slab)-len(slab) < items {
			slab = make([]search.Item, 0, max(slabItems, items))
		}
		begin := len(slab)
		for _, s := range streams {
			if asset, n := s.next(); n > 0 && asset == first {
				slab = s.take(slab)
			}
		}
		list := slab[begin:len(slab):len(slab)]
		if of > 1 {
			slices.SortFunc(list, r.compare)
		}
		if !yield(search.Items{Asset: first, List: list, Runs: r.runs, Looks: r.looks}, nil) {
			return
		}
	}
}

// compare compares two items of an asset.
func (r *reading) compare(a, b search.Item) int {
	if c := cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(r.runs[a.Run], r.runs[b.Run]), cmp.Compare(a.Ordinal, b.Ordinal))
}

// A textStream is the items of one segment.
type textStream struct {
	places *places
	list   []uint32  // places, rising
	scores []float64 // by place of list; nil where scores are not asked for
	look   uint32    // number of the first look of the segment
	at     int       // in list
	asset  int       // of the place
	end    int       // of the asset's items in list
}

func (s *textStream) next() (string, int) {
	if s.at == len(s.list) {
		return "", 0
	}
	if s.end <= s.at {
		s.asset = s.places.asset(s.list[s.at], s.asset)
		until, rest := s.places.from[s.asset+1], s.list[s.at:]
		s.end = s.at + gallop(len(rest), func(i int) bool { return rest[i] >= until })
	}
	return s.places.assets[s.asset], s.end - s.at
}

func (s *textStream) take(list []search.Item) []search.Item {
	for ; s.at < s.end; s.at++ {
		at := &s.places.spots[s.list[s.at]]
		it := search.Item{Interval: at.interval, Ordinal: at.ordinal, Run: at.run, Look: s.look + at.look}
		if s.scores != nil {
			it.Score = s.scores[s.at]
		}
		list = append(list, it)
	}
	return list
}

// set returns the items of a set of words.
func (t *text) set(ctx context.Context, q search.SetQuery) (all *reading, err error) {
	t.placing.Store(true)
	all = &reading{}
	err = t.ask(ctx, *q.Text, func(a *asked) error {
		all.runs = t.columns.table.list()
		r := &setReader{SetQuery: q, ctx: ctx, fields: a.fields, runs: all.runs, where: byAsset(q.Where)}
		for _, v := range a.views {
			if r.docs += len(v.cols.runOf); v.cols.places.Load() == nil {
				t.refresh()
			}
		}
		for _, v := range a.views {
			s, err := r.read(v)
			if err != nil {
				return err
			}
			if len(s.list) > 0 {
				s.look = uint32(len(all.looks))
				all.streams, all.looks = append(all.streams, s), append(all.looks, s.places.look...)
			}
		}
		return nil
	})
	return all, err
}

// A setReader reads a set of words view by view.
type setReader struct {
	search.SetQuery
	ctx    context.Context
	fields []askedField
	runs   []string // by number
	docs   int      // of all views
	where  []windowed
}

// read returns the items of a view.
func (r *setReader) read(v *view) (*textStream, error) {
	s := &textStream{places: v.cols.places.Load()}
	if done, err := r.readPlaced(v, s); done || err != nil {
		return s, err
	}
	where := r.where
	var only *roaring.Bitmap
	if s.places != nil && where != nil {
		if only = s.places.inside(r.where, r.most(v)); only != nil {
			where = nil
			if v.except != nil {
				only.AndNot(v.except)
			}
		}
	}
	all := &every{docs: roaring.New()}
	if r.Scored {
		all.gains = v.scratch()
		defer func() { used{all.gains, all.docs}.release() }()
	}
	if err := r.match(v, only, all); err != nil || all.docs.IsEmpty() {
		return s, err
	}
	if s.places == nil {
		var err error
		if s.places, err = newPlaces(r.ctx, v, r.runs, all.docs); err != nil {
			return nil, err
		}
	}
	s.list = s.places.narrowed(s.places.of(all.docs), where, r.Text.Filter)
	if r.Scored {
		s.scores = make([]float64, len(s.list))
		for i, place := range s.list {
			s.scores[i] = all.gains[s.places.docs[place]]
		}
	}
	return s, nil
}

// most returns how many documents of windows are worth looking at one by one, in place of the documents with the words.
func (r *setReader) most(v *view) int {
	n := uint64(0)
	for _, f := range r.fields {
		for _, c := range f.clauses {
			n += c.docs()
		}
	}
	// As a guess, the words are as frequent in each segment. A document costs a third of a posting without its score.
	most := int(float64(n) / float64(r.docs) * float64(len(v.cols.runOf)))
	if !r.Scored && r.Text.Mode != search.Phrase {
		most *= 2
	} else {
		most *= 8
	}
	return most
}

// match takes the documents of a view that match.
func (r *setReader) match(v *view, only *roaring.Bitmap, all *every) error {
	if only != nil && only.IsEmpty() {
		return nil
	}
	for _, f := range r.fields {
		m := matcher{ctx: r.ctx, view: v, field: f.name, clauses: f.clauses, slop: words.SlopOf(r.Text.Slop), only: only, to: all}
		var err error
		if r.Scored || r.Text.Mode == search.Phrase && len(f.clauses) > 1 {
			err = m.run(r.Text.Mode)
		} else {
			err = m.docs(all.docs, r.Text.Mode)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// every takes every document.
type every struct {
	docs  *roaring.Bitmap
	gains []float64 // by document; nil where scores are not asked for
}

func (*every) floor() float64 { return math.Inf(-1) }

func (e *every) offer(score float64, _ int, doc uint64) error {
	e.docs.Add(uint32(doc))
	if e.gains != nil {
		e.gains[doc] = score
	}
	return nil
}

// docs adds the documents that match in a mode, without scores and without regard to the order of the words.
func (m *matcher) docs(into *roaring.Bitmap, mode search.TextMode) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	var all *roaring.Bitmap
	for _, c := range m.clauses {
		of, err := m.docsOf(c)
		if err != nil {
			return err
		}
		switch {
		case mode != search.AllWords && mode != search.Phrase:
			into.Or(of)
		case all == nil:
			all = of
		default:
			all = roaring.And(all, of)
		}
	}
	if all != nil {
		into.Or(all)
	}
	return nil
}

// docsOf returns the visible documents of a clause. The bitmap is not to be changed.
func (m *matcher) docsOf(c clause) (docs *roaring.Bitmap, err error) {
	for i, a := range c.alternatives {
		p, err := m.view.postings(m.field, a.Term, postings{})
		if err != nil {
			return nil, err
		}
		switch seen := m.view.seen(p, m.only); i {
		case 0:
			docs = seen
		case 1:
			docs = roaring.Or(docs, seen)
		default:
			docs.Or(seen)
		}
	}
	return docs, nil
}

// size returns how many visible items a set of words has at most: without regard to windows, confidence and span.
func (t *text) size(ctx context.Context, q search.SetQuery) (n int, err error) {
	err = t.ask(ctx, *q.Text, func(a *asked) error {
		for _, f := range a.fields {
			most, least := uint64(0), uint64(math.MaxUint64)
			for _, c := range f.clauses {
				most, least = most+c.docs(), min(least, c.docs())
			}
			if q.Text.Mode == search.AllWords || q.Text.Mode == search.Phrase {
				most = least
			}
			n += int(most)
		}
		return nil
	})
	return n, err
}

// A vectorStream is the items of a space.
type vectorStream struct {
	groups []group
	rows   []placedRow
	at     int // in rows
}

// A placedRow is an item of a space. asset and run are in the order of their names.
type placedRow struct {
	asset, run, group, ordinal uint32
	interval                   schema.Interval
	score                      float32
}

func (a placedRow) compare(b placedRow) int {
	return cmp.Or(cmp.Compare(a.asset, b.asset), a.interval.Compare(b.interval), cmp.Compare(a.run, b.run), cmp.Compare(a.ordinal, b.ordinal))
}

func (s *vectorStream) next() (string, int) {
	rest := s.rows[s.at:]
	if len(rest) == 0 {
		return "", 0
	}
	return s.groups[rest[0].group].asset, gallop(len(rest), func(i int) bool { return rest[i].asset != rest[0].asset })
}

func (s *vectorStream) take(list []search.Item) []search.Item {
	_, n := s.next()
	for _, r := range s.rows[s.at : s.at+n] {
		list = append(list, search.Item{Interval: r.interval, Score: float64(r.score), Ordinal: r.ordinal, Run: r.group, Look: r.group})
	}
	s.at += n
	return list
}

// reading returns the stream as a set. The runs and looks of the groups are numbered as the groups are.
func (s *vectorStream) reading() *reading {
	r := &reading{streams: []stream{s}}
	for _, g := range s.groups {
		r.runs, r.looks = append(r.runs, g.run), append(r.looks, search.Look{Kind: g.kind, Language: g.language})
	}
	return r
}

// set returns the items of a set of vectors.
func (v *vectors) set(ctx context.Context, q search.SetQuery) (*vectorStream, error) {
	f, err := v.filter(ctx, q.Vector)
	if err != nil {
		return nil, fmt.Errorf("searching space %s: %w", v.name, err)
	}
	if q.Where != nil {
		if f.Groups, err = v.groups.inside(f.Groups, q.Where); err != nil {
			return nil, fmt.Errorf("searching space %s: %w", v.name, err)
		}
		f.Once = true
	}
	rows, err := v.index.Within(ctx, q.Vector.Vector, q.MinScore, f)
	if err != nil {
		return nil, fmt.Errorf("searching space %s: %w", v.name, err)
	}
	s := &vectorStream{rows: make([]placedRow, len(rows))}
	names, places := v.index.Names(), map[uint32]uint32{}
	var assets, runs []string
	for i, r := range rows {
		n, ok := places[r.Group]
		if !ok {
			g, err := parseGroup(names[r.Group])
			if err != nil {
				return nil, fmt.Errorf("searching space %s: %w", v.name, err)
			}
			n = uint32(len(s.groups))
			places[r.Group] = n
			s.groups, assets, runs = append(s.groups, g), append(assets, g.asset), append(runs, g.run)
		}
		s.rows[i] = placedRow{group: n, ordinal: r.Ordinal, interval: schema.Interval{Start: schema.Time(r.Start), End: schema.Time(r.End)}, score: r.Score}
	}
	assetRanks, runRanks := ranks(assets), ranks(runs)
	for i := range s.rows {
		r := &s.rows[i]
		r.asset, r.run = assetRanks[r.group], runRanks[r.group]
	}
	slices.SortFunc(s.rows, placedRow.compare)
	if q.Where != nil {
		at := sweep{where: byAsset(q.Where)}
		s.rows = slices.DeleteFunc(s.rows, func(r placedRow) bool { return !at.overlaps(s.groups[r.group].asset, r.interval) })
	}
	return s, nil
}

// ranks returns the rank of each name among the different names in their order.
func ranks(names []string) []uint32 {
	order := make([]int, len(names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	rank := make([]uint32, len(names))
	for k, i := range order {
		if k > 0 {
			rank[i] = rank[order[k-1]]
			if names[order[k-1]] != names[i] {
				rank[i]++
			}
		}
	}
	return rank
}
