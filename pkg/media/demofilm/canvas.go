package demofilm

import (
	"image"
	"image/color"
	"image/draw"
	"math"
	"sync"

	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/gobolditalic"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// A canvas is a picture that shapes are drawn on, in units of the film's pixels. Without a picture the canvas only notes what would be seen.
type canvas struct {
	img   *image.RGBA
	at    mat
	tint  [3]float64 // the light, by which every colour is multiplied
	z     vector.Rasterizer
	mask  *image.Alpha
	seen  seen
	t     float64                  // seconds of the shot
	mouth func(who string) float64 // how far a mouth is open
}

// seen is what a frame shows.
type seen struct {
	signs, faces []mark
	persons      []string
	covers       []Box
}

type mark struct {
	text   string
	box    Box
	facing bool
}

// A mat places a shape: scaled, mirrored where sx and sy differ in sign, and moved.
type mat struct{ sx, sy, tx, ty float64 }

func (m mat) apply(x, y float64) (float64, float64) { return m.sx*x + m.tx, m.sy*y + m.ty }

func (m mat) then(sx, sy, tx, ty float64) mat {
	return mat{m.sx * sx, m.sy * sy, m.sx*tx + m.tx, m.sy*ty + m.ty}
}

func newCanvas(w, h int, scale float64) *canvas {
	return &canvas{img: image.NewRGBA(image.Rect(0, 0, w, h)), at: mat{scale, scale, 0, 0}, tint: [3]float64{1, 1, 1}}
}

// in draws with another placing.
func (c *canvas) in(sx, sy, tx, ty float64, f func()) {
	was := c.at
	c.at = was.then(sx, sy, tx, ty)
	f()
	c.at = was
}

// lit draws in another light.
func (c *canvas) lit(r, g, b float64, f func()) {
	was := c.tint
	c.tint = [3]float64{was[0] * r, was[1] * g, was[2] * b}
	f()
	c.tint = was
}

type point struct{ x, y float64 }

// A path is closed outlines.
type path struct{ ops []op }

type op struct {
	kind byte // m, l, q, c
	p    [3]point
}

// points is how many points the operation has.
func (o op) points() int {
	switch o.kind {
	case 'q':
		return 2
	case 'c':
		return 3
	}
	return 1
}

func (p *path) move(x, y float64) *path {
	p.ops = append(p.ops, op{'m', [3]point{{x, y}}})
	return p
}

func (p *path) line(x, y float64) *path {
	p.ops = append(p.ops, op{'l', [3]point{{x, y}}})
	return p
}

func (p *path) quad(ax, ay, x, y float64) *path {
	p.ops = append(p.ops, op{'q', [3]point{{ax, ay}, {x, y}}})
	return p
}

func (p *path) cube(ax, ay, bx, by, x, y float64) *path {
	p.ops = append(p.ops, op{'c', [3]point{{ax, ay}, {bx, by}, {x, y}}})
	return p
}

func poly(xy ...float64) *path {
	p := &path{}
	for i := 0; i+1 < len(xy); i += 2 {
		if i == 0 {
			p.move(xy[0], xy[1])
		} else {
			p.line(xy[i], xy[i+1])
		}
	}
	return p
}

func rect(x, y, w, h float64) *path { return poly(x, y, x+w, y, x+w, y+h, x, y+h) }

const kappa = 0.5522847498

func (p *path) ellipse(cx, cy, rx, ry float64) *path {
	kx, ky := rx*kappa, ry*kappa
	return p.move(cx+rx, cy).cube(cx+rx, cy+ky, cx+kx, cy+ry, cx, cy+ry).cube(cx-kx, cy+ry, cx-rx, cy+ky, cx-rx, cy).
		cube(cx-rx, cy-ky, cx-kx, cy-ry, cx, cy-ry).cube(cx+kx, cy-ry, cx+rx, cy-ky, cx+rx, cy)
}

func ellipse(cx, cy, rx, ry float64) *path { return (&path{}).ellipse(cx, cy, rx, ry) }

// rounded is a rectangle with round corners.
func rounded(x, y, w, h, r float64) *path {
	k := r * (1 - kappa)
	return (&path{}).move(x+r, y).line(x+w-r, y).cube(x+w-k, y, x+w, y+k, x+w, y+r).line(x+w, y+h-r).cube(x+w, y+h-k, x+w-k, y+h, x+w-r, y+h).
		line(x+r, y+h).cube(x+k, y+h, x, y+h-k, x, y+h-r).line(x, y+r).cube(x, y+k, x+k, y, x+r, y)
}

// limb is a bent line with round ends. Its width goes from a to b.
func limb(a, b float64, xy ...float64) *path {
	p := &path{}
	n := len(xy)/2 - 1
	width := func(i int) float64 { return (a + (b-a)*float64(i)/float64(max(n, 1))) / 2 }
	for i := range n + 1 {
		p.ellipse(xy[2*i], xy[2*i+1], width(i), width(i))
		if i == n {
			break
		}
		dx, dy := xy[2*i+2]-xy[2*i], xy[2*i+3]-xy[2*i+1]
		l := math.Hypot(dx, dy)
		if l == 0 {
			continue
		}
		nx, ny := -dy/l, dx/l
		r, s := width(i), width(i+1)
		// In the direction of the ellipses, so that the areas add.
		q := []float64{xy[2*i] - nx*r, xy[2*i+1] - ny*r, xy[2*i+2] - nx*s, xy[2*i+3] - ny*s, xy[2*i+2] + nx*s, xy[2*i+3] + ny*s, xy[2*i] + nx*r, xy[2*i+1] + ny*r}
		p.ops = append(p.ops, poly(q...).ops...)
	}
	return p
}

// curve is points on a smooth bow from one end to the other, through a point beside the middle.
func curve(x0, y0, x1, y1, x2, y2 float64) []float64 {
	var out []float64
	for i := range 9 {
		t := float64(i) / 8
		u := 1 - t
		out = append(out, u*u*x0+2*u*t*x1+t*t*x2, u*u*y0+2*u*t*y1+t*t*y2)
	}
	return out
}

type rgb uint32

func (k rgb) floats() [3]float64 {
	return [3]float64{float64(k >> 16 & 255), float64(k >> 8 & 255), float64(k & 255)}
}

// mix is a share of b in a.
func mix(a, b rgb, share float64) rgb {
	x, y := a.floats(), b.floats()
	var out rgb
	for i := range 3 {
		out = out<<8 | rgb(x[i]+(y[i]-x[i])*share+0.5)
	}
	return out
}

func (c *canvas) colour(k rgb, alpha float64) color.RGBA {
	f := k.floats()
	return color.RGBA{uint8(f[0]*c.tint[0]*alpha + 0.5), uint8(f[1]*c.tint[1]*alpha + 0.5), uint8(f[2]*c.tint[2]*alpha + 0.5), uint8(255*alpha + 0.5)}
}

// outline puts a path into the rasterizer, and returns the part of the picture that the path touches.
func (c *canvas) outline(p *path) image.Rectangle {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, o := range p.ops {
		for _, q := range o.p[:o.points()] {
			x, y := c.at.apply(q.x, q.y)
			lo, hi = point{min(lo.x, x), min(lo.y, y)}, point{max(hi.x, x), max(hi.y, y)}
		}
	}
	r := image.Rect(int(math.Floor(lo.x)), int(math.Floor(lo.y)), int(math.Ceil(hi.x)), int(math.Ceil(hi.y))).Intersect(c.img.Rect)
	if len(p.ops) == 0 || r.Empty() {
		return image.Rectangle{}
	}
	c.z.Reset(r.Dx(), r.Dy())
	to := func(q point) (float32, float32) {
		x, y := c.at.apply(q.x, q.y)
		return float32(x - float64(r.Min.X)), float32(y - float64(r.Min.Y))
	}
	for i, o := range p.ops {
		x, y := to(o.p[0])
		switch o.kind {
		case 'm':
			if i > 0 {
				c.z.ClosePath()
			}
			c.z.MoveTo(x, y)
		case 'l':
			c.z.LineTo(x, y)
		case 'q':
			bx, by := to(o.p[1])
			c.z.QuadTo(x, y, bx, by)
		case 'c':
			bx, by := to(o.p[1])
			ex, ey := to(o.p[2])
			c.z.CubeTo(x, y, bx, by, ex, ey)
		}
	}
	c.z.ClosePath()
	return r
}

// fill fills a path with a colour.
func (c *canvas) fill(k rgb, p *path) { c.veil(k, 1, p) }

// veil fills a path with a colour that lets the ground shine through.
func (c *canvas) veil(k rgb, alpha float64, p *path) {
	if c.img == nil || alpha <= 0 {
		return
	}
	if r := c.outline(p); !r.Empty() {
		c.z.DrawOp = draw.Over
		c.z.Draw(c.img, r, image.NewUniform(c.colour(k, alpha)), image.Point{})
	}
}

// shade fills a path with colours from (x0, y0) to (x1, y1), and with their opacities.
func (c *canvas) shade(from, to rgb, a0, a1, x0, y0, x1, y1 float64, p *path) {
	if c.img == nil {
		return
	}
	r := c.outline(p)
	x0, y0 = c.at.apply(x0, y0)
	x1, y1 = c.at.apply(x1, y1)
	dx, dy := x1-x0, y1-y0
	l := dx*dx + dy*dy
	c.paint(r, func(x, y float64) float64 { return ((x-x0)*dx + (y-y0)*dy) / l }, c.ramp(from, to, a0, a1))
}

// glow fills a circle with light that fades from the middle.
func (c *canvas) glow(k rgb, alpha, cx, cy, radius float64) {
	if c.img == nil {
		return
	}
	r := c.outline(ellipse(cx, cy, radius, radius))
	x0, y0 := c.at.apply(cx, cy)
	by := math.Abs(c.at.sx * radius)
	ramp := c.ramp(k, k, alpha, 0)
	for i := range ramp { // softer than a straight line
		s := 1 - float64(i)/255
		ramp[i] = c.colour(k, alpha*s*s)
	}
	c.paint(r, func(x, y float64) float64 { return math.Hypot(x-x0, y-y0) / by }, ramp)
}

func (c *canvas) ramp(from, to rgb, a0, a1 float64) (out [256]color.RGBA) {
	for i := range out {
		s := float64(i) / 255
		out[i] = c.colour(mix(from, to, s), a0+(a1-a0)*s)
	}
	return out
}

// paint blends the colours of a ramp into the outline that was put into the rasterizer.
func (c *canvas) paint(r image.Rectangle, where func(x, y float64) float64, ramp [256]color.RGBA) {
	if r.Empty() {
		return
	}
	if c.mask == nil || c.mask.Rect.Dx() < r.Dx() || c.mask.Rect.Dy() < r.Dy() {
		c.mask = image.NewAlpha(image.Rect(0, 0, c.img.Rect.Dx(), c.img.Rect.Dy()))
	}
	c.z.DrawOp = draw.Src
	c.z.Draw(c.mask, image.Rect(0, 0, r.Dx(), r.Dy()), image.Opaque, image.Point{})
	for y := range r.Dy() {
		cover := c.mask.Pix[y*c.mask.Stride:]
		row := c.img.Pix[c.img.PixOffset(r.Min.X, r.Min.Y+y):]
		for x := range r.Dx() {
			m := uint32(cover[x])
			if m == 0 {
				continue
			}
			s := where(float64(r.Min.X+x)+0.5, float64(r.Min.Y+y)+0.5)
			k := ramp[int(255*min(max(s, 0), 1))]
			keep := 255*255 - uint32(k.A)*m
			p := row[4*x : 4*x+3 : 4*x+3]
			p[0] = uint8((uint32(p[0])*keep + uint32(k.R)*m*255) / (255 * 255))
			p[1] = uint8((uint32(p[1])*keep + uint32(k.G)*m*255) / (255 * 255))
			p[2] = uint8((uint32(p[2])*keep + uint32(k.B)*m*255) / (255 * 255))
		}
	}
}

// A face is a font of letters.
type letters int

const (
	bold letters = iota
	plain
	slanted
)

var fonts = sync.OnceValue(func() (out [3]*sfnt.Font) {
	for i, data := range [][]byte{gobold.TTF, goregular.TTF, gobolditalic.TTF} {
		f, err := sfnt.Parse(data)
		if err != nil {
			panic(err) // the fonts are part of the program
		}
		out[i] = f
	}
	return out
})

// text draws letters around the middle x, on the line y.
func (c *canvas) text(k rgb, alpha float64, font letters, size, x, y float64, s string) Box {
	p, w := outlineOf(font, size, s)
	left := x - w/2
	if c.img != nil {
		c.in(1, 1, left, y, func() { c.veil(k, alpha, p) })
	}
	x0, y0 := c.at.apply(left, y-size*0.75)
	x1, y1 := c.at.apply(left+w, y+size*0.05)
	return Box{int(min(x0, x1)), int(y0), int(math.Abs(x1 - x0)), int(y1 - y0)}
}

// sign draws letters that the film's truth tells.
func (c *canvas) sign(k rgb, font letters, size, x, y float64, s string) {
	box := c.text(k, 1, font, size, x, y, s)
	c.seen.signs = append(c.seen.signs, mark{text: s, box: box})
}

// cover notes a part of the picture that something hides.
func (c *canvas) cover(x, y, w, h float64) {
	x0, y0 := c.at.apply(x, y)
	x1, y1 := c.at.apply(x+w, y+h)
	c.seen.covers = append(c.seen.covers, Box{int(min(x0, x1)), int(y0), int(math.Abs(x1 - x0)), int(y1 - y0)})
}

func outlineOf(font letters, size float64, s string) (*path, float64) {
	f, p, at := fonts()[font], &path{}, 0.0
	var buf sfnt.Buffer
	const unit = 1024
	em := fixed.I(unit)
	to := func(q fixed.Point26_6) point {
		return point{at + float64(q.X)/64/unit*size, float64(q.Y) / 64 / unit * size}
	}
	for _, r := range s {
		g, err := f.GlyphIndex(&buf, r)
		if err != nil {
			continue
		}
		segs, err := f.LoadGlyph(&buf, g, em, nil)
		if err != nil {
			continue
		}
		for _, s := range segs {
			o := op{kind: map[sfnt.SegmentOp]byte{sfnt.SegmentOpMoveTo: 'm', sfnt.SegmentOpLineTo: 'l', sfnt.SegmentOpQuadTo: 'q', sfnt.SegmentOpCubeTo: 'c'}[s.Op]}
			for i := range s.Args {
				o.p[i] = to(s.Args[i])
			}
			p.ops = append(p.ops, o)
		}
		if adv, err := f.GlyphAdvance(&buf, g, em, 0); err == nil {
			at += float64(adv) / 64 / unit * size
		}
	}
	return p, at
}

// blurred softens a picture: three runs over boxes of 2r+1 pixels.
func blurred(img *image.RGBA, r int) {
	for range 3 {
		blurLines(img.Pix, img.Rect.Dy(), img.Stride, img.Rect.Dx(), 4, r)
		blurLines(img.Pix, img.Rect.Dx(), 4, img.Rect.Dy(), img.Stride, r)
	}
}

func blurLines(pix []byte, lines, next, n, step, r int) {
	row := make([]byte, n)
	for l := range lines {
		for ch := range 3 {
			at := l*next + ch
			for i := range n {
				row[i] = pix[at+i*step]
			}
			sum := 0
			for i := -r; i <= r; i++ {
				sum += int(row[min(max(i, 0), n-1)])
			}
			for i := range n {
				pix[at+i*step] = byte(sum / (2*r + 1))
				sum += int(row[min(i+r+1, n-1)]) - int(row[max(i-r, 0)])
			}
		}
	}
}

// hash is a number in [0, 1) for each n.
func hash(n int) float64 {
	x := uint64(n)*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 29
	x *= 0x94d049bb133111eb
	x ^= x >> 32
	return float64(x>>11) / (1 << 53)
}

func smooth(t float64) float64 {
	t = min(max(t, 0), 1)
	return t * t * (3 - 2*t)
}
