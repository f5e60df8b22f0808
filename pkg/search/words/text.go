package words

import (
	"strings"
	"sync"

	"github.com/cinedex/cinedex/pkg/schema"
)

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

// LastWord splits what was typed into the words before and the one that is being typed.
func (l *Language) LastWord(typed []byte) (before []byte, last string) {
	tokens := l.Typed.Analyze(append([]byte(nil), typed...))
	if len(tokens) == 0 {
		return typed, ""
	}
	t := tokens[len(tokens)-1]
	if t.Start < 0 || t.Start > len(typed) {
		return typed, string(t.Term)
	}
	return typed[:t.Start], string(t.Term)
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

// A Token is a term at its place in a text, from 1.
type Token struct {
	Term     string
	Position int
}

// Tokens analyses a text, which may be written over.
func (l *Language) Tokens(text []byte) []Token {
	stream := l.Words.Analyze(text)
	tokens := make([]Token, len(stream))
	for i, t := range stream {
		tokens[i] = Token{string(t.Term), t.Position}
	}
	return tokens
}
