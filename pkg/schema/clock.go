package schema

import (
	"fmt"
	"sort"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Clock says when each frame of an asset shows. Frames are numbered from 0, and frame 0 starts at time 0. A Clock is
// safe for concurrent use.
//
// The methods clamp to the picture:
//   - FrameStart takes n below 0 as 0, and n past the last frame as the end of the picture.
//   - FrameAt returns -1 before the picture, and Frames() at the end of the picture and later.
//   - For every frame n of the picture, FrameAt(FrameStart(n)) == n.
type Clock interface {
	FrameStart(n int64) Time
	FrameAt(t Time) int64
	Frames() int64
}

// ClockOf returns the clock of a video track: the track's rate, or the table if the rate is variable. For a constant
// rate the table is not used and may be nil.
func ClockOf(v *cinedexv1.VideoTrack, table FrameTable) (Clock, error) {
	if v == nil {
		return nil, errkind.New(errkind.Invalid, "making a clock: the asset has no video track")
	}
	if v.GetVariableRate() {
		if err := table.Validate(); err != nil {
			return nil, err
		}
		if v.GetFrames() != table.Frames() {
			return nil, errkind.New(errkind.Invalid, "making a clock: the frame table has %d frames, the video track %d", table.Frames(), v.GetFrames())
		}
		return table, nil
	}
	r := RateOf(v.GetRate())
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if v.GetFrames() < 0 {
		return nil, errkind.New(errkind.Invalid, "making a clock: the video track has %d frames", v.GetFrames())
	}
	return steady{r, v.GetFrames()}, nil
}

// ReadClock returns the clock of a video track. For a variable rate, ReadClock reads the frame table by read. read
// returns the bytes of a reference.
//
//   - An error of read keeps its kind. NotFound: the table is not in the bucket. Unavailable: the bucket does not
//     answer.
//   - Invalid: the bytes are no frame table, the table is of another track, or the track has none.
func ReadClock(v *cinedexv1.VideoTrack, read func(*cinedexv1.MediaRef) ([]byte, error)) (Clock, error) {
	var table FrameTable
	if v.GetVariableRate() {
		if v.GetFrameTable() == nil {
			return nil, errkind.New(errkind.Invalid, "reading the frame table: the video track has none")
		}
		b, err := read(v.GetFrameTable())
		if err != nil {
			return nil, fmt.Errorf("reading the frame table: %w", err)
		}
		if table, err = DecodeFrameTable(b); err != nil {
			return nil, fmt.Errorf("decoding the frame table: %w", err)
		}
	}
	return ClockOf(v, table)
}

// steady is the clock of a constant rate.
type steady struct {
	rate   Rate
	frames int64
}

func (c steady) FrameStart(n int64) Time { return c.rate.FrameStart(min(max(n, 0), c.frames)) }
func (c steady) FrameAt(t Time) int64    { return min(max(c.rate.FrameAt(t), -1), c.frames) }
func (c steady) Frames() int64           { return c.frames }

// FrameTable is the clock of a variable rate: the start of every frame, followed by the end of the last frame. The
// table begins with 0 and grows strictly.
type FrameTable []Time

// Validate returns an error for a table that is no clock.
func (ft FrameTable) Validate() error {
	if len(ft) < 2 {
		return errkind.New(errkind.Invalid, "a frame table needs at least one frame")
	}
	if ft[0] != 0 {
		return errkind.New(errkind.Invalid, "a frame table begins at 0, not at %d flicks", ft[0])
	}
	for i := 1; i < len(ft); i++ {
		if ft[i] <= ft[i-1] {
			return errkind.New(errkind.Invalid, "frame %d of a frame table ends at %d flicks, at or before its start (%d)", i-1, ft[i], ft[i-1])
		}
	}
	return nil
}

// FrameStart implements Clock.
func (ft FrameTable) FrameStart(n int64) Time {
	if len(ft) == 0 {
		return 0
	}
	return ft[min(max(n, 0), int64(len(ft)-1))]
}

// FrameAt implements Clock.
func (ft FrameTable) FrameAt(t Time) int64 {
	return int64(sort.Search(len(ft), func(i int) bool { return ft[i] > t })) - 1
}

// Frames implements Clock.
func (ft FrameTable) Frames() int64 { return int64(max(len(ft)-1, 0)) }

// FrameNamed returns the frame that a written time in milliseconds names, as answers and subtitle programs write times.
// FrameNamed rounds t to the millisecond. A time within half a millisecond of the edge of a frame names the frame. The
// milliseconds of a frame's start therefore name the frame, at any rate up to 1,000 frames a second.
func FrameNamed(c Clock, t Time) int64 {
	t = FromMillis(Millis(t))
	n := c.FrameAt(t)
	if next := max(n, -1) + 1; n < c.Frames() && 2*(c.FrameStart(next)-t) <= Millisecond {
		return next
	}
	return n
}

// FrameSpan returns the frames that show during iv, as a half-open range: from the frame at the start to the frame at
// the last flick. An empty interval gives the single frame that shows at its start, so that every moment has a picture.
func FrameSpan(c Clock, iv Interval) (start, end int64) {
	start = max(c.FrameAt(iv.Start), 0)
	end = start + 1
	if iv.End > iv.Start {
		end = max(end, min(c.FrameAt(iv.End-1)+1, c.Frames()))
	}
	return start, end
}

// ShownFrames returns the frames of a moment as answers and hand-offs tell the frames. The first frame is the frame that the start names, so that the frame, the
// timecode and the milliseconds of an answer, asked back, lead to one frame.
func ShownFrames(c Clock, iv Interval) (start, end int64) {
	start, end = FrameSpan(c, iv)
	start = min(max(start, FrameNamed(c, iv.Start)), max(c.Frames()-1, 0))
	return start, max(end, start+1)
}
