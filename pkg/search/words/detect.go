package words

import (
	"slices"
	"strings"
	"unicode"

	"github.com/abadojack/whatlanggo"
	"golang.org/x/text/language"
)

// maxDetected bounds the bytes of a text that are read for its language.
const maxDetected = 500

// scripts are the scripts that tell languages apart, with the names that ISO 15924 has for languages written so.
var scripts = []struct {
	table *unicode.RangeTable
	names []string
}{
	{unicode.Hiragana, []string{"Jpan"}}, {unicode.Katakana, []string{"Jpan"}}, {unicode.Hangul, []string{"Kore"}}, {unicode.Han, []string{"Hans", "Hant", "Jpan"}},
	{unicode.Cyrillic, []string{"Cyrl"}}, {unicode.Greek, []string{"Grek"}}, {unicode.Arabic, []string{"Arab"}}, {unicode.Hebrew, []string{"Hebr"}},
	{unicode.Devanagari, []string{"Deva"}}, {unicode.Thai, []string{"Thai"}}, {unicode.Lao, []string{"Laoo"}}, {unicode.Khmer, []string{"Khmr"}}, {unicode.Myanmar, []string{"Mymr"}},
}

// Detect returns the base language that a short text is in, among the languages of a library; "" where that is not sure.
//
//   - A script that a single language of the list is written in decides.
//   - In the other scripts, a text of one word is never sure. The frequent words of the languages (stop words) and the trigrams of whatlanggo have
//     to agree, or one of the two has to be clear while the other knows nothing.
func (l *Languages) Detect(text string, among []string) string {
	text = strings.ToValidUTF8(text[:min(len(text), maxDetected)], " ")
	bases, latin := written(text, among)
	if len(bases) == 0 {
		return ""
	}
	if !latin && len(bases) == 1 {
		return bases[0]
	}
	list := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '\'' && r != '’' })
	if len(list) < 2 {
		return ""
	}
	frequent, lead := l.frequent(list, bases)
	guess, reliable := trigrams(text, bases)
	switch {
	case frequent != "" && (frequent == guess || lead > 1):
		return frequent
	case frequent == "" && lead == 0 && reliable && len(list) > 2 && len(bases) > 1:
		return guess
	}
	return ""
}

// written returns the languages of the list that are written in the script of a text.
func written(text string, among []string) (bases []string, latin bool) {
	var names []string
	for _, s := range scripts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(s.table, r) }) {
			names = s.names
			break
		}
	}
	for _, tag := range among {
		base := BaseOf(tag)
		script, _ := language.Make(base).Script()
		if (names == nil && script.String() == "Latn" || slices.Contains(names, script.String())) && !slices.Contains(bases, base) && base != Undetermined {
			bases = append(bases, base)
		}
	}
	return bases, names == nil
}

// frequent returns the language that has the most of the words among its frequent words, and by how many words the language leads; "" where two
// languages lead.
func (l *Languages) frequent(list, bases []string) (best string, lead int) {
	most := 0
	for _, base := range bases {
		lang, err := l.Of(base)
		if err != nil {
			continue
		}
		n := 0
		for _, w := range list {
			if lang.stops[string(lang.bare([]byte(w)))] {
				n++
			}
		}
		switch {
		case n > most:
			best, lead, most = base, n-most, n
		case n == most:
			best, lead = "", 0
		default:
			lead = min(lead, most-n)
		}
	}
	if best == "" && most > 0 {
		lead = -1
	}
	return best, lead
}

// trigrams returns the guess of whatlanggo among some languages.
func trigrams(text string, bases []string) (guess string, reliable bool) {
	allowed := map[whatlanggo.Lang]bool{}
	for of := range whatlanggo.Langs {
		code := of.Iso6391()
		if code == "nb" && slices.Contains(bases, "no") || slices.Contains(bases, code) {
			allowed[of] = true
		}
	}
	if len(allowed) == 0 {
		return "", false
	}
	info := whatlanggo.DetectWithOptions(text, whatlanggo.Options{Whitelist: allowed})
	guess = info.Lang.Iso6391()
	if guess == "nb" && !slices.Contains(bases, "nb") {
		guess = "no"
	}
	return guess, info.IsReliable()
}
