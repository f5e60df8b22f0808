package words

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// The terms of a word. A word is indexed under its own term. A word whose accents may be left out is also indexed under its folded form with a
// sign in front. A question in either spelling then finds both spellings, and the question's own spelling counts more. No word of a text
// holds such a sign.
const (
	foldedSign   = "=" // =cafe: of café
	accentedSign = "+" // +dach: of Dächer, whose stem has lost the accent
)

// foldedWeight is the weight of a word with other accents than in the question. A line of 35 words with the question's own spelling comes
// before a line with nothing but the folded form.
const foldedWeight = 0.5

// An entry is the analysis of a word in a language.
type entry struct {
	word string // in lower case
	// terms are the terms that a text with the word is indexed under, at the word's position.
	terms []string
	// asked are the terms that a question with the word looks for, the word's own spelling first.
	asked []Alternative
	// folded is the word's term without accents.
	folded string
	// stop says that the word is frequent: a question with other words leaves the word out.
	stop bool
}

// lexicon keeps the entries of the words that were looked up last: one entry for each value of a hash.
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
