package embedded

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	segment "github.com/blevesearch/scorch_segment_api/v2"
	"github.com/blevesearch/vellum/levenshtein"
)

const (
	// maxAlternatives bounds how many terms may stand for one word. Which ones is decided by
	// visible texts only: the nearest, then the most frequent.
	maxAlternatives = 64
	// Terms that are not what was asked count less, by letter changed and for being longer than typed.
	changedWeight = 0.5
	begunWeight   = 0.8
)

// An expander looks up the visible terms of a field.
type expander struct {
	field string
	views []*view
}

// frequency is in how many visible documents the most frequent of the terms is.
func (e expander) frequency(alts []alternative) (uint64, error) {
	var most uint64
	var reuse segment.PostingsList
	for _, a := range alts {
		n := a.docs
		for _, v := range e.views {
			if a.docs > 0 {
				break
			}
			pl, err := v.postings(e.field, []byte(a.term), reuse)
			if err != nil {
				return 0, fmt.Errorf("looking up %q: %w", a.term, err)
			}
			n += pl.Count()
			reuse = pl
		}
		most = max(most, n)
	}
	return most, nil
}

type found struct {
	distance uint8
	count    uint64
}

// near returns the visible terms within the edit distance that the length of a word allows.
func (e expander) near(word string) ([]alternative, error) {
	distance := allowedDistance(word)
	if distance == 0 {
		return []alternative{{term: word, weight: 1}}, nil
	}
	terms := map[string]found{}
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
			terms[term] = found{d, f.count + count}
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
	terms[word] = found{0, terms[word].count} // so that it is never empty
	return pick(terms, func(f found) float64 { return math.Pow(changedWeight, float64(f.distance)) }), nil
}

// allowedDistance is how many letters a word may differ by.
func allowedDistance(word string) uint8 {
	switch n := utf8.RuneCountInString(word); {
	case n <= 2 || n > 64:
		return 0
	case n <= 5:
		return 1
	default:
		return 2
	}
}

// begun returns the visible terms that a word being typed may become.
func (e expander) begun(lang *language, typed string) ([]alternative, error) {
	terms := map[string]found{typed: {}}
	for _, tok := range lang.words.Analyze([]byte(typed)) {
		terms[string(tok.Term)] = found{}
	}
	// One letter of an alphabet begins a good part of all words: that is no question yet.
	if utf8.RuneCountInString(typed) < 2 && typed[0] < utf8.RuneSelf {
		return pick(terms, func(found) float64 { return 1 }), nil
	}
	exact := len(terms)
	err := e.each(nil, []byte(typed), after(typed), func(term string, count uint64) {
		f, ok := terms[term]
		if !ok {
			f.distance = 1
		}
		f.count += count
		terms[term] = f
	})
	if err != nil {
		return nil, err
	}
	if lang.stems && len(terms) == exact {
		// Terms are stems, and what is typed may have passed the end of its stem: "runni" of "run".
		for n := len(typed) - 1; n >= max(3, len(typed)-4); n-- {
			if utf8.RuneStart(typed[n]) {
				if df, err := e.frequency([]alternative{{term: typed[:n], weight: 1}}); err != nil {
					return nil, err
				} else if df > 0 {
					terms[typed[:n]] = found{1, df}
					break
				}
			}
		}
	}
	return pick(terms, func(f found) float64 {
		if f.distance == 0 {
			return 1
		}
		return begunWeight
	}), nil
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

// pick orders terms, and keeps as many as a clause may have.
func pick(terms map[string]found, weight func(found) float64) []alternative {
	list := make([]string, 0, len(terms))
	for term := range terms {
		list = append(list, term)
	}
	slices.SortFunc(list, func(a, b string) int {
		x, y := terms[a], terms[b]
		return cmp.Or(cmp.Compare(x.distance, y.distance), cmp.Compare(y.count, x.count), cmp.Compare(a, b))
	})
	list = list[:min(len(list), maxAlternatives)]
	alts := make([]alternative, len(list))
	for i, term := range list {
		alts[i] = alternative{term, weight(terms[term]), terms[term].count}
	}
	return alts
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
