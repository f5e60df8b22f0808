package opensearch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

const (
	// setPage bounds the items of a page of a set: 4 MB of an answer, and 20 MB of hits.
	setPage = 200_000
	// exactWindows bounds the windows named by a request. More windows are named by their assets, assetsAtOnce in a request.
	exactWindows = 200
	assetsAtOnce = 10_000
	// sizeCounted bounds how far Size counts.
	sizeCounted = 1_000_000
)

// A set is read by an aggregation whose script packs the doc values of each document into a few letters of a single text. Reading the same
// documents as hits costs the cluster 20 times as much (ADR 96). The text is read by unpack:
//
//   - "/" begins a run: its name and its asset. "=" begins a kind and a language. Each of the texts follows its number of UTF-16 letters and ":".
//   - ";" begins an item of the last run and kind: start, length, ordinal, and the bits of the score.
//
// Behind the limit, documents are counted by asset.
const (
	// The state is in arrays: each value of a map of Painless is boxed.
	packInit = `state.b = new StringBuilder(); state.over = new HashMap(); state.last = new String[] {'', '', ''};
state.counts = new long[] {0L, Long.MAX_VALUE, Long.MIN_VALUE};`
	packMap = `long[] counts = state.counts;
long start = doc['start'].value;
if (start < counts[1]) { counts[1] = start; }
if (start > counts[2]) { counts[2] = start; }
long n = ++counts[0];
if (n > params.limit) {
  String asset = doc['asset'].value;
  state.over.put(asset, (int)state.over.getOrDefault(asset, 0) + 1);
} else {
  StringBuilder b = state.b;
  String[] last = state.last;
  String run = doc['run'].value;
  if (!run.equals(last[0])) {
    String asset = doc['asset'].value;
    b.append('/').append(run.length()).append(':').append(run).append(asset.length()).append(':').append(asset);
    last[0] = run;
  }
  String kind = params.kind;
  if (kind == null) { kind = doc['kind'].size() == 0 ? '' : doc['kind'].value; }
  String language = doc['language'].size() == 0 ? '' : doc['language'].value;
  if (n == 1 || !kind.equals(last[1]) || !language.equals(last[2])) {
    b.append('=').append(kind.length()).append(':').append(kind).append(language.length()).append(':').append(language);
    last[1] = kind;
    last[2] = language;
  }
  b.append(';').append(start).append(',').append(doc['end'].value - start).append(',').append(doc['ordinal'].value);
  if (params.scored) { b.append(',').append(Float.floatToIntBits((float)_score)); }
}`
	packCombine = `return ['items': state.b.toString(), 'over': state.over, 'n': state.counts[0], 'low': state.counts[1], 'high': state.counts[2]];`
	packReduce  = `return states;`
)

// A packed is the items of a shard.
type packed struct {
	Items string         `json:"items"`
	Over  map[string]int `json:"over"`
	N     int            `json:"n"`
	Low   int64          `json:"low"`
	High  int64          `json:"high"`
}

// A page is a part of a set.
type page struct {
	assets []search.Items
	// perAsset is set if the part has more than setPage items: the number of items of each asset. assets is empty then. low and high are the
	// least and the greatest start.
	perAsset  map[string]int
	low, high int64
}

// A setReader reads a set.
type setReader struct {
	e       *Engine
	scope   *search.Scope
	index   string
	visible within
	// queries returns the queries that find the items of the set within filters. No item is found by two of the queries.
	queries func(ctx context.Context, narrow []any) ([]any, error)
	// kind is the kind of every item; nil where items MAY be of several kinds. Where kind is set, the cluster reads no kinds.
	kind *string
	// where are the windows of the set.
	where []search.Window
	// score turns the score of the cluster into the score of an item, and decides whether the item belongs to the set. nil keeps each item as
	// it is.
	score func(of float64) (score float64, keep bool)
	// scored: keep or the caller reads scores.
	scored bool
}

// Set implements search.Searcher.
func (e *Engine) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return search.HitsOf(e.Items(ctx, q))
}

// Items implements search.ItemReader.
func (e *Engine) Items(ctx context.Context, q search.SetQuery) iter.Seq2[search.Items, error] {
	return func(yield func(search.Items, error) bool) {
		first := func(ask func() (bool, error)) error {
			return e.reading(ctx, func() (bool, error) {
				if e.outdated.Load() {
					return false, errUnsorted
				}
				return ask()
			})
		}
		unsorted := false
		e.setOf(ctx, live, q, first)(func(items search.Items, err error) bool {
			unsorted = errors.Is(err, errUnsorted)
			return !unsorted && yield(items, err)
		})
		if unsorted {
			search.Gathered(search.SetOfHits(ctx, e, q))(yield)
		}
	}
}

