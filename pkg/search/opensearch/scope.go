package opensearch

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

const (
	// maxTerms bounds the values of a terms filter (index.max_terms_count).
	maxTerms = 65_536
	// scopesKept and scopeBytesKept bound the scopes kept in encoded form. Most questions come with a scope out of few.
	scopesKept     = 32
	scopeBytesKept = 32 << 20
	// rebaseAfter bounds the runs changed since a list of hidden runs was encoded, and layerAfter the changed runs encoded anew by each
	// scope encodes anew. The cluster's caches know a list and its layers again, and work the other changes out for each request.
	rebaseAfter = 512
	layerAfter  = 32
	// lateKept bounds the late runs of a scope.
	lateKept = 1024
	// countOnce is the number of visible documents from which on documents are not counted for each question. Counting a million documents
	// takes some ten milliseconds. The number is a part of the weight of a word, and hardly changes the weight in so large a scope.
	countOnce = 50_000
	// frequent is the number of documents from which on the documents with a word are not counted for each question, in such a scope.
	frequent = 10_000
	// countsLast bounds the age of such counts, countsKept the filters of a list with counts, and wordsKept the words of a filter.
	countsLast = time.Minute
	countsKept = 16
	wordsKept  = 4096
)

// scopes keeps scopes in encoded form: ten thousand runs are half a megabyte, in each request of a question. The list of hidden runs of a
// large scope is encoded once. Later scopes send the list with the runs changed since, so a switch does not encode the list anew.
type scopes struct {
	mu   sync.Mutex
	sent []*sentScope // the last used one at the end
}

// A sentScope is a scope as a query without a score. Runs are sorted, so the cluster's caches know the query again.
type sentScope struct {
	runs search.Runs
	list *runList // of the runs that a scope names, or of the runs that it hides
	late []string // runs outside the scope that earlier answers held, since the runs began after the scope was made
	// query is the query in pieces. Related scopes share the pieces of the list.
	query [][]byte
}

// A runList is a list of runs as a query. A layer is a list of changes to another list.
type runList struct {
	base   *runList
	since  search.Runs // the set that hides the runs
	assets []string
	hidden []string // sorted; of a layer: the runs that the base does not list
	shown  []string // sorted; the runs of the base that a layer does not list
	// changes is the number of runs that the layers above the first list changed.
	changes int
	// query is the clauses of the runs, in pieces, with commas between clauses; nil if there is no run. own counts the bytes that the
	// base does not have.
	query  [][]byte
	own    int
	within []byte             // of assets; nil for every asset
	counts map[string]*counts // by index and filter; of the first list
}

// lists reports whether a list holds a run.
func (l *runList) lists(run string) bool {
	for ; l != nil; l = l.base {
		if _, ok := slices.BinarySearch(l.shown, run); ok {
			return false
		}
		if _, ok := slices.BinarySearch(l.hidden, run); ok {
			return true
		}
	}
	return false
}

func (l *runList) first() *runList {
	for l.base != nil {
		l = l.base
	}
	return l
}

// but returns the clauses of a list with changes.
func (l *runList) but(hide, show []string) (query [][]byte, err error) {
	query = slices.Clip(l.query)
	if len(show) > 0 {
		shown, err := termsOf("run", show)
		if err != nil {
			return nil, err
		}
		query = slices.Concat([][]byte{[]byte(`{"bool":{"filter":[{"bool":{"should":[`)}, query, [][]byte{[]byte(`]}}],"must_not":[`), shown, []byte(`]}}`)})
	}
	if len(hide) > 0 {
		hidden, err := termsOf("run", hide)
		if err != nil {
			return nil, err
		}
		if len(query) > 0 {
			query = append(query, []byte(`,`))
		}
		query = append(query, hidden)
	}
	return query, nil
}

// changesFor returns how the list differs from what a set hides, among the changed runs.
func (l *runList) changesFor(runs search.Runs, changed []string) (hide, show []string) {
	for _, run := range sortedOnce(changed) {
		switch listed, has := l.lists(run), runs.Has(run); {
		case listed && has:
			show = append(show, run)
		case !listed && !has:
			hide = append(hide, run)
		}
	}
	return hide, show
}

// layer makes a list of a set from another list.
func (l *runList) layer(runs search.Runs, changed []string) (*runList, error) {
	n := &runList{base: l, since: runs, assets: l.assets, within: l.within, changes: l.changes + len(changed)}
	n.hidden, n.shown = l.changesFor(runs, changed)
	var err error
	if n.query, err = l.but(n.hidden, n.shown); err != nil {
		return nil, err
	}
	for _, piece := range n.query {
		n.own += len(piece)
	}
	for _, piece := range l.query {
		n.own -= len(piece)
	}
	return n, nil
}

