package timedtext

import (
	"fmt"
	"html"
	"regexp"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// vttCue is the parsed text of a cue (6.4): parts by voice, the readings of ruby, and words in another language than the cue's.
type vttCue struct {
	parts    []*vttPart
	readings []string
	foreign  []string
}

type vttPart struct {
	voice, language string
	text            strings.Builder
}

var (
	vttTimestamp = regexp.MustCompile(`^(?:\d{2,}:)?\d{2}:\d{2}\.\d{3}$`)
	vttTag       = regexp.MustCompile(`^(/?)([^\s./>]*)((?:\.[^\s>]*)?)(?:[\s]+([\s\S]*))?$`)
)

// vttScope is an open tag, or the cue. The text inside has the scope's voice and language.
type vttScope struct{ tag, voice, language string }

// vttWords cuts the text of a cue into tags and words (6.4). A "<" is text before white space, before a number other
// than a timestamp, and without a ">" after. 6.4 differs, and would lose the words after such a "<".
func vttWords(s string) vttCue {
	if len(s) > 8*maxCueText {
		out := vttCue{parts: []*vttPart{{}}} // far too long; a later check refuses the cue
		out.parts[0].text.WriteString(s)
		return out
	}
	r := vttWordReader{scopes: []vttScope{{}}}
	for {
		words, rest, open := strings.Cut(s, "<")
		r.write(words)
		if !open {
			break
		}
		tag, after, closed := strings.Cut(rest, ">")
		number := tag != "" && tag[0] >= '0' && tag[0] <= '9'
		if !closed || tag != "" && strings.ContainsAny(tag[:1], " \t\n") || number && !vttTimestamp.MatchString(tag) {
			r.write("<")
			if s = rest; !closed {
				r.write(s)
				break
			}
			continue
		}
		s = after
		if m := vttTag.FindStringSubmatch(tag); m != nil && !number {
			r.tag(m[2], m[4], m[1] == "/")
		}
	}
	r.endReading()
	r.out.byVoice()
	return r.out
}

// A vttWordReader writes the words of a cue into the part of their voice and language.
type vttWordReader struct {
	out     vttCue
	reading strings.Builder // the open ruby text
	scopes  []vttScope      // the cue, and the open tags
}

// in returns the innermost scope.
func (r *vttWordReader) in() vttScope { return r.scopes[len(r.scopes)-1] }

func (r *vttWordReader) write(words string) {
	words = html.UnescapeString(words)
	in := r.in()
	if in.tag == "rt" {
		r.reading.WriteString(words)
		return
	}
	if n := len(r.out.parts); n == 0 || r.out.parts[n-1].voice != in.voice || r.out.parts[n-1].language != in.language {
		r.out.parts = append(r.out.parts, &vttPart{voice: in.voice, language: in.language})
	}
	r.out.parts[len(r.out.parts)-1].text.WriteString(words)
}

// endReading adds the open ruby text to the readings.
func (r *vttWordReader) endReading() {
	if read := tidy(r.reading.String()); read != "" {
		r.out.readings = append(r.out.readings, strings.ReplaceAll(read, "\n", " "))
	}
	r.reading.Reset()
}

// tag opens or closes a scope. Tags without meaning for voice, language and ruby are ignored.
func (r *vttWordReader) tag(name, annotation string, closes bool) {
	in := r.in()
	switch {
	case closes:
		r.close(name)
	case len(r.scopes) >= maxDepth:
	case name == "v":
		r.scopes = append(r.scopes, vttScope{"v", tidyName(annotation), in.language})
	case name == "lang":
		language, err := schema.CanonicalLanguage(strings.TrimSpace(annotation))
		if err != nil {
			language = in.language
		}
		r.scopes = append(r.scopes, vttScope{"lang", in.voice, language})
	case name == "ruby" || name == "rt" && in.tag == "ruby":
		r.scopes = append(r.scopes, vttScope{name, in.voice, in.language})
	}
}

// close closes the innermost scope of a tag, and the scopes inside. The end of a ruby closes an open ruby text as well.
func (r *vttWordReader) close(name string) {
	for i := len(r.scopes) - 1; i > 0; i-- {
		if r.scopes[i].tag != name && (name != "ruby" || r.scopes[i].tag != "rt") {
			continue
		}
		if r.in().tag == "rt" {
			r.endReading()
		}
		r.scopes = r.scopes[:i]
		if name == "ruby" && i > 1 && r.scopes[i-1].tag == "ruby" {
			r.scopes = r.scopes[:i-1]
		}
		return
	}
}

// tidyName returns the name of a voice with single spaces in place of white space and line ends.
func tidyName(s string) string {
	return strings.Join(strings.Fields(visible(html.UnescapeString(s))), " ")
}

// byVoice joins the parts of a voice. A part in another language stays with the words around, and is reported.
func (c *vttCue) byVoice() {
	var parts []*vttPart
	for _, part := range c.parts {
		words := part.text.String()
		n := len(parts)
		switch {
		case wordless(words) && n == 0:
			continue
		case !wordless(words) && (n == 0 || parts[n-1].voice != part.voice):
			parts = append(parts, part)
			continue
		}
		last := parts[n-1]
		if !wordless(words) && last.language != part.language {
			c.inLanguage(last.text.String(), last.language)
			c.inLanguage(words, part.language)
			last.language = ""
		}
		last.text.WriteString(words)
	}
	c.parts = parts
}

func (c *vttCue) inLanguage(words, language string) {
	if language != "" && len(c.foreign) < 4 {
		c.foreign = append(c.foreign, fmt.Sprintf("%q is in %s", clip(tidy(words)), language))
	}
}
