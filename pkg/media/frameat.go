package media

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// FrameAt returns frame n: the very picture that Decode gives for n.
//
// It seeks and decodes from the first key frame there. Where that comes after frame n (transport streams have no
// index of key frames), it seeks further back. Where no seeking leads to frame n (an index that is wrong, a frame
// that cannot be decoded), it decodes from the beginning, as Decode would.
func (r *Reader) FrameAt(ctx context.Context, src Source, n int64, spec FrameSpec) (*Picture, error) {
	spec.Stride = 1
	if err := checkSpecs(src, []FrameSpec{spec}); err != nil {
		return nil, err
	}
	if n < 0 || n >= src.Clock.Frames() {
		return nil, errkind.New(errkind.NotFound, "%s has frames 0 to %d, and no frame %d", nameOf(src.Path), src.Clock.Frames()-1, n)
	}
	n = max(n, src.Video.GetUnshownFrames()) // the first that is shown stands in for those before
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

// nearBeginning is how near the beginning seeking saves nothing; in AVI, seeking there leads behind the first key frame.
const nearBeginning = schema.Second

// sparseRun is how long the frames are followed that come before a frame of a film whose pictures have too few times.
const sparseRun = 4 * schema.Second

// seekFrame returns frame n, or nil where seeking to a place so far before it does not lead to it.
func (r *Reader) seekFrame(ctx context.Context, src Source, n int64, back schema.Time, spec FrameSpec) (*Picture, error) {
	// Half a frame early, so that no rounding of the container's passes frame n over.
	from := src.Clock.FrameStart(n)
	if n > 0 {
		from -= (from - src.Clock.FrameStart(n-1)) / 2
	} else {
		from -= src.Clock.FrameStart(1) / 2
	}
	start := schema.Time(src.Video.GetStart())
	part := excerpt{one: true, from: from + start + schema.Time(src.Video.GetDecoderDelay())}
	if from-back > nearBeginning {
		part.seek = from - back + start
	}
	if src.Video.GetSparseTimes() {
		// Frame n follows the frames before it, whose times are right more often than its own.
		part.seek, part.more = max(part.seek-sparseRun, 0), true
		part.from = part.seek
	}
	s, err := r.decode(ctx, src, part, []FrameSpec{spec})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	f, err := s.take()
	for part.more && err == nil && f.N < n {
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
