package media

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// FrameAt returns frame n: the same picture as Decode's picture n.
//
// FrameAt seeks to the frame's time, and decodes from the key frame before. If decoding begins after frame n (transport
// streams have no index of key frames), FrameAt seeks further back. If no seek leads to frame n (a wrong index, an
// undecodable frame), FrameAt decodes from the beginning, like Decode.
func (r *Reader) FrameAt(ctx context.Context, src Source, n int64, spec FrameSpec) (*Picture, error) {
	spec.Stride = 1
	if err := checkSpecs(src, []FrameSpec{spec}); err != nil {
		return nil, err
	}
	if n < 0 || n >= src.Clock.Frames() {
		return nil, errkind.New(errkind.NotFound, "%s has frames 0 to %d, and no frame %d", nameOf(src.Path), src.Clock.Frames()-1, n)
	}
	n = max(n, src.Video.GetUnshownFrames()) // the first shown frame stands in for the unshown frames before
	for _, back := range []schema.Time{0, 3 * schema.Second, 15 * schema.Second} {
		p, err := r.seekFrame(ctx, src, n, back, spec)
		if p != nil || err != nil {
			return p, err
		}
		if src.Clock.FrameStart(n)-back <= nearBeginning {
			break
		}
	}
	r.log.Debug("decoding from the beginning for one frame", "file", nameOf(src.Path), "frame", n)
	s, err := r.Decode(ctx, src, spec)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for {
		f, err := s.Next()
		if err != nil {
			return nil, fmt.Errorf("fetching frame %d: %w", n, err)
		}
		if f.N == n {
			return f.Pictures[0], nil
		}
	}
}

// nearBeginning is the distance from the beginning within which seeking saves nothing. In AVI, seeking there leads past the first key frame.
const nearBeginning = schema.Second

// sparseRun is the time before frame n from which frames are followed, in a film whose pictures have too few times.
const sparseRun = 4 * schema.Second

// seekFrame returns frame n, or nil if seeking to a time back before the frame does not lead to the frame.
func (r *Reader) seekFrame(ctx context.Context, src Source, n int64, back schema.Time, spec FrameSpec) (*Picture, error) {
	// Half a frame early, so the container's rounding cannot skip frame n.
	from := src.Clock.FrameStart(n)
	if n > 0 {
		from -= (from - src.Clock.FrameStart(n-1)) / 2
	} else {
		from -= src.Clock.FrameStart(1) / 2
	}
	start := schema.Time(src.Video.GetStart())
	part := excerpt{starting: true, from: from + start + schema.Time(src.Video.GetDecoderDelay())}
	if from-back > nearBeginning {
		part.seek = from - back + start
	}
	if src.Video.GetSparseTimes() {
		// Frame n is found by counting from the frames before, whose times are right more often than the time of frame n.
		part.seek, part.following = max(part.seek-sparseRun, 0), true
		part.from = part.seek
	}
	s, err := r.decode(ctx, src, part, []FrameSpec{spec})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	f, err := s.take()
	for part.following && err == nil && f.N < n {
		f, err = s.take()
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("fetching frame %d: %w", n, context.Cause(ctx))
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("fetching frame %d: %w", n, err)
	case f.N != n:
		return nil, nil
	}
	return f.Pictures[0], nil
}

// seconds writes t as decimal seconds for ffmpeg, rounded down to microseconds.
func seconds(t schema.Time) string {
	micro := schema.Duration(t).Microseconds()
	return fmt.Sprintf("%d.%06d", micro/1_000_000, micro%1_000_000)
}
