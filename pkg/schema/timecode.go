package schema

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Timecode is a SMPTE label as written. A label names a frame only together with a TimecodeScale.
type Timecode struct {
	Hours, Minutes, Seconds, Frames int
	// Drop is true if the label is written as drop frame, with ";" (or "." as some decks show) before its frames.
	Drop bool
}

// ParseTimecode reads "01:02:03:04" and, for drop frame, "01:02:03;04",
// "01;02;03;04" or "01:02:03.04". Hours go to 23; whether the frames exist is
// for a TimecodeScale to say.
func ParseTimecode(s string) (Timecode, error) {
	bad := func(why string) (Timecode, error) {
		return Timecode{}, errkind.New(errkind.Invalid, "timecode %q %s", clip(s), why)
	}
	const form = `must be written "hh:mm:ss:ff", or "hh:mm:ss;ff" for drop frame`
	var n [4]int
	var seps [3]byte
	rest := s
	for i := range n {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if most := [...]int{2, 2, 2, 5}[i]; digits == 0 || digits > most || i < 3 && digits != 2 {
			return bad(form)
		}
		n[i], _ = strconv.Atoi(rest[:digits])
		rest = rest[digits:]
		if i < 3 {
			if rest == "" {
				return bad(form)
			}
			seps[i], rest = rest[0], rest[1:]
		}
	}
	if rest != "" {
		return bad(form)
	}
	switch {
	case seps[0] != seps[1], !strings.ContainsRune(":;", rune(seps[0])), !strings.ContainsRune(":;.", rune(seps[2])),
		seps[0] == ';' && seps[2] != ';':
		return bad(form)
	case n[0] > 23:
		return bad("must have hours of 00 to 23")
	case n[1] > 59:
		return bad("must have minutes of 00 to 59")
	case n[2] > 59:
		return bad("must have seconds of 00 to 59")
	}
	return Timecode{n[0], n[1], n[2], n[3], seps[2] != ':'}, nil
}

// String returns the label with frames of two digits or, from 100 on, of three.
func (tc Timecode) String() string { return tc.format(2) }

func (tc Timecode) format(width int) string {
	sep := ":"
	if tc.Drop {
		sep = ";"
	}
	return fmt.Sprintf("%02d:%02d:%02d%s%0*d", tc.Hours, tc.Minutes, tc.Seconds, sep, width, tc.Frames)
}

// TimecodeScale gives SMPTE labels to the frames of one asset and finds frames by label, exactly both ways. Labels
// count frames and do not measure time. At 23.976 fps an hour of labels lasts 3.6 s longer than an hour. At a variable
// rate frame n still has the n-th label, so that a frame has a single label. Millis gives the time.
type TimecodeScale struct {
	fps    int64 // labels per second: the rate, rounded
	drop   bool
	start  int64 // number of the label of frame 0, counted from 00:00:00:00
	frames int64 // frames of the asset; 0 where not known
}

// NewTimecodeScale returns the scale of a video track: the track's rate rounded to whole labels per second. The scale
// is drop frame if the track or its start timecode says so.
func NewTimecodeScale(v *cinedexv1.VideoTrack) (TimecodeScale, error) {
	if v == nil {
		return TimecodeScale{}, errkind.New(errkind.Invalid, "making timecode: the asset has no video track")
	}
	s, err := ScaleOf(RateOf(v.GetRate()), v.GetDropFrame(), v.GetStartTimecode())
	if err != nil {
		return TimecodeScale{}, err
	}
	s.frames = v.GetFrames()
	return s, nil
}

// ScaleOf returns the scale of a rate whose frame 0 has the label start ("" for 00:00:00:00). drop, or the form of
// start, asks for drop frame. Drop frame exists at 29.97, 59.94 and 119.88 fps only, and at rates that mean them
// (Rate.Nominal).
func ScaleOf(r Rate, drop bool, start string) (TimecodeScale, error) {
	if err := r.Validate(); err != nil {
		return TimecodeScale{}, err
	}
	r = r.Nominal()
	s := TimecodeScale{fps: max((2*r.Num+r.Den)/(2*r.Den), 1), drop: drop}
	var first Timecode
	if start != "" {
		var err error
		if first, err = ParseTimecode(start); err != nil {
			return TimecodeScale{}, err
		}
		s.drop = s.drop || first.Drop
	}
	if s.drop && (r.Den != 1001 || r.Num != s.fps*1000 || s.fps%30 != 0) {
		return TimecodeScale{}, errkind.New(errkind.Invalid, "drop-frame timecode belongs to 29.97, 59.94 and 119.88 fps, not to %s", r)
	}
	if start != "" {
		n, err := s.number(first)
		if err != nil {
			return TimecodeScale{}, err
		}
		s.start = n
	}
	return s, nil
}

