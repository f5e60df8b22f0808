package words

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"unicode/utf8"
)

// BM25 with the parameters that passages are usually ranked with, and an average length that is fixed: a measured
// one would change with texts that the caller may not see.
const (
	K1            = 0.9
	LengthWeight  = 0.4
	AverageLength = 8
)

// Slop is how many further words may stand between those of a phrase.
const Slop = 2

// PhraseFactor is what a phrase counts with so many words more or fewer between its own than were asked, up to Slop.
func PhraseFactor(gaps int) float64 { return 1 / float64(1+gaps) }

// IDF is what a term weighs that is in df of so many texts. It is always positive, so that more words are always better.
func IDF(docs, df uint64) float64 {
	return math.Log(1 + (float64(docs)-float64(df)+0.5)/(float64(df)+0.5))
}

// Length is the length of a text in terms as it is weighed: beyond 40 in steps, which is how Lucene keeps lengths in one
// byte (org.apache.lucene.util.SmallFloat.intToByte4), so that both engines weigh long texts alike.
func Length(terms uint64) uint64 {
	const exact = 24
	if terms < exact+16 {
		return terms
	}
	over := terms - exact
	shift := bits.Len64(over) - 4 // four binary digits are kept
	return exact + over>>shift<<shift
}

// Saturation is BM25's part of a term's frequency in a text and of the text's length in terms.
func Saturation(freq uint64, length float64) float64 {
	tf := float64(freq)
	return tf * (K1 + 1) / (tf + K1*(1-LengthWeight) + K1*LengthWeight/AverageLength*length)
}

const (
	// MaxAlternatives bounds how many terms may stand for one word. Which ones is decided by
	// visible texts only: the nearest, then the most frequent.
	MaxAlternatives = 64
	// Terms that are not what was asked count less, by letter changed and for being longer than typed.
	changedWeight = 0.5
	begunWeight   = 0.8
)

// An Alternative is a term that may stand for a word of a question.
type Alternative struct {
	Term   string
	Weight float64
	Docs   uint64 // how many visible texts have it, where that is known already
}

// Found is what is known of a term that may stand for a word: how far the term is from the word, whether it has other accents, and how many
// visible texts have it.
type Found struct {
	Distance uint8
	Folded   bool
	Count    uint64
}

// Exact notes the terms that are a word itself.
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

// Begun picks among terms that a word being typed may become; those at distance 0 are what was typed.
func Begun(terms map[string]Found) []Alternative {
	return pick(terms, func(f Found) float64 {
		if f.Distance == 0 {
			return 1
		}
		return begunWeight
	})
}

// pick orders terms, and keeps as many as may stand for one word.
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

// AllowedDistance is how many letters a word may differ by.
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

// Expands reports whether what is typed is enough to look for what it may become: one letter of an
// alphabet begins a good part of all words, and is no question yet.
func Expands(typed string) bool {
	return utf8.RuneCountInString(typed) >= 2 || typed != "" && typed[0] >= utf8.RuneSelf
}

// Shorter returns the stems that what is typed may have passed the end of, the longest first: "run" of "runni".
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
