package opensearch

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

const (
	// setPage bounds the items of one page of a set: 4 MB of an answer, and 20 MB of hits.
	setPage = 200_000
	// exactWindows bounds the windows that a request names. More windows are named by their assets, assetsAtOnce in a request.
	exactWindows = 200
	assetsAtOnce = 10_000
	// sizeCounted bounds how far Size counts.
	sizeCounted = 1_000_000
)

// A set is read by an aggregation whose script packs the doc values of each document into a few letters. Reading the same documents as
// hits costs the cluster 20 times as much (ADR 96). The script keeps one text for each run: the index of the asset, and for each document
// ";start,length,ordinal,index of kind and language,bits of the score". Behind the limit, a document adds only ";" to the text.
const (
	packInit = `state.runs = new HashMap(); state.assets = new HashMap(); state.kinds = new HashMap();
state.n = 0L; state.low = Long.MAX_VALUE; state.high = Long.MIN_VALUE;`
	packMap = `String run = doc['run'].value;
StringBuilder b = state.runs.get(run);
if (b == null) {
  b = new StringBuilder();
  String asset = doc['asset'].value;
  Integer i = state.assets.get(asset);
  if (i == null) { i = state.assets.size(); state.assets.put(asset, i); }
  b.append(i.intValue());
  state.runs.put(run, b);
}
b.append((char)';');
long start = doc['start'].value;
if (start < state.low) { state.low = start; }
if (start > state.high) { state.high = start; }
state.n++;
if (state.n <= params.limit) {
  String kind = doc['kind'].size() == 0 ? '' : doc['kind'].value;
  String key = kind.length() + ':' + kind + (doc['language'].size() == 0 ? '' : doc['language'].value);
  Integer k = state.kinds.get(key);
  if (k == null) { k = state.kinds.size(); state.kinds.put(key, k); }
  b.append(start).append((char)',').append(doc['end'].value - start).append((char)',').append(doc['ordinal'].value).append((char)',').append(k.intValue());
  if (params.scored) { b.append((char)',').append(Float.floatToIntBits((float)_score)); }
}`
	packCombine = `state.runs.replaceAll((run, b) -> b.toString());
return ['runs': state.runs, 'assets': state.assets, 'kinds': state.kinds, 'n': state.n, 'low': state.low, 'high': state.high];`
	packReduce = `return states;`
)

// A packed is the items of one shard.
type packed struct {
	Runs   map[string]string `json:"runs"`
	Assets map[string]int    `json:"assets"`
	Kinds  map[string]int    `json:"kinds"`
	N      int               `json:"n"`
	Low    int64             `json:"low"`
	High   int64             `json:"high"`
}

// A page is a part of a set.
type page struct {
	hits []search.Hit
	// perAsset is set if the part has more than setPage items: the number of items of each asset. hits is empty then. low and high are the
	// least and the greatest start.
	perAsset  map[string]int
	low, high int64
}

// A setReader reads one set.
type setReader struct {
	e       *Engine
	scope   *search.Scope
	index   string
	visible within
	// queries returns the queries that find the items of the set within filters. No item is found by two of the queries.
	queries func(ctx context.Context, narrow []any) ([]any, error)
	// keep decides on an item that the queries find. keep may set the score.
	keep func(h *search.Hit) bool
	// scored says that keep or the caller reads scores.
	scored bool
}

// Set implements search.Searcher.
func (e *Engine) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	return func(yield func(search.Hit, error) bool) {
		first := func(ask func() (bool, error)) error {
			return e.reading(ctx, func() (bool, error) {
				if e.outdated.Load() {
					return false, errUnsorted
				}
				return ask()
			})
		}
		unsorted := false
		e.setOf(ctx, live, q, first)(func(h search.Hit, err error) bool {
			unsorted = errors.Is(err, errUnsorted)
			return !unsorted && yield(h, err)
		})
		if unsorted {
			search.SetOfHits(ctx, e, q)(yield)
		}
	}
}

