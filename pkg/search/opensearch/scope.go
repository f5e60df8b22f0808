package opensearch

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// maxTerms is how many values the cluster takes in one terms filter (index.max_terms_count).
const maxTerms = 65_536

// scopes keeps scopes as they are sent: a scope of ten thousand runs is half a megabyte, in each request of a question.
type scopes struct {
	mu      sync.Mutex
	sent    map[*search.Scope]json.RawMessage
	recency []*search.Scope
}

// scopesKept bounds how many are remembered: most questions come with one of a few.
const scopesKept = 8

// filter returns the scope as a query. It has no score, and its runs are sorted, so that the cluster's caches know it again.
func (s *scopes) filter(scope *search.Scope) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q, ok := s.sent[scope]; ok {
		return q, nil
	}
	list, ok := scope.Named()
	if !ok {
		return nil, errkind.New(errkind.Internal, "a scope that names no runs is not served yet")
	}
	runs := slices.Sorted(slices.Values(list))
	var parts []any
	for chunk := range slices.Chunk(runs, maxTerms) {
		parts = append(parts, object{"terms": object{"run": chunk}})
	}
	var query any = object{"bool": object{"should": parts, "minimum_should_match": 1}}
	if len(parts) == 1 {
		query = parts[0]
	}
	q, err := json.Marshal(query)
	if err != nil {
		return nil, err
	}
	if s.sent == nil {
		s.sent = map[*search.Scope]json.RawMessage{}
	}
	if len(s.recency) == scopesKept {
		delete(s.sent, s.recency[0])
		s.recency = append(s.recency[:0], s.recency[1:]...)
	}
	s.recency = append(s.recency, scope)
	s.sent[scope] = q
	return q, nil
}

// visible is what every query and aggregation of a question is within: its scope, and the parts of its filter that say
// which items are counted at all. Span and confidence only say which of those are found: see late.
func (e *Engine) visible(scope *search.Scope, f search.Filter) ([]any, error) {
	runs, err := e.scopes.filter(scope)
	if err != nil {
		return nil, err
	}
	filters := []any{runs}
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
	return filters, nil
}

// late are the parts of a filter that leave what is counted as it is.
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
