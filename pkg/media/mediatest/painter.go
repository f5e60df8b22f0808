package mediatest

import (
	"math"
	"math/rand/v2"
)

// A painter draws a scene: a drifting or swelling textured ground, in colours of the scene, with some shaded balls
// moving in front.
type painter struct {
	w, h    int
	ground  []uint8 // an index into the palette for each pixel
	scrolls bool    // the ground is a tile; otherwise the ground is as large as the frame
	palette [256][3]uint8
	dx, dy  float64 // scrolling, in pixels a second
	turn    float64 // palette entries a second
	balls   []ball
}

type ball struct {
	x, y, r        float64 // share of the width
	ax, ay, wx, wy float64 // amplitude and frequency of the swing
	colour         [3]float64
}

const tile = 512

func newPainter(seed uint64, w, h int) *painter {
	rng := rand.New(rand.NewPCG(seed, 0x63696e65646578))
	l := &painter{w: w, h: h}
	// Golden-angle steps keep the hues of neighbouring seeds apart.
	hue := math.Mod(float64(seed)*0.381966+rng.Float64()*0.1, 1)
	dark, light := 0.10+0.35*rng.Float64(), 0.55+0.45*rng.Float64()
	if seed%2 == 1 {
		dark, light = light*0.9, dark
	}
	a := hsv(hue, 0.5+0.5*rng.Float64(), dark)
	b := hsv(math.Mod(hue+0.08+0.15*rng.Float64(), 1), 0.3+0.6*rng.Float64(), light)
	for i := range l.palette {
		s := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/256) // cyclic, so the palette can turn
		for c := range 3 {
			l.palette[i][c] = uint8(255 * (a[c]*(1-s) + b[c]*s))
		}
	}
	switch seed % 4 {
	case 0:
		l.scrolls, l.ground = true, noise(rng)
		l.dx, l.dy = 20+30*rng.Float64(), 15*rng.Float64()
	case 1:
		l.ground = l.plot(func(x, y float64) float64 { // folds of cloth
			return 40*math.Sin(7*x+2*math.Sin(5*y)) + 40*math.Cos(6*y+1.5*math.Sin(4*x)) + 90*x
		})
		l.turn = 18
	case 2:
		cx, cy := rng.Float64(), rng.Float64()*0.6
		l.ground = l.plot(func(x, y float64) float64 { // rings on water
			return 330 * math.Hypot(x-cx, y-cy)
		})
		l.turn = -30
	default:
		angle := rng.Float64() * math.Pi
		l.ground = l.plot(func(x, y float64) float64 { // bars
			d := x*math.Cos(angle) + y*math.Sin(angle)
			return 300*d + 20*math.Sin(40*(y-x))
		})
		l.turn = 22
	}
	for range 3 + rng.IntN(3) {
		l.balls = append(l.balls, ball{
			x: rng.Float64(), y: rng.Float64() * 0.5, r: 0.03 + 0.09*rng.Float64(),
			ax: 0.1 + 0.1*rng.Float64(), ay: 0.05 + 0.05*rng.Float64(), wx: 0.4 + rng.Float64(), wy: 0.4 + rng.Float64(),
			colour: hsv(rng.Float64(), 0.4+0.6*rng.Float64(), 0.5+0.5*rng.Float64()),
		})
	}
	return l
}

// plot fills the ground from a function of x in 0..1, and of y in the same unit.
func (l *painter) plot(f func(x, y float64) float64) []uint8 {
	g := make([]uint8, l.w*l.h)
	for y := range l.h {
		for x := range l.w {
			g[y*l.w+x] = uint8(int(f(float64(x)/float64(l.w), float64(y)/float64(l.w))) & 255)
		}
	}
	return g
}

// noise is a tile of value noise in four octaves, seamless at its edges.
func noise(rng *rand.Rand) []uint8 {
	sum := make([]float64, tile*tile)
	for octave, weight := 0, 0.5; octave < 4; octave, weight = octave+1, weight/2 {
		n := 6 << octave
		grid := make([]float64, n*n)
		for i := range grid {
			grid[i] = rng.Float64()
		}
		for y := range tile {
			fy := float64(y) * float64(n) / tile
			y0 := int(fy)
			ty := smooth(fy - float64(y0))
			for x := range tile {
				fx := float64(x) * float64(n) / tile
				x0 := int(fx)
				tx := smooth(fx - float64(x0))
				at := func(i, j int) float64 { return grid[(j%n)*n+i%n] }
				top := at(x0, y0)*(1-tx) + at(x0+1, y0)*tx
				bottom := at(x0, y0+1)*(1-tx) + at(x0+1, y0+1)*tx
				sum[y*tile+x] += weight * (top*(1-ty) + bottom*ty)
			}
		}
	}
	g := make([]uint8, tile*tile)
	for i, v := range sum {
		g[i] = uint8(min(max((v-0.2)/0.6, 0), 1) * 127) // from the beginning to the middle of the palette
	}
	return g
}

func smooth(t float64) float64 { return t * t * (3 - 2*t) }

// render draws the scene t seconds after its first frame.
func (l *painter) render(into []byte, t float64) {
	// Turning the palette once is cheaper than turning every pixel.
	var palette [256][3]uint8
	turn := int(l.turn*t) & 255
	for i := range palette {
		palette[i] = l.palette[(i+turn)&255]
	}
	dx, dy := int(l.dx*t), int(l.dy*t)
	for y := range l.h {
		row := into[3*y*l.w : 3*(y+1)*l.w]
		ground := l.ground
		if l.scrolls {
			ground = ground[(y+dy)%tile*tile:][:tile]
		} else {
			ground = ground[y*l.w:][:l.w]
		}
		for x := range l.w {
			at := x
			if l.scrolls {
				at = (x + dx) % tile
			}
			c := &palette[ground[at]]
			row[3*x], row[3*x+1], row[3*x+2] = c[0], c[1], c[2]
		}
	}
	for _, b := range l.balls {
		l.ball(into, b, t)
	}
}

// ball draws a ball lit from the upper left.
func (l *painter) ball(into []byte, b ball, t float64) {
	w := float64(l.w)
	cx, cy, r := w*(b.x+b.ax*math.Sin(b.wx*t)), w*(b.y+b.ay*math.Sin(b.wy*t)), w*b.r
	for y := max(0, int(cy-r)); y < min(l.h, int(cy+r)+1); y++ {
		for x := max(0, int(cx-r)); x < min(l.w, int(cx+r)+1); x++ {
			dx, dy := (float64(x)-cx)/r, (float64(y)-cy)/r
			if d := dx*dx + dy*dy; d < 1 {
				light := 0.35 + 0.65*max(0, 0.8-0.6*(dx+0.3)-0.6*(dy+0.3)-0.3*d)
				for c := range 3 {
					into[3*(y*l.w+x)+c] = uint8(255 * min(1, b.colour[c]*light))
				}
			}
		}
	}
}

// blend mixes a share of b into a.
func blend(a, b []byte, share float64) {
	s := int(share * 256)
	for i := range a {
		a[i] = uint8((int(a[i])*(256-s) + int(b[i])*s) >> 8)
	}
}

// dim keeps a share of the light.
func dim(a []byte, share float64) {
	s := int(share * 256)
	for i := range a {
		a[i] = uint8(int(a[i]) * s >> 8)
	}
}

func hsv(h, s, v float64) [3]float64 {
	part := func(n float64) float64 {
		k := math.Mod(n+h*6, 6)
		return v - v*s*max(0, min(k, 4-k, 1))
	}
	return [3]float64{part(5), part(3), part(1)}
}
