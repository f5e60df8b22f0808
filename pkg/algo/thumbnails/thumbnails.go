// Package thumbnails is the algorithm that stores small pictures of a film, which applications show beside hits. Each shot gets a thumbnail, and a
// long shot gets a thumbnail for every few seconds. The intervals of the thumbnails cover the film: the thumbnail of a moment is the annotation whose
// interval contains the moment.
//
// The contract of an annotation:
//
//   - Attributes "bucket" and "blob": the reference of the JPEG.
//   - Attributes "width" and "height": the size in pixels.
//   - Attribute "frame": the number of the shown frame.
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
	// every is the longest stretch of a thumbnail.
	every = 4 * schema.Second
)

type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{New()} }

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
			return nil // a shot of a few frames: the thumbnail before is shown
		}
		clean := byshot.Clean(s, picks)
		start, end := clock.FrameStart(s.First), clock.FrameStart(s.End)
		parts := int64((end - start + every - 1) / every)
		first := s.First
		for i := range parts {
			last := clock.FrameAt(start + (end-start)*schema.Time(i+1)/schema.Time(parts) - 1)
			best, found := fullest(clean, first, last+1)
			if !found && i < parts-1 {
				continue // this part joins the next part
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

// fullest returns the pick of the frames [first, end) with the most detail: the pick whose JPEG has the most bytes.
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