func (e *Engine) setOf(ctx context.Context, at func(part) string, q search.SetQuery, first func(func() (bool, error)) error) iter.Seq2[search.Items, error] {
	return func(yield func(search.Items, error) bool) {
		begun := time.Now()
		stopped := false
		err := e.set(ctx, at, q, first, func(assets []search.Items) bool {
			for _, items := range assets {
				if stopped = !yield(items, nil); stopped {
					return false
				}
			}
			return true
		})
		e.measure("set", begun, err)
		if err != nil && !stopped {
			yield(search.Items{}, err)
		}
	}
}

// errUnsorted is the error of an index of an earlier version, whose documents cannot be read in the order of their assets.
var errUnsorted = errkind.New(errkind.Unavailable, "the index was made by an earlier version, and no set can be read from the index until it has been filled anew (`cinedex jobs list` shows how far that is)")

// Size implements search.Searcher: the number of visible items, whatever the windows. Of a vector, Size counts every visible embedding.
func (e *Engine) Size(ctx context.Context, q search.SetQuery) (n int, err error) {
	defer func(begun time.Time) { e.measure("size", begun, err) }(time.Now())
	err = e.reading(ctx, func() (bool, error) { n, err = e.sizeOf(ctx, live, q); return n > 0, err })
	return n, err
}

func (e *Engine) sizeOf(ctx context.Context, at func(part) string, q search.SetQuery) (n int, err error) {
	q.Scored = false
	s, err := e.setReader(ctx, at, q)
	if err != nil || s == nil {
		return 0, err
	}
	defer s.release(ctx)
	queries := []any{s.visible.all()}
	if q.Text != nil {
		if queries, err = s.queries(ctx, nil); err != nil {
			return 0, err
		}
	}
	for _, query := range queries {
		some, err := e.countUpTo(ctx, s.index, s.visible, query, sizeCounted)
		if err != nil {
			return 0, fmt.Errorf("counting a set: %w", err)
		}
		n += some
	}
	return n, nil
}

// set reads a set page by page, and hands each page to yield in the order of the set. first calls the function that reads the first page.
func (e *Engine) set(ctx context.Context, at func(part) string, q search.SetQuery, first func(func() (bool, error)) error, yield func([]search.Items) bool) error {
	var s *setReader
	defer func() { s.release(ctx) }()
	var p page
	chunks := chunksOf(q.Where)
	err := first(func() (found bool, err error) {
		s.release(ctx)
		if s, err = e.setReader(ctx, at, q); err != nil || s == nil || len(chunks) == 0 {
			return false, err
		}
		if len(chunks) > 1 {
			if err := s.hold(ctx); err != nil {
				return false, err
			}
		}
		p, err = s.read(ctx, chunks[0])
		return len(p.assets) > 0 || p.perAsset != nil, err
	})
	if err != nil || s == nil {
		return err
	}
	for i, narrow := range chunks {
		if i > 0 {
			if p, err = s.read(ctx, narrow); err != nil {
				return err
			}
		}
		if goOn, err := s.give(ctx, p, narrow, yield); err != nil || !goOn {
			return err
		}
	}
	return nil
}

