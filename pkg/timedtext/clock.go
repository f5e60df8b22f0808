package timedtext

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// frames is the part of a clock that finds the edges of frames; a schema.Rate is a clock without end.
type frames interface {
	FrameStart(n int64) schema.Time
	FrameAt(t schema.Time) int64
}

// onFrame brings a time on the film's clock, which its file rounds to unit, to the frame that the time means: an edge
// of a frame within half a unit. Times further away stay.
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
	// A half unit is a whole number of flicks; the one flick more is for edges that are none.
	if d := max(edge-at, at-edge); d > unit/2+1 {
		return at
	}
	return edge
}

// unitOf is the unit that a fraction of a second is rounded to, by its digits: never finer than a millisecond. A
// single digit, and none, are milliseconds whose zeros were left out.
func unitOf(digits string) schema.Time {
	if len(digits) == 2 {
		return 10 * schema.Millisecond
	}
	return schema.Millisecond
}

// arrow reads "00:00:01,000 --> 00:00:02,000", with whatever settings follow.
func arrow(line string) (start, end schema.Time, err error) {
	a, b, _ := strings.Cut(line, "-->")
	fields := strings.Fields(b)
	if len(fields) == 0 {
		return 0, 0, fmt.Errorf("has no end")
	}
	if start, err = clockTime(strings.TrimSpace(a)); err != nil {
		return 0, 0, err
	}
	end, err = clockTime(fields[0])
	return start, end, err
}

// clockTime reads "hh:mm:ss,mmm" or "mm:ss.mmm"; hours may pass 99.
func clockTime(s string) (schema.Time, error) {
	bad := fmt.Errorf("has a time that cannot be read: %q", clip(s))
	whole, fraction, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	parts := strings.Split(whole, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return 0, bad
	}
	var sec int64
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil || i > 0 && n > 59 || n > 100_000 {
			return 0, bad
		}
		sec = sec*60 + int64(n)
	}
	part, ok := decimals(fraction)
	if !ok {
		return 0, bad
	}
	return schema.Time(sec)*schema.Second + part, nil
}

// decimals reads the digits after the point of a second, to the nearest flick.
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
