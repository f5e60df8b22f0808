package fingerprint

import (
	"image"
	"image/color"
	"math"

	"github.com/cinedex/cinedex/pkg/media"
)

const (
	// side is the width and height of the square that a part of a picture is brought to.
	side = 48
	// cells is the number of cells along each side of the square.
	cells = 6
	// turns is the number of directions of edges.
	turns = 8
	// Dim is the length of a fingerprint: the directions of each cell, and the brightness of each cell.
	Dim = cells*cells*turns + cells*cells
	// brightness is the weight of the cells' brightness beside the directions.
	brightness = 0.35
	// flat is the mean step between neighbouring points of the square, of 255, below which a picture has no edges.
	flat = 0.8
	// largest is the width, and the height, that pictures are made smaller to before everything else.
	largest = 320
)

// A plane is the brightness of a picture as sums: at (x, y), the sum of everything left of x and above y.
type plane struct {
	width, height int
	sums          []uint32
}

// luma is the brightness of a colour by BT.601, 0..255.
func luma(r, g, b uint32) uint32 { return (77*r + 150*g + 29*b) >> 8 }

func newPlane(width, height int, at func(x, y int) uint32) *plane {
	p := &plane{width, height, make([]uint32, (width+1)*(height+1))}
	for y := range height {
		row, sum := p.sums[(y+1)*(width+1):], uint32(0)
		above := p.sums[y*(width+1):]
		for x := range width {
			sum += at(x, y)
			row[x+1] = above[x+1] + sum
		}
	}
	return p
}

// planeOf reads a frame.
func planeOf(f *media.Picture) *plane {
	return newPlane(f.Width, f.Height, func(x, y int) uint32 {
		c := f.Pix[3*(y*f.Width+x):]
		return luma(uint32(c[0]), uint32(c[1]), uint32(c[2]))
	})
}

// planeOfStill reads a picture of any size row by row, and makes a large picture smaller by the mean of the points.
func planeOfStill(img image.Image) *plane {
	src, ok := img.(image.RGBA64Image)
	if !ok {
		src = colours{img}
	}
	b := img.Bounds()
	shrink := max(1, float64(max(b.Dx(), b.Dy()))/largest)
	width, height := max(1, int(float64(b.Dx())/shrink)), max(1, int(float64(b.Dy())/shrink))
	values := make([]uint32, width*height)
	sums, counts := make([]uint64, width), make([]uint64, width)
	for y := range height {
		clear(sums)
		clear(counts)
		for sy := y * b.Dy() / height; sy < (y+1)*b.Dy()/height; sy++ {
			for sx := range b.Dx() {
				c := src.RGBA64At(b.Min.X+sx, b.Min.Y+sy)
				x := sx * width / b.Dx()
				sums[x] += uint64(luma(uint32(c.R)>>8, uint32(c.G)>>8, uint32(c.B)>>8))
				counts[x]++
			}
		}
		for x := range width {
			values[y*width+x] = uint32(sums[x] / max(counts[x], 1))
		}
	}
	return newPlane(width, height, func(x, y int) uint32 { return values[y*width+x] })
}

// colours reads the colours of a picture that is not an image.RGBA64Image.
type colours struct{ image.Image }

func (c colours) RGBA64At(x, y int) color.RGBA64 {
	r, g, b, a := c.At(x, y).RGBA()
	return color.RGBA64{R: uint16(r), G: uint16(g), B: uint16(b), A: uint16(a)}
}

// sum is the brightness of the points [x0, x1) x [y0, y1).
func (p *plane) sum(x0, y0, x1, y1 int) uint32 {
	w := p.width + 1
	return p.sums[y1*w+x1] - p.sums[y0*w+x1] - p.sums[y1*w+x0] + p.sums[y0*w+x0]
}

// until is the sum of everything left of x and above y, between points too.
func (p *plane) until(x, y float64) float64 {
	ix, iy := min(int(x), p.width-1), min(int(y), p.height-1)
	fx, fy := x-float64(ix), y-float64(iy)
	w := p.width + 1
	at := iy*w + ix
	top := float64(p.sums[at])*(1-fx) + float64(p.sums[at+1])*fx
	below := float64(p.sums[at+w])*(1-fx) + float64(p.sums[at+w+1])*fx
	return top*(1-fy) + below*fy
}

// A part is a rectangle in 0..1 of a picture.
type part struct{ x, y, w, h float64 }

// parts are the parts of a picture that have a fingerprint: the whole, and the middle that a copy keeps after a crop of all sides, or of the sides.
var parts = []part{{0, 0, 1, 1}, {0.1, 0.1, 0.8, 0.8}, {0.125, 0, 0.75, 1}}

const (
	// dark is the mean brightness of a row or column of a bar, at most.
	dark = 22
	// widest is the share of a picture that bars may take at each side.
	widest = 0.3
)

// within returns the picture without bars. Bars lie at two opposite sides, and are as wide at both, but for a few points.
func (p *plane) within() (x0, y0, x1, y1 int) {
	bars := func(n int, mean func(i int) uint32) int {
		most := int(widest * float64(n))
		var first, last int
		for first < most && mean(first) <= dark {
			first++
		}
		for last < most && mean(n-1-last) <= dark {
			last++
		}
		if first == most || last == most || max(first, last)-min(first, last) > 2+n/50 {
			return 0 // a dark picture, or a dark side of a picture
		}
		return max(first, last)
	}
	rows := bars(p.height, func(i int) uint32 { return p.sum(0, i, p.width, i+1) / uint32(p.width) })
	columns := bars(p.width, func(i int) uint32 { return p.sum(i, 0, i+1, p.height) / uint32(p.height) })
	return columns, rows, p.width - columns, p.height - rows
}

