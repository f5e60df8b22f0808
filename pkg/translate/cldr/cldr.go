// Package cldr translates names of things into English: animals, plants, food, weather, vehicles, buildings, tools. The names are those of
// Unicode's Common Locale Data Repository (CLDR), which names every emoji in every language; see LICENSE. scripts/cldr-names.py makes the table
// names.tsv.gz of CLDR's annotations. The table is read at the first use, and takes about 10 MB.
package cldr

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate"
)

//go:embed names.tsv.gz
var packed []byte

// Names is the table. Names is safe for concurrent use.
type Names struct {
	once sync.Once
	// english are the English names, by language and name. Of an English name, the value is empty.
	english   map[key]string
	languages []string
	// words are the single words that some language has as a name.
	words map[string]bool
}

type key struct{ language, name string }

// New returns the table, and reads nothing.
func New() *Names { return &Names{} }

// Name implements translate.Translator.
func (n *Names) Name() string { return "cldr" }

func (n *Names) read() {
	n.once.Do(func() {
		r, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			panic(err) // the table is part of the program
		}
		b, err := io.ReadAll(r)
		if err != nil {
			panic(err)
		}
		n.english, n.words = map[key]string{}, map[string]bool{}
		for line := range strings.Lines(string(b)) {
			language, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			name, english, _ := strings.Cut(rest, "\t")
			if k := (key{language, folded(name)}); n.english[k] == "" {
				n.english[k] = english
			}
			if len(n.languages) == 0 || n.languages[len(n.languages)-1] != language {
				n.languages = append(n.languages, language)
			}
			if !strings.Contains(name, " ") {
				n.words[folded(name)] = true
			}
		}
	})
}

func plain(text string) string {
	return folded(strings.ToLower(norm.NFC.String(strings.Join(strings.Fields(text), " "))))
}

// folded writes hiragana as katakana: Japanese writes the same name in both.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if 'ぁ' <= r && r <= 'ゖ' {
			return r + 'ァ' - 'ぁ'
		}
		return r
	}, name)
}

// Translate implements translate.Translator, for names alone and into English alone.
func (n *Names) Translate(ctx context.Context, text, from, to string) (string, error) {
	if err := translate.Check(text); err != nil {
		return "", err
	}
	if err := ctx.Err(); err != nil {
		return "", errkind.New(errkind.Cancelled, "translating: %w", err)
	}
	n.read()
	if english := n.english[key{from, plain(text)}]; english != "" && to == "en" {
		return english, nil
	}
	return "", translate.Unknown(n.Name(), text, from, to)
}

// English returns the English names that a name has in some of the languages, each once, and the language of the first. No languages means
// every language. A name that is English has none.
func (n *Names) English(text string, languages []string) (names []string, of string) {
	n.read()
	name := plain(text)
	if len(languages) == 0 {
		languages = n.languages
	}
	if _, ok := n.english[key{"en", name}]; ok && slices.Contains(languages, "en") {
		return nil, ""
	}
	for _, l := range languages {
		if english := n.english[key{l, name}]; english != "" && !slices.Contains(names, english) {
			if names = append(names, english); of == "" {
				of = l
			}
		}
	}
	return names, of
}

// Knows reports whether some language has the word as the name of a thing. Such a word is spelt right.
func (n *Names) Knows(word string) bool {
	n.read()
	return n.words[plain(word)]
}

const (
	// mostParts is the number of words, or of characters of a script without spaces, that Named reads of a text.
	mostParts = 40
	// longestName is the number of words in the longest name that Named looks for, and longestSpaceless of characters.
	longestName, longestSpaceless = 4, 8
	// shortestName is the number of letters in the shortest name of a script with spaces. Shorter words are articles and prepositions.
	shortestName = 3
)

// Named returns the English names of the things that a text names, in the order of the text, and the share of the text's letters that the names have.
// The text is read in the language whose names have the most letters of the text. English is no such language.
func (n *Names) Named(text string) (english []string, share float64) {
	n.read()
	parts, between, shortest, longest := partsOf(plain(text))
	letters := 0
	for _, part := range parts {
		letters += utf8.RuneCountInString(part)
	}
	most := 0
	for _, language := range n.languages {
		if language == "en" {
			continue
		}
		var names []string
		covered := 0
		for i := 0; i < len(parts); {
			step := 1
			for k := min(longest, len(parts)-i); k > 0; k-- {
				name := strings.Join(parts[i:i+k], between)
				if count := utf8.RuneCountInString(name) - (k-1)*len(between); count >= shortest && n.english[key{language, name}] != "" {
					names, covered, step = append(names, n.english[key{language, name}]), covered+count, k
					break
				}
			}
			i += step
		}
		if covered > most {
			most, english = covered, names
		}
	}
	return english, float64(most) / float64(max(letters, 1))
}

// partsOf divides a text into words, or a text of one word of a script without spaces into characters.
func partsOf(text string) (parts []string, between string, shortest, longest int) {
	parts = strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) && r != '-' && r != '\'' })
	between, shortest, longest = " ", shortestName, longestName
	if len(parts) == 1 && spaceless(parts[0]) {
		parts, between, shortest, longest = strings.Split(parts[0], ""), "", 1, longestSpaceless
	}
	return parts[:min(len(parts), mostParts)], between, shortest, longest
}

// spaceless reports whether a text is of a script that puts no spaces between words.
func spaceless(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool {
		return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	}) >= 0
}
