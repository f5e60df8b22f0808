package timedtext

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// frames finds the edges of frames: a schema.Clock, or a schema.Rate as a clock without end.
type frames interface {
	FrameStart(n int64) schema.Time
	FrameAt(t schema.Time) int64
}

// onFrame moves a time on the film's clock, rounded in the file to unit, to the author's frame edge: an edge within
// half a unit. Times further away stay.
func (p *parser) onFrame(at, unit schema.Time) schema.Time {
	var f frames
	switch {
	case p.opts.Clock != nil:
		f = p.opts.Clock
	case p.opts.Rate.Validate() == nil:
		f = p.opts.Rate
	default:
		return at
	}
	n := max(f.FrameAt(at), 0)
	before, after := f.FrameStart(n), f.FrameStart(n+1)
	edge := before
	if after > before && after-at < at-before {
		edge = after
	}
	// Half a unit is a whole number of flicks. The additional flick covers frame edges between two whole flicks.
	if d := max(edge-at, at-edge); d > unit/2+1 {
		return at
	}
	return edge
}

// unitOf returns the unit of a rounded fraction of a second, by the number of digits: hundredths for two digits,
// milliseconds otherwise. A single digit, and a missing fraction, are milliseconds without the trailing zeros.
func unitOf(digits string) schema.Time {
	if len(digits) == 2 {
		return 10 * schema.Millisecond
	}
	return schema.Millisecond
}

// clockTime reads "hh:mm:ss,mmm" or "mm:ss.mmm" and loose forms of both: spaces, a colon before the milliseconds, a
// fraction of other length or none, 60 for the seconds. Hours may exceed 99. unit is the unit of the rounding.
func clockTime(s string) (at, unit schema.Time, err error) {
	bad := fmt.Errorf("has a time that cannot be read: %q", clip(strings.TrimSpace(s)))
	s = strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return -1
		}
		return r
	}, s)
	s, negative := strings.CutPrefix(s, "-")
	whole, fraction := s, ""
	if i := strings.IndexAny(s, ",.;"); i >= 0 {
		whole, fraction = s[:i], s[i+1:]
	}
	parts := strings.Split(whole, ":")
	if len(parts) == 4 && fraction == "" && len(parts[3]) == 3 {
		parts, fraction = parts[:3], parts[3]
	}
	if len(parts) < 2 || len(parts) > 3 {
		return 0, 0, bad
	}
	var sec int64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		most := uint64(59)
		switch {
		case i == 0:
			most = 100_000
		case i == len(parts)-1:
			most = 60
		}
		if err != nil || n > most {
			return 0, 0, bad
		}
		sec = sec*60 + int64(n)
	}
	part, ok := decimals(fraction)
	if !ok {
		return 0, 0, bad
	}
	at = schema.Time(sec)*schema.Second + part
	if negative {
		at = -at
	}
	return at, unitOf(fraction), nil
}

// decimals reads the digits after the decimal point of a second, to the nearest flick.
func decimals(digits string) (schema.Time, bool) {
	if digits == "" {
		return 0, true
	}
	if len(digits) > 9 {
		digits = digits[:9]
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0, false
	}
	scale := int64(1)
	for range digits {
		scale *= 10
	}
	return schema.Time((int64(n)*int64(schema.Second) + scale/2) / scale), true
}

// fromProgramme moves cues counted from the start of the programme, 10:00:00:00 in many countries, by the film's start
// timecode. The cues are moved if more cues lie in the film after the move than before.
func (p *parser) fromProgramme() {
	first, err := schema.ParseTimecode(p.opts.StartTimecode)
	if !p.counts || err != nil {
		return
	}
	origin := schema.Time(first.Hours*3600+first.Minutes*60+first.Seconds) * schema.Second
	if p.opts.Rate.Validate() == nil {
		origin += p.opts.Rate.FrameStart(int64(first.Frames))
	}
	inside := func(at schema.Time) bool { return at >= 0 && (p.opts.Duration == 0 || at < p.opts.Duration) }
	unmoved, moved := 0, 0
	for _, c := range p.cues {
		// If the film's end is unknown, a cue at or after the start of the programme counts as a cue from the start of the programme.
		if inside(c.Start) && (p.opts.Duration > 0 || c.Start < origin) {
			unmoved++
		}
		if inside(c.Start - origin) {
			moved++
		}
	}
	if origin == 0 || moved <= unmoved || p.opts.Duration == 0 && origin < schema.Hour {
		return
	}
	for i := range p.cues {
		p.cues[i].Start -= origin
		p.cues[i].End -= origin
	}
	p.note("the cues count from the programme's start: %s is taken from their times, by the film's start timecode %s", origin, p.opts.StartTimecode)
}

// startsAt tells a person the film's start timecode.
func (p *parser) startsAt() string {
	switch {
	case !p.counts:
		return ""
	case p.opts.StartTimecode == "":
		return " and has no start timecode that cues could count from"
	}
	return " and its start timecode is " + p.opts.StartTimecode
}