// describe returns the fingerprints of a picture, the whole picture first; none for a picture without edges.
func describe(p *plane, of ...part) [][]float32 {
	x0, y0, x1, y1 := p.within()
	var out [][]float32
	for _, w := range of {
		width, height := float64(x1-x0), float64(y1-y0)
		v := p.vector(float64(x0)+w.x*width, float64(y0)+w.y*height, w.w*width, w.h*height)
		if v == nil {
			return nil
		}
		out = append(out, v)
	}
	return out
}

// square returns the mean brightness of the fields of a rectangle, side x side.
func (p *plane) square(x, y, w, h float64) *[side * side]float64 {
	var out [side * side]float64
	var above, below [side + 1]float64
	edge := func(i int) float64 { return min(max(y+h*float64(i)/side, 0), float64(p.height)) }
	row := func(into *[side + 1]float64, at float64) {
		for i := range into {
			into[i] = p.until(min(max(x+w*float64(i)/side, 0), float64(p.width)), at)
		}
	}
	row(&above, edge(0))
	area := w * h / (side * side)
	for j := range side {
		row(&below, edge(j+1))
		for i := range side {
			out[j*side+i] = (below[i+1] - below[i] - above[i+1] + above[i]) / area
		}
		above = below
	}
	return &out
}

// rays are the directions of edges.
var rays = func() (out [turns][2]float64) {
	for k := range out {
		out[k] = [2]float64{math.Cos(2 * math.Pi * float64(k) / turns), math.Sin(2 * math.Pi * float64(k) / turns)}
	}
	return out
}()

// vector returns the fingerprint of a rectangle; nil for a rectangle without edges.
func (p *plane) vector(x, y, w, h float64) []float32 {
	s := p.square(x, y, w, h)
	var edges [cells * cells][turns]float64
	var light [cells * cells]float64
	const per = side / cells
	var steps float64
	for j := range side {
		for i := range side {
			light[j/per*cells+i/per] += s[j*side+i]
			gx := s[j*side+min(i+1, side-1)] - s[j*side+max(i-1, 0)]
			gy := s[min(j+1, side-1)*side+i] - s[max(j-1, 0)*side+i]
			size := math.Sqrt(gx*gx + gy*gy)
			steps += size
			if size < 1e-6 {
				continue
			}
			spread(&edges, i, j, gx/size, gy/size, math.Sqrt(size))
		}
	}
	if steps/(2*side*side) < flat {
		return nil
	}
	out := make([]float64, 0, Dim)
	out = directions(out, &edges)
	out = lightness(out, &light)
	return unit(out)
}

// spread adds an edge at a point of the square to the four cells around the point, and to the directions near the edge's direction.
func spread(edges *[cells * cells][turns]float64, i, j int, dx, dy, weight float64) {
	var by [turns]float64
	for k, r := range rays {
		if c := dx*r[0] + dy*r[1]; c > 0 {
			by[k] = c * c * c * c * weight
		}
	}
	near := func(at int) (int, float64) {
		f := (float64(at)+0.5)*cells/side - 0.5
		low := math.Floor(f)
		return int(low), f - low
	}
	cx, fx := near(i)
	cy, fy := near(j)
	for b := range 2 {
		for a := range 2 {
			x, y := cx+a, cy+b
			if x < 0 || y < 0 || x >= cells || y >= cells {
				continue
			}
			share := (1 - fx + float64(a)*(2*fx-1)) * (1 - fy + float64(b)*(2*fy-1))
			cell := &edges[y*cells+x]
			for k := range cell {
				cell[k] += share * by[k]
			}
		}
	}
}

// directions appends the directions of each cell without their mean, each cell with about the same length. A cell with few edges counts less.
func directions(out []float64, edges *[cells * cells][turns]float64) []float64 {
	var lengths [cells * cells]float64
	var all float64
	for c := range edges {
		var mean float64
		for _, v := range edges[c] {
			mean += v / turns
		}
		for k := range edges[c] {
			edges[c][k] -= mean
			lengths[c] += edges[c][k] * edges[c][k]
		}
		all += lengths[c]
	}
	noise := 0.1 * all / (cells * cells)
	for c := range edges {
		by := math.Sqrt(lengths[c] + noise)
		for _, v := range edges[c] {
			if by > 0 {
				v /= by
			}
			out = append(out, v)
		}
	}
	return out
}

// lightness appends the brightness of each cell against the mean cell.
func lightness(out []float64, light *[cells * cells]float64) []float64 {
	var mean, square float64
	for _, v := range light {
		mean += v / (cells * cells)
	}
	for _, v := range light {
		square += (v - mean) * (v - mean) / (cells * cells)
	}
	for _, v := range light {
		out = append(out, brightness*(v-mean)/math.Sqrt(square+1e-9))
	}
	return out
}

// unit brings a vector to length 1.
func unit(v []float64) []float32 {
	var square float64
	for _, x := range v {
		square += x * x
	}
	by := 1 / math.Sqrt(square)
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x * by)
	}
	return out
}

// plain is the vector of a still without edges. No fingerprint is similar to it: the values of a fingerprint add up to nothing.
func plain() []float32 {
	out := make([]float64, Dim)
	for i := range out {
		out[i] = 1
	}
	return unit(out)
}
