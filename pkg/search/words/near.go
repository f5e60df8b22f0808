package words

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/blevesearch/vellum/levenshtein"
)

// Nearness decides which terms a misspelt word may stand for. Two letters that changed places count as one change.
type Nearness struct {
	// Most is the highest number of letters by which a term may differ: 0, 1 or 2.
	Most uint8
	word string
	one  *levenshtein.DFA // within one letter
	two  *levenshtein.DFA // within two letters, if Most is 2
}

// Near returns the nearness to a word.
func Near(word string) (*Nearness, error) {
	n := &Nearness{Most: AllowedDistance(word), word: word}
	var err error
	if n.Most >= 1 {
		if n.one, err = automaton(word, 1); err != nil {
			return nil, err
		}
	}
	if n.Most >= 2 {
		if n.two, err = automaton(word, 2); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// Distance returns the number of letters by which a near term differs. One change may be anywhere. Two changes must be behind the right first
// letter: words that are wrong from the first letter are rare, and looking for such words reads nearly all terms.
func (n *Nearness) Distance(term string) (uint8, bool) {
	if strings.HasPrefix(term, accentedSign) {
		return 0, false // the folded form of the word is a term too
	}
	term = strings.TrimPrefix(term, foldedSign)
	if n.Most == 0 {
		return 0, term == n.word
	}
	if ok, d := n.one.MatchAndDistance(term); ok {
		return d, true
	}
	if n.two == nil || first(term) != first(n.word) {
		return 0, false
	}
	ok, d := n.two.MatchAndDistance(term)
	return d, ok
}

// A Part is a range of terms with an automaton that accepts the near terms. From is included, To is not, and nil means no bound.
type Part struct {
	Automaton *levenshtein.DFA
	From, To  []byte
}

// FoldedFrom and FoldedTo are the range of the folded forms of words with accents.
var FoldedFrom, FoldedTo = []byte(foldedSign), After(foldedSign)

// IsFolded reports whether a term is the folded form of a word with accents.
func IsFolded(term string) bool { return strings.HasPrefix(term, foldedSign) }

// FoldedForm is the term of a word with accents that has a folded form.
func FoldedForm(folded string) string { return foldedSign + folded }

// FoldedPart covers all near terms that are folded forms.
func (n *Nearness) FoldedPart() (Part, error) {
	a, err := automaton(FoldedForm(n.word), n.Most)
	return Part{a, FoldedFrom, FoldedTo}, err
}

// Parts cover all near terms that are no folded forms, each once, and some folded forms.
func (n *Nearness) Parts() []Part {
	switch n.Most {
	case 0:
		return nil
	case 1:
		return []Part{{Automaton: n.one}}
	}
	f := first(n.word)
	from, to := []byte(f), After(f)
	return []Part{{n.one, nil, from}, {n.two, from, to}, {n.one, to, nil}}
}

func first(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// After returns the first term behind all terms that begin with prefix.
func After(prefix string) []byte {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

func automaton(word string, distance uint8) (*levenshtein.DFA, error) {
	builder, err := builders(distance)
	if err != nil {
		return nil, fmt.Errorf("preparing automata of distance %d: %w", distance, err)
	}
	dfa, err := builder.BuildDfa(word, distance)
	if err != nil {
		return nil, fmt.Errorf("building the automaton of %q: %w", word, err)
	}
	return dfa, nil
}

// builders builds the tables of Levenshtein automata, once for each distance. A transposition counts as one change.
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
