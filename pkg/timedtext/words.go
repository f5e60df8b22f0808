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
	// srtTags are the tags of SubRip: b, i, u, s and font. Any other text between angle brackets is text.
	srtTags   = regexp.MustCompile(`(?i)</?\s*(?:b|i|u|s|font)(?:\s+[a-z-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s<>"']+))*\s*/?>`)
	srtBreak  = regexp.MustCompile(`(?i)<br\s*/?>`)
	entity    = regexp.MustCompile(`&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});`)
	microCode = regexp.MustCompile(`\{(?:/[yYcCfFsS]|[yYcCfFsSoPH]:[^{}]*)\}`)
	spaces    = regexp.MustCompile(`[ \t\p{Zs}]+`)
	drawing   = regexp.MustCompile(`\\p(\d+)`)
)

// srtWords removes the markup of SubRip, and the borrowed codes of ASS and MicroDVD.
func srtWords(s string) string {
	if len(s) > 8*maxCueText {
		return s // far too long; a later check refuses the cue
	}
	s = microCode.ReplaceAllString(withoutOverrides(s, false), "")
	s = srtTags.ReplaceAllString(srtBreak.ReplaceAllString(s, "\n"), "")
	return unescaped(strings.NewReplacer(`\N`, "\n", `\h`, " ").Replace(s))
}

// unescaped decodes complete entities. HTML also decodes "&copyright", which is text here.
func unescaped(s string) string { return entity.ReplaceAllStringFunc(s, html.UnescapeString) }

// withoutOverrides removes the blocks "{\…}" of ASS, and the drawings between "{\p1}" and "{\p0}". With comments, braces without a code are
// comments and are removed as well.
func withoutOverrides(s string, comments bool) string {
	var b strings.Builder
	draws := false
	write := func(words string) {
		if !draws {
			b.WriteString(words)
		}
	}
	for {
		before, after, closed := strings.Cut(s, "}")
		if !closed {
			write(s)
			return b.String()
		}
		s = after
		open := strings.LastIndexByte(before, '{')
		block := before[open+1:]
		if open < 0 || !comments && !strings.Contains(block, `\`) {
			write(before + "}")
			continue
		}
		write(before[:open])
		for _, m := range drawing.FindAllStringSubmatch(block, -1) {
			draws = strings.Trim(m[1], "0") != ""
		}
	}
}

// tidy reduces white space to single spaces and line ends. Control characters become spaces, the line and paragraph separators of Unicode become line
// ends, and byte order marks are removed.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\ufeff':
			return -1
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, s)
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(spaces.ReplaceAllString(l, " ")); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// invisible characters are not part of a name: direction marks, soft hyphens, zero-width spaces.
func invisible(r rune) bool {
	switch r {
	case '\u00ad', '\u061c', '\u200b', '\u200e', '\u200f', '\u2060':
		return true
	}
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, s)
}

// wordless reports whether a text shows no character.
func wordless(s string) bool { return strings.TrimSpace(visible(s)) == "" }

// A turn is the text of a single speaker.
type turn struct{ speaker, text string }

var (
	turnDash  = regexp.MustCompile(`^[-–—‐―]\s*`)
	turnName  = regexp.MustCompile(`^(?:>>+\s*)?([^:：\n()\[\]]{2,32}?)(?:\s*[(\[][^()\[\]:\n]{1,40}[)\]])?\s*[:：](?:\s+|$)`)
	turnBrace = regexp.MustCompile(`^[\[(]([^:\n()\[\]]{2,32})[\])]\s*`)
	nobody    = regexp.MustCompile(`(?i)^(?:man|woman|boy|girl|male|female|voice|speaker|person|child)(?: \d{1,2})?$`)
)

// notNames are words in capitals before a colon other than speakers' names.
var notNames = wordSet(`news breaking warning caution danger attention alert notice note nb ps pps update urgent reminder tip
	chapter part episode season act scene title day week month year date time place location address phone tel fax email web
	live exit entrance stop open closed error result results score total question answer fact rule step number
	usa us uk eu un ussr uae nato fbi cia nsa nasa nypd lapd tv pm am id ok sos vip faq diy bbc cnn nbc abc cbs hbo mtv dna ceo
	subtitles subtitle captions translation translated synced sync corrected
	achtung warnung hinweis avertissement nota atención atencion aviso atenção attenzione kapitel capítulo chapitre uwaga внимание увага`)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// turns separates "- MARA: Come in." and "- JONAS: Thanks.", and separates the name before a colon from the speech. Only a name in capitals without a
// word of notNames is certain: "Note: ..." and "10:30" are speech. A text without a certain name stays whole.
func turns(text string) []turn {
	var out []turn
	named := false
	for _, l := range strings.Split(text, "\n") {
		bare := visible(l)
		dash := turnDash.FindString(bare)
		name, rest := nameBefore(bare[len(dash):])
		named = named || name != ""
		switch {
		case name != "":
			out = append(out, turn{name, rest})
		case dash != "" || len(out) == 0:
			out = append(out, turn{"", l})
		default:
			last := &out[len(out)-1]
			last.text = strings.TrimPrefix(last.text+"\n"+l, "\n")
		}
	}
	if !named {
		return []turn{{"", text}}
	}
	for i, t := range out {
		if t.speaker != "" && wordless(t.text) {
			return []turn{{"", text}} // a name without speech is text
		}
		if t.speaker == "" {
			out[i].text = turnDash.ReplaceAllString(visible(t.text), "")
		}
	}
	return out
}

// nameBefore separates the name from the speech in "MARA (whispering): Quiet now".
func nameBefore(line string) (speaker, rest string) {
	m := turnName.FindStringSubmatch(line)
	if m == nil || !isName(m[1]) {
		return "", line
	}
	return titled(m[1]), line[len(m[0]):]
}

func titled(name string) string { return cases.Title(language.Und).String(strings.TrimSpace(name)) }

func isName(s string) bool {
	words := strings.Fields(s)
	if len(words) == 0 || len(words) > 3 {
		return false
	}
	if nobody.MatchString(s) {
		return true
	}
	letters := 0
	for i, w := range words {
		if notNames[strings.ToLower(strings.Trim(w, ".'’-"))] {
			return false
		}
		if i > 0 && len(w) <= 2 && strings.Trim(w, "0123456789") == "" {
			continue // the number of "GUARD 2"
		}
		for _, r := range w {
			switch {
			case unicode.IsUpper(r):
				letters++
			case unicode.Is(unicode.Mn, r) || strings.ContainsRune(`.'’-`, r):
			default:
				return false
			}
		}
	}
	return letters >= 2
}

// bracedName separates the name from the speech in "[MARA] Over here" if the track names Mara elsewhere. Brackets hold sounds as well.
func bracedName(text string, known map[string]bool) (speaker, rest string) {
	m := turnBrace.FindStringSubmatch(visible(text))
	if m == nil || !known[strings.ToLower(m[1])] {
		return "", text
	}
	rest = visible(text)[len(m[0]):]
	if wordless(rest) {
		return "", text
	}
	return titled(m[1]), rest
}
