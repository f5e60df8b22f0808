package embedded

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	segment "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/vellum/levenshtein"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// An expander looks up the visible terms of a field.
type expander struct {
	field string
	views []*view
}

// frequency is in how many visible documents the most frequent of the terms is.
func (e expander) frequency(alts []words.Alternative) (uint64, error) {
	var most uint64
	var reuse segment.PostingsList
	for _, a := range alts {
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
	distance := words.AllowedDistance(word)
	if distance == 0 {
		return []words.Alternative{{Term: word, Weight: 1}}, nil
	}
	terms := map[string]words.Found{}
	look := func(distance uint8, from, to []byte) error {
		builder, err := builders(distance)
		if err != nil {
			return err
		}
		dfa, err := builder.BuildDfa(word, distance)
		if err != nil {
			return fmt.Errorf("building the automaton of %q: %w", word, err)
		}
		return e.each(dfa, from, to, func(term string, count uint64) {
			_, d := dfa.MatchAndDistance(term)
			f := terms[term]
			terms[term] = words.Found{Distance: d, Count: f.Count + count}
		})
	}
	// Two changes are only looked for behind the right first letter, one anywhere: words that
	// are wrong from the start on are rare, and looking for them reads nearly all the terms.
	if distance == 1 {
		if err := look(1, nil, nil); err != nil {
			return nil, err
		}
	} else {
		_, size := utf8.DecodeRuneInString(word)
		first, next := []byte(word[:size]), after(word[:size])
		for _, part := range []struct {
			distance uint8
			from, to []byte
		}{{1, nil, first}, {2, first, next}, {1, next, nil}} {
			if err := look(part.distance, part.from, part.to); err != nil {
				return nil, err
			}
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
	err := e.each(nil, []byte(typed), after(typed), func(term string, count uint64) {
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

// after is the first term that does not begin with prefix.
func after(prefix string) []byte {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// each calls f with the terms that an automaton takes and a range holds, and in how many visible
// documents of a segment each one is; terms of hidden documents only are passed over.
func (e expander) each(a segment.Automaton, from, to []byte, f func(term string, count uint64)) error {
	var reuse segment.PostingsList
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

// builders makes the tables of Levenshtein automata, transpositions counting as one change, once per distance.
var builders = func() func(distance uint8) (*levenshtein.LevenshteinAutomatonBuilder, error) {
	one := sync.OnceValues(func() (*levenshtein.LevenshteinAutomatonBuilder, error) {
		return levenshtein.NewLevenshteinAutomatonBuilder(1, true)
	})
	two := sync.OnceValues(func() (*levenshtein.LevenshteinAutomatonBuilder, error) {
		return levenshtein.NewLevenshteinAutomatonBuilder(2, true)
	})
	return func(distance uint8) (*levenshtein.LevenshteinAutomatonBuilder, error) {
		if distance == 1 {
			return one()
		}
		return two()
	}
}()
