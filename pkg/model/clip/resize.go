package clip

import (
	"image"
	"image/color"
	"math"
)

// A Filter is an interpolation of Pillow.
type Filter string

// The filters.
const (
	Bicubic  Filter = "bicubic"
	Bilinear Filter = "bilinear"
)

// support is the width of a filter's kernel, in pixels, on either side.
func (f Filter) support() float64 {
	if f == Bilinear {
		return 1
	}
	return 2
}

func (f Filter) weight(t float64) float64 {
	t = math.Abs(t)
	switch {
	case f == Bilinear:
		return max(0, 1-t)
	case t < 1:
		return (1.5*t-2.5)*t*t + 1
	case t < 2:
		return (((t-5)*t+8)*t - 4) * -0.5
	}
	return 0
}

// precision is the number of bits behind the point of Pillow's weights.
const precision = 32 - 8 - 2

// A tap is a target pixel's shares in the source pixels from first on.
type tap struct {
	first   int
	weights []int
}

// taps returns the shares for the target pixels from until until+count, of a side that is resized from source to target pixels. Weights are whole
// numbers, as in Pillow's Resample.c.
func (f Filter) taps(source, target, from, count int) []tap {
	scale := float64(source) / float64(target)
	wide := max(scale, 1)
	support, narrow := f.support()*wide, 1/wide
	out := make([]tap, count)
	for i := range out {
		center := (float64(from+i) + 0.5) * scale
		first, end := max(int(center-support+0.5), 0), min(int(center+support+0.5), source)
		shares := make([]float64, end-first)
		var sum float64
		for x := range shares {
			shares[x] = f.weight((float64(x+first) - center + 0.5) * narrow)
			sum += shares[x]
		}
		out[i] = tap{first, make([]int, len(shares))}
		for x, s := range shares {
			if sum != 0 {
				s /= sum
			}
			out[i].weights[x] = int(s*(1<<precision) + math.Copysign(0.5, s))
		}
	}
	return out
}

// A window is the part of a resized picture that is computed: width x height pixels from left, top, of a picture of fullWidth x fullHeight.
type window struct {
	fullWidth, fullHeight    int
	left, top, width, height int
}

// resize returns the RGB bytes of a window, equal to Pillow's. The rows of the window alone are read.
func (f Filter) resize(img image.Image, w window) []byte {
	b := img.Bounds()
	columns := f.taps(b.Dx(), w.fullWidth, w.left, w.width)
	rows := f.taps(b.Dy(), w.fullHeight, w.top, w.height)
	first, end := rows[0].first, 0
	for _, r := range rows {
		first, end = min(first, r.first), max(end, r.first+len(r.weights))
	}
	colours := reader(img)
	between := make([]byte, 3*w.width*(end-first))
	line := make([]byte, 3*b.Dx())
	for y := first; y < end; y++ {
		colours(b.Min.Y+y, line)
		for x, c := range columns {
			mix(between[3*((y-first)*w.width+x):], line[3*c.first:], 3, c.weights)
		}
	}
	out := make([]byte, 3*w.width*w.height)
	for y, r := range rows {
		for x := range w.width {
			mix(out[3*(y*w.width+x):], between[3*((r.first-first)*w.width+x):], 3*w.width, r.weights)
		}
	}
	return out
}

// mix writes a pixel: the weighted sum of source pixels that are step bytes apart.
func mix(out, source []byte, step int, weights []int) {
	const half = 1 << (precision - 1)
	r, g, b := half, half, half
	at := 0
	for _, w := range weights {
		r += int(source[at]) * w
		g += int(source[at+1]) * w
		b += int(source[at+2]) * w
		at += step
	}
	out[0], out[1], out[2] = clip8(r), clip8(g), clip8(b)
}

func clip8(v int) byte { return byte(max(0, min(v>>precision, 255))) }

// reader returns a function that reads a row of a picture as RGB bytes. Transparency is left out, as by Pillow's convert("RGB").
func reader(img image.Image) func(y int, line []byte) {
	b := img.Bounds()
	if p, ok := img.(*image.RGBA); ok && p.Opaque() {
		img = &image.NRGBA{Pix: p.Pix, Stride: p.Stride, Rect: p.Rect}
	}
	if p, ok := img.(*image.NRGBA); ok {
		return func(y int, line []byte) {
			from := p.Pix[p.PixOffset(b.Min.X, y):]
			for x := range b.Dx() {
				copy(line[3*x:3*x+3], from[4*x:])
			}
		}
	}
	return func(y int, line []byte) {
		for x := range b.Dx() {
			c := color.NRGBAModel.Convert(img.At(b.Min.X+x, y)).(color.NRGBA)
			line[3*x], line[3*x+1], line[3*x+2] = c.R, c.G, c.B
		}
	}
}