// filter returns a scope in encoded form.
func (s *scopes) filter(scope *search.Scope) (*sentScope, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.find(scope.Runs); k != nil {
		return k, nil
	}
	var err error
	k := &sentScope{runs: scope.Runs}
	if names, ok := scope.Named(); ok {
		var query []byte
		query, err = termsOf("run", slices.Sorted(slices.Values(names)))
		k.list = &runList{own: len(query)}
		k.query = [][]byte{query}
	} else {
		err = s.tell(k)
	}
	if err != nil {
		return nil, err
	}
	s.sent = append(s.sent, k)
	s.bound()
	return k, nil
}

// queryOf returns the query of a scope. hide may have changed the query since the scope was encoded.
func (s *scopes) queryOf(k *sentScope) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return k.query
}

// find returns the kept scope of a set of runs; nil if none is kept.
func (s *scopes) find(runs search.Runs) *sentScope {
	i := slices.IndexFunc(s.sent, func(k *sentScope) bool { return k.runs == runs })
	if i < 0 {
		return nil
	}
	k := s.sent[i]
	s.sent = append(slices.Delete(s.sent, i, i+1), k)
	return k
}

// bound drops the least recently used scopes.
func (s *scopes) bound() {
	for {
		size, lists := 0, map[*runList]bool{}
		for _, k := range s.sent {
			for l := k.list; l != nil && !lists[l]; l = l.base {
				lists[l] = true
				size += l.own
			}
		}
		if len(s.sent) <= 1 || len(s.sent) <= scopesKept && size <= scopeBytesKept {
			return
		}
		s.sent = slices.Delete(s.sent, 0, 1)
	}
}

// tell encodes a scope by its complement: within the assets, but for the hidden runs.
func (s *scopes) tell(k *sentScope) error {
	assets, hidden := k.runs.Outside()
	changed, err := s.listOf(k, assets, hidden)
	if err != nil {
		return err
	}
	l := k.list
	but, err := l.but(l.changesFor(k.runs, slices.Concat(changed, k.late)))
	if err != nil {
		return err
	}
	// A mark has no run: see markID.
	within := [][]byte{[]byte(`{"exists":{"field":"run"}}`)}
	if l.within != nil {
		within = append(within, []byte(`,`), l.within)
	}
	k.query = slices.Concat([][]byte{[]byte(`{"bool":{"filter":[`)}, within, [][]byte{[]byte(`],"must_not":[`)}, but, [][]byte{[]byte(`]}}`)})
	return nil
}

// listOf gives a scope the list of a related scope, and returns the runs changed since. If no kept scope is related, the scope gets a
// list of its own.
func (s *scopes) listOf(k *sentScope, assets, hidden []string) (changed []string, err error) {
	if k.list != nil {
		changed, _ = k.runs.Changed(k.list.since)
		return changed, nil
	}
	for i := len(s.sent) - 1; i >= 0; i-- {
		l := s.sent[i].list
		if l.since == nil {
			continue
		}
		changed, ok := k.runs.Changed(l.since)
		if !ok || l.changes+len(changed) > rebaseAfter || (assets == nil) != (l.assets == nil) || !slices.Equal(assets, l.assets) {
			continue
		}
		if k.list = l; len(changed) > layerAfter {
			k.list, err = l.layer(k.runs, changed)
			changed = nil
		}
		return changed, err
	}
	l := &runList{since: k.runs, assets: assets, hidden: sortedOnce(hidden)}
	if len(hidden) > 0 {
		query, err := termsOf("run", l.hidden)
		if err != nil {
			return nil, err
		}
		l.query, l.own = [][]byte{query}, len(query)
	}
	if assets != nil {
		if l.within, err = termsOf("asset", sortedOnce(assets)); err != nil {
			return nil, err
		}
		l.own += len(l.within)
	}
	k.list = l
	return nil, nil
}

// hide notes late runs of a scope. Later questions of the scope pass over these runs.
func (s *scopes) hide(runs search.Runs, late []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.find(runs)
	if k == nil || len(k.late)+len(late) > lateKept {
		return nil
	}
	k.late = append(slices.Clip(k.late), late...)
	return s.tell(k)
}

func sortedOnce(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }

// termsOf encodes a query for documents with any of the values. More than maxTerms values are spread over several filters.
func termsOf(field string, values []string) ([]byte, error) {
	if len(values) == 0 {
		return json.Marshal(object{"terms": object{field: []string{}}}) // which no document passes
	}
	var parts []any
	for chunk := range slices.Chunk(values, maxTerms) {
		parts = append(parts, object{"terms": object{field: chunk}})
	}
	if len(parts) == 1 {
		return json.Marshal(parts[0])
	}
	return json.Marshal(object{"bool": object{"should": parts, "minimum_should_match": 1}})
}

// A within narrows every query and aggregation of a question: to the scope, and to the parts of the filter that decide which items are
// counted. Span and confidence decide only which of the counted items are found: see late.
type within struct {
	scope   [][]byte
	filters []any
	byAsset bool   // whether scope names assets
	pit     string // the point in time to search; empty: the present
	// sent is the scope, if the scope does not name its runs. filterKey is the same for the same filters.
	sent      *sentScope
	filterKey string
}

// countsKey names the counts of an index and a filter.
func (w within) countsKey(index string) string { return index + " " + w.filterKey }

