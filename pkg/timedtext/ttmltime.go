package timedtext

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// forever is the end of cues without an end. Sums of a few such ends do not overflow.
const forever = schema.MaxTime / 8

// interval is a time span on the document's clock.
type interval struct{ start, end schema.Time }

func (i interval) empty() bool { return i.end <= i.start }

func (i interval) within(o interval) interval {
	return interval{max(i.start, o.start), min(i.end, o.end)}
}

// ttmlTiming holds the timing attributes of an element, as written (TTML1 section 10.2).
type ttmlTiming struct {
	begin, end, dur string
	seq             bool // the children follow each other
}

// resolve computes the times during which an element and its children are shown (TTML1 section 10.4). The element's
// times count from ref: the parent's begin, or in a sequence the end of the element before. limit is the end of the
// parent. resolve returns the element's own end, at which the next element of a sequence begins.
func (d *ttmlDoc) resolve(n *ttmlNode, ref, parentStart, limit schema.Time) schema.Time {
	begin, end, err := d.clock.span(*n.times, ref)
	if err != nil {
		d.p.bad(n.line, "%s", err)
		n.broken = true
		return ref
	}
	inner := min(end, limit)
	implicit := begin
	next := begin
	for _, c := range n.children {
		switch c.kind {
		case ttmlBlock, ttmlP, ttmlSpan:
			if !n.times.seq {
				next = begin
			}
			next = d.resolve(c, next, begin, inner)
			implicit = max(implicit, next)
		case ttmlWords: // lasts as long as the parent; in a sequence, takes no time
			if !n.times.seq && strings.TrimSpace(c.text) != "" {
				implicit = forever
			}
		}
	}
	if end >= forever && n.kind != ttmlRegion {
		end = implicit
	}
	n.own = interval{begin, end}
	n.active = n.own.within(interval{parentStart, limit})
	return end
}

// ttmlClock reads the times of a document (TTML1 section 6.2).
type ttmlClock struct {
	rate      schema.Rate // frames
	subFrames int64
	ticks     schema.Rate
	// labels is set for ttp:timeBase="smpte": clock times are labels. Without labels, clock times are seconds.
	labels *labelScale
	// With unsaid, the document names no ttp:dropMode.
	unsaid bool
	// continuous is ttp:markerMode="continuous": labels count from the parent's begin. Otherwise labels are independent. A label below the parent's
	// begin, which could never be shown, counts from the parent's begin in both modes.
	continuous bool
	// unit is the finest unit of rounded fractions of a second; 0 for none.
	unit schema.Time
	note func(format string, args ...any)
}

// A ttmlTime is the value of a time expression. With label, the value is a label, which may be independent of the
// parent.
type ttmlTime struct {
	at    schema.Time
	label bool
}

// span reads the begin and the end of an element. A missing end is forever. If an end and a duration are given, the earlier end counts.
func (c *ttmlClock) span(t ttmlTiming, ref schema.Time) (begin, end schema.Time, err error) {
	begin, end = ref, forever
	from := func(v ttmlTime) schema.Time {
		if v.label && !c.continuous && v.at >= ref {
			return 0
		}
		if v.label && ref > 0 {
			c.note("labels inside an element that begins at a label are counted from its begin")
		}
		return ref
	}
	origin := ref
	if t.begin != "" {
		v, err := c.parse(t.begin)
		if err != nil {
			return 0, 0, err
		}
		origin = from(v)
		begin = origin + v.at
	}
	if t.end != "" {
		v, err := c.parse(t.end)
		if err != nil {
			return 0, 0, err
		}
		if t.begin == "" || !v.label {
			origin = from(v)
		}
		end = origin + v.at
	}
	if t.dur != "" {
		v, err := c.parse(t.dur)
		if err != nil {
			return 0, 0, err
		}
		end = min(end, begin+v.at)
	}
	return min(begin, forever), min(end, forever), nil
}

