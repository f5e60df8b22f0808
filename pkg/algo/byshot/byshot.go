// Package byshot joins frames and shots, for algorithms that describe each shot by a few of its frames, such as pictures and thumbnails. An algorithm
// calls [Walk] with a function for frames and a function for shots. The package guarantees that the result depends only on the film, and that memory
// does not grow with the film.
//
// An algorithm reads a film while the film is decoded, and reads the shots while the shots are found. Waiting for a shot before taking frames would
// stop the film, and the shots with the film. The result must not depend on whether frames or shots arrive first. Therefore:
//
//   - [Sampler] picks frames by their pictures, without regard to shots.
//   - The algorithm turns each picked frame into a small value.
//   - Walk hands each shot the values of its frames when the shot is known.
package byshot

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Pick is the value of a picked frame.
type Pick[T any] struct {
	Frame int64
	Value T
}

// A Shot is an annotation of the algorithm shots.
type Shot struct {
	// ID is the annotation's identity.
	ID string
	// First and End are the shot's frames, half-open.
	First, End int64
	// CleanFirst and CleanEnd leave out the frames of gradual changes, which the shot shares with its neighbours.
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

// Clean returns the picks of this shot alone; all picks if there is none.
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

// Walk reads all frames and all shots of in.
//
//   - Walk calls pick for each frame, in order, and keeps the returned value if pick returns true.
//   - Walk calls write for each shot, in order, with the kept values of the shot's frames, possibly none.
//   - Both functions are called in the caller's goroutine.
//   - Walk holds only the values of unfinished shots.
func Walk[T any](ctx context.Context, in algo.Input,
	pick func(context.Context, algo.Frame) (T, bool, error),
	write func(context.Context, Shot, []Pick[T]) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	following := follow(ctx, in)
	defer func() {
		cancel()
		for range following { // until the goroutine of follow has ended
		}
	}()
	shots := following // nil once all shots are known
	w := walk[T]{clock: in.Clock(), write: write}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		v, keep, err := pick(ctx, f)
		if err != nil {
			return fmt.Errorf("describing frame %d: %w", f.N, err)
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

// upTo writes the shots ended before or at frame n.
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
		// Copied, so that earlier picks can be freed.
		w.picks = append([]Pick[T](nil), w.picks[end:]...)
		w.shots = w.shots[1:]
	}
	return nil
}

type result struct {
	shot *pb.Annotation
	err  error
}

// follow reads the shots in a goroutine, which ends with ctx and then closes the channel.
func follow(ctx context.Context, in algo.Input) chan result {
	shots := make(chan result, 16)
	go func() {
		defer close(shots)
		for s, err := range in.Annotations(ctx, schema.KindShot) {
			select {
			case shots <- result{s, err}:
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

// A Part is the frames [First, End) of a shot, described by a pick.
type Part[T any] struct {
	Pick[T]
	First, End int64
}

// Parts leaves out picks that are alike the pick before, and divides the shot among the rest. The border between two parts is half way between the
// last frame alike the first part and the first frame of the second part.
func Parts[T any](s Shot, picks []Pick[T], alike func(a, b T) bool) []Part[T] {
	var parts []Part[T]
	last := int64(0) // the last frame alike the part before
	for _, p := range picks {
		n := len(parts)
		switch {
		case n == 0:
			parts = append(parts, Part[T]{p, s.First, s.End})
		case !alike(parts[n-1].Value, p.Value):
			border := (last + p.Frame + 1) / 2
			parts[n-1].End = border
			parts = append(parts, Part[T]{p, border, s.End})
		}
		last = p.Frame
	}
	return parts
}
