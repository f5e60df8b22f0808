package fingerprint

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Space is the space of the fingerprints.
var Space = &pb.Space{Name: "fingerprint", Version: "1", Dimension: Dim, Metric: "cosine", Encoders: []string{"picture", "frame"}}

const (
	// alike is the cosine above which a frame of a shot adds nothing to the frame before.
	alike = 0.90
	// step is the longest time between two described frames, before similar frames are left out.
	step = schema.Second / 4
)

// Algorithm is the algorithm "fingerprint".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "fingerprint", Version: "1", Summary: "Where the same footage is used again",
	Reads:  []string{schema.ReadsVideo},
	Needs:  []string{schema.KindShot},
	Spaces: []*pb.Space{Space},
	// The frames of thumbnails, so that the film is not scaled once more.
	Frames: &pb.FramesSpec{Width: largest, PerSecond: byshot.PerSecond},
	Leaves: []*pb.LeafSpec{
		{
			Name: "footage", Shape: pb.LeafShape_LEAF_SHAPE_SHOT, Example: "4f2a@01:02:03:04",
			Shown: &pb.Shown{Label: "Same footage", Hint: "Where the shot around a place is used, in any title: also cropped, graded or with titles", Icon: "copies"},
		},
		{
			Name: "still", Shape: pb.LeafShape_LEAF_SHAPE_PICTURE,
			Shown: &pb.Shown{Label: "Still", Hint: "The shot that a picture was taken from", Icon: "copies"},
		},
	},
	Answers: []*pb.AnswerSpec{{
		Leaves: []string{"footage", "still"}, By: "fingerprint", Kind: schema.KindShot, Space: schema.SpaceID(Space),
		Span: pb.AnswerSpan_ANSWER_SPAN_SHOT, Calibration: &pb.Calibration{Middle: 0.66, Slope: 24, Cutoff: 0.2, Same: 0.80},
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

// Encoders implements encode.Provider. A still and a frame of a video take the same way.
func (Algorithm) Encoders() []encode.Offer {
	return []encode.Offer{{Space: Space, Takes: []encode.Kind{encode.Still, encode.Frame}, Encoder: encode.Func{
		Run: func(ctx context.Context, in encode.Input) ([]float32, error) {
			if err := ctx.Err(); err != nil {
				return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", err)
			}
			if vs := describe(planeOfStill(in.Picture), parts[0]); vs != nil {
				return vs[0], nil
			}
			return plain(), nil
		},
		// A point of a picture takes some nanoseconds.
		Price: func(in encode.Input) float64 {
			return 5 + 40e-6*float64(in.Picture.Bounds().Dx()*in.Picture.Bounds().Dy())
		},
	}}}
}

// A picker describes the frames of a film that differ from the described frame before, and a frame of each step.
type picker struct {
	clock schema.Clock
	slot  schema.Time
	last  []float32
}

func (p *picker) pick(f algo.Frame) ([][]float32, bool) {
	now := describe(planeOf(f.Picture), parts...)
	if now == nil {
		return nil, false
	}
	slot := p.clock.FrameStart(f.N) / (2 * step)
	if p.last != nil && slot == p.slot && byshot.Cosine(p.last, now[0]) >= alike {
		return nil, false
	}
	p.slot, p.last = slot, now[0]
	return now, true
}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	p := picker{clock: clock}
	pick := func(_ context.Context, f algo.Frame) ([][]float32, bool, error) {
		vs, keep := p.pick(f)
		return vs, keep, nil
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[][]float32]) error {
		for _, st := range split(s, byshot.Clean(s, picks)) {
			for _, v := range st.vectors {
				err := out.Embedding(ctx, &pb.Embedding{
					Space: schema.SpaceID(Space), Vector: v,
					Start: int64(clock.FrameStart(st.first)), End: int64(clock.FrameStart(st.end)),
					Of: s.ID, Kind: schema.KindShot,
					Attributes: algo.Attributes{"frame": algo.Integer(st.frame)},
				})
				if err != nil {
					return err
				}
			}
		}
		out.Progress(s.End, clock.Frames())
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

// A stretch is the frames [first, end) of a shot that a described frame stands for.
type stretch struct {
	vectors           [][]float32
	frame, first, end int64
}

// split divides a shot among the described frames that differ from the described frame before.
func split(s byshot.Shot, picks []byshot.Pick[[][]float32]) []stretch {
	var out []stretch
	for _, p := range picks {
		n := len(out)
		if n > 0 && byshot.Cosine(out[n-1].vectors[0], p.Value[0]) >= alike {
			continue
		}
		first := s.First
		if n > 0 {
			first, out[n-1].end = p.Frame, p.Frame
		}
		out = append(out, stretch{p.Value, p.Frame, first, s.End})
	}
	return out
}