// parameters reads the root's parameters. The frame rate is the document's, or the film's if the document names none, or TTML's default of 30.
func (d *ttmlDoc) parameters(t xml.StartElement) ttmlClock {
	get := func(name string) string { return attribute(t, parameterNS, name) }
	c := ttmlClock{rate: schema.Rate{Num: 30, Den: 1}, subFrames: max(positive(get("subFrameRate")), 1), note: d.p.note}
	given := false
	if rate, err := schema.ParseRate(get("frameRate")); err == nil {
		given, c.rate = true, rate
		f := strings.FieldsFunc(get("frameRateMultiplier"), func(r rune) bool { return strings.ContainsRune(" \t\n:/", r) })
		if len(f) == 2 {
			if num, den := positive(f[0]), positive(f[1]); num > 0 && den > 0 {
				c.rate = schema.Rate{Num: rate.Num * num, Den: rate.Den * den}
			}
		}
	} else if d.p.opts.Rate.Validate() == nil {
		c.rate = d.p.opts.Rate
	}
	if c.rate.Validate() != nil || c.rate.Num < c.rate.Den {
		d.p.note("the TTML's frame rate %q x %q cannot be used; 30 is used instead", get("frameRate"), get("frameRateMultiplier"))
		c.rate = schema.Rate{Num: 30, Den: 1}
	}
	c.rate = ntsc(c.rate)
	switch tick := positive(get("tickRate")); {
	case tick > 0:
		c.ticks = schema.Rate{Num: tick, Den: 1}
	case given:
		c.ticks = schema.Rate{Num: c.rate.Num * min(c.subFrames, 1000), Den: c.rate.Den}
	default:
		c.ticks = schema.Rate{Num: 1, Den: 1}
	}
	switch get("timeBase") {
	case "smpte":
		s := d.p.scaleFor(c.rate, dropModes[get("dropMode")])
		c.labels, c.rate, c.unsaid = &s, s.rate, get("dropMode") == ""
		c.continuous = get("markerMode") == "continuous"
	case "clock":
		d.p.note("the TTML's times are times of day, counted from the film's start timecode, or from midnight if the film has no start timecode")
		s := d.p.scaleFor(c.rate, "")
		c.labels = &s
	}
	return c
}

var dropModes = map[string]dropMode{"nonDrop": nonDrop, "dropNTSC": dropNTSC, "dropPAL": dropPAL}

// positive reads a whole number above 0 with room for multiplication; 0 for any other text.
func positive(s string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil || n < 0 || n > 1_000_000_000 {
		return 0
	}
	return n
}

var (
	ttmlClockTime = regexp.MustCompile(`^(\d{1,6}):(\d{2}):(\d{2})(?:[.,](\d+)|([:;])(\d{2,3})(?:\.(\d{1,4}))?)?$`)
	ttmlOffset    = regexp.MustCompile(`^(\d{1,12})(?:[.,](\d+))?(h|m|s|ms|f|t)$`)
)

