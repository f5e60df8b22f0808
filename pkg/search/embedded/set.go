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
)

// A stream is a part of a set in the order of search.ComparePlaces.
type stream interface {
	// next moves to the next item, and reports whether there is one. A stream begins ahead of the first item.
	next() bool
	// hit returns the present item.
	hit() *search.Hit
}

// merged calls yield with the items of streams in the order of search.ComparePlaces, until yield returns false.
func merged(ctx context.Context, streams []stream, yield func(search.Hit, error) bool) {
	streams = slices.DeleteFunc(streams, func(s stream) bool { return !s.next() })
	slices.SortFunc(streams, func(a, b stream) int { return search.ComparePlaces(*a.hit(), *b.hit()) })
	for n := 1; len(streams) > 0; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			yield(search.Hit{}, ctx.Err())
			return
		}
		first := streams[0]
		if !yield(*first.hit(), nil) {
			return
		}
		if !first.next() {
			streams = streams[1:]
			continue
		}
		// Neighbours are mostly of one stream: the first stream mostly stays the first.
		i := 1
		for i < len(streams) && search.ComparePlaces(*streams[i].hit(), *first.hit()) < 0 {
			streams[i-1] = streams[i]
			i++
		}
		streams[i-1] = first
	}
}

// A textStream is the items of one segment.
type textStream struct {
	places *places
	runs   []string  // by number
	list   []uint32  // places, rising
	scores []float64 // by place of list; nil where scores are not asked for
	at     int       // in list, plus one
	asset  int
	item   search.Hit
	// near are the spots of the next places. Spots lie far apart in memory, and the processor fetches many at once.
	near [32]spot
}

func (s *textStream) next() bool {
	if s.at == len(s.list) {
		return false
	}
	p, place := s.places, s.list[s.at]
	s.asset = p.asset(place, s.asset)
	if s.at%len(s.near) == 0 {
		for i, place := range s.list[s.at:min(s.at+len(s.near), len(s.list))] {
			s.near[i] = p.spots[place]
		}
	}
	at := &s.near[s.at%len(s.near)]
	l := &p.look[at.look]
	s.item = search.Hit{
		Run: s.runs[at.run], Ordinal: int64(at.ordinal), Asset: p.assets[s.asset],
		Kind: l.kind, Language: l.language, Interval: at.interval,
	}
	if s.scores != nil {
		s.item.Score = s.scores[s.at]
	}
	s.at++
	return true
}

func (s *textStream) hit() *search.Hit { return &s.item }

// set returns the items of a set of words.
func (t *text) set(ctx context.Context, q search.SetQuery) (streams []stream, err error) {
	t.placing.Store(true)
	err = t.ask(ctx, *q.Text, func(a *asked) error {
		r := &setReader{SetQuery: q, ctx: ctx, fields: a.fields, runs: t.columns.table.list(), where: byAsset(q.Where)}
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
				streams = append(streams, s)
			}
		}
		return nil
	})
	return streams, err
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
	s := &textStream{runs: r.runs, places: v.cols.places.Load()}
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
		m := matcher{ctx: r.ctx, view: v, field: f.name, clauses: f.clauses, only: only, to: all}
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
	at     int // in rows, plus one
	item   search.Hit
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

func (s *vectorStream) next() bool {
	if s.at == len(s.rows) {
		return false
	}
	r := &s.rows[s.at]
	g := &s.groups[r.group]
	s.item = search.Hit{
		Run: g.run, Ordinal: int64(r.ordinal), Asset: g.asset, Kind: g.kind, Language: g.language,
		Interval: r.interval, Score: float64(r.score),
	}
	s.at++
	return true
}

func (s *vectorStream) hit() *search.Hit { return &s.item }

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
