package words

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Letters with a mark that are letters of their own in a language: folding leaves these letters. CLDR 46 sorts the letters apart from the letter
// without the mark (common/collation/XX.xml, primary differences), and readers of the language do not confuse the two.
//
// Other languages have such letters in CLDR too, and people leave the marks out when they type: Polish, Czech, Slovak, Croatian, Slovene, Lithuanian,
// Latvian, Romanian, Vietnamese. Their letters fold.
var ownLetters = map[string]string{
	"sv": "åäö", "fi": "åäö",
	"da": "æøå", "no": "æøå", "nb": "æøå", "nn": "æøå",
	"is": "áéíóúýðþæö", "fo": "æøå",
	"et": "õäöüšž", "hu": "öü",
	"tr": "çğıöşü", "az": "çğıöşüə", "tk": "çäžňöşüý", "ku": "çêîşû",
	"es": "ñ", "gl": "ñ", "fil": "ñ",
	"ru": "й", "uk": "йїґ", "be": "йў", "bg": "й", "mk": "ѓќ",
	"kk": "йёңғүұқөһә", "ky": "йңүө", "mn": "йүө",
}

// cyrillic are the letters with a mark that fold in no language without rules of its own.
const cyrillic = "йїў"

// sameLetters are letters of a neighbour's spelling that stand for a letter of the language, or letters that differ by their length alone.
var sameLetters = map[string]map[rune]string{
	"sv": {'æ': "ä", 'ø': "ö"}, "fi": {'æ': "ä", 'ø': "ö"},
	"da": {'ä': "æ", 'ö': "ø"}, "no": {'ä': "æ", 'ö': "ø"}, "nb": {'ä': "æ", 'ö': "ø"}, "nn": {'ä': "æ", 'ö': "ø"},
	"hu": {'ő': "ö", 'ű': "ü"},
}

// apart are letters that no decomposition takes apart.
var apart = map[rune]string{
	'ß': "ss", 'æ': "ae", 'œ': "oe", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'ħ': "h", 'ŧ': "t", 'ı': "i", 'ŀ': "l", 'ɓ': "b", 'ɗ': "d", 'ƙ': "k", 'ŋ': "n",
	'ə': "e", 'ɛ': "e", 'ɔ': "o", 'ĸ': "k", 'ƴ': "y",
	'أ': "ا", 'إ': "ا", 'آ': "ا", 'ٱ': "ا", 'ة': "ه", 'ى': "ي", 'ی': "ي", 'ک': "ك", 'ہ': "ه", 'ە': "ه",
}

// A folding takes accents, and marks within words, away.
type folding struct {
	own  string
	same map[rune]string
}

func foldingOf(base string) folding {
	own, ok := ownLetters[base]
	if !ok {
		own = cyrillic
	}
	return folding{own, sameLetters[base]}
}

// fold returns a word in lower case as it is typed without accents; the word itself if nothing is to be folded.
func (f folding) fold(word []byte) []byte {
	if !bytes.ContainsFunc(word, func(r rune) bool { return r >= utf8.RuneSelf || r == '\'' || r == '.' || r == ',' }) {
		return word
	}
	out := make([]byte, 0, len(word)+2)
	number := grouped(word)
	strip := false // the marks that follow
	for rest := word; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		rest = rest[size:]
		switch {
		case strings.ContainsRune(f.own, r):
			out, strip = utf8.AppendRune(out, r), true
		case f.same[r] != "":
			out, strip = append(out, f.same[r]...), true
		case apart[r] != "":
			out, strip = append(out, apart[r]...), true
		case r == '\'' || r == '·' || r == '״':
		case r == '.' || r == ',':
			if !number && unicode.IsDigit(next(rest)) {
				out = append(out, byte(r))
			}
		case r < utf8.RuneSelf:
			out, strip = append(out, byte(r)), true
		case r == nukta: // letters with a nukta are often written without
		case unicode.Is(unicode.Mn, r):
			if !strip {
				out = utf8.AppendRune(out, r)
			}
		default:
			out, strip = f.decomposed(out, r)
		}
	}
	if bytes.Equal(out, word) {
		return word
	}
	return norm.NFC.Bytes(out)
}

// decomposed appends a letter without its marks, and reports whether the following marks are left out too.
func (f folding) decomposed(out []byte, r rune) ([]byte, bool) {
	strip := unicode.In(r, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Hebrew, unicode.Arabic)
	if !strip {
		return utf8.AppendRune(out, r), false
	}
	d := norm.NFD.AppendString(nil, string(r))
	base := firstRune(d)
	if s, ok := apart[base]; ok && base != r {
		return append(out, s...), true
	}
	return utf8.AppendRune(out, base), true
}

const nukta = '\u093c'

func firstRune(b []byte) rune { r, _ := utf8.DecodeRune(b); return r }

func next(b []byte) rune {
	if len(b) == 0 {
		return ' '
	}
	return firstRune(b)
}

// grouped reports whether a word is a number whose digits are written in groups of three.
func grouped(word []byte) bool {
	group, groups := 0, 0
	for _, b := range word {
		switch {
		case '0' <= b && b <= '9':
			group++
		case b == '.' || b == ',':
			if group == 0 || group > 3 || groups > 0 && group != 3 {
				return false
			}
			group = 0
			groups++
		default:
			return false
		}
	}
	return groups > 0 && group == 3
}
