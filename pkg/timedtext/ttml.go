package timedtext

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// ttmlTimes are the time parameters of a TTML document (TTML1 section 6.2).
type ttmlTimes struct {
	rate  schema.Rate // frames
	ticks schema.Rate
	// labels is set for ttp:timeBase="smpte": times are labels, which count frames.
	// Some documents count them from the asset's start timecode, others from zero: a
	// label that would lie before the start is taken for one that counts from zero.
	labels, fromZero *schema.TimecodeScale
}

// ttmlNode is an open element.
type ttmlNode struct {
	name       string
	start, end schema.Time // on the document's clock; end below 0 where open
	timed      bool
	agent      string
}

// maxDepth of TTML's elements: body, div, p and a few spans.
const maxDepth = 32

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")

// ttml reads a document's paragraphs, and spans that have times of their own
// inside a paragraph that has none.
func (p *parser) ttml(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict, d.Entity = false, xml.HTMLEntity
	// The text is UTF-8 by now, whatever its first line says.
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }

	var (
		times  ttmlTimes
		open   []ttmlNode
		agents = map[string]string{}
		agent  string // whose name is being read
		words  strings.Builder
		line   int
		root   bool
	)
	emit := func(n ttmlNode) {
		if !n.timed {
			return
		}
		if n.end < 0 {
			p.bad(line, "has no end")
		} else {
			p.add(line, Cue{Start: n.start, End: n.end, Text: words.String(), Speaker: agents[n.agent]})
		}
		words.Reset()
	}
	for {
		if p.over != nil {
			break
		}
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		at, _ := d.InputPos()
		if err != nil {
			p.bad(at, "cannot be read as XML: %v", err)
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) >= maxDepth {
				return errkind.New(errkind.Invalid, "the TTML is nested deeper than %d", maxDepth)
			}
			if t.Name.Local == "tt" {
				root = true
				times = p.ttmlParameters(t)
			}
			parent := ttmlNode{end: -1}
			if len(open) > 0 {
				parent = open[len(open)-1]
			}
			n := ttmlNode{name: t.Name.Local, start: parent.start, end: parent.end, agent: parent.agent}
			if a := attribute(t, "agent"); a != "" && t.Name.Local != "agent" {
				n.agent, _, _ = strings.Cut(a, " ")
			}
			if err := n.time(t, parent, times); err != nil {
				p.bad(at, "%s", err)
				if err := d.Skip(); err != nil {
					return nil
				}
				continue
			}
			switch n.name {
			case "p":
				words.Reset()
				line = at
				// A paragraph inherits times that stand further up only if it has none.
				n.timed = n.timed || parent.end >= 0
			case "span":
				if n.timed && parent.name == "p" && !parent.timed {
					words.Reset()
					line = at
				} else {
					n.timed = false
				}
			case "br":
				words.WriteByte('\n')
			case "agent":
				agent = attribute(t, "id")
			case "metadata", "head":
				n.timed = false
			}
			open = append(open, n)
		case xml.EndElement:
			if len(open) == 0 {
				continue
			}
			n := open[len(open)-1]
			open = open[:len(open)-1]
			if n.name == "p" || n.name == "span" {
				emit(n)
			}
			if n.name == "agent" {
				agent = ""
			}
		case xml.CharData:
			if len(open) == 0 {
				continue
			}
			switch in := open[len(open)-1].name; {
			case in == "name" && agent != "":
				agents[agent] = tidy(string(t))
			case in == "p" || in == "span":
				// Line ends of the source are spaces; lines end at <br/>.
				words.WriteString(lineEnds.Replace(string(t)))
				if words.Len() > MaxBytes {
					return fmt.Errorf("a paragraph of the TTML has more than %d bytes: %w", MaxBytes, ErrTooLarge)
				}
			}
		}
	}
	if !root {
		return errkind.New(errkind.Invalid, "the text is not TTML: it has no tt element")
	}
	return nil
}