// parse reads a time expression (TTML1 section 10.3.1), exactly if frames and ticks are whole flicks. Real files also have hours of a single digit, a
// comma for the decimal point, and a semicolon before the frames, none of which is TTML.
func (c *ttmlClock) parse(s string) (ttmlTime, error) {
	if m := ttmlClockTime.FindStringSubmatch(s); m != nil {
		return c.clockTime(s, m)
	}
	bad := errkind.New(errkind.Invalid, "has a time that cannot be read: %q", clip(s))
	m := ttmlOffset.FindStringSubmatch(s)
	if m == nil {
		return ttmlTime{}, bad
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	part, ok := decimals(m[2])
	if err != nil || !ok {
		return ttmlTime{}, bad
	}
	units := map[string]schema.Time{"h": schema.Hour, "m": schema.Minute, "s": schema.Second, "ms": schema.Millisecond}
	switch unit := units[m[3]]; {
	case unit > 0 && n > int64(forever/unit):
		return ttmlTime{}, bad
	case unit >= schema.Second:
		if unit == schema.Second {
			c.rounded(m[2])
		}
		return ttmlTime{at: schema.Time(n)*unit + part*(unit/schema.Second)}, nil
	case unit > 0:
		c.roundedTo(schema.Millisecond)
		return ttmlTime{at: schema.Time(n)*unit + part/1000}, nil
	case m[3] == "f":
		return ttmlTime{at: min(unitsOf(c.rate, n, part), forever)}, nil
	default:
		c.roundedTo(c.ticks.FrameStart(1))
		return ttmlTime{at: min(unitsOf(c.ticks, n, part), forever)}, nil
	}
}

// clockTime reads hh:mm:ss with a fraction or frames.
func (c *ttmlClock) clockTime(s string, m []string) (ttmlTime, error) {
	num := func(i int) int64 { n, _ := strconv.ParseInt(m[i], 10, 64); return n }
	h, minutes, sec, frames := num(1), num(2), num(3), num(6)
	part, ok := decimals(m[4])
	if minutes > 59 || sec > 60 || !ok {
		return ttmlTime{}, errkind.New(errkind.Invalid, "has a time that cannot be read: %q", clip(s))
	}
	fps := labelsPerSecond(c.rate)
	if frames == fps {
		c.note("the time %s has frame %d, and a second has the frames 0 to %d: the next second is used", s, frames, fps-1)
	}
	if frames > fps && c.labels == nil { // for labels, the scale reports the error
		return ttmlTime{}, errkind.New(errkind.Invalid, "has the time %s, and a second has the frames 0 to %d", s, fps-1)
	}
	c.rounded(m[4])
	sub := schema.Time(0)
	if n := num(7); n > 0 && n < c.subFrames {
		sub = c.rate.FrameStart(1) * schema.Time(n) / schema.Time(c.subFrames)
	}
	if c.labels != nil {
		at, err := c.label(h, minutes, sec, frames, m[5] == ";")
		return ttmlTime{at: at + part + sub, label: true}, err
	}
	at := schema.Time(h*3600+minutes*60+sec)*schema.Second + part + c.rate.FrameStart(frames) + sub
	return ttmlTime{at: min(at, forever)}, nil
}

// label returns the time of a label.
func (c *ttmlClock) label(h, m, sec, f int64, semicolon bool) (schema.Time, error) {
	s := *c.labels
	switch {
	case !semicolon || s.drop != nonDrop || s.fps%30 != 0:
	case c.unsaid:
		s.drop = dropNTSC
	default:
		c.note("the TTML's dropMode is nonDrop, and its times have the semicolon of drop frame: dropMode counts")
	}
	if f == s.fps {
		sec, f = sec+1, 0
	}
	if sec > 59 {
		m, sec = m+sec/60, sec%60
	}
	if m > 59 {
		h, m = h+m/60, m%60
	}
	n, err := s.frame(h, m, sec, f)
	if err != nil {
		return 0, err
	}
	return s.time(n), nil
}

// rounded records the use of fractions of a second with so many digits.
func (c *ttmlClock) rounded(digits string) {
	if len(digits) > 1 {
		c.roundedTo(unitOf(digits))
	}
}

func (c *ttmlClock) roundedTo(unit schema.Time) {
	const coarsest = 10 * schema.Millisecond // longer ticks are frames, which are exact
	if unit <= coarsest && (c.unit == 0 || unit < c.unit) {
		c.unit = unit
	}
}

// unitsOf returns the time of n units of a rate, and a part of the next unit.
func unitsOf(rate schema.Rate, n int64, part schema.Time) schema.Time {
	at := rate.FrameStart(n)
	if part > 0 {
		at += schema.Time(float64(rate.FrameStart(n+1)-at) * float64(part) / float64(schema.Second))
	}
	return at
}

// place moves the cues to the film's clock.
func (d *ttmlDoc) place() {
	programme, scale := d.start()
	if scale == nil { // media time: seconds from the beginning, as a clock counts
		d.p.counts = true
		for _, c := range d.cues {
			if end, known := d.p.filmEnd(); c.End >= forever && known {
				c.End = end + d.p.opts.Offset
			}
			d.p.addRounded(c.line, d.clock.unit, c.Cue)
		}
		return
	}
	d.p.place(d.cues, *scale, programme, d.clock.unit)
}

// start returns the document's start of the programme (EBU-TT; EBU Tech 3350), and the scale of the document's labels.
// A document in media time has labels only if the document names a start of the programme.
func (d *ttmlDoc) start() (*schema.Time, *labelScale) {
	scale := d.clock.labels
	m := ttmlClockTime.FindStringSubmatch(strings.TrimSpace(d.programme))
	if m == nil {
		return nil, scale
	}
	at, err := d.clock.clockTime(d.programme, m)
	if err != nil {
		d.p.note("the start of the programme, %s, cannot be used: it %s", clip(d.programme), err)
		return nil, scale
	}
	if scale == nil && at.at == 0 {
		return nil, nil
	}
	if scale == nil {
		s := d.p.scaleFor(d.clock.rate, "")
		scale = &s
	}
	return &at.at, scale
}
