package opensearch

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// spellings answers search.Searcher.Spellings in two requests: the counts of the words, and the terms near the words that no text has.
func (e *Engine) spellings(ctx context.Context, at func(part) string, q search.TextQuery) ([]search.Spelling, error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	asked := words.Question(q.Words)
	if len(asked) == 0 || q.Scope.Empty() {
		return nil, ctx.Err()
	}
	if err := e.hideLate(ctx, at, q); err != nil {
		return nil, err
	}
	visible, err := e.visible(q.Scope, q.Filter, nil)
	if err != nil {
		return nil, err
	}
	index := at(e.text)
	q.Mode = search.AllWords
	fields, err := e.weighedFields(ctx, index, visible, q, asked, true)
	if err != nil {
		return nil, err
	}
	all := make([]words.Spelled, len(fields))
	for i, f := range fields {
		all[i].Language = f.lang.Base
		wanted, _ := f.lang.Ask(slices.Clone(asked), search.AllWords)
		for _, a := range wanted {
			k := slices.IndexFunc(f.words, func(w word) bool { return w.exact[0].Term == term(a.Terms[0].Term) })
			if k >= 0 {
				a.Terms = f.words[k].exact
				all[i].Words = append(all[i].Words, words.SpelledWord{Asked: a, Known: f.words[k].known()})
			}
		}
	}
	return words.Spellings(all, func(wanted []words.Wanted) error { return e.nearWords(ctx, index, visible, fields, wanted) })
}

// Bounds of hideLate.
const (
	lateWords = 8
	lateHits  = 200
)

// hideLate lets a large scope pass over late runs with the words of a question, or with words near the words. A hit of a late run is noticed
// (see sentScope); a count is not. Counts of a word with more than lateHits visible items may hold items of late runs.
func (e *Engine) hideLate(ctx context.Context, at func(part) string, q search.TextQuery) error {
	if _, named := q.Scope.Named(); named {
		return nil
	}
	asked := strings.Fields(q.Words)
	for _, w := range asked[:min(len(asked), lateWords)] {
		q.Mode, q.Words, q.Limit = search.Fuzzy, w, lateHits
		if _, err := e.findText(ctx, at, q); err != nil {
			return err
		}
	}
	return nil
}

// known reports whether a visible document has the word.
func (w word) known() bool {
	return slices.ContainsFunc(w.exact, func(a words.Alternative) bool { return w.counts[a.Term] > 0 })
}

// nearWords fills in the visible terms near words.
func (e *Engine) nearWords(ctx context.Context, index string, visible within, fields []*field, wanted []words.Wanted) error {
	asked := make([]*field, len(wanted))
	for i, w := range wanted {
		folded := term(w.Folded)
		nearness, err := words.Near(folded)
		if err != nil {
			return err
		}
		f := *fields[w.Of]
		f.words = []word{{exact: w.Terms, folded: folded, nearness: nearness}}
		asked[i] = &f
	}
	if err := e.count(ctx, index, visible, &texts{}, asked); err != nil {
		return fmt.Errorf("counting near words: %w", err)
	}
	for i, f := range asked {
		wanted[i].Near = f.words[0].found
	}
	return nil
}
