package handoff

import (
	"fmt"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A span is a range on the timecode of a source, in units of a rate. The timecode of a source counts from 00:00:00:00, and does not begin again at
// midnight. At a constant rate the unit is a frame.
type span struct {
	rate            schema.Rate
	start, duration int64
}

// spans returns ranges of frames of a source in one common unit. At a variable rate, the unit is the longest in which every end is a whole number.
func (s *Source) spans(ranges ...[2]int64) []span {
	out := make([]span, len(ranges))
	if !s.Variable {
		for i, r := range ranges {
			out[i] = span{s.Rate, s.Scale.Number() + r[0], r[1] - r[0]}
		}
		return out
	}
	base := s.base()
	unit := int64(schema.Second)
	for i, r := range ranges {
		start, end := int64(base+s.Clock.FrameStart(r[0])), int64(base+s.Clock.FrameStart(r[1]))
		out[i] = span{start: start, duration: end - start}
		unit = gcd(gcd(unit, start), end)
	}
	for i := range out {
		out[i].rate = schema.Rate{Num: int64(schema.Second) / unit, Den: 1}
		out[i].start /= unit
		out[i].duration /= unit
	}
	return out
}

// base is the time of frame 0 on the timecode of a source of variable rate: the start label at the nominal rate.
func (s *Source) base() schema.Time { return s.Rate.FrameStart(s.Scale.Number()) }

// frame returns the frame of a time on the timecode of a source, as spans writes the time: value units of a rate.
// A program may write the time of a source in units of its own, so the nearest frame counts.
func (s *Source) frame(value float64, rate schema.Rate) int64 {
	if rate == s.Rate && !s.Variable {
		return int64(roundHalfUp(value)) - s.Scale.Number()
	}
	return s.frameAt(timeOf(value, rate))
}

// frameAt returns the frame that starts nearest to a time on the timecode of a source.
func (s *Source) frameAt(t schema.Time) int64 {
	if !s.Variable {
		r := s.Rate
		n := r.FrameAt(t)
		if r.FrameStart(n+1)-t <= t-r.FrameStart(n) {
			n++
		}
		return n - s.Scale.Number()
	}
	t -= s.base()
	n := s.Clock.FrameAt(t)
	if n < s.Clock.Frames() && (n < 0 || s.Clock.FrameStart(n+1)-t <= t-s.Clock.FrameStart(n)) {
		n++
	}
	return n
}

// timeOf returns value units of a rate as a time.
func timeOf(value float64, rate schema.Rate) schema.Time {
	whole := int64(value)
	t := rate.FrameStart(whole)
	if part := value - float64(whole); part != 0 {
		t += schema.Time(roundHalfUp(part * float64(schema.Second) * float64(rate.Den) / float64(rate.Num)))
	}
	return t
}

func roundHalfUp(f float64) float64 {
	n := float64(int64(f))
	switch {
	case f-n >= 0.5:
		return n + 1
	case f-n < -0.5:
		return n - 1
	}
	return n
}

// seconds writes units of a rate as FCPXML does: "1001/24000s", "5s".
func (s span) seconds(units int64) string {
	num, den := units*s.rate.Den, s.rate.Num
	g := gcd(num, den)
	if g == 0 {
		return "0s"
	}
	if num, den = num/g, den/g; den == 1 {
		return fmt.Sprintf("%ds", num)
	}
	return fmt.Sprintf("%d/%ds", num, den)
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// An exactPlace is a place in a sequence. A sequence of clips of constant rate has places of whole frames.
type exactPlace struct {
	rate     schema.Rate
	frames   int64
	flicks   int64
	variable bool
}

// advance moves the place behind a clip.
func (p *exactPlace) advance(c Clip) {
	p.frames += c.Frames()
	if c.Source.Variable {
		p.variable = true
		p.flicks += int64(c.Interval().Duration())
		return
	}
	p.flicks += int64(p.rate.FrameStart(c.Frames()))
}

// String returns the place as FCPXML writes times.
func (p exactPlace) String() string { return p.since(exactPlace{rate: p.rate}) }

// since returns the length from another place to this place.
func (p exactPlace) since(o exactPlace) string {
	if p.variable {
		return span{rate: schema.Rate{Num: int64(schema.Second), Den: 1}}.seconds(p.flicks - o.flicks)
	}
	return span{rate: p.rate}.seconds(p.frames - o.frames)
}
