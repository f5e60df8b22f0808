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

// frequency is in how many visible documents the most frequent of the terms is.
func (e expander) frequency(alts []words.Alternative) (uint64, error) {
	var most uint64
	var reuse segment.PostingsList
	for _, a := range alts {
		if err := e.ctx.Err(); err != nil {
			return 0, err
		}
		n := a.Docs
		for _, v := range e.views {
			if a.Docs > 0 {
				break
			}
			pl, err := v.postings(e.field, []byte(a.Term), reuse)
			if err != nil {
				return 0, fmt.Errorf("looking up %q: %w", a.Term, err)
			}
			n += pl.Count()
			reuse = pl
		}
		most = max(most, n)
	}
	return most, nil
}

// near returns the visible terms within the edit distance that the length of a word allows.
func (e expander) near(word string) ([]words.Alternative, error) {
	nearness, err := words.Near(word)
	if err != nil {
		return nil, err
	}
	if nearness.Most == 0 {
		return []words.Alternative{{Term: word, Weight: 1}}, nil
	}
	terms := map[string]words.Found{}
	for _, part := range nearness.Parts() {
		err := e.each(part.Automaton, part.From, part.To, func(term string, count uint64) {
			if d, ok := nearness.Distance(term); ok {
				terms[term] = words.Found{Distance: d, Count: terms[term].Count + count}
			}
		})
		if err != nil {
			return nil, err
		}
	}
	terms[word] = words.Found{Count: terms[word].Count} // so that it is never empty
	return words.Misspelt(terms), nil
}

// begun returns the visible terms that a word being typed may become.
func (e expander) begun(lang *words.Language, typed string) ([]words.Alternative, error) {
	terms := map[string]words.Found{typed: {}}
	for _, tok := range lang.Words.Analyze([]byte(typed)) {
		terms[string(tok.Term)] = words.Found{}
	}
	if !words.Expands(typed) {
		return words.Begun(terms), nil
	}
	exact := len(terms)
	err := e.each(nil, []byte(typed), words.After(typed), func(term string, count uint64) {
		f, ok := terms[term]
		if !ok {
			f.Distance = 1
		}
		f.Count += count
		terms[term] = f
	})
	if err != nil {
		return nil, err
	}
	if lang.Stems && len(terms) == exact {
		for _, shorter := range words.Shorter(typed) {
			if df, err := e.frequency([]words.Alternative{{Term: shorter, Weight: 1}}); err != nil {
				return nil, err
			} else if df > 0 {
				terms[shorter] = words.Found{Distance: 1, Count: df}
				break
			}
		}
	}
	return words.Begun(terms), nil
}

// checkTerms is how many terms are looked at between two looks at the context. Each has a list of documents.
const checkTerms = 64

// each calls f with the terms that an automaton takes and a range holds, and in how many visible
// documents of a segment each one is; terms of hidden documents only are passed over.
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
