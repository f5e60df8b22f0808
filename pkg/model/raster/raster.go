// Package raster is pictures of packed RGB as networks take them: rectangles, and the scaling of TensorFlow. Packages face and centernet use the package.
package raster

import (
	"image"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Picture is packed RGB, rows from the top.
type Picture struct {
	Width, Height int
	Pix           []byte
}

// A Box is a rectangle in points of a picture.
type Box struct{ X, Y, W, H float64 }

// Of returns the points of a picture.
func Of(img image.Image) Picture {
	b := img.Bounds()
	p := Picture{Width: b.Dx(), Height: b.Dy(), Pix: make([]byte, 0, 3*b.Dx()*b.Dy())}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, _ := img.At(x, y).RGBA()
			p.Pix = append(p.Pix, byte(r>>8), byte(g>>8), byte(b>>8))
		}
	}
	return p
}

// Check returns an error of kind Invalid if the size and the bytes of a picture do not agree.
func (p Picture) Check() error {
	if p.Width < 1 || p.Height < 1 || len(p.Pix) != 3*p.Width*p.Height {
		return errkind.New(errkind.Invalid, "a picture of %dx%d has %d bytes", p.Width, p.Height, len(p.Pix))
	}
	return nil
}

// Within returns the part of a box inside a picture.
func (b Box) Within(p Picture) Box {
	x0, y0 := max(b.X, 0), max(b.Y, 0)
	x1, y1 := min(b.X+b.W, float64(p.Width)), min(b.Y+b.H, float64(p.Height))
	return Box{x0, y0, max(0, x1-x0), max(0, y1-y0)}
}

// Overlap is the share of the points of two boxes that both have.
func (b Box) Overlap(o Box) float64 {
	w := min(b.X+b.W, o.X+o.W) - max(b.X, o.X)
	h := min(b.Y+b.H, o.Y+o.H) - max(b.Y, o.Y)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (b.W*b.H + o.W*o.H - w*h)
}

// Resize fills the planes of a square with a part of a picture, by linear interpolation as TensorFlow does. Points outside the picture are black.
func Resize(x []float32, side int, p Picture, b Box) {
	at := func(px, py, c int) float32 {
		if px < 0 || py < 0 || px >= p.Width || py >= p.Height {
			return 0
		}
		return float32(p.Pix[3*(py*p.Width+px)+c])
	}
	last := func(from, size float64) int { return int(math.Ceil(from+size)) - 1 }
	lx, ly := last(b.X, b.W), last(b.Y, b.H)
	for j := range side {
		fy := b.Y + float64(j)*b.H/float64(side)
		y0 := int(math.Floor(fy))
		ty, y1 := float32(fy-float64(y0)), min(y0+1, ly)
		for i := range side {
			fx := b.X + float64(i)*b.W/float64(side)
			x0 := int(math.Floor(fx))
			tx, x1 := float32(fx-float64(x0)), min(x0+1, lx)
			for c := range 3 {
				top := at(x0, y0, c) + (at(x1, y0, c)-at(x0, y0, c))*tx
				below := at(x0, y1, c) + (at(x1, y1, c)-at(x0, y1, c))*tx
				x[(c*side+j)*side+i] = top + (below-top)*ty
			}
		}
	}
}
