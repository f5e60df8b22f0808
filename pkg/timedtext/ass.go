package timedtext

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

var assSection = regexp.MustCompile(`(?i)^\[(?:script info|v4\+? styles|events)\]`)

// assUnit is a hundredth of a second and a millisecond. Programs for writing ASS round from milliseconds, so a time is
// up to half of both units away from its frame.
const assUnit = 11 * schema.Millisecond

// An assLine identifies a line, so the same line in two layers is recognised.
type assLine struct {
	start, end    schema.Time
	text, speaker string
}

// ass reads Advanced SubStation Alpha, and its predecessor SSA: the lines "Dialogue:" of the section [Events], by the
// fields of the line "Format:". Lines "Comment:", other sections and drawings are not speech.
func (p *parser) ass(text string) {
	fields := []string{"marked", "start", "end", "style", "name", "marginl", "marginr", "marginv", "effect", "text"}
	taken := make(map[assLine]bool)
	events, same := false, 0
	for i, l := range lines(text) {
		l = strings.TrimSpace(l)
		if strings.HasPrefix(l, "[") && strings.HasSuffix(l, "]") {
			events = strings.EqualFold(l, "[Events]")
			continue
		}
		key, value, _ := strings.Cut(l, ":")
		switch {
		case !events || p.over != nil:
		case strings.EqualFold(key, "Format"):
			fields = strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
		case strings.EqualFold(key, "Dialogue"):
			event, err := readAssLine(fields, value)
			if err != nil {
				p.bad(i+1, "%s", err)
				continue
			}
			if taken[event] {
				same++
				continue
			}
			taken[event] = true
			p.addRounded(i+1, assUnit, Cue{Start: event.start, End: event.end, Text: event.text, Speaker: event.speaker})
		}
	}
	if same > 0 {
		p.note("lines that repeat the times and words of another line, as layers of shadows and outlines do: %d, each read once", same)
	}
}

// readAssLine reads the fields of a line. The text is the last field, and may contain commas.
func readAssLine(fields []string, line string) (assLine, error) {
	values := strings.SplitN(line, ",", max(len(fields), 1))
	if len(values) < len(fields) || !slices.Contains(fields, "text") {
		return assLine{}, fmt.Errorf("has %d of the %d fields that the line Format names", len(values), len(fields))
	}
	field := make(map[string]string, len(fields))
	for i, name := range fields {
		field[name] = values[i]
	}
	start, end, _, err := span(field["start"], field["end"])
	speaker := field["name"] + field["actor"]
	return assLine{start, end, assWords(field["text"]), strings.TrimSpace(speaker)}, err
}

var (
	assEscapes = strings.NewReplacer(`\{`, "\ue000", `\}`, "\ue001")
	assLetters = strings.NewReplacer("\ue000", "{", "\ue001", "}", `\N`, "\n", `\n`, " ", `\h`, " ")
)

// assWords removes the codes, the drawings and the comments in braces.
func assWords(s string) string {
	if len(s) > 8*maxCueText {
		return s // far too long; a later check refuses the cue
	}
	return tidy(assLetters.Replace(withoutOverrides(assEscapes.Replace(s), true)))
}
