package timedtext

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// shownMillis returns the milliseconds of a cue. Starts are rounded up and ends down, so a player shows the cue on its own frames.
func shownMillis(c Cue) (start, end schema.Time) {
	const ms = schema.Millisecond
	start = (c.Start + ms - 1) / ms
	return start, max(c.End/ms, start)
}

// WriteSRT writes cues as SubRip, for every player and editing program. SubRip has neither speakers nor languages, and no text may have an empty line.
func WriteSRT(w io.Writer, cues []Cue) error {
	var b bytes.Buffer
	for i, c := range cues {
		start, end := shownMillis(c)
		fmt.Fprintf(&b, "%d\n%s --> %s\n%s\n\n", i+1, srtTime(start), srtTime(end), withoutEmptyLines(c.Text))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing SRT: %w", err)
	}
	return nil
}

func srtTime(ms schema.Time) string { return strings.Replace(vttTime(ms), ".", ",", 1) }

func withoutEmptyLines(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

// WriteTTML writes cues as TTML 1, with media times in milliseconds. language is the BCP 47 tag of the cues without a language of their own.
func WriteTTML(w io.Writer, language string, cues []Cue) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	fmt.Fprintf(&b, `<tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttp="http://www.w3.org/ns/ttml#parameter" xmlns:ttm="http://www.w3.org/ns/ttml#metadata" ttp:timeBase="media" xml:lang="%s">`+"\n", escapeXML(language))
	agents := speakers(cues)
	if len(agents) > 0 {
		b.WriteString("  <head>\n    <metadata>\n")
		for i, name := range agents {
			fmt.Fprintf(&b, `      <ttm:agent xml:id="s%d" type="person"><ttm:name type="full">%s</ttm:name></ttm:agent>`+"\n", i+1, escapeXML(name))
		}
		b.WriteString("    </metadata>\n  </head>\n")
	}
	b.WriteString("  <body>\n    <div>\n")
	for _, c := range cues {
		b.WriteString(writtenParagraph(c, language, agents))
	}
	b.WriteString("    </div>\n  </body>\n</tt>\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing TTML: %w", err)
	}
	return nil
}

// speakers returns the speakers in the order of their first cues.
func speakers(cues []Cue) (out []string) {
	seen := map[string]bool{"": true}
	for _, c := range cues {
		if !seen[c.Speaker] {
			seen[c.Speaker] = true
			out = append(out, c.Speaker)
		}
	}
	return out
}

func writtenParagraph(c Cue, language string, agents []string) string {
	start, end := shownMillis(c)
	more := ""
	if c.Language != "" && c.Language != language {
		more += fmt.Sprintf(` xml:lang="%s"`, escapeXML(c.Language))
	}
	for i, name := range agents {
		if name == c.Speaker {
			more += fmt.Sprintf(` ttm:agent="s%d"`, i+1)
		}
	}
	text := strings.ReplaceAll(escapeXML(withoutEmptyLines(c.Text)), "&#xA;", "<br/>")
	return fmt.Sprintf(`      <p begin="%s" end="%s"%s>%s</p>`+"\n", vttTime(start), vttTime(end), more, text)
}

// escapeXML escapes a text for an element or an attribute.
func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder gives no error
	return b.String()
}
