// Package tints is an algorithm that writes the mean colour of each second of a film into a space of three dimensions, in which a picture is
// asked for by its colour.
package tints

import (
	"context"
	"image"
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Space is where colours are compared.
var Space = &pb.Space{Name: "tints", Version: "1", Dimension: 3, Metric: "cosine", Encoders: []string{"picture"}}

var spec = &pb.AlgorithmSpec{
	Name: "tints", Version: "1", Summary: "The mean colour of each second",
	Reads: []string{schema.ReadsVideo}, Spaces: []*pb.Space{Space},
	Leaves: []*pb.LeafSpec{{Name: "tint", Shape: pb.LeafShape_LEAF_SHAPE_PICTURE, Shown: &pb.Shown{Label: "Colour", Hint: "Shots of the colour of a picture", Icon: "palette"}}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"tint"}, By: "colour", Kind: schema.KindShot, Space: schema.SpaceID(Space),
		Calibration: &pb.Calibration{Middle: 0.9, Slope: 30}, Span: pb.AnswerSpan_ANSWER_SPAN_SHOT}},
}

// Algorithm is the algorithm "tints".
type Algorithm struct{}

// Versions returns the versions of the algorithm.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(*pb.Asset) media.FrameSpec { return media.FrameSpec{Width: 16, Height: 16} }

// Encoders implements encode.Provider.
func (Algorithm) Encoders() []encode.Offer {
	return []encode.Offer{{Space: Space, Takes: []encode.Kind{encode.Still}, Encoder: encode.Func{
		Run: func(ctx context.Context, in encode.Input) ([]float32, error) { return mean(in.Picture), ctx.Err() },
	}}}
}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		at := in.Clock().FrameStart(f.N)
		e := &pb.Embedding{Space: schema.SpaceID(Space), Kind: schema.KindShot, Start: int64(at), End: int64(at) + 1, Vector: mean(f.Picture.Image())}
		if err := out.Embedding(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// mean is the mean colour of a picture, as a direction.
func mean(p image.Image) []float32 {
	var sum [3]float64
	b := p.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := p.At(x, y).RGBA()
			sum[0], sum[1], sum[2] = sum[0]+float64(r)+1, sum[1]+float64(g)+1, sum[2]+float64(b)+1
		}
	}
	length := math.Sqrt(sum[0]*sum[0] + sum[1]*sum[1] + sum[2]*sum[2])
	return []float32{float32(sum[0] / length), float32(sum[1] / length), float32(sum[2] / length)}
}
