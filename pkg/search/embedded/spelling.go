package embedded

import (
	"context"

	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// spellings answers search.Searcher.Spellings.
func (t *text) spellings(ctx context.Context, q search.TextQuery) (out []search.Spelling, err error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = t.within(ctx, q, func(views []*view, fields []field, asked []byte) error {
		all := make([]words.Spelled, len(fields))
		expanders := make([]expander, len(fields))
		for i, f := range fields {
			expanders[i] = expander{ctx: ctx, field: f.name, views: views}
			if all[i], err = expanders[i].spelled(f.lang, asked); err != nil {
				return err
			}
		}
		out, err = words.Spellings(all, func(wanted []words.Wanted) error {
			for _, w := range wanted {
				nearness, err := words.Near(w.Folded)
				if err != nil {
					return err
				}
				if w.Near, err = expanders[w.Of].nearTerms(w.Asked, nearness); err != nil {
					return err
				}
			}
			return nil
		})
		return err
	})
	return out, err
}

// spelled returns the words of a question, and which of the words a visible document has.
func (e expander) spelled(lang *words.Language, asked []byte) (words.Spelled, error) {
	out := words.Spelled{Language: lang.Base}
	wanted, _ := lang.Ask(asked, search.AllWords)
	for _, a := range wanted[:min(len(wanted), words.MaxWords)] {
		df, err := e.frequency(a.Terms)
		if err != nil {
			return out, err
		}
		out.Words = append(out.Words, words.SpelledWord{Asked: a, Known: df > 0})
	}
	return out, nil
}
