package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A projector decodes a film once and hands each frame to every algorithm that wants the frame. The projector waits for the slowest algorithm, so
// memory is bounded by the queues.
type projector struct {
	specs   []media.FrameSpec
	viewers []*viewer
	decoded atomic.Int64 // time that the projector has waited for frames from the decoder, in nanoseconds
}

// A viewer is an algorithm that reads frames.
type viewer struct {
	film   *projector
	spec   int
	waited atomic.Int64 // how long the algorithm has waited for frames, in nanoseconds
	frames chan algo.Frame
	left   chan struct{} // closed when the algorithm has ended, and takes no more
	ended  chan struct{} // closed after the last frame
	err    error         // the reason for an early end of the film; set before ended is closed
}

// queueBytes bounds a viewer's queue: about a second of film, so that a model that judges many frames at a time does not stop the other viewers.
const queueBytes = 4 << 20

// view adds a viewer; all are added before the film begins.
func (p *projector) view(spec media.FrameSpec, video *pb.VideoTrack) *viewer {
	i := slices.Index(p.specs, spec)
	if i < 0 {
		i = len(p.specs)
		p.specs = append(p.specs, spec)
	}
	w, h := spec.Size(video)
	v := &viewer{
		film: p, spec: i,
		frames: make(chan algo.Frame, min(max(queueBytes/max(3*w*h, 1), 8), 256)),
		left:   make(chan struct{}), ended: make(chan struct{}),
	}
	p.viewers = append(p.viewers, v)
	return v
}

// show decodes the film to the end, or until no viewer is left. show returns the number of shown frames, and how many of these frames had no picture of
// their own.
func (p *projector) show(ctx context.Context, reader *media.Reader, film media.Source) (shown, missing int64) {
	err := func() error {
		begun := time.Now()
		stream, err := reader.Decode(ctx, film, p.specs...)
		if err != nil {
			return fmt.Errorf("starting to decode: %w", err)
		}
		defer stream.Close()
		defer func() { missing = stream.Missing() }()
		for {
			f, err := stream.Next()
			p.decoded.Add(int64(time.Since(begun)))
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("decoding frame %d: %w", shown, err)
			}
			shown++
			looking, err := p.hand(ctx, f)
			if err != nil || !looking {
				return err
			}
			begun = time.Now()
		}
	}()
	for _, v := range p.viewers {
		v.err = err
		close(v.ended)
	}
	return shown, missing
}

// hand gives a frame to all viewers that want the frame, and reports whether any viewer is left.
func (p *projector) hand(ctx context.Context, f media.Frame) (looking bool, err error) {
	for _, v := range p.viewers {
		select {
		case <-v.left:
			continue
		default:
		}
		looking = true
		picture := f.Pictures[v.spec]
		if picture == nil {
			continue
		}
		select {
		case v.frames <- algo.Frame{N: f.N, Picture: picture}:
		case <-v.left:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	return looking, nil
}

// all yields the frames as they are shown.
func (v *viewer) all(ctx context.Context) iter.Seq2[algo.Frame, error] {
	return func(yield func(algo.Frame, error) bool) {
		for {
			select {
			case f := <-v.frames:
				if !yield(f, nil) {
					return
				}
				continue
			default:
			}
			begun := time.Now()
			select {
			case f := <-v.frames:
				v.waited.Add(int64(time.Since(begun)))
				if !yield(f, nil) {
					return
				}
			case <-ctx.Done():
				yield(algo.Frame{}, context.Cause(ctx))
				return
			case <-v.ended:
				v.waited.Add(int64(time.Since(begun)))
				if len(v.frames) > 0 {
					continue
				}
				if v.err != nil {
					yield(algo.Frame{}, v.err)
				}
				return
			}
		}
	}
}

// undeclared is the error for input that an algorithm reads and has not declared.
func undeclared(format string, args ...any) error {
	return errkind.New(errkind.Invalid, "the algorithm reads undeclared input: "+format, args...)
}
