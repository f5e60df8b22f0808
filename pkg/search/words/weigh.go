package words

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// BM25 with the usual parameters for passages, and a fixed average length. A measured average would change with texts that the caller may
// not see.
const (
	K1            = 0.9
	LengthWeight  = 0.4
	AverageLength = 8
)

// Slop bounds the words that may stand between the words of a phrase, where the question says no number.
const Slop = 2

// SlopOf returns how many words may stand between the words of a phrase whose question says n.
func SlopOf(n int) int {
	if n <= 0 {
		return Slop
	}
	return n
}

// GradedGaps is the number of words in between from which on more words lower the score of a phrase no further.
const GradedGaps = 8

// PhraseFactor is the factor of a phrase with gaps words more or fewer in between than in the question.
func PhraseFactor(gaps int) float64 { return 1 / float64(1+min(gaps, GradedGaps)) }

// IDF is the weight of a term that df of the texts have. IDF is always positive, so that more words are always better.
func IDF(docs, df uint64) float64 {
	return math.Log(1 + (float64(docs)-float64(df)+0.5)/(float64(df)+0.5))
}

// Length is the length of a text in terms, as weights use the length. Beyond 40, lengths go in steps, as Lucene keeps a length in one byte
// (org.apache.lucene.util.SmallFloat.intToByte4). Both engines so weigh long texts alike.
func Length(terms uint64) uint64 {
	const exact = 24
	if terms < exact+16 {
		return terms
	}
	over := terms - exact
	shift := bits.Len64(over) - 4 // four binary digits are kept
	return exact + over>>shift<<shift
}

// Saturation is BM25's factor of the frequency of a term in a text and of the length of the text in terms.
func Saturation(freq uint64, length float64) float64 {
	tf := float64(freq)
	return tf * (K1 + 1) / (tf + K1*(1-LengthWeight) + K1*LengthWeight/AverageLength*length)
}

const (
	// MaxAlternatives bounds the terms that may stand for a word. Visible texts alone decide on the terms: the nearest terms, then the most
	// frequent.
	MaxAlternatives = 64
	// A term other than the question's counts less: for each changed letter, and for being longer than the typed word.
	changedWeight = 0.5
	begunWeight   = 0.8
)

// An Alternative is a term that may stand for a word of a question.
type Alternative struct {
	Term   string
	Weight float64
	Docs   uint64 // the number of visible texts with the term; 0 if not counted yet
}

// Found describes a term that may stand for a word: the distance between term and word, whether the accents differ, and the number of
// visible texts with the term.
type Found struct {
	Distance uint8
	Folded   bool
	Count    uint64
}

// Exact returns the terms of a word itself as found.
func Exact(terms []Alternative) map[string]Found {
	found := make(map[string]Found, len(terms))
	for _, t := range terms {
		found[t.Term] = Found{Folded: t.Weight < 1}
	}
	return found
}

// Misspelt picks among terms that are within some letters of a word.
func Misspelt(terms map[string]Found) []Alternative {
	return pick(terms, func(f Found) float64 { return math.Pow(changedWeight, float64(f.Distance)) })
}

// Begun picks among terms that a word being typed may become. The typed word itself has distance 0.
func Begun(terms map[string]Found) []Alternative {
	return pick(terms, func(f Found) float64 {
		if f.Distance == 0 {
			return 1
		}
		return begunWeight
	})
}

// pick orders terms, and keeps at most MaxAlternatives.
func pick(terms map[string]Found, weight func(Found) float64) []Alternative {
	list := make([]string, 0, len(terms))
	for term := range terms {
		list = append(list, term)
	}
	slices.SortFunc(list, func(a, b string) int {
		x, y := terms[a], terms[b]
		return cmp.Or(cmp.Compare(x.Distance, y.Distance), cmp.Compare(y.Count, x.Count), cmp.Compare(a, b))
	})
	list = list[:min(len(list), MaxAlternatives)]
	alts := make([]Alternative, len(list))
	for i, term := range list {
		w := weight(terms[term])
		if terms[term].Folded {
			w *= foldedWeight
		}
		alts[i] = Alternative{term, w, terms[term].Count}
	}
	return alts
}

// AllowedDistance is the number of letters by which a term may differ from a word of this length.
func AllowedDistance(word string) uint8 {
	switch n := utf8.RuneCountInString(word); {
	case n <= 2 || n > 64:
		return 0
	case n <= 5:
		return 1
	default:
		return 2
	}
}

// Expands reports whether a typed word is long enough to be completed. One letter of an alphabet begins a good part of all words, and is not
// completed.
func Expands(typed string) bool {
	return utf8.RuneCountInString(typed) >= 2 || typed != "" && typed[0] >= utf8.RuneSelf
}

// Shorter returns stems that may be shorter than the typed word, the longest first: "run" for "runni".
func (t *Typed) Shorter() [][]Alternative {
	typed := t.Begins[len(t.Begins)-1][len(foldedSign):]
	if !IsFolded(t.Begins[len(t.Begins)-1]) {
		return nil
	}
	var out [][]Alternative
	for n := len(typed) - 1; n >= max(3, len(typed)-4); n-- {
		if utf8.RuneStart(typed[n]) {
			out = append(out, []Alternative{{Term: typed[:n], Weight: 1}, {Term: FoldedForm(typed[:n]), Weight: foldedWeight}})
		}
	}
	return out
}
