package timedtext

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// The section numbers are of the W3C document "WebVTT: The Web Video Text Tracks Format".

// exactHeader begins the WebVTT of WriteWebVTT. The id of each cue holds the times in flicks, which milliseconds cannot express, and the readings.
const exactHeader = "WEBVTT cinedex-flicks"

const arrowSign = "-->"

// vttReader reads the lines of a WebVTT text, block by block (6.1).
type vttReader struct {
	*parser
	lines []string
	at    int // the next line
	// moved is the time that X-TIMESTAMP-MAP adds to cues; base is the first MPEGTS.
	moved schema.Time
	base  *int64
}

func (p *parser) webvtt(text string) {
	p.exact = strings.HasPrefix(strings.TrimSpace(text), exactHeader)
	p.counts = !p.exact
	r := &vttReader{parser: p, lines: vttLines(text)}
	for r.at < len(r.lines) && strings.TrimSpace(r.lines[r.at]) == "" {
		r.at++
	}
	if r.at < len(r.lines) && isVTTHeader(r.lines[r.at]) {
		r.header()
	} else {
		p.note("the text does not begin with WEBVTT, as the format requires (6.1)")
	}
	for r.at < len(r.lines) && p.over == nil {
		if r.lines[r.at] == "" {
			r.at++
			continue
		}
		r.block()
	}
}

// vttLines splits at CR LF, CR and LF. CR CR LF is a single line end in a text without other line ends.
func vttLines(text string) []string {
	if n := strings.Count(text, "\n"); n > 0 && strings.Count(text, "\r\r\n") == n {
		text = strings.ReplaceAll(text, "\r\r\n", "\n")
	}
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

func isVTTHeader(l string) bool {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(l, "\ufeff"), "WEBVTT")
	return ok && (rest == "" || rest[0] == ' ' || rest[0] == '\t')
}

// header reads to the empty line or to the first timing line. The line "Language:" is common, and not part of the format.
func (r *vttReader) header() {
	for r.at++; r.at < len(r.lines) && r.lines[r.at] != "" && !strings.Contains(r.lines[r.at], arrowSign); r.at++ {
		name, value, _ := strings.Cut(r.lines[r.at], ":")
		switch {
		case strings.HasPrefix(r.lines[r.at], "X-TIMESTAMP-MAP="):
			r.timestampMap(r.lines[r.at])
		case strings.EqualFold(name, "Language") && r.out.Language == "":
			if lang, err := schema.CanonicalLanguage(strings.TrimSpace(value)); err == nil {
				r.out.Language = lang
			}
		}
	}
}

var (
	mapLocal = regexp.MustCompile(`LOCAL:([\d:.]+)`)
	mapTS    = regexp.MustCompile(`MPEGTS:(\d{1,19})`)
)

// timestampMap reads "X-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:900000" (RFC 8216 3.5): the cue time LOCAL is the time
// MPEGTS of the transport stream, in units of 1/90000 s. A film other than a transport stream has no such clock. There,
// the first MPEGTS counts as 0, because packagers always write 900000, and the MPEGTS of further segments count from
// the first MPEGTS.
func (r *vttReader) timestampMap(line string) {
	local, ts := mapLocal.FindStringSubmatch(line), mapTS.FindStringSubmatch(line)
	if local == nil || ts == nil {
		r.note("line %d: %q lacks LOCAL or MPEGTS and is not applied", r.at+1, clip(line))
		return
	}
	from, _, err := clockTime(local[1])
	ticks, errTicks := strconv.ParseInt(ts[1], 10, 64)
	if err != nil || errTicks != nil {
		r.note("line %d: %q cannot be read and is not applied", r.at+1, clip(line))
		return
	}
	const wrap, tick = int64(1) << 33, schema.Second / 90_000
	ticks %= wrap
	if start := r.opts.StreamStart; start != nil {
		first := int64(*start/tick) % wrap
		d := ticks - first
		switch { // the stream's clock wraps after 2^33 ticks
		case d < -wrap/2:
			d += wrap
		case d > wrap/2:
			d -= wrap
		}
		r.moved = schema.Time(d)*tick - from
		if r.moved != 0 {
			r.note("X-TIMESTAMP-MAP moves the cues by %s: MPEGTS %d, LOCAL %s, and the stream's first picture at %s", signed(r.moved), ticks, from, *start)
		}
		return
	}
	if r.base == nil {
		r.base = &ticks
		if ticks != 0 {
			r.note("X-TIMESTAMP-MAP: MPEGTS %d counts as 0, since the film is not a transport stream", ticks)
		}
	}
	r.moved = schema.Time(ticks-*r.base)*tick - from
}

