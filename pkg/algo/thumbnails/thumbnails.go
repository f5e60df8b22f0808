// Package thumbnails is the algorithm that keeps small pictures of a film, to be shown
// beside what is found in it: one for each shot, and one for every few seconds of a long one.
//
// Together their intervals cover the film, so the thumbnail of a moment is the one whose
// interval holds it. Its blob is named by the attributes "bucket" and "blob", its
// size by "width" and "height", and the frame that it shows by "frame".
package thumbnails

import (
	"bytes"
	"context"
	"fmt"
	"image/jpeg"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	width   = 320
	quality = 78
	// every is the longest stretch that one thumbnail stands for.
	every = 4 * schema.Second
)

// Algorithm is the algorithm "thumbnails".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current one first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{New()} }

// New returns the algorithm.
func New() Algorithm { return Algorithm{} }

var spec = &pb.AlgorithmSpec{
	Name: "thumbnails", Version: "1", Summary: "Small pictures of each shot, to be shown beside what is found",
	Reads:  []string{schema.ReadsVideo},
	Needs:  []string{schema.KindShot},
	Kinds:  []string{schema.KindThumbnail},
	Frames: &pb.FramesSpec{Width: width, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{{
		Kind: schema.KindThumbnail, Role: pb.KindRole_KIND_ROLE_THUMBNAILS,
		Shown: &pb.Shown{Label: "Thumbnail", Hint: "Small pictures of each shot", Icon: "picture"},
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

type thumbnail struct {
	jpeg          []byte
	width, height int
}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	pick := func(_ context.Context, f algo.Frame) (thumbnail, bool, error) {
		if !sampler.Pick(f) {
			return thumbnail{}, false, nil
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, f.Picture.Image(), &jpeg.Options{Quality: quality}); err != nil {
			return thumbnail{}, false, fmt.Errorf("encoding a thumbnail: %w", err)
		}
		return thumbnail{bytes.Clone(b.Bytes()), f.Picture.Width, f.Picture.Height}, true, nil
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[thumbnail]) error {
		out.Progress(s.End, clock.Frames())
		if len(picks) == 0 {
			return nil // a shot of a few frames; the thumbnail before it serves
		}
		clean := byshot.Clean(s, picks)
		start, end := clock.FrameStart(s.First), clock.FrameStart(s.End)
		parts := int64((end - start + every - 1) / every)
		first := s.First
		for i := range parts {
			last := clock.FrameAt(start + (end-start)*schema.Time(i+1)/schema.Time(parts) - 1)
			best, found := fullest(clean, first, last+1)
			if !found && i < parts-1 {
				continue // this part joins the next
			}
			if !found {
				best, _ = fullest(picks, s.First, s.End)
			}
			if err := keep(ctx, out, clock, best, first, last+1); err != nil {
				return err
			}
			first = last + 1
		}
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

// fullest returns the pick of the frames [first, end) that shows the most: whose JPEG needs the most bytes.
func fullest(picks []byshot.Pick[thumbnail], first, end int64) (best byshot.Pick[thumbnail], found bool) {
	for _, p := range picks {
		if first <= p.Frame && p.Frame < end && (!found || len(p.Value.jpeg) > len(best.Value.jpeg)) {
			best, found = p, true
		}
	}
	return best, found
}

func keep(ctx context.Context, out algo.Output, clock schema.Clock, p byshot.Pick[thumbnail], first, end int64) error {
	ref, err := out.Blob(ctx, fmt.Sprintf("%07d.jpg", p.Frame), "image/jpeg", p.Value.jpeg)
	if err != nil {
		return fmt.Errorf("keeping the thumbnail of frame %d: %w", p.Frame, err)
	}
	_, err = out.Annotation(ctx, &pb.Annotation{
		Kind:       schema.KindThumbnail,
		Start:      int64(clock.FrameStart(first)),
		End:        int64(clock.FrameStart(end)),
		Confidence: 1,
		Attributes: algo.Attributes{
			"bucket": algo.Text(ref.GetBucket()), "blob": algo.Text(ref.GetKey()),
			"width": algo.Integer(int64(p.Value.width)), "height": algo.Integer(int64(p.Value.height)),
			"frame": algo.Integer(p.Frame),
		},
	})
	return err
}
