package timedtext

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// exactHeader begins the WebVTT that we write: the ids of its cues are then their
// times in flicks, which milliseconds cannot hold.
const exactHeader = "WEBVTT cinedex-flicks"

func (p *parser) webvtt(text string) {
	exact := strings.HasPrefix(strings.TrimSpace(text), exactHeader)
	for _, b := range blocks(text) {
		at := b.timing()
		if at < 0 {
			continue // the header, a note, a style
		}
		if first := b.lines[0]; strings.HasPrefix(first, "NOTE") || strings.HasPrefix(first, "STYLE") || strings.HasPrefix(first, "REGION") {
			continue
		}
		start, end, err := arrow(b.lines[at])
		if exact && at > 0 {
			if s, e, ok := exactTimes(b.lines[at-1]); ok {
				start, end, err = s, e, nil
			}
		}
		if err != nil {
			p.bad(b.line+at, "%s", err)
			continue
		}
		words := strings.Join(b.lines[at+1:], "\n")
		p.add(b.line+at, Cue{Start: start, End: end, Text: plain(words), Speaker: voice(words)})
	}
}

func exactTimes(id string) (start, end schema.Time, ok bool) {
	a, b, _ := strings.Cut(strings.TrimSpace(id), "-")
	s, errS := strconv.ParseInt(a, 10, 64)
	e, errE := strconv.ParseInt(b, 10, 64)
	return schema.Time(s), schema.Time(e), errS == nil && errE == nil
}

// WriteWebVTT writes cues as WebVTT that every player shows and that Parse
// reads back without loss: the id of each cue is its exact time in flicks. The
// same cues give the same bytes.
func WriteWebVTT(w io.Writer, cues []Cue) error {
	var b bytes.Buffer
	b.WriteString(exactHeader + "\n")
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, c := range cues {
		// Starts up and ends down, so that a player shows the cue in its own frames.
		const ms = schema.Millisecond
		start, end := (c.Start+ms-1)/ms, c.End/ms
		fmt.Fprintf(&b, "\n%d-%d\n%s --> %s\n", c.Start, c.End, vttTime(start), vttTime(max(end, start)))
		text := escape.Replace(c.Text)
		if c.Speaker != "" {
			text = fmt.Sprintf("<v %s>%s", escape.Replace(c.Speaker), text)
		}
		b.WriteString(text + "\n")
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing WebVTT: %w", err)
	}
	return nil
}

func vttTime(ms schema.Time) string {
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
