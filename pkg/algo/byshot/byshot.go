// Package byshot brings frames and shots together, for algorithms that say
// something of each shot from a few of its frames.
//
// Such an algorithm reads a film that is being decoded and the shots that are being
// found in it at the same time. It cannot wait for a shot before it looks at the frames, since the film
// waits for its slowest reader and the shots with it; nor may its result depend on
// which of the two is ahead. So frames are picked by what they show, with no
// regard to shots ([Sampler]), something small is made of each, and the shots
// take theirs when they become known ([Walk]).
package byshot

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Pick is what was made of one frame.
type Pick[T any] struct {
	Frame int64
	Value T
}

// A Shot is a shot as the algorithm shots wrote it.
type Shot struct {
	// ID is the annotation's identity.
	ID string
	// First and End are its frames, half-open.
	First, End int64
	// CleanFirst and CleanEnd leave out what a gradual change shares with the neighbours.
	CleanFirst, CleanEnd int64
}

func shotOf(a *pb.Annotation, clock schema.Clock) Shot {
	s := Shot{ID: schema.ItemID(a.GetRun(), a.GetOrdinal())}
	s.First, s.End = schema.FrameSpan(clock, schema.IntervalOf(a))
	s.CleanFirst = s.First + a.GetAttributes()["begin_frames"].GetInteger()
	s.CleanEnd = s.End - a.GetAttributes()["end_frames"].GetInteger()
	if s.CleanFirst >= s.CleanEnd {
		s.CleanFirst, s.CleanEnd = s.First, s.End
	}
	return s
}

// Clean returns those of the picks that show this shot alone; all of them where none does.
func Clean[T any](s Shot, picks []Pick[T]) []Pick[T] {
	var out []Pick[T]
	for _, p := range picks {
		if s.CleanFirst <= p.Frame && p.Frame < s.CleanEnd {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return picks
	}
	return out
}

// Walk reads all frames and all shots of in. It calls pick for each frame, in order, and keeps
// what pick returns with true; it calls write for each shot, in order, with what was picked from it,
// perhaps nothing. Both are called from the caller's goroutine, and only the picks of
// shots that have not ended are held.
func Walk[T any](ctx context.Context, in algo.Input,
	pick func(context.Context, algo.Frame) (T, bool, error),
	write func(context.Context, Shot, []Pick[T]) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	following := follow(ctx, in)
	defer func() {
		cancel()
		for range following { // until its goroutine has ended
		}
	}()
	shots := following // nil once all are known
	w := walk[T]{clock: in.Clock(), write: write}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		v, keep, err := pick(ctx, f)
		if err != nil {
			return fmt.Errorf("looking at frame %d: %w", f.N, err)
		}
		if keep {
			w.picks = append(w.picks, Pick[T]{f.N, v})
		}
		for more := true; more && shots != nil; {
			select {
			case s, open := <-shots:
				if !open {
					shots = nil
					break
				}
				if s.err != nil {
					return s.err
				}
				w.shots = append(w.shots, s.shot)
			default:
				more = false
			}
		}
		if err := w.upTo(ctx, f.N); err != nil {
			return err
		}
	}
	if shots != nil {
		for s := range shots {
			if s.err != nil {
				return s.err
			}
			w.shots = append(w.shots, s.shot)
		}
	}
	return w.upTo(ctx, w.clock.Frames())
}

type walk[T any] struct {
	clock schema.Clock
	write func(context.Context, Shot, []Pick[T]) error
	picks []Pick[T]
	shots []*pb.Annotation
}

// upTo writes the shots that have ended when frame n has been seen.
func (w *walk[T]) upTo(ctx context.Context, n int64) error {
	for len(w.shots) > 0 {
		shot := shotOf(w.shots[0], w.clock)
		if shot.End > n {
			return nil
		}
		first, end := 0, 0
		for end < len(w.picks) && w.picks[end].Frame < shot.End {
			if end++; w.picks[end-1].Frame < shot.First {
				first = end
			}
		}
		if err := w.write(ctx, shot, w.picks[first:end]); err != nil {
			return fmt.Errorf("describing the shot of frames %d to %d: %w", shot.First, shot.End, err)
		}
		// Copied, so that what is behind can be freed.
		w.picks = append([]Pick[T](nil), w.picks[end:]...)
		w.shots = w.shots[1:]
	}
	return nil
}

type told struct {
	shot *pb.Annotation
	err  error
}

// follow reads the shots in a goroutine of their own, which ends with ctx and then closes the channel.
func follow(ctx context.Context, in algo.Input) chan told {
	shots := make(chan told, 16)
	go func() {
		defer close(shots)
		for s, err := range in.Annotations(ctx, schema.KindShot) {
			select {
			case shots <- told{s, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return shots
}
