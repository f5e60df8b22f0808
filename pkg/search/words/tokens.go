package words

import (
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/search"
)

// A Token is a term with its position in a text, from 1. Several terms may share a position.
type Token struct {
	Term     string
	Position int
}

// maxCompound bounds the words of a compound with hyphens that is also indexed as one word.
const maxCompound = 4

// Tokens analyses a text. A word that is left out leaves its position free.
func (l *Language) Tokens(text []byte) []Token {
	s := scans.Get().(*scan)
	defer scans.Put(s)
	s.text(text, l.style)
	tokens := make([]Token, 0, len(s.pieces)+2*len(s.clusters)+4)
	l.each(s, func(term string, position, _, _ int) {
		tokens = append(tokens, Token{term, position})
	})
	return tokens
}

// each calls f with the terms of a scanned text, their positions, and their ranges in the normalised text.
func (l *Language) each(s *scan, f func(term string, position, from, to int)) {
	l.lookUp(s)
	position := 1
	for i, p := range s.pieces {
		if p.class.spaceless() {
			run := string(s.letters[p.low:p.high])
			clusters := s.clusters[p.first:p.last]
			for k, c := range clusters {
				// A question of one character finds the cluster alone.
				f(run[c.low-p.low:c.high-p.low], position, c.from, c.to)
				if k+1 < len(clusters) {
					next := clusters[k+1]
					f(run[c.low-p.low:next.high-p.low], position, c.from, next.to)
				}
				position++
			}
			continue
		}
		if e := s.entries[i]; e != nil {
			for _, term := range e.terms {
				f(term, position, p.from, p.to)
			}
		}
		if n := s.compound(i); n > 1 {
			f(foldedSign+l.entry(s.joined(i, n)).folded, position, p.from, s.pieces[i+n-1].to)
		}
		position++
	}
}

// Frequent words are indexed where a question of frequent words alone looks: in a line with few other words, and where several follow each other.
const (
	fewOthers    = 2
	severalInRow = 3
)

// lookUp fills in s.entries, by piece; nil where a word is not indexed.
func (l *Language) lookUp(s *scan) {
	s.entries = s.entries[:0]
	others := 0
	for _, p := range s.pieces {
		if p.class.spaceless() {
			s.entries = append(s.entries, nil)
			others++
			continue
		}
		e := l.entry(s.letters[p.low:p.high])
		s.entries = append(s.entries, e)
		if !e.stop {
			others++
		}
	}
	if others <= fewOthers {
		return
	}
	row := 0
	for i, e := range s.entries {
		if e != nil && e.stop {
			row++
			continue
		}
		s.leaveOut(i, row)
		row = 0
	}
	s.leaveOut(len(s.entries), row)
}

// leaveOut leaves out the frequent words that follow each other before piece i, if these words are few.
func (s *scan) leaveOut(i, row int) {
	if row < severalInRow {
		clear(s.entries[i-row : i])
	}
}

// compound returns the number of words in the compound that begins at piece i; 0 if no compound begins there.
func (s *scan) compound(i int) int {
	if s.pieces[i].joined {
		return 0
	}
	n := 1
	for i+n < len(s.pieces) && s.pieces[i+n].joined {
		n++
	}
	if n > maxCompound {
		return 0
	}
	return n
}

// joined returns the letters of n words as one word.
func (s *scan) joined(i, n int) (word []byte) {
	for _, p := range s.pieces[i : i+n] {
		word = append(word, s.letters[p.low:p.high]...)
	}
	return word
}

// Asked is one word of a question.
type Asked struct {
	// Terms are the terms of the word, the word's own spelling first.
	Terms []Alternative
	// Folded is the word's term without accents.
	Folded string
	// Position is the word's position in the question, for phrases.
	Position int
}

// Typed is a word that is still being typed.
type Typed struct {
	// Word is the word as far as it was typed.
	Word string
	// Begins are the beginnings that a completed term may have, the word's own spelling first.
	Begins []string
	// Terms are the terms of the word, if the word is complete.
	Terms []Alternative
	// stop says that the word, if complete, is left out beside other words.
	stop bool
}

