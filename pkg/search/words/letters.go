package words

import (
	"unicode"
	"unicode/utf8"
)

// A class is the meaning of a character to the tokenizer.
type class uint8

const (
	gap        class = iota // ends a word
	lineBreak               // a gap, that joins within a script without spaces
	letter                  // of a script that puts gaps between words
	digit                   //
	mark                    // belongs to the letter before
	ignored                 // no part of any text: directions, soft hyphens, joiners
	apostrophe              // part of a word between letters
	hyphen                  // a gap, behind which a compound may go on
	stop                    // a full stop: part of a number, and of an abbreviation of single letters
	comma                   // part of a number
	inner                   // part of a word between letters, as in Catalan and Hebrew
	unjoined                // the zero-width non-joiner: a hyphen in Arabic scripts, ignored elsewhere
	ideograph               // Chinese characters and Japanese letters
	hangul                  //
	thai                    // the following are scripts without spaces, whose letters form clusters
	lao                     //
	khmer                   //
	myanmar                 //
)

// spaceless reports whether words of the class are not told apart by gaps.
func (c class) spaceless() bool { return c >= ideograph }

// clustered reports whether several letters of the class form one cluster.
func (c class) clustered() bool { return c >= thai }

var asciiClasses = func() (t [utf8.RuneSelf]class) {
	for c := range t {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			t[c] = letter
		case '0' <= c && c <= '9':
			t[c] = digit
		}
	}
	t['\''], t['`'], t['-'], t['&'], t['.'], t[','], t['\n'], t['\r'] = apostrophe, apostrophe, hyphen, hyphen, stop, comma, lineBreak, lineBreak
	return t
}()

// classOf returns the class of a character of a text in NFKC.
func classOf(r rune) class { //nolint:funlen // a table of ranges
	if r < utf8.RuneSelf {
		return asciiClasses[r]
	}
	switch {
	case r < 0x300:
		switch r {
		case 0xad:
			return ignored
		case 0xb7:
			return inner
		case 0x85:
			return lineBreak
		case 0x2b9, 0x2bb, 0x2bc, 0x2bd, 0x2c8: // letters by their class, and apostrophes by their use
			return apostrophe
		}
	case 0xac00 <= r && r <= 0xd7a3, 0x1100 <= r && r <= 0x11ff:
		return hangul
	case 0x4e00 <= r && r <= 0x9fff, 0x3400 <= r && r <= 0x4dbf, 0x20000 <= r && r <= 0x3ffff, 0xf900 <= r && r <= 0xfaff:
		return ideograph
	case 0x3005 <= r && r <= 0x31ff:
		if unicode.IsLetter(r) || unicode.IsMark(r) || r == 0x3007 {
			return ideograph
		}
	case 0x2010 <= r && r <= 0x2064:
		switch r {
		case 0x2010, 0x2011:
			return hyphen
		case 0x2018, 0x2019, 0x201b, 0x2032:
			return apostrophe
		case 0x2028, 0x2029:
			return lineBreak
		}
	case 0xe00 <= r && r <= 0xe7f:
		return clusteredOr(r, thai)
	case 0xe80 <= r && r <= 0xeff:
		return clusteredOr(r, lao)
	case 0x1780 <= r && r <= 0x17ff:
		return clusteredOr(r, khmer)
	case 0x1000 <= r && r <= 0x109f, 0xaa60 <= r && r <= 0xaa7f, 0xa9e0 <= r && r <= 0xa9ff:
		return clusteredOr(r, myanmar)
	}
	switch r {
	case 0x200c:
		return unjoined
	case 0x58a, 0x5be: // of Armenian and Hebrew
		return hyphen
	case 0x5f3:
		return apostrophe
	case 0x5f4:
		return inner
	case 0x34f, 0x640: // the grapheme joiner, and the tatweel, which makes Arabic words longer
		return ignored
	}
	switch {
	case unicode.IsLetter(r):
		return letter
	case unicode.IsMark(r):
		if unicode.Is(unicode.Variation_Selector, r) {
			return ignored
		}
		return mark
	case unicode.IsNumber(r):
		return digit
	case unicode.Is(unicode.Cf, r):
		return ignored
	}
	return gap
}

func clusteredOr(r rune, c class) class {
	switch {
	case unicode.IsLetter(r), unicode.IsMark(r):
		return c
	case unicode.IsDigit(r):
		return digit
	}
	return gap
}

// lower returns a character in lower case. Turkish and Azeri pair I with ı, and İ with i. Both forms of the Greek sigma become the same
// letter, and so do the comma and the cedilla below a Romanian letter.
func lower(r rune, how style) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			if r == 'I' && how.turkic {
				return 'ı'
			}
			return r + 'a' - 'A'
		}
		return r
	}
	switch r {
	case 'İ':
		return 'i'
	case 'Σ', 'ς':
		return 'σ'
	}
	r = unicode.ToLower(r)
	if how.romanian {
		switch r {
		case 'ș':
			return 'ş'
		case 'ț':
			return 'ţ'
		}
	}
	return r
}

// clusterBegins reports whether a letter begins a cluster: letters that a reader takes as a unit. A word of such a script is whole clusters.
// The rules are those of the scripts' spelling: a vowel that is written before its consonant begins a cluster, a mark and a vowel behind
// a consonant do not, nor does a consonant that is written below another or closes a syllable.
func clusterBegins(c class, before, r rune, after []rune) bool {
	if unicode.IsMark(r) {
		return false
	}
	switch c {
	case thai:
		return (before < 0xe40 || before > 0xe44) && r != 0xe30 && r != 0xe32 && r != 0xe33 && r != 0xe45
	case lao:
		return (before < 0xec0 || before > 0xec4) && r != 0xeb0 && r != 0xeb2 && r != 0xeb3 && r != 0xebd
	case khmer:
		return before != 0x17d2
	case myanmar:
		if before == 0x1039 {
			return false
		}
		if len(after) > 0 && after[0] == 0x1037 {
			after = after[1:]
		}
		return len(after) == 0 || after[0] != 0x103a && after[0] != 0x1039
	}
	return true
}

// serbianLatin maps the Cyrillic letters of Serbian to Latin letters. Serbian is written in both, letter by letter.
var serbianLatin = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'ђ': "đ", 'е': "e", 'ж': "ž", 'з': "z", 'и': "i", 'ј': "j", 'к': "k", 'л': "l", 'љ': "lj", 'м': "m",
	'н': "n", 'њ': "nj", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'ћ': "ć", 'у': "u", 'ф': "f", 'х': "h", 'ц': "c", 'ч': "č", 'џ': "dž", 'ш': "š",
}
