package efficientnet

import (
	"image"
	"image/color"
	"math"
)

// A tap is the share of a source pixel in a target pixel.
type tap struct {
	to     int
	weight float64
}

// cubic is the kernel of Catmull and Rom, as in draw.CatmullRom of golang.org/x/image.
func cubic(t float64) float64 {
	if t < 1 {
		return (1.5*t-2.5)*t*t + 1
	}
	return ((-0.5*t+2.5)*t-4)*t + 2
}

// taps returns, for each pixel of a source's side, the pixel's shares in the pixels of a target's side of Side pixels. The shares in a target pixel
// sum to 1.
func taps(source int) [][]tap {
	const support = 2.0
	out := make([][]tap, source)
	scale := float64(source) / Side
	wide := max(scale, 1) // when shrinking, every pixel of the source counts
	for to := range Side {
		center := (float64(to)+0.5)*scale - 0.5
		from, until := max(int(math.Floor(center-support*wide)), 0), min(int(math.Ceil(center+support*wide)), source)
		weight := func(i int) float64 {
			if t := math.Abs(center-float64(i)) / wide; t < support {
				return cubic(t)
			}
			return 0
		}
		var total float64
		for i := from; i < until; i++ {
			total += weight(i)
		}
		for i := from; i < until; i++ {
			if w := weight(i); w != 0 {
				out[i] = append(out[i], tap{to, w / total})
			}
		}
	}
	return out
}

// Square squeezes a picture into the square of the model, by bicubic interpolation as in ffmpeg's scaler, so that a still and a frame with the same
// content get almost the same vector. Transparent pixels become black.
//
// Square reads the picture row by row, adds each row to the rows of the square, and keeps no row. A library's scaler keeps Side x height numbers in
// between, which is a hundred times the square for a tall picture.
func Square(img image.Image) []byte {
	src, ok := img.(image.RGBA64Image)
	if !ok {
		src = colours{img}
	}
	b := img.Bounds()
	columns, rows := taps(b.Dx()), taps(b.Dy())
	type pixel [4]float64 // red, green, blue and alpha, premultiplied
	square := make([]pixel, Side*Side)
	for y, shares := range rows {
		if len(shares) == 0 {
			continue
		}
		var row [Side]pixel
		for x, of := range columns {
			if len(of) == 0 {
				continue
			}
			c := src.RGBA64At(b.Min.X+x, b.Min.Y+y)
			r, g, b, a := float64(c.R), float64(c.G), float64(c.B), float64(c.A)
			for _, t := range of {
				p := &row[t.to]
				p[0] += r * t.weight
				p[1] += g * t.weight
				p[2] += b * t.weight
				p[3] += a * t.weight
			}
		}
		for _, t := range shares {
			line := square[t.to*Side:][:Side]
			for x := range line {
				for c := range row[x] {
					line[x][c] += row[x][c] * t.weight
				}
			}
		}
	}
	out := make([]byte, 0, SquareSize)
	for _, p := range square {
		for _, v := range p[:3] {
			v = min(v, p[3]) // the kernel overshoots: no colour is brighter than its alpha
			out = append(out, byte(uint16(max(0, min(v+0.5, 0xffff)))>>8))
		}
	}
	return out
}

// colours reads the colours of a picture that is not an image.RGBA64Image.
type colours struct{ image.Image }

func (c colours) RGBA64At(x, y int) color.RGBA64 {
	r, g, b, a := c.At(x, y).RGBA()
	return color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
}
