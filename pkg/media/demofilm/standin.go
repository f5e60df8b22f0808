package demofilm

import (
	"context"
	"fmt"
	"image"
	"math"
	"os"
)

// The size and rate of the stand-in.
const (
	standWidth, standHeight, standRate = 426, 240, 6
	loop                               = 24 // frames after which the pictures of a stand-in's shot begin again
)

// standShot is how long a shot of the stand-in is, in frames.
const standShot = 36 * standRate

// WriteStandIn makes pictures for a film that is in no package: a clockwork that turns, as long as the film, without sound. The pictures show
// nothing of the film.
func WriteStandIn(ctx context.Context, ffmpeg, path string, seconds int) error {
	part := path + ".part.mp4"
	args := []string{"-v", "error", "-nostdin", "-y", "-f", "rawvideo", "-pix_fmt", "rgba", "-video_size", fmt.Sprintf("%dx%d", standWidth, standHeight),
		"-framerate", fmt.Sprint(standRate), "-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "24", "-threads", "1", "-fflags", "+bitexact", "file:" + part}
	err := encode(ctx, ffmpeg, args, func(out func(*image.RGBA) error) error {
		var pictures [loop]*image.RGBA
		for n := range seconds * standRate {
			scene, f := n/standShot, n%standShot
			if f < loop {
				pictures[f] = machine(scene, float64(f)/loop)
			}
			if err := out(pictures[f%loop]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return os.Rename(part, path)
}

// machine draws a scene of the clockwork. turn goes from 0 to 1, and the picture at 1 is the picture at 0.
func machine(scene int, turn float64) *image.RGBA {
	c := newCanvas(standWidth, standHeight, float64(standWidth)/Width)
	ground := []rgb{0x14263a, 0x3a2218, 0x1c3430, 0x2c1d3d, 0x40301a}[scene%5]
	metal := []rgb{0xc99a4a, 0x8fb0b8, 0xb86a45, 0xd9c48a}[scene%4]
	c.sky(Width, Height, mix(ground, 0, 0.35), mix(ground, 0xffffff, 0.16))
	c.glow(mix(metal, 0xffffff, 0.4), 0.5, 250+460*hash(scene), 170+80*hash(scene+9), 380)
	switch scene % 3 {
	case 0:
		c.gears(scene, turn, metal)
	case 1:
		c.dials(scene, turn, metal)
	default:
		c.bridge(scene, turn, metal)
	}
	return c.img
}

// gear is a wheel with n teeth. The wheel looks the same after turning by one tooth.
func (c *canvas) gear(x, y, r float64, n int, turn float64, k rgb) {
	p := &path{}
	for i := range n {
		for j, q := range [][2]float64{{-0.3, 0.9}, {-0.18, 1.06}, {0.18, 1.06}, {0.3, 0.9}} {
			a := 2 * math.Pi * (float64(i) + q[0] + turn) / float64(n)
			px, py := x+r*q[1]*math.Cos(a), y+r*q[1]*math.Sin(a)
			if i == 0 && j == 0 {
				p.move(px, py)
			} else {
				p.line(px, py)
			}
		}
	}
	c.in(1, 1, 6, 9, func() { c.veil(0, 0.3, p) })
	c.shade(mix(k, 0xffffff, 0.25), mix(k, 0, 0.35), 1, 1, x-r*0.7, y-r*0.7, x+r*0.7, y+r*0.7, p)
	c.shade(mix(k, 0, 0.45), mix(k, 0, 0.2), 1, 1, x-r*0.5, y-r*0.5, x+r*0.5, y+r*0.5, ellipse(x, y, r*0.72, r*0.72))
	for i := range 5 {
		a := 2 * math.Pi * (float64(i)/5 + turn/5)
		c.fill(mix(k, 0, 0.08), limb(r*0.16, r*0.12, x, y, x+r*0.74*math.Cos(a), y+r*0.74*math.Sin(a)))
	}
	c.shade(mix(k, 0xffffff, 0.4), k, 1, 1, x-r*0.2, y-r*0.2, x+r*0.2, y+r*0.2, ellipse(x, y, r*0.2, r*0.2))
	c.fill(mix(k, 0, 0.55), ellipse(x, y, r*0.07, r*0.07))
}

func (c *canvas) gears(scene int, turn float64, k rgb) {
	shift := 60 * hash(scene+3)
	c.gear(250+shift, 330, 210, 24, 4*turn, k)
	c.gear(250+shift+310, 210, 118, 14, -4*turn+0.4, mix(k, 0xb86a45, 0.4))
	c.gear(250+shift+470, 392, 122, 14, 4*turn+0.1, mix(k, 0x8fb0b8, 0.5))
	c.gear(250+shift+150, 70, 88, 10, -4*turn+0.2, mix(k, 0xffffff, 0.2))
	c.gear(900, 120, 130, 16, 4*turn, mix(k, 0, 0.2))
}

// dials are faces of clocks on a wall of pipes.
func (c *canvas) dials(scene int, turn float64, k rgb) {
	for i := range 9 {
		x := 40 + 112*float64(i)
		c.shade(mix(k, 0xffffff, 0.2), mix(k, 0, 0.5), 1, 1, x-20, 0, x+24, 0, rect(x-20, -10, 40, 570))
		c.fill(mix(k, 0, 0.4), rect(x-27, 90+300*hash(scene+i), 54, 22))
	}
	for i := range 6 {
		x, y := 170+300*float64(i%3)+50*hash(scene+i), 150+230*float64(i/3)+30*hash(scene+i+7)
		r := 74 + 28*hash(scene*3+i)
		c.veil(0, 0.3, ellipse(x+7, y+10, r+12, r+12))
		c.shade(mix(k, 0xffffff, 0.35), mix(k, 0, 0.4), 1, 1, x-r, y-r, x+r, y+r, ellipse(x, y, r+12, r+12))
		c.shade(0xfdf3d8, 0xd9c59a, 1, 1, x-r, y-r, x+r, y+r, ellipse(x, y, r, r))
		for j := range 12 {
			a := float64(j) * math.Pi / 6
			c.fill(0x3a2a20, limb(5, 5, x+r*0.8*math.Cos(a), y+r*0.8*math.Sin(a), x+r*0.9*math.Cos(a), y+r*0.9*math.Sin(a)))
		}
		a := 2 * math.Pi * (float64(1+i%2)*turn + hash(i))
		c.fill(0xa8321f, limb(7, 3, x-r*0.2*math.Cos(a), y-r*0.2*math.Sin(a), x+r*0.76*math.Cos(a), y+r*0.76*math.Sin(a)))
		c.fill(0x2a2018, ellipse(x, y, 9, 9))
	}
}

// bridge is a long way over a chasm, with two small figures, and lamps that swing.
func (c *canvas) bridge(scene int, turn float64, k rgb) {
	for layer := range 4 {
		d := mix(k, 0, 0.82-0.14*float64(layer))
		for i := range 7 {
			x := Width*float64(i)/6 + 90*hash(scene+i+10*layer) - 60
			w := 26 + 18*float64(layer)
			top := 30 + 260*hash(scene*2+i*3+layer)
			c.shade(mix(d, k, 0.3), d, 1, 1, x-w, 0, x+w, 0, rounded(x-w, top, 2*w, 620, 14))
			for j := range 3 {
				c.veil(0xffdf94, 0.5+0.4*math.Sin(2*math.Pi*(turn+hash(i+j))), ellipse(x, top+40+60*float64(j), 5, 7))
			}
		}
	}
	c.shade(mix(k, 0, 0.3), mix(k, 0, 0.75), 1, 1, 0, 396, 0, 440, (&path{}).move(-20, 410).quad(480, 372, 980, 410).line(980, 432).quad(480, 396, -20, 432))
	for i := range 17 {
		x := 60 * float64(i)
		y := 410 - 19*math.Sin(math.Pi*x/Width)
		c.fill(mix(k, 0, 0.7), limb(4, 4, x, y, x, y-46))
	}
	c.fill(mix(k, 0, 0.7), limb(4, 4, curve(-20, 364, 480, 326, 980, 364)...))
	for i := range 4 {
		x := 130 + 240*float64(i)
		s := x + 26*math.Sin(2*math.Pi*(turn+0.2*float64(i)))
		c.fill(0x0d0b0a, limb(2, 2, x, -10, s, 150+20*float64(i%2)))
		c.glow(0xffd98a, 0.65, s, 166+20*float64(i%2), 120)
		c.fill(0xfff2cc, ellipse(s, 164+20*float64(i%2), 12, 15))
	}
	bob := 3 * math.Abs(math.Sin(4*math.Pi*turn))
	for i, x := range []float64{440, 500} {
		h := 84 - 14*float64(i)
		c.fill(0x100c0a, limb(26, 34, x, 392-h*0.75-bob, x, 392))
		c.fill(0x100c0a, ellipse(x, 392-h-bob, 12, 14))
	}
}
