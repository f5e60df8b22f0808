package words

import (
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Format numbers what the analysis makes of texts. An index of another number is filled anew from the store: what a question is taken apart
// into now would miss a part of what it holds.
const Format = 4

const (
	// MaxTextBytes is how much of a text is indexed: a hundred times the longest subtitle.
	MaxTextBytes = 64 << 10
	// MaxQuestionBytes and MaxWords bound what is looked at of a question: the rest of a longer one is ignored.
	MaxQuestionBytes = 4 << 10
	MaxWords         = 32
)

// Clean bounds a text and makes it valid UTF-8.
func Clean(s string) []byte {
	if len(s) > MaxTextBytes {
		s = s[:MaxTextBytes]
	}
	return []byte(strings.ToValidUTF8(s, " "))
}

// Question is what is looked at of a question's words.
func Question(s string) []byte { return Clean(s[:min(len(s), MaxQuestionBytes)]) }

// Name is a name as filters compare it: without case, however its accents are written, and without what is invisible.
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

// Canonical returns a BCP 47 tag as engines keep it; Undetermined of what is none.
func Canonical(tag string) string {
	if tag == "" {
		return Undetermined
	}
	if c, ok := canonicalTags.Load(tag); ok {
		return c.(string)
	}
	c, err := schema.CanonicalLanguage(tag)
	if err != nil || c == "" {
		return Undetermined // not kept: there are as many wrong tags as one likes
	}
	canonicalTags.Store(tag, c)
	return c
}
