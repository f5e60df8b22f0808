package embedded

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// charactersWithin answers search.Searcher.Characters from the dictionaries of the characters' field. each passes over names of hidden documents.
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
	from := words.Name(strings.ToValidUTF8(prefix, "\uFFFD"))
	known := map[string]bool{}
	e := expander{ctx: ctx, field: personField, views: views}
	if err := e.each(nil, []byte(from), words.After(from), func(name string, _ uint64) { known[name] = true }); err != nil {
		return nil, err
	}
	delete(known, "")
	all := slices.Sorted(maps.Keys(known))
	return all[:min(limit, len(all))], nil
}
