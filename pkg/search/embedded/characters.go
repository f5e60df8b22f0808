package embedded

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// charactersWithin answers search.Searcher.Characters from the dictionaries of the characters' field. The names of the dictionaries are of all
// documents, so each name is counted within the scope.
func (t *text) charactersWithin(ctx context.Context, scope *search.Scope, prefix string, limit int) (names []string, err error) {
	if scope == nil {
		return nil, search.ErrNoScope
	}
	if err := ctx.Err(); err != nil || limit <= 0 {
		return nil, err
	}
	s, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	views, err := t.views(ctx, s, scope, search.Filter{})
	if err != nil {
		return nil, err
	}
	from := []byte(words.Name(strings.ToValidUTF8(prefix, "\uFFFD")))
	e := expander{ctx: ctx, field: personField, views: views}
	known := map[string]bool{}
	if err := e.each(nil, from, following(from), func(term string, _ uint64) { known[term] = true }); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		visible, _, err := e.visible([]words.Alternative{{Term: name}})
		if err != nil {
			return nil, err
		}
		if len(visible) == 0 || name == "" {
			continue
		}
		if names = append(names, name); len(names) == limit {
			break
		}
	}
	return names, nil
}

// following returns the first bytes behind everything that begins with a prefix; nil where nothing is behind.
func following(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
