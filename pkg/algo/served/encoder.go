package served

import (
	"context"
	"fmt"
	"image"

	"golang.org/x/image/draw"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// encodeCost is the cost of a request in milliseconds of a processor here: the model runs elsewhere.
const encodeCost = 20

// Encoders implements encode.Provider.
func (a algorithm) Encoders() []encode.Offer {
	var out []encode.Offer
	for _, e := range a.m.Encoders {
		space := spaceOf(a.m.spec, e.Space)
		run := func(ctx context.Context, in encode.Input) ([]float32, error) { return a.encode(ctx, e, space, in) }
		out = append(out, encode.Offer{Space: space, Takes: []encode.Kind{encode.Kind(e.Takes)},
			Encoder: encode.Func{Run: run, Price: func(encode.Input) float64 { return encodeCost }}})
	}
	return out
}

func (a algorithm) encode(ctx context.Context, e Encoder, space *pb.Space, in encode.Input) ([]float32, error) {
	var t tensor
	switch {
	case in.Kind == encode.Words && in.Words == "":
		return nil, errkind.New(errkind.Invalid, "there are no words")
	case in.Kind == encode.Words:
		t = textTensor(e.Input, []string{in.Words})
	case in.Picture == nil || in.Picture.Bounds().Empty():
		return nil, errkind.New(errkind.Invalid, "there is no picture")
	default:
		t = a.m.Frames.tensor([]*answer{{picture: fitted(in.Picture, a.m.Frames)}})
		if e.Input != "" {
			t.Name = e.Input
		}
	}
	version := a.m.Server.Version
	if e.Model != a.m.Server.Model {
		version = ""
	}
	results, err := a.client.infer(ctx, e.Model, version, t, 1, []string{e.Output})
	if err != nil {
		return nil, fmt.Errorf("encoding for %s: %w", e.Space, err)
	}
	w := &answer{}
	w.fill(results, 0)
	return Output{Name: e.Output, Space: e.Space}.vector([]*answer{w}, space)
}

// fitted scales a picture to the size of the frames, as the decoder of films does: squeezed, or the middle.
func fitted(img image.Image, f *Frames) *media.Picture {
	from := img.Bounds()
	if f.Crop {
		w, h := from.Dx(), from.Dy()
		if w*f.Height > h*f.Width {
			w = max(h*f.Width/f.Height, 1)
		} else {
			h = max(w*f.Height/f.Width, 1)
		}
		x, y := from.Min.X+(from.Dx()-w)/2, from.Min.Y+(from.Dy()-h)/2
		from = image.Rect(x, y, x+w, y+h)
	}
	scaled := image.NewRGBA(image.Rect(0, 0, f.Width, f.Height))
	draw.CatmullRom.Scale(scaled, scaled.Bounds(), img, from, draw.Src, nil)
	p := &media.Picture{Width: f.Width, Height: f.Height, Pix: make([]byte, 3*f.Width*f.Height)}
	for i := range f.Width * f.Height {
		copy(p.Pix[3*i:], scaled.Pix[4*i:4*i+3])
	}
	return p
}
