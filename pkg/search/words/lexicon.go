package words

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// The terms of a word. A word is indexed under its own term, and, where its accents may be left out, under its folded form with a sign before
// it. A question for the one then finds the other, and what is written as it was asked for counts more. No text has such a sign within a word.
const (
	foldedSign   = "=" // =cafe: of café
	accentedSign = "+" // +dach: of Dächer, whose stem has lost the accent
)

// foldedWeight is what a word counts that is written with other accents than were asked for. It is low enough that a line of 35 words
// with the word as it was asked for comes before a line with nothing but its folded form.
const foldedWeight = 0.5

// An entry is what a language's analysis makes of one word.
type entry struct {
	word string // in lower case
	// terms are those that a text with the word is indexed under, at the word's place.
	terms []string
	// asked are the terms that a question for the word looks for, its own first.
	asked []Alternative
	// folded is the word's term without accents.
	folded string
	// stop says that the word is too frequent to be looked for beside other words.
	stop bool
}

// lexicon keeps the entries of frequent words: those that were looked up last, one for each value of a hash.
type lexicon [1 << 14]atomic.Pointer[entry]

var seed = maphash.MakeSeed()

// entry looks a word up, in lower case.
func (l *Language) entry(word []byte) *entry {
	slot := &l.known[maphash.Bytes(seed, word)%uint64(len(l.known))]
	if e := slot.Load(); e != nil && e.word == string(word) {
		return e
	}
	e := l.newEntry(word)
	slot.Store(e)
	return e
}

func (l *Language) newEntry(word []byte) *entry {
	e := &entry{word: string(word)}
	bare := l.bare(word)
	e.stop = l.stops[string(bare)]
	plain := l.folding.fold(bare)
	e.folded = string(l.folding.fold(l.stem(plain)))
	if bytes.Equal(plain, bare) {
		e.terms = []string{e.folded}
		e.asked = []Alternative{{Term: e.folded, Weight: 1}, {Term: foldedSign + e.folded, Weight: foldedWeight}}
		return e
	}
	own := string(l.stem(bare))
	if own == e.folded {
		own = accentedSign + own
	}
	e.terms = []string{own, foldedSign + e.folded}
	e.asked = []Alternative{{Term: own, Weight: 1}, {Term: e.folded, Weight: foldedWeight}, {Term: foldedSign + e.folded, Weight: foldedWeight}}
	return e
}