func (w within) held() bool { return w.pit != "" }

// list returns the filters of a query, with more filters.
func (w within) list(more ...any) []any { return slices.Concat([]any{slot}, w.filters, more) }

func (w within) all() object { return all(w.list()...) }

// slot stands for the scope of a question in a request. slot is random, so no text of a caller can equal slot.
var slot = "scope " + rand.Text()

// A request is a body with slot in place of a scope that is encoded already.
type request struct {
	body  any
	scope [][]byte
}

func (w within) request(body object) request {
	if w.held() {
		body["pit"] = heldBy(w.pit)
	}
	return request{body, w.scope}
}

// counting returns the path of a search for counts or for sets. The cluster's request cache remembers searches without hits alone, and all
// callers share the cache. Such searches bypass the cache, so that the time of an answer reveals nothing about other callers' searches.
func (w within) counting(index string) string {
	if w.held() {
		return "/_search?request_cache=false" // a point in time names its index
	}
	return "/" + index + "/_search?request_cache=false"
}

func (r request) encode() ([]byte, error) {
	b, err := json.Marshal(r.body)
	if err != nil {
		return nil, err
	}
	scope := bytes.Join(r.scope, nil)
	return bytes.ReplaceAll(b, []byte(`"`+slot+`"`), scope), nil
}

// outsideTries bounds how often a question is asked because of runs begun after the scope was made.
const outsideTries = 5

// held asks a question, and checks each hit against the scope. The hidden runs of the scope may lack a run begun after the scope was
// made. held then asks once more without that run, counts included. After outsideTries the question is Unavailable: an answer without the
// hits of such runs might lack the displaced hits.
func (e *Engine) held(scope *search.Scope, f search.Filter, ask func(within) ([]search.Hit, error)) ([]search.Hit, error) {
	var late []string
	for range outsideTries {
		w, err := e.visible(scope, f, late)
		if err != nil {
			return nil, err
		}
		hits, err := ask(w)
		if w.byAsset && isFailure(err, "query_shard_exception") {
			e.outdated.Store(true)
			e.lookAgain()
			return nil, errkind.New(errkind.Unavailable, "the index was made by an earlier version, and cannot be asked for so many titles until it has been filled anew (`cinedex jobs list` shows how far that is): %w", err)
		}
		if err != nil {
			return nil, err
		}
		var outside []string
		for _, h := range hits {
			if !scope.Has(h.Run) {
				outside = append(outside, h.Run)
			}
		}
		if len(outside) == 0 {
			return hits, nil
		}
		outside = sortedOnce(outside)
		late = append(late, outside...)
		if err := e.scopes.hide(scope.Runs, outside); err != nil {
			return nil, err
		}
	}
	return nil, errkind.New(errkind.Unavailable, "runs began faster than the question was asked: ask again")
}

func (e *Engine) visible(scope *search.Scope, f search.Filter, late []string) (within, error) {
	sent, err := e.scopes.filter(scope)
	if err != nil {
		return within{}, err
	}
	var filters []any
	if len(late) > 0 {
		filters = append(filters, object{"bool": object{"must_not": []any{object{"terms": object{"run": late}}}}})
	}
	if len(f.Kinds) > 0 {
		kinds := make([]string, len(f.Kinds))
		for i, k := range f.Kinds {
			kinds[i] = key(k)
		}
		filters = append(filters, object{"terms": object{"kind": kinds}})
	}
	if len(f.Characters) > 0 {
		people := make([]string, len(f.Characters))
		for i, c := range f.Characters {
			people[i] = key(words.Name(c))
		}
		filters = append(filters, object{"terms": object{"person": people}})
	}
	if len(f.Languages) > 0 {
		var any []any
		for _, l := range f.Languages {
			tag := words.Canonical(valid(l))
			any = append(any, object{"term": object{"language": tag}}, object{"prefix": object{"language": tag + "-"}})
		}
		filters = append(filters, object{"bool": object{"should": any, "minimum_should_match": 1}})
	}
	w := within{scope: e.scopes.queryOf(sent), filters: filters, byAsset: sent.list.within != nil, filterKey: fmt.Sprintf("%q %q %q", f.Kinds, f.Languages, f.Characters)}
	if sent.list.since != nil {
		w.sent = sent
	}
	return w, nil
}

// late returns the parts of a filter without influence on which items are counted.
func late(f search.Filter, confidence bool) []any {
	var filters []any
	if !f.Span.Empty() {
		filters = append(filters,
			object{"range": object{"start": object{"lt": int64(f.Span.End)}}},
			object{"range": object{"end": object{"gt": int64(f.Span.Start)}}},
			object{"bool": object{"must_not": []any{object{"term": object{"empty": true}}}}})
	}
	if confidence && f.MinConfidence > 0 {
		filters = append(filters, object{"range": object{"confidence": object{"gte": f.MinConfidence}}})
	}
	return filters
}

func all(filters ...any) object { return object{"bool": object{"filter": filters}} }
