package opensearch

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// charactersWithin answers search.Searcher.Characters by an aggregation in the order of names.
func (e *Engine) charactersWithin(ctx context.Context, at func(part) string, s *search.Scope, prefix string, limit int) ([]string, error) {
	if s == nil {
		return nil, search.ErrNoScope
	}
	if s.Empty() || limit <= 0 {
		return nil, ctx.Err()
	}
	visible, err := e.visible(s, search.Filter{}, nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Aggregations struct {
			By buckets `json:"by"`
		} `json:"aggregations"`
	}
	by := object{"field": "person", "size": limit, "order": object{"_key": "asc"}, "include": beginning(key(words.Name(valid(prefix))))}
	err = e.client.do(ctx, http.MethodPost, visible.counting(at(e.text)), visible.request(object{
		"size": 0, "track_total_hits": false, "query": visible.all(), "aggs": object{"by": object{"terms": by}},
	}), &answer)
	if err != nil {
		return nil, fmt.Errorf("reading characters: %w", err)
	}
	var names []string
	for _, b := range answer.Aggregations.By.Buckets {
		names = append(names, b.Key)
	}
	return names, nil
}

// beginning is the expression, in the syntax of Lucene, of every text that begins with a prefix.
func beginning(prefix string) string {
	var b strings.Builder
	for _, r := range prefix {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String() + ".*"
}
