package timedtext

import (
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// dropMode names the labels left out of a count (TTML1 section 6.2.3, SMPTE ST 12-1).
type dropMode string

const (
	nonDrop  dropMode = "nonDrop"
	dropNTSC dropMode = "dropNTSC" // the first two labels of every minute, except each tenth minute
	dropPAL  dropMode = "dropPAL"  // the first four labels of every second minute, except each twentieth minute
)

// labelScale converts a SMPTE label to a frame number, counted from the label 00:00:00:00.
type labelScale struct {
	rate schema.Rate // of the frames
	fps  int64       // labels a second
	drop dropMode
}

func labelsPerSecond(r schema.Rate) int64 {
	if r.Num <= 0 || r.Den <= 0 {
		return 0
	}
	return max((2*r.Num+r.Den)/(2*r.Den), 1)
}

// frame counts the frames from 00:00:00:00 to a label. A nonexistent label is an error.
func (s labelScale) frame(h, m, sec, f int64) (int64, error) {
	label := fmt.Sprintf("%02d:%02d:%02d:%02d", h, m, sec, f)
	k := s.fps / 30 // at 60 and 120, this multiple of the labels is left out
	first, left := int64(0), int64(0)
	minutes := 60*h + m
	switch s.drop {
	case dropNTSC:
		left = 2 * k * (minutes - minutes/10)
		if m%10 != 0 {
			first = 2 * k
		}
	case dropPAL:
		left = 4 * k * (minutes/2 - minutes/20)
		if m%2 == 0 && m%20 != 0 {
			first = 4 * k
		}
	}
	switch {
	case m > 59 || sec > 59 || f >= s.fps:
		return 0, errkind.New(errkind.Invalid, "has a label that does not exist: %s at %d labels a second", label, s.fps)
	case sec == 0 && f < first:
		return 0, errkind.New(errkind.Invalid, "has a label that does not exist: drop frame leaves %s out", label)
	}
	return (60*minutes+sec)*s.fps + f - left, nil
}

// time returns the start of a frame on a clock with 0 at the label 00:00:00:00.
func (s labelScale) time(frame int64) schema.Time { return s.rate.FrameStart(frame) }

// day returns the length of 24 hours of labels.
func (s labelScale) day() schema.Time {
	n, _ := s.frame(24, 0, 0, 0)
	return s.time(n)
}

// scaleFor returns the scale of labels counted by a file at rate. If the film has as many labels a second, or a
// multiple, the labels name the film's frames, and the film's rate is used. An empty mode stands for the film's mode.
func (p *parser) scaleFor(rate schema.Rate, mode dropMode) labelScale {
	s := labelScale{rate: ntsc(rate), fps: labelsPerSecond(rate), drop: mode}
	film := p.opts.Rate
	if n := labelsPerSecond(film); n > 0 && n%s.fps == 0 {
		s.rate = schema.Rate{Num: film.Num, Den: film.Den * (n / s.fps)}
	}
	if s.drop == "" {
		s.drop = nonDrop
		if tc, err := schema.ParseTimecode(p.opts.StartTimecode); err == nil && tc.Drop {
			s.drop = dropNTSC
		}
	}
	if s.drop != nonDrop && s.fps%30 != 0 {
		p.note("the text asks for drop-frame labels (%s) at %d labels a second; drop frame belongs to 30 and its multiples, so no labels are left out", s.drop, s.fps)
		s.drop = nonDrop
	}
	if s.drop != nonDrop && s.rate.Den == 1 && film.Num == 0 {
		s.rate = schema.Rate{Num: s.rate.Num * 1000, Den: 1001} // drop frame exists for this rate only
	}
	return s
}

// ntsc replaces 999/1000 and other approximations of 1000/1001 by the exact rate.
func ntsc(r schema.Rate) schema.Rate {
	n := labelsPerSecond(r)
	if n*r.Den == r.Num {
		return r
	}
	if exact := (schema.Rate{Num: n * 1000, Den: 1001}); max(r.Float()/exact.Float(), exact.Float()/r.Float()) < 1+1e-4 {
		return exact
	}
	return r
}

// filmStart returns the time of the film's first frame on the clock of s, from the film's start timecode.
func (p *parser) filmStart(s labelScale) (schema.Time, bool) {
	tc, err := schema.ParseTimecode(p.opts.StartTimecode)
	fps := labelsPerSecond(p.opts.Rate)
	if fps == 0 {
		fps = s.fps
	}
	if err != nil || int64(tc.Frames) >= fps {
		return 0, false
	}
	h, m, sec, f := int64(tc.Hours), int64(tc.Minutes), int64(tc.Seconds), int64(tc.Frames)
	if fps%s.fps != 0 { // labels at incompatible rates agree on the seconds
		n, err := s.frame(h, m, sec, f*s.fps/fps)
		return s.time(n), err == nil
	}
	film := labelScale{rate: p.opts.Rate, fps: fps, drop: nonDrop}
	if p.opts.Rate.Num == 0 {
		film.rate = s.rate
	}
	if tc.Drop {
		film.drop = dropNTSC
	}
	n, err := film.frame(h, m, sec, f)
	if err == nil && film.drop != s.drop {
		other, _ := labelScale{rate: film.rate, fps: fps, drop: s.drop}.frame(h, m, sec, f)
		if other != n {
			p.note("the text's labels are %s and the film's are %s: at %s the two counts are %d frames apart", s.drop, film.drop, p.opts.StartTimecode, max(other-n, n-other))
		}
	}
	return film.time(n), err == nil
}

// A labelled cue has times on a clock of labels, which is 0 at 00:00:00:00. The end forever stands for the end of the film.
type labelled struct {
	line int
	Cue
}

// place moves labelled cues to the film's clock.
//
//   - A label counts from the film's first label. For a film without labels, a label counts from programme, the file's
//     start of the programme. If the file names none, a label counts from 00:00:00:00.
//   - If this rule leaves no cue inside the film, labels count from programme or from 00:00:00:00, and a note reports
//     the change.
//   - The cues are in file order. unit is the unit of the rounding; 0 for exact times.
func (p *parser) place(cues []labelled, s labelScale, programme *schema.Time, unit schema.Time) {
	type origin struct {
		at   schema.Time
		name string
	}
	origins := []origin{}
	if at, ok := p.filmStart(s); ok {
		origins = append(origins, origin{at, "the film's start timecode " + p.opts.StartTimecode})
	}
	if programme != nil {
		origins = append(origins, origin{*programme, "the text's start of programme " + programme.String()})
	}
	origins = append(origins, origin{0, "00:00:00:00"})
	day := s.day()
	for i, c := range cues {
		if c.Start-c.End > day/2 { // over midnight
			cues[i].End += day
		}
	}
	best := slices.IndexFunc(origins, func(o origin) bool { return p.inFilm(cues, o.at, day) })
	if best > 0 && len(cues) > 0 {
		p.note("the text's labels begin at %s, and none lies in a film that begins at %s: they are counted from %s", cues[0].Start, origins[0].name, origins[best].name)
	}
	from := origins[max(best, 0)]
	passed := false
	for _, c := range cues {
		shift := from.at
		passed = passed || c.Start >= from.at
		if c.Start < from.at && afterMidnight(c, from.at, day, passed) {
			shift -= day
		}
		switch {
		case c.End <= shift:
			p.bad(c.line, "starts before %s, where the film or the programme starts", from.name)
			continue
		case c.Start < shift:
			p.note("a cue that starts before %s is cut to the film", from.name)
			c.Start = shift
		}
		c.Start -= shift
		if end, known := p.filmEnd(); c.End >= forever && known {
			c.End = end
		} else {
			c.End -= shift
		}
		p.take(pending{c.Cue, c.line, unit})
	}
}

func tooManyCues() error {
	return fmt.Errorf("the text has more than %d cues, the most that are accepted: %w", maxCues, ErrTooLarge)
}

// afterMidnight reports whether a label below the first label of the film belongs to the next day: a cue before in the file has passed the first
// label, or the film begins within an hour of midnight.
func afterMidnight(c labelled, origin, day schema.Time, passed bool) bool {
	return origin-c.Start > day/2 && (passed || day-origin < schema.Hour)
}

// inFilm reports whether any of the cues lies in the film if labels count from origin.
func (p *parser) inFilm(cues []labelled, origin, day schema.Time) bool {
	end, known := p.filmEnd()
	passed := false
	return slices.ContainsFunc(cues, func(c labelled) bool {
		passed = passed || c.Start >= origin
		at, until := c.Start-origin, c.End-origin
		if at < 0 && afterMidnight(c, origin, day, passed) {
			at, until = at+day, until+day
		}
		return until > 0 && (!known || at < end)
	})
}

// filmEnd returns the end of the film's last frame, if known.
func (p *parser) filmEnd() (schema.Time, bool) {
	end := p.opts.Duration
	if end == 0 && p.opts.Clock != nil {
		end = p.opts.Clock.FrameStart(p.opts.Clock.Frames())
	}
	return end, end > 0
}
