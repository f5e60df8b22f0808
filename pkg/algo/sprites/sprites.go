// Package sprites is the algorithm that stores sheets of small pictures of a film, for scrubbing: two pictures a second.
//
// The contract of the annotations, of kind "sprites": a sheet each, in order. Together they cover the film.
//
//   - Tile t of the film shows frame t × stride. A sheet has [Columns] × [Rows] tiles, and the last sheet may have fewer rows.
//   - Attributes "bucket" and "blob": the reference of the JPEG.
//   - Attributes "tiles", "stride", "width" and "height": the number of the sheet's tiles, the frames from tile to tile, and the size of a tile.
package sprites

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "sprites"

// Columns and Rows are the tiles of a sheet.
const (
	Columns = 10
	Rows    = 10
)

const (
	// A tile fits into maxWidth x maxHeight.
	maxWidth, maxHeight = 160, 120
	perSecond           = 2
	quality             = 60
)

// Algorithm is the algorithm "sprites".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "sprites", Version: "1", Summary: "Sheets of small pictures for scrubbing",
	Reads:  []string{schema.ReadsVideo},
	Kinds:  []string{Kind},
	Frames: &pb.FramesSpec{Width: maxWidth, PerSecond: perSecond},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Role: pb.KindRole_KIND_ROLE_SPRITES, Shown: &pb.Shown{Label: "Sprites", Hint: "Small pictures for scrubbing", Icon: "picture"},
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec {
	f := algo.FramesOf(spec, a)
	v := a.GetVideo()
	w, h := float64(max(v.GetWidth(), 2)), float64(max(v.GetHeight(), 2))
	if v.GetSarNum() > 0 && v.GetSarDen() > 0 {
		w *= float64(v.GetSarNum()) / float64(v.GetSarDen())
	}
	scale := min(maxWidth/w, maxHeight/h)
	even := func(x float64) int { return max(2*int(math.Round(x/2)), 8) }
	f.Width, f.Height, f.Fit = even(w*scale), even(h*scale), media.Squeeze
	return f
}

// Annotate implements algo.Algorithm.
func (a Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	s := sheet{clock: clock, stride: int64(max(a.Frames(in.Asset()).Stride, 1)), out: out}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		if s.tiles == Columns*Rows {
			if err := s.keep(ctx, f.N); err != nil {
				return err
			}
		}
		s.add(f)
		out.Progress(f.N, clock.Frames())
	}
	if s.tiles == 0 {
		return nil
	}
	return s.keep(ctx, clock.Frames())
}

// A sheet is being filled.
type sheet struct {
	clock   schema.Clock
	out     algo.Output
	stride  int64
	number  int
	first   int64 // frame
	tiles   int
	w, h    int
	picture *image.RGBA
}

func (s *sheet) add(f algo.Frame) {
	if s.picture == nil {
		s.w, s.h = f.Picture.Width, f.Picture.Height
		s.picture = image.NewRGBA(image.Rect(0, 0, Columns*s.w, Rows*s.h))
	}
	left, top := s.tiles%Columns*s.w, s.tiles/Columns*s.h
	for y := range s.h {
		from := f.Picture.Pix[3*y*s.w : 3*(y+1)*s.w]
		to := s.picture.Pix[s.picture.PixOffset(left, top+y):]
		for x := range s.w {
			to[4*x], to[4*x+1], to[4*x+2], to[4*x+3] = from[3*x], from[3*x+1], from[3*x+2], 0xff
		}
	}
	s.tiles++
}

// keep stores the sheet, which ends before frame end.
func (s *sheet) keep(ctx context.Context, end int64) error {
	used := s.picture.SubImage(image.Rect(0, 0, Columns*s.w, (s.tiles+Columns-1)/Columns*s.h))
	var b bytes.Buffer
	if err := jpeg.Encode(&b, used, &jpeg.Options{Quality: quality}); err != nil {
		return fmt.Errorf("encoding sheet %d: %w", s.number, err)
	}
	ref, err := s.out.Blob(ctx, fmt.Sprintf("%05d.jpg", s.number), "image/jpeg", b.Bytes())
	if err != nil {
		return fmt.Errorf("keeping sheet %d: %w", s.number, err)
	}
	_, err = s.out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, Start: int64(s.clock.FrameStart(s.first)), End: int64(s.clock.FrameStart(end)), Confidence: 1,
		Attributes: algo.Attributes{
			"bucket": algo.Text(ref.GetBucket()), "blob": algo.Text(ref.GetKey()), "tiles": algo.Integer(int64(s.tiles)), "stride": algo.Integer(s.stride),
			"width": algo.Integer(int64(s.w)), "height": algo.Integer(int64(s.h)),
		},
	})
	clear(s.picture.Pix)
	s.first, s.tiles, s.number = end, 0, s.number+1
	return err
}