// give hands a page to yield. A page of more than setPage items is read anew in parts.
func (s *setReader) give(ctx context.Context, p page, narrow []any, yield func([]search.Items) bool) (goOn bool, err error) {
	if p.perAsset == nil {
		return yield(p.assets), nil
	}
	if !s.visible.held() {
		if err := s.hold(ctx); err != nil {
			return false, err
		}
		if p, err = s.read(ctx, narrow); err != nil || p.perAsset == nil {
			return err == nil && yield(p.assets), err
		}
	}
	assets := slices.Sorted(maps.Keys(p.perAsset))
	for len(assets) > 0 {
		n, items := 0, 0
		for n < len(assets) && (n == 0 || items+p.perAsset[assets[n]] <= s.e.setPage) {
			items += p.perAsset[assets[n]]
			n++
		}
		within := append(slices.Clip(narrow), object{"range": object{"asset": object{"gte": assets[0], "lte": assets[n-1]}}})
		assets = assets[n:]
		p, err := s.read(ctx, within)
		if err == nil && p.perAsset != nil { // of one asset
			goOn, err = s.halve(ctx, p.low, p.high, within, yield)
		} else if err == nil {
			goOn = yield(p.assets)
		}
		if err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// halve reads the items of an asset with a start within low and high, in halves.
func (s *setReader) halve(ctx context.Context, low, high int64, narrow []any, yield func([]search.Items) bool) (goOn bool, err error) {
	if low >= high {
		return false, errkind.New(errkind.Exhausted, "more than %d items of the set start at one moment of one asset: narrow the question", s.e.setPage)
	}
	middle := low + int64((uint64(high)-uint64(low))/2) // the difference may exceed an int64
	for _, half := range [][2]int64{{low, middle}, {middle + 1, high}} {
		within := append(slices.Clip(narrow), object{"range": object{"start": object{"gte": half[0], "lte": half[1]}}})
		p, err := s.read(ctx, within)
		if err == nil && p.perAsset != nil {
			goOn, err = s.halve(ctx, p.low, p.high, narrow, yield)
		} else if err == nil {
			goOn = yield(p.assets)
		}
		if err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// setReader prepares the reading of a set; nil if the set is empty. The caller MUST release the reader.
func (e *Engine) setReader(ctx context.Context, at func(part) string, q search.SetQuery) (s *setReader, err error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	s = &setReader{e: e, where: q.Where, scored: q.Scored || q.Vector != nil}
	if q.Text != nil && len(q.Text.Filter.Kinds) == 1 {
		s.kind = &q.Text.Filter.Kinds[0]
	}
	defer func() {
		if err != nil || s.queries == nil {
			s.release(ctx)
			s = nil
		}
	}()
	if q.Text != nil {
		err = s.words(ctx, at(e.text), *q.Text)
	} else {
		err = s.near(at, *q.Vector, q.MinScore)
	}
	return s, err
}

// words prepares the set of a question about words. The words are not counted if neither scores nor terms of the
// index are needed.
func (s *setReader) words(ctx context.Context, index string, q search.TextQuery) (err error) {
	asked := words.Question(q.Words)
	if len(asked) == 0 || q.Scope.Empty() {
		return ctx.Err()
	}
	s.scope, s.index = q.Scope, index
	if s.visible, err = s.e.visible(q.Scope, q.Filter, nil); err != nil {
		return err
	}
	weighed := s.scored || q.Mode == search.Fuzzy || q.Mode == search.Prefix
	if weighed { // counts and items are of one moment
		if err := s.hold(ctx); err != nil {
			return err
		}
	}
	groups, err := s.e.textQueries(ctx, index, s.visible, q, asked, weighed)
	if err != nil || len(groups) == 0 {
		return err
	}
	s.queries = func(_ context.Context, narrow []any) ([]any, error) {
		all := make([]any, len(groups))
		for i, g := range groups {
			all[i] = object{"bool": object{"filter": s.visible.list(append(late(q.Filter, true), narrow...)...), "should": g, "minimum_should_match": 1}}
		}
		return all, nil
	}
	return nil
}

// near prepares the set of a question about a vector. At most exactBelow vectors are all compared. Of more vectors, the graph finds those
// of the least score.
func (s *setReader) near(at func(part) string, q search.VectorQuery, least float64) error {
	p, err := s.e.space(q.Space)
	if err != nil {
		return err
	}
	v, err := comparable(q.Vector, p.space)
	if err != nil || q.Scope.Empty() {
		return err
	}
	metric := p.space.GetMetric()
	if metric == l2 && least > 0 {
		return nil // no similarity of this metric is above 0
	}
	s.scope, s.index = q.Scope, at(p)
	if s.visible, err = s.e.visible(q.Scope, q.Filter, nil); err != nil {
		return err
	}
	// The cluster compares 32 bits of a score. s.score decides.
	bound := max(math.Nextafter32(float32(scoreOf(least)), 0), math.SmallestNonzeroFloat32)
	s.score = func(of float64) (float64, bool) {
		similarity := similarityOf(metric, of)
		return similarity, similarity >= least
	}
	s.queries = func(ctx context.Context, narrow []any) ([]any, error) {
		within := s.visible
		within.filters = slices.Concat(within.filters, late(q.Filter, false), narrow)
		few, err := s.e.few(ctx, s.index, within)
		if err != nil {
			return nil, fmt.Errorf("counting vectors: %w", err)
		}
		if few {
			return []any{comparing(p, within, v, bound)}, nil
		}
		return []any{object{"knn": object{"vector": object{"vector": v, "min_score": bound, "filter": within.all()}}}}, nil
	}
	return nil
}

// hold takes a point in time, so all further requests see the same items.
func (s *setReader) hold(ctx context.Context) error {
	if s.visible.held() {
		return nil
	}
	pit, err := s.e.snapshot(ctx, s.index)
	s.visible.pit = pit
	return err
}

// release ends the point in time.
func (s *setReader) release(ctx context.Context) {
	if s != nil && s.visible.held() {
		s.e.forgetSnapshot(ctx, s.visible.pit)
		s.visible.pit = ""
	}
}

// read reads the items of the set within filters, in the order of a set.
func (s *setReader) read(ctx context.Context, narrow []any) (page, error) {
	queries, err := s.queries(ctx, narrow)
	if err != nil {
		return page{}, err
	}
	params := object{"limit": s.e.setPage, "scored": s.scored}
	if s.kind != nil { // a parameter is never null
		params["kind"] = *s.kind
	}
	var shards []packed
	items := 0
	for _, query := range queries {
		var answer struct {
			Aggregations struct {
				Items struct {
					Value []packed `json:"value"`
				} `json:"items"`
			} `json:"aggregations"`
		}
		err := s.e.client.large(ctx, http.MethodPost, s.visible.counting(s.index), s.visible.request(object{
			"size": 0, "track_total_hits": false, "query": query,
			"aggs": object{"items": object{"scripted_metric": object{
				"params":      params,
				"init_script": packInit, "map_script": packMap, "combine_script": packCombine, "reduce_script": packReduce,
			}}},
		}), &answer)
		if isFailure(err, "script_exception", "illegal_argument_exception") {
			s.e.outdated.Store(true)
			s.e.lookAgain()
		}
		if err != nil {
			return page{}, fmt.Errorf("reading a set: %w", err)
		}
		for _, p := range answer.Aggregations.Items.Value {
			items += p.N
		}
		shards = append(shards, answer.Aggregations.Items.Value...)
	}
	u := newUnpacking(s)
	p := page{low: math.MaxInt64, high: math.MinInt64}
	for _, shard := range shards {
		if err := u.add(shard); err != nil {
			return page{}, err
		}
		p.low, p.high = min(p.low, shard.Low), max(p.high, shard.High)
	}
	if items > s.e.setPage {
		return p.divided(u.assets, shards), nil
	}
	p.assets = u.sorted()
	return p, nil
}

// divided is a page with the number of items of each asset.
func (p page) divided(assets map[string]*unpacked, shards []packed) page {
	p.perAsset = map[string]int{}
	for asset, of := range assets {
		p.perAsset[asset] += of.read
	}
	for _, shard := range shards {
		for asset, n := range shard.Over {
			p.perAsset[asset] += n
		}
	}
	return p
}

var errUnpacking = errkind.New(errkind.Internal, "reading a set: the answer of the cluster has another form")

// An unpacker reads a packed text from its beginning.
type unpacker struct {
	rest string
	err  error
}

// number reads a number and the sign behind the number.
func (u *unpacker) number() (n int64, sign byte) {
	end, negative := 0, strings.HasPrefix(u.rest, "-")
	if negative {
		end = 1
	}
	first := end
	for ; end < len(u.rest) && u.rest[end]-'0' <= 9; end++ {
		n = 10*n + int64(u.rest[end]-'0')
	}
	if end == first || end-first > 19 || n < 0 { // a number of 19 digits may be too large
		u.err = errUnpacking
	}
	if negative {
		n = -n
	}
	if u.rest = u.rest[end:]; u.rest == "" {
		return n, 0
	}
	return n, u.rest[0]
}

// text reads a text behind its number of UTF-16 letters.
func (u *unpacker) text() string {
	n, sign := u.number()
	if sign != ':' || n < 0 || n > int64(len(u.rest)) {
		u.err, u.rest = errUnpacking, ""
		return ""
	}
	u.rest = u.rest[1:]
	end := byteOf(u.rest, int(n))
	text := u.rest[:end]
	u.rest = u.rest[end:]
	return text
}

// An unpacked is the items of an asset. read counts the items of the cluster, list holds the items that belong to the set.
type unpacked struct {
	list []search.Item
	read int
}

// An unpacking collects the items of shards by asset. All assets share the tables of runs and looks.
type unpacking struct {
	reader  *setReader
	assets  map[string]*unpacked
	runs    []string
	numbers map[string]uint32 // of runs
	looks   []search.Look
}

func newUnpacking(s *setReader) *unpacking {
	return &unpacking{reader: s, assets: map[string]*unpacked{}, numbers: map[string]uint32{}}
}

// add adds the items of a shard.
func (g *unpacking) add(p packed) error {
	u := &unpacker{rest: p.Items}
	var item search.Item
	var asset string
	of, visible := &unpacked{}, false
	for u.rest != "" && u.err == nil {
		sign := u.rest[0]
		u.rest = u.rest[1:]
		switch sign {
		case '/':
			run := u.text()
			asset = u.text()
			if of = g.assets[asset]; of == nil {
				of = &unpacked{}
				asset = strings.Clone(asset) // an item must not keep the whole text
				g.assets[asset] = of
			}
			item.Run, visible = g.run(run), g.reader.scope.Has(run)
		case '=':
			item.Look = g.look(search.Look{Kind: u.text(), Language: u.text()})
		case ';':
			if err := u.item(&item, g.reader.scored); err != nil {
				return err
			}
			of.read++
			if visible && g.reader.keep(asset, &item) {
				of.list = append(of.list, item)
			}
		default:
			return errUnpacking
		}
	}
	return u.err
}

// item reads the numbers of an item.
func (u *unpacker) item(item *search.Item, scored bool) error {
	var numbers [4]int64 // start, length, ordinal, bits of the score
	last := len(numbers) - 1
	if !scored {
		last--
	}
	for i := range numbers[:last+1] {
		n, sign := u.number()
		numbers[i] = n
		if i == last {
			break
		}
		if sign != ',' {
			return errUnpacking
		}
		u.rest = u.rest[1:]
	}
	if numbers[2] < 0 || numbers[2] > math.MaxUint32 {
		return errUnpacking
	}
	item.Interval = schema.Interval{Start: schema.Time(numbers[0]), End: schema.Time(numbers[0] + numbers[1])}
	item.Ordinal, item.Score = uint32(numbers[2]), float64(math.Float32frombits(uint32(numbers[3])))
	return nil
}

// keep decides whether an item that the cluster found belongs to the set, and sets the score of the item.
func (s *setReader) keep(asset string, item *search.Item) (keep bool) {
	if s.where != nil && !search.Within(s.where, search.Hit{Asset: asset, Interval: item.Interval}) {
		return false
	}
	if s.score == nil {
		return true
	}
	item.Score, keep = s.score(item.Score)
	return keep
}

func (g *unpacking) run(name string) uint32 {
	n, known := g.numbers[name]
	if !known {
		n = uint32(len(g.runs))
		name = strings.Clone(name)
		g.runs, g.numbers[name] = append(g.runs, name), n
	}
	return n
}

func (g *unpacking) look(l search.Look) uint32 {
	n := slices.Index(g.looks, l)
	if n < 0 {
		n = len(g.looks)
		g.looks = append(g.looks, search.Look{Kind: strings.Clone(l.Kind), Language: strings.Clone(l.Language)})
	}
	return uint32(n)
}

// sorted returns the items in the order of a set. Most items of an asset come in their order.
func (g *unpacking) sorted() []search.Items {
	var all []search.Items
	for _, asset := range slices.Sorted(maps.Keys(g.assets)) {
		list := g.assets[asset].list
		if len(list) == 0 {
			continue
		}
		slices.SortFunc(list, func(a, b search.Item) int {
			if a.Start != b.Start { // nearly always
				return cmp.Compare(a.Start, b.Start)
			}
			return cmp.Or(cmp.Compare(a.End, b.End), strings.Compare(g.runs[a.Run], g.runs[b.Run]), cmp.Compare(a.Ordinal, b.Ordinal))
		})
		all = append(all, search.Items{Asset: asset, List: list, Runs: g.runs, Looks: g.looks})
	}
	return all
}

// byteOf returns the byte at which the n-th UTF-16 letter of a text begins.
func byteOf(text string, n int) int {
	for i, r := range text {
		if n <= 0 {
			return i
		}
		n -= utf16.RuneLen(r)
	}
	return len(text)
}

// chunksOf divides windows into filters in the order of the set. The filters find every item that overlaps a window,
// and other items of the same assets. All windows of an asset are in one chunk.
func chunksOf(where []search.Window) [][]any {
	switch {
	case where == nil:
		return [][]any{nil}
	case len(where) <= exactWindows:
		if len(where) == 0 {
			return nil
		}
		clauses := make([]any, len(where))
		for i, w := range where {
			clauses[i] = all(object{"term": object{"asset": w.Asset}}, object{"range": object{"start": object{"lt": int64(w.Interval.End)}}}, object{"range": object{"end": object{"gt": int64(w.Interval.Start)}}})
		}
		return [][]any{{anyOf(clauses...)}}
	}
	var chunks [][]any
	var assets []string
	for i, w := range where {
		if i == 0 || where[i-1].Asset != w.Asset {
			assets = append(assets, w.Asset)
		}
		if len(assets) == assetsAtOnce && (i+1 == len(where) || where[i+1].Asset != w.Asset) || i+1 == len(where) {
			chunks = append(chunks, []any{object{"terms": object{"asset": assets}}})
			assets = nil
		}
	}
	return chunks
}
