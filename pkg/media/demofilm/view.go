package demofilm

import (
	"image"
	"slices"
)

// A view is the camera's: the middle of the frame in the plate, in frames, and how near the camera is.
type view struct{ x, y, zoom float64 }

// pan moves from a place to another, as shares of the frame's width from the left edge of the plate.
func pan(from, to, seconds float64) func(float64) view {
	return func(t float64) view { return view{0.5 + from + (to-from)*smooth(t/seconds), 0.5, 1} }
}

// zoom goes from one nearness to another, towards a point of the frame.
func zoom(from, to, x, y, seconds float64) func(float64) view {
	return func(t float64) view {
		z := from + (to-from)*smooth(t/seconds)
		fit := func(v float64) float64 { return min(max(v, 0.5/z), 1-0.5/z) }
		return view{fit(x), fit(y), z}
	}
}

// camera names the movement of the camera through the shot.
func (s shot) camera() string {
	if s.place == "credits" {
		return ""
	}
	begin, end := s.viewAt(0), s.viewAt(s.seconds)
	switch {
	case end.zoom > begin.zoom:
		return "zoom in"
	case end.zoom < begin.zoom:
		return "zoom out"
	case end.x > begin.x:
		return "pan right"
	case end.x < begin.x:
		return "pan left"
	}
	return "static"
}

func (s shot) viewAt(t float64) view {
	if s.view == nil {
		return view{0.5, 0.5, 1}
	}
	return s.view(t)
}

func (v view) mat() mat {
	return mat{v.zoom, v.zoom, Width/2 - v.x*v.zoom*Width, Height/2 - v.y*v.zoom*Height}
}

// nearest is the greatest zoom of a shot: so fine must the plate be.
func (s shot) nearest() float64 {
	z := 1.0
	for i := range 11 {
		z = max(z, s.viewAt(s.seconds*float64(i)/10).zoom)
	}
	return z
}

// A stage is a shot with its plate.
type stage struct {
	shot
	still *image.RGBA
	scale float64
}

func (s shot) stage() *stage {
	st := &stage{shot: s, scale: s.nearest()}
	c := newCanvas(int(Width*max(s.world, 1)*st.scale+0.5), int(Height*st.scale+0.5), st.scale)
	s.plate(c)
	if s.blur > 0 {
		blurred(c.img, s.blur)
	}
	st.still = c.img
	return st
}

// frame draws the shot t seconds after its beginning.
func (st *stage) frame(into *canvas, t float64) {
	v := st.viewAt(t)
	into.at, into.tint = v.mat(), st.light()
	st.copyPlate(into.img, v)
	into.seen, into.t, into.mouth = seen{}, t, st.mouthAt(t)
	st.draw(into, t)
}

// copyPlate puts the part of the plate under the camera into the frame.
func (st *stage) copyPlate(img *image.RGBA, v view) {
	step := st.scale / v.zoom
	x0, y0 := (v.x*Width-Width/2/v.zoom)*st.scale, (v.y*Height-Height/2/v.zoom)*st.scale
	w, h := st.still.Rect.Dx(), st.still.Rect.Dy()
	const one = 1 << 16
	dx := int(step * one)
	for y := range Height {
		sy := int(max(y0+(float64(y)+0.5)*step-0.5, 0) * one)
		top := min(sy/one, h-1)
		fy := uint32(sy % one >> 8)
		a, b := st.still.Pix[top*st.still.Stride:], st.still.Pix[min(top+1, h-1)*st.still.Stride:]
		out := img.Pix[y*img.Stride : y*img.Stride+4*Width]
		sx := int(max(x0+0.5*step-0.5, 0) * one)
		for x := 0; x < 4*Width; x += 4 {
			l := min(sx/one, w-1)
			r := min(l+1, w-1)
			fx := uint32(sx % one >> 8)
			k00, k01, k10, k11 := (256-fx)*(256-fy), fx*(256-fy), (256-fx)*fy, fx*fy
			l, r = 4*l, 4*r
			for ch := range 3 {
				out[x+ch] = uint8((uint32(a[l+ch])*k00 + uint32(a[r+ch])*k01 + uint32(b[l+ch])*k10 + uint32(b[r+ch])*k11 + 1<<15) >> 16)
			}
			out[x+3] = 255
			sx += dx
		}
	}
}

// clock is the second of the shot that frame n of the shot shows. What moves before a camera that stands still is drawn for every second
// frame, as in drawn films.
func (s shot) clock(n int64) float64 {
	if s.view == nil && s.place != "credits" {
		n -= n % 2
	}
	return float64(n) / fps
}

// seen tells what the frame at t shows, without drawing.
func (s shot) seen(t float64) seen {
	c := &canvas{at: s.viewAt(t).mat(), tint: [3]float64{1, 1, 1}, t: t}
	if s.blur == 0 {
		s.plate(c)
	}
	still := len(c.seen.signs)
	s.draw(c, t)
	inside := func(b Box) bool { return b.X >= 0 && b.Y >= 0 && b.X+b.W <= Width && b.Y+b.H <= Height }
	var out seen
	for i, m := range c.seen.signs {
		// What the plate shows can be covered by what moves before the plate.
		covered := i < still && slices.ContainsFunc(c.seen.covers, m.box.meets)
		if inside(m.box) && !covered {
			out.signs = append(out.signs, m)
		}
	}
	for _, m := range c.seen.faces {
		if inside(m.box) {
			out.faces = append(out.faces, m)
		}
	}
	out.persons = c.seen.persons
	return out
}

// light is the light on who and what moves.
func (s shot) light() [3]float64 {
	switch {
	case s.time == "night" && s.place != "credits":
		return [3]float64{0.8, 0.76, 0.88}
	case s.weather == "rain":
		return [3]float64{0.88, 0.9, 0.94}
	}
	return [3]float64{1, 1, 1}
}

// mouthAt tells how far the mouths are open: by syllables, four or five a second.
func (s shot) mouthAt(t float64) func(string) float64 {
	return func(who string) float64 {
		for i, l := range s.lines {
			if l.who != who || t < l.from || t >= l.to-0.08 {
				continue
			}
			n := int((t - l.from) * 9)
			a, b := hash(n+31*i+len(s.name)), hash(n+1+31*i+len(s.name))
			if n%2 == 0 {
				a *= 0.35
			} else {
				b *= 0.35
			}
			return min(1, 0.12+1.05*(a+(b-a)*smooth((t-l.from)*9-float64(n))))
		}
		return 0
	}
}