func (e *Engine) setOf(ctx context.Context, at func(part) string, q search.SetQuery, first func(func() (bool, error)) error) iter.Seq2[search.Hit, error] {
	return func(yield func(search.Hit, error) bool) {
		begun := time.Now()
		stopped := false
		err := e.set(ctx, at, q, first, func(hits []search.Hit) bool {
			for _, h := range hits {
				if stopped = !yield(h, nil); stopped {
					return false
				}
			}
			return true
		})
		e.measure("set", begun, err)
		if err != nil && !stopped {
			yield(search.Hit{}, err)
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
func (e *Engine) set(ctx context.Context, at func(part) string, q search.SetQuery, first func(func() (bool, error)) error, yield func([]search.Hit) bool) error {
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
		return len(p.hits) > 0 || p.perAsset != nil, err
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
func (s *setReader) give(ctx context.Context, p page, narrow []any, yield func([]search.Hit) bool) (goOn bool, err error) {
	if p.perAsset == nil {
		return yield(p.hits), nil
	}
	if !s.visible.held() {
		if err := s.hold(ctx); err != nil {
			return false, err
		}
		if p, err = s.read(ctx, narrow); err != nil || p.perAsset == nil {
			return err == nil && yield(p.hits), err
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
			goOn = yield(p.hits)
		}
		if err != nil || !goOn {
			return false, err
		}
	}
	return true, nil
}

// halve reads the items of one asset that start within low and high, in halves.
func (s *setReader) halve(ctx context.Context, low, high int64, narrow []any, yield func([]search.Hit) bool) (goOn bool, err error) {
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
			goOn = yield(p.hits)
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
	s = &setReader{e: e, scored: q.Scored || q.Vector != nil}
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
	near := s.keep
	s.keep = func(h *search.Hit) bool {
		return s.scope.Has(h.Run) && search.Within(q.Where, *h) && (near == nil || near(h))
	}
	return s, err
}

// words prepares the set of a question about words. The words of a question that needs no weights and no terms of the index are not counted.
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
	// The cluster compares 32 bits of a score. keep decides.
	bound := max(math.Nextafter32(float32(scoreOf(least)), 0), math.SmallestNonzeroFloat32)
	s.keep = func(h *search.Hit) bool {
		h.Score = similarityOf(metric, h.Score)
		return h.Score >= least
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

// hold takes a point in time, so that all further requests see the same items.
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
		err := s.e.client.do(ctx, http.MethodPost, s.visible.counting(s.index), s.visible.request(object{
			"size": 0, "track_total_hits": false, "query": query,
			"aggs": object{"items": object{"scripted_metric": object{
				"params":      object{"limit": s.e.setPage, "scored": s.scored},
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
	if items > s.e.setPage {
		return divided(shards)
	}
	hits := make([]search.Hit, 0, items)
	for _, p := range shards {
		if hits, err = p.unpack(hits, s.scored); err != nil {
			return page{}, err
		}
	}
	kept := hits[:0]
	for i := range hits {
		if s.keep(&hits[i]) {
			kept = append(kept, hits[i])
		}
	}
	slices.SortFunc(kept, search.ComparePlaces)
	return page{hits: kept}, nil
}

// divided is the page of shards that hold too many items.
func divided(shards []packed) (page, error) {
	p := page{perAsset: map[string]int{}, low: math.MaxInt64, high: math.MinInt64}
	for _, shard := range shards {
		names, err := shard.names()
		if err != nil {
			return p, err
		}
		for _, text := range shard.Runs {
			asset, items, _ := strings.Cut(text, ";")
			i, err := strconv.Atoi(asset)
			if err != nil || i < 0 || i >= len(names) {
				return p, errUnpacking
			}
			p.perAsset[names[i]] += 1 + strings.Count(items, ";")
		}
		p.low, p.high = min(p.low, shard.Low), max(p.high, shard.High)
	}
	return p, nil
}

var errUnpacking = errkind.New(errkind.Internal, "reading a set: the answer of the cluster has another form")

// names returns the assets by their index.
func (p packed) names() ([]string, error) {
	names := make([]string, len(p.Assets))
	for asset, i := range p.Assets {
		if i < 0 || i >= len(names) {
			return nil, errUnpacking
		}
		names[i] = asset
	}
	return names, nil
}

// unpack appends the items of a shard.
func (p packed) unpack(hits []search.Hit, scored bool) ([]search.Hit, error) {
	assets, err := p.names()
	if err != nil {
		return nil, err
	}
	kinds := make([][2]string, len(p.Kinds))
	for key, i := range p.Kinds {
		// The number of UTF-16 letters of the kind, the kind, the language.
		digits, rest, _ := strings.Cut(key, ":")
		n, err := strconv.Atoi(digits)
		if err != nil || i < 0 || i >= len(kinds) {
			return nil, errUnpacking
		}
		at := byteOf(rest, n)
		kinds[i] = [2]string{rest[:at], rest[at:]}
	}
	for run, text := range p.Runs {
		asset, items, _ := strings.Cut(text, ";")
		a, err := strconv.Atoi(asset)
		if err != nil || a < 0 || a >= len(assets) {
			return nil, errUnpacking
		}
		for item := range strings.SplitSeq(items, ";") {
			var numbers [5]int64 // start, length, ordinal, kind, bits of the score
			n := 0
			for number := range strings.SplitSeq(item, ",") {
				if n == len(numbers) {
					return nil, errUnpacking
				}
				if numbers[n], err = strconv.ParseInt(number, 10, 64); err != nil {
					return nil, errUnpacking
				}
				n++
			}
			if k := numbers[3]; n < 4 || scored && n < 5 || k < 0 || k >= int64(len(kinds)) {
				return nil, errUnpacking
			}
			kind := kinds[numbers[3]]
			hits = append(hits, search.Hit{
				Run: run, Ordinal: numbers[2], Asset: assets[a], Kind: kind[0], Language: kind[1],
				Interval: schema.Interval{Start: schema.Time(numbers[0]), End: schema.Time(numbers[0] + numbers[1])},
				Score:    float64(math.Float32frombits(uint32(numbers[4]))),
			})
		}
	}
	return hits, nil
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

// chunksOf divides windows into filters that follow each other in the order of the set. The filters find every item that overlaps a window,
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
