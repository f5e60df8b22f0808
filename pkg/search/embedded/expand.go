package embedded

import (
	"context"
	"fmt"
	"strings"

	segment "github.com/blevesearch/scorch_segment_api/v2"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// An expander looks up the visible terms of a field.
type expander struct {
	ctx   context.Context
	field string
	views []*view
}

// frequency returns the number of visible documents of the most frequent term.
func (e expander) frequency(alts []words.Alternative) (uint64, error) {
	_, df, err := e.visible(alts)
	return df, err
}

// visible returns the terms that a visible document has, each with its number of visible documents, and the highest of these numbers.
func (e expander) visible(alts []words.Alternative) (known []words.Alternative, most uint64, err error) {
	var p postings
	known = make([]words.Alternative, 0, len(alts))
	for _, a := range alts {
		if err := e.ctx.Err(); err != nil {
			return nil, 0, err
		}
		n := a.Docs
		for _, v := range e.views {
			if a.Docs > 0 {
				break
			}
			if p, err = v.postings(e.field, a.Term, p); err != nil {
				return nil, 0, err
			}
			n += v.count(p)
		}
		if a.Docs = n; n > 0 {
			known = append(known, a)
		}
		most = max(most, n)
	}
	return known, most, nil
}

// near returns the visible terms within the edit distance that the length of a word allows.
func (e expander) near(asked words.Asked) ([]words.Alternative, error) {
	nearness, err := words.Near(asked.Folded)
	if err != nil {
		return nil, err
	}
	if nearness.Most == 0 {
		return asked.Terms, nil
	}
	terms, err := e.nearTerms(asked, nearness)
	if err != nil {
		return nil, err
	}
	return words.Misspelt(terms), nil
}

// nearTerms returns the terms of a word, and the visible terms near the word.
func (e expander) nearTerms(asked words.Asked, nearness *words.Nearness) (map[string]words.Found, error) {
	terms := words.Exact(asked.Terms)
	parts := nearness.Parts()
	folded, err := e.anyFolded()
	if err != nil {
		return nil, err
	}
	if folded {
		part, err := nearness.FoldedPart()
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	for i, part := range parts {
		ofFolded := folded && i == len(parts)-1
		err := e.each(part.Automaton, part.From, part.To, func(term string, count uint64) {
			if words.IsFolded(term) != ofFolded {
				return
			}
			if d, ok := nearness.Distance(term); ok {
				f, known := terms[term]
				if !known {
					f = words.Found{Distance: d, Folded: ofFolded}
				}
				f.Count += count
				terms[term] = f
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return terms, nil
}

// anyFolded reports whether the field has words with accents.
func (e expander) anyFolded() (bool, error) {
	for _, v := range e.views {
		d, err := v.dictionary(e.field)
		if err != nil {
			return false, err
		}
		entry, err := d.AutomatonIterator(nil, words.FoldedFrom, words.FoldedTo).Next()
		if err != nil {
			return false, fmt.Errorf("reading the terms of %s: %w", e.field, err)
		}
		if entry != nil {
			return true, nil
		}
	}
	return false, nil
}

// begun returns the visible terms that a word being typed may become.
func (e expander) begun(lang *words.Language, typed *words.Typed) ([]words.Alternative, error) {
	terms := words.Exact(typed.Terms)
	if _, ok := terms[typed.Word]; !ok {
		terms[typed.Word] = words.Found{}
	}
	if !words.Expands(typed.Word) {
		return words.Begun(terms), nil
	}
	exact := len(terms)
	for i, begin := range typed.Begins {
		err := e.each(nil, []byte(begin), words.After(begin), func(term string, count uint64) {
			f, ok := terms[term]
			if !ok {
				f.Distance, f.Folded = 1, i > 0
			}
			f.Count += count
			terms[term] = f
		})
		if err != nil {
			return nil, err
		}
	}
	if lang.Stems && len(terms) == exact {
		for _, shorter := range typed.Shorter() {
			df, err := e.frequency(shorter)
			if err != nil {
				return nil, err
			}
			if df > 0 {
				for _, a := range shorter {
					terms[a.Term] = words.Found{Distance: 1, Folded: a.Weight < 1}
				}
				break
			}
		}
	}
	return words.Begun(terms), nil
}

// checkTerms is the number of terms between two looks at the context. Each term has a list of documents.
const checkTerms = 64

// each calls f with every term that an automaton accepts within a range, and with the term's number of visible documents in a segment.
// each passes over terms of hidden documents alone.
func (e expander) each(a segment.Automaton, from, to []byte, f func(term string, count uint64)) error {
	var reuse segment.PostingsList
	n := 0
	for _, v := range e.views {
		d, err := v.dictionary(e.field)
		if err != nil {
			return err
		}
		var it segment.DictionaryIterator
		if o, ok := d.(interface {
			AutomatonIteratorOmitCount(segment.Automaton, []byte, []byte) segment.DictionaryIterator
		}); ok {
			it = o.AutomatonIteratorOmitCount(a, from, to)
		} else {
			it = d.AutomatonIterator(a, from, to)
		}
		for {
			entry, err := it.Next()
			if err != nil {
				return fmt.Errorf("reading the terms of %s: %w", e.field, err)
			}
			if entry == nil {
				break
			}
			if n++; n%checkTerms == 0 {
				if err := e.ctx.Err(); err != nil {
					return err
				}
			}
			pl, err := d.PostingsList([]byte(entry.Term), v.except, reuse)
			if err != nil {
				return fmt.Errorf("reading the term %q of %s: %w", entry.Term, e.field, err)
			}
			reuse = pl
			if n := pl.Count(); n > 0 {
				f(strings.Clone(entry.Term), n)
			}
		}
	}
	return nil
}