// Ask analyses a question. Frequent words are left out, unless every word is frequent. With search.Prefix, typed is the last word. With
// search.Term, the question is a term.
func (l *Language) Ask(question []byte, mode search.TextMode) (asked []Asked, typed *Typed) {
	if mode == search.Term {
		if len(question) > 0 {
			asked = []Asked{{Terms: []Alternative{{Term: string(question), Weight: 1}}, Folded: string(question), Position: 1}}
		}
		return asked, nil
	}
	s := scans.Get().(*scan)
	defer scans.Put(s)
	s.text(question, l.style)
	if mode == search.Prefix && len(s.pieces) > 0 {
		typed = l.typed(s)
	}
	q := questionOf{scan: s, language: l, compounds: mode != search.Phrase, position: 1}
	for i := range s.pieces {
		q.piece(i)
	}
	if !q.rare && (typed == nil || typed.stop) {
		return q.asked, typed
	}
	kept := q.asked[:0]
	for i, a := range q.asked {
		if !q.frequent[i] {
			kept = append(kept, a)
		}
	}
	return kept, typed
}

// A questionOf gathers the words of a question from the pieces of a scan.
type questionOf struct {
	scan      *scan
	language  *Language
	compounds bool // whether the parts of a compound may be one word in a text
	position  int
	whole     []Alternative // the terms that stand for the next parts of a compound
	parts     int           // how many parts are left of the compound
	asked     []Asked
	frequent  []bool // by word
	rare      bool   // whether a word is not frequent
}

func (q *questionOf) add(a Asked, frequent bool) {
	a.Position = q.position
	q.asked, q.frequent = append(q.asked, a), append(q.frequent, frequent)
	q.rare = q.rare || !frequent
}

// piece adds the words of a piece.
func (q *questionOf) piece(i int) {
	s := q.scan
	p := s.pieces[i]
	if p.class.spaceless() {
		q.clusters(string(s.letters[p.low:p.high]), p)
		return
	}
	e := q.language.entry(s.letters[p.low:p.high])
	terms := e.asked
	if n := s.compound(i); n > 1 && q.compounds {
		// A text may have the compound as one word, which then stands for each part.
		q.whole, q.parts = nil, n
		for _, t := range q.language.entry(s.joined(i, n)).asked {
			q.whole = append(q.whole, Alternative{Term: t.Term, Weight: foldedWeight})
		}
	}
	if q.parts > 0 {
		terms = slices.Concat(terms, q.whole)
		q.parts--
	}
	q.add(Asked{Terms: terms, Folded: e.folded}, e.stop)
	q.position++
}

// clusters adds the pairs of clusters of a run, or its only cluster.
func (q *questionOf) clusters(run string, p piece) {
	clusters := q.scan.clusters[p.first:p.last]
	pair := func(from, to int) {
		term := run[clusters[from].low-p.low : clusters[to].high-p.low]
		q.add(Asked{Terms: []Alternative{{Term: term, Weight: 1}}, Folded: term}, false)
	}
	for k := range clusters {
		if k+1 < len(clusters) {
			pair(k, k+1)
		} else if k == 0 {
			pair(0, 0)
		}
		q.position++
	}
}

// typed takes the last word off what was scanned.
func (l *Language) typed(s *scan) *Typed {
	last := &s.pieces[len(s.pieces)-1]
	if last.class.spaceless() {
		clusters := s.clusters[last.first:last.last]
		n := len(clusters)
		word := string(s.letters[clusters[max(0, n-2)].low:clusters[n-1].high])
		if last.last--; n <= 2 {
			s.pieces = s.pieces[:len(s.pieces)-1]
		} else {
			last.high = clusters[n-2].high
		}
		return &Typed{Word: word, Begins: []string{word}, Terms: []Alternative{{Term: word, Weight: 1}}}
	}
	word := slices.Clone(s.letters[last.low:last.high])
	s.pieces = s.pieces[:len(s.pieces)-1]
	e := l.entry(word)
	bare := l.bare(word)
	plain := string(l.folding.fold(bare))
	t := &Typed{Word: string(bare), Begins: []string{string(bare)}, Terms: e.asked, stop: e.stop}
	if plain != t.Word {
		t.Begins = append(t.Begins, plain)
	}
	// A stem that does not begin the word has lost an article or a pronoun.
	begin := func(begin string) {
		if !strings.HasPrefix(t.Word, begin) && !strings.HasPrefix(plain, begin) {
			t.Begins = append(t.Begins, begin, foldedSign+begin)
		}
	}
	begin(string(l.folding.fold(l.stem(bare))))
	for _, written := range l.beginnings {
		if rest := strings.TrimPrefix(plain, written); rest != "" && rest != plain {
			begin(rest)
		}
	}
	t.Begins = append(t.Begins, foldedSign+plain)
	return t
}
