package words

import (
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Format numbers the analysis of texts. An index of another number is filled anew from the store, since the terms of a question would miss
// some of its texts.
const Format = 4

const (
	// MaxTextBytes bounds the indexed part of a text: a hundred times the longest subtitle.
	MaxTextBytes = 64 << 10
	// MaxQuestionBytes and MaxWords bound a question. The rest of a longer question is ignored.
	MaxQuestionBytes = 4 << 10
	MaxWords         = 32
)

// Clean bounds a text and makes the text valid UTF-8.
func Clean(s string) []byte {
	if len(s) > MaxTextBytes {
		s = s[:MaxTextBytes]
	}
	return []byte(strings.ToValidUTF8(s, " "))
}

// Question returns the part of a question's words that is read.
func Question(s string) []byte { return Clean(s[:min(len(s), MaxQuestionBytes)]) }

// Name returns a name in the form that filters compare: without case, with accents in one spelling, and without invisible characters.
func Name(name string) string {
	ascii := true
	for i := range len(name) {
		ascii = ascii && name[i] < utf8.RuneSelf
	}
	if ascii {
		return strings.ToLower(name)
	}
	return strings.Map(func(r rune) rune {
		if classOf(r) == ignored {
			return -1
		}
		return lower(r, style{})
	}, norm.NFKC.String(strings.ToValidUTF8(name, " ")))
}

// BaseOf returns the base language of a BCP 47 tag: "pt" of "pt-BR".
func BaseOf(tag string) string {
	base, _, _ := strings.Cut(tag, "-")
	if base == "" {
		return Undetermined
	}
	return base
}

// Within reports whether a tag is another or a part of it: "en-GB" is within "en".
func Within(tag, of string) bool {
	return tag == of || strings.HasPrefix(tag, of+"-")
}

// canonicalTags saves parsing the same few tags for every text.
var canonicalTags sync.Map

// Canonical returns a BCP 47 tag in the form that engines keep; Undetermined for an invalid tag.
func Canonical(tag string) string {
	if tag == "" {
		return Undetermined
	}
	if c, ok := canonicalTags.Load(tag); ok {
		return c.(string)
	}
	c, err := schema.CanonicalLanguage(tag)
	if err != nil || c == "" {
		return Undetermined // not kept: the number of invalid tags has no bound
	}
	canonicalTags.Store(tag, c)
	return c
}
