package timedtext

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
)

var (
	tags      = regexp.MustCompile(`</?[A-Za-z][^<>]*>|<\d[\d:.]*>|\{\\[^{}]*\}`)
	voiceTag  = regexp.MustCompile(`<v(?:\.[^\s>]*)?\s+([^>]+)>`)
	spaces    = regexp.MustCompile(`[ \t\p{Zs}]+`)
	dash      = regexp.MustCompile(`(?m)^[-–—‐]\s*`)
	beforeTwo = regexp.MustCompile(`^([^:\n]{2,32}):\s+`)
)

// plain takes the markup of SRT and WebVTT away and decodes its entities.
func plain(s string) string {
	if len(s) > 8*maxCueText {
		return s // far too long to be taken
	}
	return html.UnescapeString(tags.ReplaceAllString(s, ""))
}

// voice is the speaker of a WebVTT cue; none where several speak.
func voice(s string) string {
	name := ""
	for _, m := range voiceTag.FindAllStringSubmatch(s, -1) {
		v := tidy(html.UnescapeString(m[1]))
		if name != "" && v != name {
			return ""
		}
		name = v
	}
	return name
}

// tidy brings white space to single spaces and line ends, and leaves control characters out.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || r == '\ufeff') {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "\r", "\n"))
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(spaces.ReplaceAllString(l, " ")); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// speakerBefore takes "MARA: Good morning." apart. Only a name in capitals is
// sure: "Note: ..." and "10:30" are speech.
func speakerBefore(text string) (speaker, rest string) {
	m := beforeTwo.FindStringSubmatch(dash.ReplaceAllString(text, ""))
	if m == nil || len(strings.Fields(m[1])) > 3 || strings.Contains(text, "\n-") {
		return "", text
	}
	letters := 0
	for _, r := range m[1] {
		switch {
		case unicode.IsUpper(r):
			letters++
		case r == ' ' || r == '.' || r == '\'' || r == '-' || r == '’':
		default:
			return "", text
		}
	}
	if letters < 2 {
		return "", text
	}
	return cases.Title(language.Und).String(m[1]), dash.ReplaceAllString(text, "")[len(m[0]):]
}

// withoutDashes leaves out the dashes that mark a change of speaker.
func withoutDashes(text string) string { return dash.ReplaceAllString(text, "") }
