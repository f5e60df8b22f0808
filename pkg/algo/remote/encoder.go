package remote

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"time"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Encoder implements encode.Encoders, for the spaces that workers declare and Deps.Admit admits.
func (h *Host) Encoder(space string, kind encode.Kind) (encode.Encoder, error) {
	var refused error
	for _, v := range h.encoding(space) {
		if h.deps.Admit != nil {
			if err := h.deps.Admit(v.declared); err != nil {
				refused = err
				continue
			}
		}
		for _, s := range v.declared.GetAlgorithm().GetSpaces() {
			if schema.SpaceID(s) != space {
				continue
			}
			e := encoder{host: h, id: versionID(v.declared), space: s, ms: v.declared.GetEncodeMs()}
			var kinds []encode.Kind
			for _, k := range s.GetEncoders() {
				kinds = append(kinds, encode.Kind(k))
			}
			set, err := encode.NewSet(encode.Offer{Space: s, Takes: kinds, Encoder: e})
			if err != nil {
				return nil, err
			}
			return set.Encoder(space, kind)
		}
	}
	return nil, errkind.New(errkind.Unavailable, "no worker encodes into the space %s: %w", space, errors.Join(errNoWorker, refused))
}

var errNoWorker = errors.New("start the worker whose algorithm declares the space")

// encoding returns the versions with a space whose workers are there.
func (h *Host) encoding(space string) (out []*version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, v := range h.versions {
		for _, s := range v.declared.GetAlgorithm().GetSpaces() {
			if schema.SpaceID(s) == space && len(h.serving(id)) > 0 {
				out = append(out, v)
			}
		}
	}
	return out
}

// An encoder asks a worker for vectors of a space.
type encoder struct {
	host  *Host
	id    string
	space *pb.Space
	ms    float64
}

const (
	// encodeMS is the cost of an encoder that declares none.
	encodeMS = 50
	// encodeTimeout bounds a call. A caller's deadline is usually earlier.
	encodeTimeout = time.Minute
	// maxPixels bounds a picture: 48 MB in a message of 64 MiB at most.
	maxPixels = 16 << 20
)

// Cost implements encode.Encoder.
func (e encoder) Cost(encode.Input) float64 {
	if e.ms > 0 {
		return e.ms
	}
	return encodeMS
}

// Encode implements encode.Encoder.
func (e encoder) Encode(ctx context.Context, in encode.Input) ([]float32, error) {
	request, err := e.request(in)
	if err != nil {
		return nil, err
	}
	w := e.host.encodingWorker(e.id)
	if w == nil {
		return nil, errkind.New(errkind.Unavailable, "the worker of %s has left", e.id)
	}
	calling, cancel := context.WithTimeout(ctx, encodeTimeout)
	defer cancel()
	r, err := w.conn.Encode(calling, request)
	switch {
	case ctx.Err() != nil:
		return nil, errkind.New(errkind.Cancelled, "encoding by worker %s: %w", w.place, context.Cause(ctx))
	case errkind.Is(err, errkind.Invalid) && !errors.Is(err, errGone):
		return nil, errkind.New(errkind.Invalid, "worker %s: %w", w.place, err)
	case err != nil:
		return nil, errkind.New(errkind.Unavailable, "worker %s does not encode: %w", w.place, err)
	}
	if err := checkVector(e.space, r.GetVector()); err != nil {
		return nil, errkind.New(errkind.Internal, "worker %s: %w", w.place, err)
	}
	return r.GetVector(), nil
}

// encodingWorker returns the worker of a version with the fewest runs under way, or nil.
func (h *Host) encodingWorker(id string) (best *worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.serving(id) {
		if best == nil || w.busy[id] < best.busy[id] {
			best = w
		}
	}
	return best
}

// request is the input as the contract carries the input.
func (e encoder) request(in encode.Input) (*pb.EncodeRequest, error) {
	r := &pb.EncodeRequest{Space: schema.SpaceID(e.space)}
	switch in.Kind {
	case encode.Words:
		r.Input = &pb.EncodeRequest_Words{Words: in.Words}
	case encode.Still, encode.Frame:
		p, err := pixels(in.Picture)
		if err != nil {
			return nil, err
		}
		p.Frame = in.Kind == encode.Frame
		r.Input = &pb.EncodeRequest_Picture{Picture: p}
	case encode.Sound:
		if in.Samples == nil || len(in.Samples.Values) == 0 || len(in.Samples.Values) > maxPixels {
			return nil, errkind.New(errkind.Invalid, "the sound must have 1 to %d samples", maxPixels)
		}
		s := &pb.EncodeSound{Rate: int32(in.Samples.Rate), Samples: make([]byte, 0, 2*len(in.Samples.Values))}
		for _, v := range in.Samples.Values {
			n := int16(max(-32768, min(32767, math.Round(float64(v)*32768))))
			s.Samples = append(s.Samples, byte(n), byte(uint16(n)>>8))
		}
		r.Input = &pb.EncodeRequest_Sound{Sound: s}
	default:
		return nil, errkind.New(errkind.Invalid, "a worker encodes words, pictures, frames and sound, and not %q", string(in.Kind))
	}
	return r, nil
}

// pixels returns a picture as RGB. Transparent pixels are drawn over white.
func pixels(p image.Image) (*pb.EncodePicture, error) {
	if p == nil {
		return nil, errkind.New(errkind.Invalid, "there is no picture")
	}
	b := p.Bounds()
	if b.Empty() || b.Dx() > maxPixels || b.Dy() > maxPixels || b.Dx()*b.Dy() > maxPixels {
		return nil, errkind.New(errkind.Invalid, "the picture must have 1 to %d pixels, not %d × %d", maxPixels, b.Dx(), b.Dy())
	}
	out := &pb.EncodePicture{Width: int32(b.Dx()), Height: int32(b.Dy()), Pixels: make([]byte, 0, 3*b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, bl := overWhite(p.At(x, y))
			out.Pixels = append(out.Pixels, r, g, bl)
		}
	}
	return out, nil
}

func overWhite(c color.Color) (r, g, b uint8) {
	r16, g16, b16, a := c.RGBA()
	white := 0xffff - a
	return uint8((r16 + white) >> 8), uint8((g16 + white) >> 8), uint8((b16 + white) >> 8)
}