func signed(t schema.Time) string {
	if t < 0 {
		return "-" + (-t).String()
	}
	return t.String()
}

// block collects a block (6.1, "collect a WebVTT block"). Only an empty line, or the timing line of the next cue, ends the block.
func (r *vttReader) block() {
	first, timing := r.at, -1
	for ; r.at < len(r.lines) && r.lines[r.at] != ""; r.at++ {
		if !strings.Contains(r.lines[r.at], arrowSign) {
			continue
		}
		if timing >= 0 || r.at > first+1 {
			break
		}
		timing = r.at
	}
	if timing < 0 {
		r.noCue(first)
		return
	}
	line := r.lines[timing]
	start, end, unit, err := arrow(line)
	var readings []string
	if r.exact && timing > first {
		if s, e, read, ok := exactID(r.lines[timing-1]); ok {
			start, end, unit, readings, err = s, e, 0, read, nil
		}
	}
	if err != nil {
		if first != timing || blockWord(line) != "NOTE" { // a comment must not contain an arrow (4.1); a comment with an arrow is ignored
			r.bad(timing+1, "%s", err)
		}
		return
	}
	c := vttWords(strings.Join(r.lines[timing+1:r.at], "\n"))
	if len(readings) == 0 {
		readings = c.readings
	}
	if len(c.parts) == 0 {
		c.parts = []*vttPart{{}}
	}
	for _, part := range c.parts {
		r.addRounded(timing+1, unit, Cue{
			Start: start + r.moved, End: end + r.moved, Text: part.text.String(), Speaker: part.voice, Language: part.language, Readings: readings,
		})
		readings = nil
	}
	for _, words := range c.foreign {
		r.note("line %d: %s", timing+1, words)
	}
}

// noCue reads a block without a timing line: the header of a joined file, a comment, a style, a region. Any other block is reported.
func (r *vttReader) noCue(first int) {
	l := r.lines[first]
	switch blockWord(l) {
	case "WEBVTT", "\ufeffWEBVTT":
		end := r.at
		r.at = first
		r.header()
		r.at = max(r.at, end)
	case "NOTE", "STYLE", "REGION":
	default:
		r.note("line %d: %q belongs to no cue, since a blank line ends a cue of WebVTT", first+1, clip(l))
	}
}

func blockWord(l string) string {
	word, _, _ := strings.Cut(strings.ReplaceAll(l, "\t", " "), " ")
	return word
}

// exactID reads "START-END" or "START-END reading|reading".
func exactID(id string) (start, end schema.Time, readings []string, ok bool) {
	times, read, _ := strings.Cut(strings.TrimSpace(id), " ")
	a, b, _ := strings.Cut(times, "-")
	s, errS := strconv.ParseInt(a, 10, 64)
	e, errE := strconv.ParseInt(b, 10, 64)
	if read != "" {
		readings = strings.Split(read, "|")
	}
	return schema.Time(s), schema.Time(e), readings, errS == nil && errE == nil
}

// WriteWebVTT writes cues as WebVTT for every player. Parse reads the text back without loss: the id of each cue holds
// the exact time in flicks, and the readings. The same cues give the same bytes.
func WriteWebVTT(w io.Writer, cues []Cue) error {
	var b bytes.Buffer
	b.WriteString(exactHeader + "\n")
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	for _, c := range cues {
		start, end := shownMillis(c)
		fmt.Fprintf(&b, "\n%d-%d%s\n%s --> %s\n", c.Start, c.End, exactReadings(c.Readings), vttTime(start), vttTime(end))
		text := escape.Replace(c.Text)
		if c.Language != "" {
			text = fmt.Sprintf("<lang %s>%s</lang>", escape.Replace(c.Language), text)
		}
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

// exactReadings writes readings into the id of a cue, which players do not show.
func exactReadings(readings []string) string {
	if len(readings) == 0 {
		return ""
	}
	clean := make([]string, len(readings))
	for i, r := range readings {
		clean[i] = strings.NewReplacer("|", " ", "-->", "->", "\n", " ", "\r", " ").Replace(r)
	}
	return " " + strings.Join(clean, "|")
}

func vttTime(ms schema.Time) string {
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3_600_000, ms/60_000%60, ms/1000%60, ms%1000)
}
