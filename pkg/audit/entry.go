package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Version is the version of the shape of an entry. Version grows when a field changes its meaning or goes. A field may
// be added within a version.
const Version = 1

// Bounds of an entry.
const (
	MaxText      = 256       // bytes of each text
	MaxTitles    = 100       // named titles; TitlesTotal counts all
	MaxQueries   = 32        // named queries of a call
	MaxPictures  = 16        // named pictures of a call
	MaxLineBytes = 256 << 10 // a bound above every entry
)

// An Entry is a line: who read or changed which titles, from which address, and with which outcome.
type Entry struct {
	V int `json:"v"`
	// Time is when the call began.
	Time time.Time `json:"time"`
	// Service is the process behind the answer.
	Service string `json:"service,omitempty"`
	// Call is a procedure, "/cinedex.v1.SearchService/Search", a route, "GET /media/{asset}", or a name of a deed, "retitle".
	Call string `json:"call"`
	// Caller is the name in the file of tokens; empty for a caller who was not recognised.
	Caller string `json:"caller,omitempty"`
	// Token is the first digits of the token's sha256, as Fingerprint gives the digits.
	Token string `json:"token,omitempty"`
	// From is the caller's address.
	From string `json:"from,omitempty"`
	// About is the asset, job or selection named by the call.
	About string `json:"about,omitempty"`
	// Detail is for a person.
	Detail string `json:"detail,omitempty"`
	// Queries are the queries in their one-line form, without pictures.
	Queries []string `json:"queries,omitempty"`
	// Pictures are the pictures of the queries.
	Pictures []Picture `json:"pictures,omitempty"`
	// Titles are the ids of the titles in the answer, at most MaxTitles.
	Titles []string `json:"titles,omitempty"`
	// TitlesTotal is how many titles the answer tells of.
	TitlesTotal int `json:"titles_total"`
	// Hits are the moments, assets, annotations, runs, jobs or letters in the answer.
	Hits int `json:"hits"`
	// Bytes of the answer's body.
	Bytes int64 `json:"bytes"`
	// Outcome is "ok", "partial", or a kind of errkind, "not_found".
	Outcome string `json:"outcome"`
	// Reason says why a call was refused.
	Reason string `json:"reason,omitempty"`
	// TookMs is until the last byte was handed over.
	TookMs float64 `json:"took_ms"`
	// Suppressed is how many lines of unknown callers were left out before this line.
	Suppressed int64 `json:"suppressed,omitempty"`
}

// A Picture describes a picture without its content.
type Picture struct {
	SHA256 string `json:"sha256"`
	Bytes  int    `json:"bytes"`
}

// PictureOf describes a picture.
func PictureOf(b []byte) Picture {
	sum := sha256.Sum256(b)
	return Picture{SHA256: hex.EncodeToString(sum[:]), Bytes: len(b)}
}

// Fingerprint returns the first twelve digits of a token's sha256, which identify the token's entry in the file of
// tokens. The fingerprint of an empty token is empty.
func Fingerprint(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])[:12]
}

// line returns the entry as its line, bounded, with the newline.
func (e Entry) line() ([]byte, error) {
	e.V, e.Time = Version, e.Time.UTC()
	for _, t := range []*string{&e.Service, &e.Call, &e.Caller, &e.Token, &e.From, &e.About, &e.Detail, &e.Outcome, &e.Reason} {
		*t = clip(*t)
	}
	e.TitlesTotal = max(e.TitlesTotal, len(e.Titles))
	e.Titles, e.Queries = clipAll(e.Titles, MaxTitles), clipAll(e.Queries, MaxQueries)
	e.Pictures = e.Pictures[:min(len(e.Pictures), MaxPictures)]
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("writing an audit entry as JSON: %w", err)
	}
	return append(escape(b), '\n'), nil
}

func clipAll(texts []string, most int) []string {
	var out []string
	for _, t := range texts[:min(len(texts), most)] {
		out = append(out, clip(t))
	}
	return out
}

// clip bounds a text at the end of a rune.
func clip(s string) string {
	if len(s) <= MaxText {
		return s
	}
	s = s[:MaxText]
	for i := 0; i < utf8.UTFMax && len(s) > 0; i++ {
		if r, n := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || n != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s + "…"
}

// escape writes as \u the characters that JSON allows and a terminal or an editor obeys: control characters, marks of
// direction, separators of lines. JSON has these characters in texts only.
func escape(b []byte) []byte {
	obeyed := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }
	if bytes.IndexFunc(b, obeyed) < 0 {
		return b
	}
	var out strings.Builder
	for _, r := range string(b) {
		switch {
		case !obeyed(r):
			out.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		}
	}
	return []byte(out.String())
}
