package words

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/search"
)

// A Spelled is what the visible items of a language, or of the labels, tell of the words of a question.
type Spelled struct {
	Language string
	Words    []SpelledWord
}

// A SpelledWord is a word of a question with the terms near the word.
type SpelledWord struct {
	Asked
	// Known says that a visible item has the word.
	Known bool
	Near  map[string]Found
}

// misspelt returns the positions of the words that no language knows, in order. A word that a language leaves out is known: the language has
// the word among its frequent words.
func misspelt(all []Spelled) (positions []int) {
	unknown := map[int]int{}
	for _, s := range all {
		for _, w := range s.Words {
			if !w.Known {
				unknown[w.Position]++
			}
		}
	}
	for position, n := range unknown {
		if n == len(all) {
			positions = append(positions, position)
		}
	}
	slices.Sort(positions)
	return positions
}

// A Wanted is a word that no language knows, whose near terms are wanted.
type Wanted struct {
	Of int // the index of its Spelled
	*SpelledWord
}

// maxMisspelt bounds the words of a question whose spelling is looked at.
const maxMisspelt = 8

// Spellings makes the answer of search.Searcher.Spellings. near fills in the terms near words.
func Spellings(all []Spelled, near func([]Wanted) error) (out []search.Spelling, err error) {
	var wanted, spelt []Wanted
	positions := misspelt(all)
	positions = positions[:min(len(positions), maxMisspelt)]
	for i := range all {
		for k := range all[i].Words {
			w := Wanted{i, &all[i].Words[k]}
			if !slices.Contains(positions, w.Position) {
				continue
			}
			wanted = append(wanted, w)
			if spellable(w.Folded) {
				spelt = append(spelt, w)
			}
		}
	}
	if len(spelt) > 0 {
		if err := near(spelt); err != nil {
			return nil, err
		}
	}
	for _, w := range wanted {
		out = append(out, search.Spelling{Position: w.Position, Language: all[w.Of].Language, Term: w.Terms[0].Term, Near: w.near()})
	}
	slices.SortStableFunc(out, func(a, b search.Spelling) int {
		return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Language, b.Language))
	})
	return withoutEmpty(out), nil
}

// withoutEmpty leaves out languages without a near term where another language has near terms, and all of these languages but the first where
// none has.
func withoutEmpty(all []search.Spelling) (out []search.Spelling) {
	for len(all) > 0 {
		n := slices.IndexFunc(all, func(s search.Spelling) bool { return s.Position != all[0].Position })
		if n < 0 {
			n = len(all)
		}
		kept := slices.DeleteFunc(slices.Clone(all[:n]), func(s search.Spelling) bool { return len(s.Near) == 0 })
		if len(kept) == 0 {
			kept = all[:1]
		}
		out, all = append(out, kept...), all[n:]
	}
	return out
}

// near returns the terms near a word in the order of search.Spelling.
func (w *SpelledWord) near() (out []search.NearTerm) {
	if !spellable(w.Folded) {
		return nil
	}
	letters := utf8.RuneCountInString(w.Folded)
	for term, f := range w.Near {
		if f.Distance > 0 && f.Count > 0 && letters >= lettersFor(f.Distance) {
			out = append(out, search.NearTerm{Term: term, Distance: int(f.Distance), Docs: int(min(f.Count, 1<<31-1))})
		}
	}
	slices.SortFunc(out, func(a, b search.NearTerm) int {
		return cmp.Or(cmp.Compare(a.Distance, b.Distance), cmp.Compare(b.Docs, a.Docs), strings.Compare(a.Term, b.Term))
	})
	return out[:min(len(out), search.MaxNear)]
}

// lettersFor is how many letters a word has for so many wrong letters. With fewer letters, a near word is another word more often than the
// word meant.
func lettersFor(distance uint8) int {
	if distance <= 1 {
		return 4
	}
	return 7
}

// spellable reports whether the spelling of a word may be wrong: a word of letters that is long enough, in a script with spaces.
func spellable(word string) bool {
	n := 0
	for _, r := range word {
		switch c := classOf(r); {
		case c == letter:
			n++
		case c != mark && c != inner && c != apostrophe:
			return false
		}
	}
	return n >= lettersFor(1)
}
