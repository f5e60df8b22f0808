package words

import (
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/bleve/v2/analysis"
)

// A light stemmer takes the longest listed ending and the longest listed beginning off a word, if at least three letters are left. Light
// stemmers are for languages without a stemmer in a Go library. The lists are the endings of nouns and adjectives, without accents, of the
// light stemmers of Dolamic and Savoy for Czech and Bulgarian. Less frequent endings are left out.
type light struct {
	folding    folding
	beginnings []string
	endings    []string
}

const leastStem = 3

var lightLists = map[string]struct{ beginnings, endings string }{
	"cs": {"", "atech atum etem ovi ove ech ich eho emi emu ete eti iho imi imu ach ata aty ych ama ami ymi em im um am ym ou mi a e i o u y"},
	"sk": {"", "iach ovia och ami iam ych eho emu imi ymi ach ove ovi om ov em im am ym ou ej ia ie iu a e i o u y"},
	"sl": {"", "ovih ovim ega emu imi ami ima oma ama ovi ove ova ih im om em ov ah eh a e i o u"},
	"bg": {"", "ият ите ата ото ета ове еве ища ия ът то те та ят и а о е я"},
	"uk": {"", "ами ями ові еві ого ому ими іми ах ях ів їв ою ею єю ий ій их іх ом ем им ам ям а я о е є и і ї у ю ь"},
	"mk": {"", "ите ата ото ови еви от та то те и а о е"},
	"el": {"", "ουσ εισ εων ματα ματοσ ων οσ ου οι εσ ασ ησ ια ιο ιου α η ο ι ε υ ω"},
	"lt": {"", "uose iais iams iai ams ais oms omis ius ose as is ys us ai ui os es ei iu a o e i u y"},
	"lv": {"", "ajam ajai ajas iem ais am as es is os us ai ei a e i o u s"},
	"ca": {"", "es os s a e o"},
	"he": {"כשה וה שה ה", "ים ות"},
}

func lightOf(base string) (light, bool) {
	lists, ok := lightLists[base]
	return light{foldingOf(base), strings.Fields(lists.beginnings), strings.Fields(lists.endings)}, ok
}

// Filter implements analysis.TokenFilter.
func (l light) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		t.Term = l.stem(t.Term)
	}
	return tokens
}

// stem finds the endings in the word without accents, and takes as many letters off the word itself.
func (l light) stem(word []byte) []byte {
	plain := string(l.folding.fold(word))
	letters := utf8.RuneCountInString(plain)
	if letters != utf8.RuneCount(word) {
		return word
	}
	begin, end := 0, 0
	for _, b := range l.beginnings {
		if n := utf8.RuneCountInString(b); n > begin && letters-n >= leastStem && strings.HasPrefix(plain, b) {
			begin = n
		}
	}
	letters -= begin
	for _, e := range l.endings {
		if n := utf8.RuneCountInString(e); n > end && letters-n >= leastStem && strings.HasSuffix(plain, e) {
			end = n
		}
	}
	runes := []rune(string(word))
	return []byte(string(runes[begin : len(runes)-end]))
}
