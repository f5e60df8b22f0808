package query

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
)

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // bare characters
	tokQuoted           // "…", unescaped
	tokData             // b"…", base64 inside
	tokPunct            // ( ) [ ] : , ^ = >= or <=
)

type token struct {
	kind tokenKind
	text string
	at   int  // byte offset
	glue bool // no character stands between this token and the token before
}

// stops ends a bare word. A dot or a dash does not end a word, because names, numbers and words contain dots and
// dashes.
const stops = "()[]:,^=\""

type errorAt struct {
	in string
	at int
}

// errorf names the position in characters from 1, as a person counts.
func (e errorAt) errorf(format string, args ...any) error {
	col := utf8.RuneCountInString(e.in[:min(e.at, len(e.in))]) + 1
	return errkind.New(errkind.Invalid, "query, column %d: "+format, append([]any{col}, args...)...)
}

// lex cuts a line into tokens. lex counts while reading, so no token is kept of a line beyond the limits: bytes outside
// pictures, tokens, and bytes of pictures.
func lex(in string) ([]token, error) {
	var toks []token
	i, glue := 0, false
	pictures := 0 // bytes of the line within pictures
	add := func(k tokenKind, text string, n int) {
		toks = append(toks, token{k, text, i, glue})
		i, glue = i+n, true
	}
	for i < len(in) {
		if i-pictures > MaxLength {
			return nil, errTooLong
		}
		if len(toks) >= MaxTokens {
			return nil, errorAt{in, i}.errorf("more than the %d words and signs allowed; ask for less at once", MaxTokens)
		}
		r, n := utf8.DecodeRuneInString(in[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return nil, errorAt{in, i}.errorf("not UTF-8")
		case unicode.IsSpace(r):
			i, glue = i+n, false
		case unicode.IsControl(r):
			return nil, errorAt{in, i}.errorf("control character %U", r)
		case r == '"':
			text, used, err := unquote(in, i, MaxLength)
			if err != nil {
				return nil, err
			}
			add(tokQuoted, text, used)
		case strings.HasPrefix(in[i:], `b"`):
			text, used, err := unquote(in, i+1, base64.StdEncoding.EncodedLen(MaxImageBytes))
			if err != nil {
				return nil, err
			}
			if pictures += used - len(`""`); pictures > base64.StdEncoding.EncodedLen(MaxImagesBytes) {
				return nil, errorAt{in, i}.errorf("the pictures have more than the %d bytes allowed; send smaller pictures", MaxImagesBytes)
			}
			add(tokData, text, used+1)
		case comparison(in[i:]):
			add(tokPunct, in[i:i+2], 2)
		case strings.ContainsRune(stops, r):
			add(tokPunct, string(r), n)
		default:
			end := strings.IndexFunc(in[i:min(len(in), i+MaxLength+1)], func(r rune) bool {
				return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(stops, r) || r == utf8.RuneError
			})
			if end < 0 {
				end = min(len(in)-i, MaxLength+1)
			}
			if end > 1 && comparison(in[i+end-1:]) {
				end-- // the word ended at the equals sign of a comparison
			}
			end = max(end, n) // a replacement character that a person typed
			add(tokWord, in[i:i+end], end)
		}
	}
	if len(in)-pictures > MaxLength {
		return nil, errTooLong
	}
	toks = append(toks, token{tokEnd, "", len(in), false})
	return toks, nil
}

func comparison(s string) bool { return strings.HasPrefix(s, ">=") || strings.HasPrefix(s, "<=") }

var errTooLong = errkind.New(errkind.Invalid, "query: more than the %d bytes allowed, pictures aside; ask for less at once", MaxLength)

// unquote reads a string in double quotes of at most most bytes. A backslash takes the next character literally.
func unquote(in string, at, most int) (text string, used int, err error) {
	var b strings.Builder
	for i := at + 1; i < len(in); i++ {
		if b.Len() > most {
			return "", 0, errorAt{in, at}.errorf("more than the %d bytes allowed between quotation marks", most)
		}
		switch in[i] {
		case '"':
			if !utf8.ValidString(b.String()) {
				return "", 0, errorAt{in, at}.errorf("not UTF-8")
			}
			return b.String(), i + 1 - at, nil
		case '\\':
			if i++; i < len(in) {
				b.WriteByte(in[i])
			}
		default:
			b.WriteByte(in[i])
		}
	}
	return "", 0, errorAt{in, at}.errorf("a quotation mark is not closed")
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
