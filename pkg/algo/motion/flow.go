package motion

import (
	"cmp"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/media"
)

const (
	// width and height are the size of the pictures that are compared.
	width, height = 80, 45
	// reach is how far a block is looked for, in points: six tenths of the width in a second.
	reach = 6
	// block is the side of a block.
	block = 11
	// across and down are the numbers of blocks.
	across, down = 6, 3
	// textured is the mean difference to the block's mean from which a block can be found again.
	textured = 3.0
	// lost is the mean difference of a block to the block found again above which nothing was found.
	lost = 16.0
)

// A small is the brightness of a picture, width x height.
type small [width * height]float32

func smallOf(p *media.Picture) *small {
	var s small
	for y := range height {
		y0, y1 := y*p.Height/height, max((y+1)*p.Height/height, y*p.Height/height+1)
		for x := range width {
			x0, x1 := x*p.Width/width, max((x+1)*p.Width/width, x*p.Width/width+1)
			sum, n := 0, 0
			for j := y0; j < min(y1, p.Height); j++ {
				for i := x0; i < min(x1, p.Width); i++ {
					c := p.Pix[3*(j*p.Width+i):]
					sum += (77*int(c[0]) + 150*int(c[1]) + 29*int(c[2])) >> 8
					n++
				}
			}
			s[y*width+x] = float32(sum) / float32(max(n, 1))
		}
	}
	return &s
}

// A move is the movement of the picture's content from a frame to the next, per point of the small picture.
type move struct {
	// dx and dy are the shift of the middle, in points; scale is the growth, 0.01 for one in a hundred.
	dx, dy, scale float64
	// known is false where the content has no common movement.
	known bool
}

// A shift is where a block was found again.
type shift struct {
	x, y   float64 // of the block, from the middle of the picture
	dx, dy float64
}

// moved returns the movement from a picture to the next.
func moved(from, to *small) move {
	var shifts []shift
	for b := range down {
		for a := range across {
			x := reach + a*(width-2*reach-block)/(across-1)
			y := reach + b*(height-2*reach-block)/(down-1)
			if s, ok := find(from, to, x, y); ok {
				s.x, s.y = float64(x)+block/2.0-width/2.0, float64(y)+block/2.0-height/2.0
				shifts = append(shifts, s)
			}
		}
	}
	return fit(shifts)
}

// find looks for the block of a picture at (x, y) in the next picture.
func find(from, to *small, x, y int) (shift, bool) {
	var mean, texture float64
	for j := range block {
		for i := range block {
			mean += float64(from[(y+j)*width+x+i])
		}
	}
	mean /= block * block
	for j := range block {
		for i := range block {
			texture += math.Abs(float64(from[(y+j)*width+x+i]) - mean)
		}
	}
	if texture/(block*block) < textured {
		return shift{}, false
	}
	var costs [2*reach + 1][2*reach + 1]float64
	best, bx, by := math.Inf(1), 0, 0
	for dy := -reach; dy <= reach; dy++ {
		for dx := -reach; dx <= reach; dx++ {
			var sum float32
			for j := range block {
				a := from[(y+j)*width+x:][:block]
				b := to[(y+dy+j)*width+x+dx:][:block]
				for i, v := range a {
					d := v - b[i]
					sum += max(d, -d)
				}
			}
			c := float64(sum)
			costs[dy+reach][dx+reach] = c
			// A shift of nothing is preferred, so that noise moves nothing.
			if c < best-1e-3 || c < best+1e-3 && dx*dx+dy*dy < bx*bx+by*by {
				best, bx, by = c, dx, dy
			}
		}
	}
	if best/(block*block) > lost {
		return shift{}, false
	}
	between := func(before, at, after float64) float64 {
		curve := before - 2*at + after
		if curve <= 0 {
			return 0
		}
		return max(-0.5, min(0.5, (before-after)/(2*curve)))
	}
	s := shift{dx: float64(bx), dy: float64(by)}
	cx, cy := bx+reach, by+reach
	if cx > 0 && cx < 2*reach {
		s.dx += between(costs[cy][cx-1], costs[cy][cx], costs[cy][cx+1])
	}
	if cy > 0 && cy < 2*reach {
		s.dy += between(costs[cy-1][cx], costs[cy][cx], costs[cy+1][cx])
	}
	return s, true
}

const (
	// enough is the number of blocks that a movement needs.
	enough = 5
	// close is how near a block's shift must be to the movement, in points.
	near = 0.8
	// common is the share of blocks that the movement must explain.
	common = 0.5
)

// fit finds the movement that most blocks follow: each pair of blocks proposes a movement, the proposal with the most followers is fitted to its
// followers by least squares.
func fit(shifts []shift) move {
	if len(shifts) < enough {
		return move{}
	}
	follows := func(m move, s shift) bool {
		return math.Abs(s.dx-m.dx-m.scale*s.x) <= near && math.Abs(s.dy-m.dy-m.scale*s.y) <= near
	}
	var best move
	most := 0
	for i, a := range shifts {
		for _, b := range shifts[i+1:] {
			px, py := b.x-a.x, b.y-a.y
			scale := ((b.dx-a.dx)*px + (b.dy-a.dy)*py) / (px*px + py*py)
			m := move{dx: (a.dx + b.dx - scale*(a.x+b.x)) / 2, dy: (a.dy + b.dy - scale*(a.y+b.y)) / 2, scale: scale}
			n := 0
			for _, s := range shifts {
				if follows(m, s) {
					n++
				}
			}
			if n > most {
				best, most = m, n
			}
		}
	}
	if float64(most) < common*float64(len(shifts)) || most < enough {
		return move{}
	}
	var kept []shift
	for _, s := range shifts {
		if follows(best, s) {
			kept = append(kept, s)
		}
	}
	return leastSquares(kept)
}

func leastSquares(shifts []shift) move {
	n := float64(len(shifts))
	var mx, my, mdx, mdy float64
	for _, s := range shifts {
		mx, my, mdx, mdy = mx+s.x/n, my+s.y/n, mdx+s.dx/n, mdy+s.dy/n
	}
	var over, under float64
	for _, s := range shifts {
		over += (s.x-mx)*(s.dx-mdx) + (s.y-my)*(s.dy-mdy)
		under += (s.x-mx)*(s.x-mx) + (s.y-my)*(s.y-my)
	}
	m := move{known: true}
	if under > 0 {
		m.scale = over / under
	}
	m.dx, m.dy = mdx-m.scale*mx, mdy-m.scale*my
	return m
}

// middle returns the median.
func middle(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	sorted := slices.Clone(xs)
	slices.SortFunc(sorted, cmp.Compare)
	return sorted[len(sorted)/2]
}