func attribute(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// time sets the node's times from its begin, end and dur, which count from its parent's begin.
func (n *ttmlNode) time(t xml.StartElement, parent ttmlNode, times ttmlTimes) error {
	var err error
	read := func(name string) (schema.Time, bool) {
		v := strings.TrimSpace(attribute(t, name))
		if v == "" || err != nil {
			return 0, false
		}
		var at schema.Time
		at, err = times.parse(v)
		return at, err == nil
	}
	if begin, ok := read("begin"); ok {
		n.start, n.timed = parent.start+begin, true
	}
	if end, ok := read("end"); ok {
		n.end, n.timed = parent.start+end, true
	}
	if dur, ok := read("dur"); ok {
		if end := n.start + dur; n.end < 0 || attribute(t, "end") == "" || end < n.end {
			n.end = end
		}
		n.timed = true
	}
	return err
}

// ttmlParameters reads the root's parameters. The frame rate is the document's;
// where it names none, the asset's; else TTML's default of 30.
func (p *parser) ttmlParameters(t xml.StartElement) ttmlTimes {
	if lang, err := schema.CanonicalLanguage(attribute(t, "lang")); err == nil {
		p.out.Language = lang
	}
	out := ttmlTimes{rate: schema.Rate{Num: 30, Den: 1}}
	whole := positive(attribute(t, "frameRate"))
	switch {
	case whole > 0:
		out.rate = schema.Rate{Num: whole, Den: 1}
		if f := strings.Fields(attribute(t, "frameRateMultiplier")); len(f) == 2 {
			if num, den := positive(f[0]), positive(f[1]); num > 0 && den > 0 {
				out.rate = schema.Rate{Num: whole * num, Den: den}
			}
		}
	case p.opts.Rate.Num > 0:
		out.rate = p.opts.Rate
	}
	if out.rate.Validate() != nil {
		out.rate = schema.Rate{Num: 30, Den: 1}
	}
	switch tick := positive(attribute(t, "tickRate")); {
	case tick > 0:
		out.ticks = schema.Rate{Num: tick, Den: 1}
	case whole > 0:
		out.ticks = out.rate
	default:
		out.ticks = schema.Rate{Num: 1, Den: 1}
	}
	if attribute(t, "timeBase") == "smpte" {
		drop := strings.HasPrefix(attribute(t, "dropMode"), "drop")
		scale, err := schema.ScaleOf(out.rate, drop, p.opts.StartTimecode)
		if err != nil {
			scale, err = schema.ScaleOf(out.rate, false, "")
		}
		zero, errZero := schema.ScaleOf(out.rate, scale.Drop(), "")
		if err == nil && errZero == nil {
			out.labels, out.fromZero = &scale, &zero
		}
	}
	return out
}

// positive reads a whole number above 0 that leaves room for multiplying; else 0.
func positive(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return 0
	}
	return n
}

var (
	ttmlClock  = regexp.MustCompile(`^(\d{2,6}):(\d{2}):(\d{2})(?:\.(\d+)|[:;](\d{2,3}))?$`)
	ttmlOffset = regexp.MustCompile(`^(\d{1,12})(?:\.(\d+))?(h|m|s|ms|f|t)$`)
)

// parse reads a TTML time expression, exactly where its frames and ticks are whole flicks.
func (c ttmlTimes) parse(s string) (schema.Time, error) {
	bad := errkind.New(errkind.Invalid, "has a time that cannot be read: %q", clip(s))
	if m := ttmlClock.FindStringSubmatch(s); m != nil {
		if c.labels != nil && m[5] != "" {
			label := m[1] + ":" + m[2] + ":" + m[3] + ":" + m[5]
			frame, err := c.labels.Frame(label)
			if half := int64(12 * 3600 * c.labels.FPS()); err == nil && frame > half {
				frame, err = c.fromZero.Frame(label)
			}
			if err != nil {
				return 0, errkind.New(errkind.Invalid, "has a label that does not exist: %w", err)
			}
			return c.rate.FrameStart(frame), nil
		}
		h, _ := strconv.ParseInt(m[1], 10, 64)
		minutes, _ := strconv.ParseInt(m[2], 10, 64)
		sec, _ := strconv.ParseInt(m[3], 10, 64)
		if minutes > 59 || sec > 60 {
			return 0, bad
		}
		at := schema.Time(h*3600+minutes*60+sec) * schema.Second
		if m[5] != "" {
			frames, _ := strconv.ParseInt(m[5], 10, 64)
			return at + c.rate.FrameStart(frames), nil
		}
		part, ok := decimals(m[4])
		if !ok {
			return 0, bad
		}
		return at + part, nil
	}
	m := ttmlOffset.FindStringSubmatch(s)
	if m == nil {
		return 0, bad
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	part, ok := decimals(m[2])
	if err != nil || !ok {
		return 0, bad
	}
	seconds := func(unit schema.Time) (schema.Time, error) {
		if n > int64(schema.MaxTime/unit)/2 {
			return 0, bad
		}
		return schema.Time(n)*unit + schema.Time(float64(part)*float64(unit)/float64(schema.Second)), nil
	}
	switch m[3] {
	case "h":
		return seconds(schema.Hour)
	case "m":
		return seconds(schema.Minute)
	case "s":
		return seconds(schema.Second)
	case "ms":
		return seconds(schema.Millisecond)
	case "f":
		return unitsOf(c.rate, n, part), nil
	default:
		return unitsOf(c.ticks, n, part), nil
	}
}

// unitsOf is n units of a rate, and a part of the next.
func unitsOf(rate schema.Rate, n int64, part schema.Time) schema.Time {
	at := rate.FrameStart(n)
	if part > 0 {
		at += schema.Time(float64(rate.FrameStart(n+1)-at) * float64(part) / float64(schema.Second))
	}
	return at
}