// FPS returns the labels per second: 24 at 23.976 fps.
func (s TimecodeScale) FPS() int { return int(s.fps) }

// Number returns how many frames the label of frame 0 counts from 00:00:00:00.
func (s TimecodeScale) Number() int64 { return s.start }

// Drop reports whether the scale is drop frame.
func (s TimecodeScale) Drop() bool { return s.drop }

// Day returns the number of labels from 00:00:00:00 to 24:00:00:00.
func (s TimecodeScale) Day() int64 {
	if s.fps == 0 {
		return 0
	}
	return s.perDay()
}

// WithoutEnd returns the scale of an asset whose length is not known: Frame accepts every label of a day.
func (s TimecodeScale) WithoutEnd() TimecodeScale {
	s.frames = 0
	return s
}

// dropped is how many labels are left out at the start of each minute but every tenth.
func (s TimecodeScale) dropped() int64 {
	if !s.drop {
		return 0
	}
	return s.fps / 15
}

// perDay is how many labels there are.
func (s TimecodeScale) perDay() int64 { return 86400*s.fps - 1296*s.dropped() }

// Format returns the label of a frame. Labels begin again after 24 hours. A frame below 0 has a label before the first
// label.
func (s TimecodeScale) Format(frame int64) string {
	if s.fps == 0 {
		return ""
	}
	width := 2
	for most := int64(100); s.fps > most; most *= 10 {
		width++
	}
	return s.Label(frame).format(width)
}

// Label returns the label of a frame as a Timecode.
func (s TimecodeScale) Label(frame int64) Timecode {
	if s.fps == 0 {
		return Timecode{}
	}
	day := s.perDay()
	n := (frame%day + s.start + day) % day
	if d := s.dropped(); d > 0 {
		// Insert the left-out labels, so that plain division names the frame: 9 times d in each ten minutes, and d at
		// each minute within them except the first.
		tenMinutes := 600*s.fps - 9*d
		minute := 60*s.fps - d
		tens, in := n/tenMinutes, n%tenMinutes
		n += 9 * d * tens
		if in >= 60*s.fps {
			n += d * ((in-60*s.fps)/minute + 1)
		}
	}
	sec := n / s.fps
	return Timecode{int(sec / 3600), int(sec / 60 % 60), int(sec % 60), int(n % s.fps), s.drop}
}

// Frame returns the frame with the label tc. A colon is accepted for drop frame too, because people type colons. Frame
// refuses labels that drop frame leaves out, and labels outside the asset. The label after the last frame, at which an
// interval may end, is accepted.
func (s TimecodeScale) Frame(tc string) (int64, error) {
	label, err := ParseTimecode(tc)
	if err != nil {
		return 0, err
	}
	n, err := s.number(label)
	if err != nil {
		return 0, err
	}
	day := s.perDay()
	frame := (n - s.start + day) % day
	if s.frames > 0 && frame > s.frames {
		return 0, errkind.New(errkind.Invalid, "timecode %q is outside the asset, which goes from %s to %s", tc, s.Format(0), s.Format(s.frames-1))
	}
	return frame, nil
}

// number counts the labels from 00:00:00:00 to tc.
func (s TimecodeScale) number(tc Timecode) (int64, error) {
	bad := func(format string, args ...any) (int64, error) {
		return 0, errkind.New(errkind.Invalid, "timecode %q "+format, append([]any{tc.String()}, args...)...)
	}
	if s.fps == 0 {
		return bad("has no frame rate to count by")
	}
	h, m, sec, f := int64(tc.Hours), int64(tc.Minutes), int64(tc.Seconds), int64(tc.Frames)
	d := s.dropped()
	switch {
	case f >= s.fps:
		return bad("must have frames of 00 to %02d", s.fps-1)
	case tc.Drop && !s.drop:
		return bad("is drop frame, and the asset is not")
	case sec == 0 && f < d && m%10 != 0:
		return bad("does not exist: drop frame leaves out the first %d labels of this minute", d)
	}
	minutes := 60*h + m
	return (60*minutes+sec)*s.fps + f - d*(minutes-minutes/10), nil
}
