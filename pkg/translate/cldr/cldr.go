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
			n.english[key{language, name}] = english
			if len(n.languages) == 0 || n.languages[len(n.languages)-1] != language {
				n.languages = append(n.languages, language)
			}
			if !strings.Contains(name, " ") {
				n.words[name] = true
			}
		}
	})
}

func plain(text string) string {
	return strings.ToLower(norm.NFC.String(strings.Join(strings.Fields(text), " ")))
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
