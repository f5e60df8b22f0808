package demofilm

import "math"

// A look is how a character is drawn.
type look struct {
	skin, hair, eyes    rgb
	top, legs, shoes    rgb
	lips                rgb
	scarf, apron, shirt rgb // 0 for none
	style               hair
	hat                 rgb
	cap                 rgb
	beard, moustache    bool
	glasses             bool
	lashes              bool
}

type hair int

const (
	long hair = iota
	short
	bun
	bob
	grey
)

var looks = map[string]*look{
	mara:   {skin: 0xe9b892, hair: 0x4a2c1d, eyes: 0x5a7d4a, top: 0x2f5d8c, legs: 0x2b3346, shoes: 0x5b3424, lips: 0xb4473f, scarf: 0xc8443c, style: long, lashes: true},
	jonas:  {skin: 0xf0c8a4, hair: 0xb98a45, eyes: 0x4677a8, top: 0x4f7a4e, legs: 0x5a4a3a, shoes: 0x2e2621, lips: 0xa9645a, shirt: 0xe8e2d0, style: short},
	amelie: {skin: 0xf2cdb0, hair: 0x8c3f22, eyes: 0x4d6b52, top: 0xf1ece2, legs: 0x38405a, shoes: 0x7a2e2e, lips: 0xc23a4b, apron: 0x9c2f3a, style: bun, lashes: true},
	luis:   {skin: 0xb97f57, hair: 0x1e1814, eyes: 0x4a2f1b, top: 0xe0a63a, legs: 0x37414a, shoes: 0x2a211c, lips: 0x8a4f42, apron: 0x3d6b74, cap: 0x4a5a68, style: short, moustache: true},
	brandt: {skin: 0xebbd9d, hair: 0xb9b5ad, eyes: 0x54707f, top: 0x6d4a30, legs: 0x3a3430, shoes: 0x241d18, lips: 0xa2675c, scarf: 0x2f5347, hat: 0x4b3626, style: grey, beard: true, glasses: true},
	yuki:   {skin: 0xf0cfae, hair: 0x17151c, eyes: 0x33231a, top: 0x6b4a86, legs: 0x2c2a3a, shoes: 0x3c2a4a, lips: 0xb84f58, scarf: 0xe5b53f, style: bob, lashes: true},
}

// A pose is how a character stands. x and y are the middle between the feet, or of the chair, and h is the height of the head in pixels.
type pose struct {
	x, y, h     float64
	turn        float64 // -1 looks to the left, 1 to the right
	walk        float64 // the step's phase, where walking
	sit, back   bool
	left, right point // the hands, in heads from the shoulders; the zero point hangs down
	holds       func(hand point)
	nod         float64
	moves       bool // walking
	upper       bool // only the half above the waist
}

// person draws a character.
func (c *canvas) person(who string, p pose) {
	l := looks[who]
	c.in(p.h, p.h, p.x, p.y, func() {
		breath := 0.012 * math.Sin(c.t*1.9+float64(len(who)))
		if p.moves {
			breath = 0.05 * math.Abs(math.Sin(p.walk))
		}
		if !p.upper {
			c.stance(l, p)
		}
		lift := 0.0
		if p.sit {
			lift = 1.35
		}
		c.in(1, 1, 0, lift-breath, func() { c.bust(who, l, p) })
	})
	if x, y := c.at.apply(p.x, p.y-6*p.h); x > 0 && x < Width && y > -p.h/2 && y < Height {
		c.seen.persons = append(c.seen.persons, who)
	}
	c.cover(p.x-1.15*p.h, p.y-6.8*p.h, 2.3*p.h, 6.8*p.h)
}

// stance draws the legs.
func (c *canvas) stance(l *look, p pose) {
	dark := mix(l.legs, 0, 0.25)
	switch {
	case p.sit:
		for i, x := range []float64{-0.35, 0.35} {
			c.fill([]rgb{dark, l.legs}[i], limb(0.5, 0.42, x, -1.9, x*1.3, -1.35, x*1.3, -0.2))
			c.fill(l.shoes, ellipse(x*1.4, -0.05, 0.3, 0.14))
		}
	case p.moves:
		side := 1.0
		if p.turn < 0 {
			side = -1
		}
		for i := range 2 {
			a := math.Sin(p.walk + math.Pi*float64(i))
			knee := max(0, math.Cos(p.walk+math.Pi*float64(i)))
			fx, fy := 0.75*a*side, -0.12-0.28*knee
			c.fill([]rgb{dark, l.legs}[i], limb(0.56, 0.36, 0, -3.1, (0.35*a+0.18*knee)*side, -1.65, fx, fy))
			c.fill(l.shoes, ellipse(fx+0.14*side, fy+0.06, 0.32, 0.14))
		}
	default:
		for i, x := range []float64{-0.3, 0.3} {
			c.fill([]rgb{dark, l.legs}[i], limb(0.58, 0.4, x*0.9, -3.1, x, -1.6, x*1.05, -0.15))
			c.fill(l.shoes, ellipse(x*1.2, -0.06, 0.32, 0.14))
		}
	}
}

// bust draws all above the waist, and the coat.
func (c *canvas) bust(who string, l *look, p pose) {
	dark, light := mix(l.top, 0, 0.22), mix(l.top, 0xffffff, 0.12)
	hem := -2.75
	shoulders := func(side float64) (float64, float64) { return side * 0.84, -4.9 }
	arm := func(side float64, hand point, k rgb) {
		x, y := shoulders(side)
		if hand == (point{}) {
			hand = point{side * 0.2, 2.1}
			if p.moves {
				hand.x = 0.7 * math.Sin(p.walk+math.Pi*max(side, 0))
			}
		}
		hx, hy := x+hand.x, y+hand.y
		ex, ey := (x+hx)/2+side*0.42, (y+hy)/2+0.3
		c.fill(l.skin, ellipse(hx, hy, 0.2, 0.22))
		b := curve(x, y, ex, ey, x+hand.x*0.97, y+hand.y*0.97-0.08)
		c.fill(k, limb(0.46, 0.34, b...))
	}
	if p.back {
		defer c.headOf(who, l, p)
	}
	arm(-1, p.left, dark)
	body := (&path{}).move(-0.19, -5.56).cube(-0.3, -5.2, -1.1, -5.42, -1.08, -4.7).cube(-0.98, -4, -0.8, -3.6, -0.92, hem).line(0.92, hem).
		cube(0.8, -3.6, 0.98, -4, 1.08, -4.7).cube(1.1, -5.42, 0.3, -5.2, 0.19, -5.56)
	c.shade(light, dark, 1, 1, -0.8, -5, 0.9, -3.2, body)
	if !p.back {
		c.front(l, dark)
	}
	arm(1, p.right, mix(l.top, 0, 0.1))
	if p.holds != nil {
		x, y := shoulders(1)
		p.holds(point{x + p.right.x, y + p.right.y})
	}
	if !p.back {
		c.headOf(who, l, p)
	}
}

// front draws what is on the chest.
func (c *canvas) front(l *look, dark rgb) {
	if l.shirt != 0 {
		c.fill(l.shirt, poly(-0.24, -5.5, 0.24, -5.5, 0, -4.6))
	}
	if l.apron != 0 {
		c.fill(l.apron, rounded(-0.62, -4.5, 1.24, 1.8, 0.12))
		c.fill(mix(l.apron, 0, 0.2), limb(0.09, 0.09, -0.5, -4.45, -0.4, -5.3))
		c.fill(mix(l.apron, 0, 0.2), limb(0.09, 0.09, 0.5, -4.45, 0.4, -5.3))
		return
	}
	c.fill(dark, limb(0.05, 0.05, 0, -4.65, 0, -2.78))
	for i := range 3 {
		c.fill(mix(l.top, 0xffffff, 0.45), ellipse(0.12, -4.3+0.55*float64(i), 0.06, 0.06))
	}
	c.fill(mix(l.top, 0xffffff, 0.18), poly(-0.3, -5.45, -0.06, -4.62, -0.5, -4.85))
	c.fill(mix(l.top, 0xffffff, 0.1), poly(0.3, -5.45, 0.06, -4.62, 0.5, -4.85))
}

// headOf draws the head on the shoulders.
func (c *canvas) headOf(who string, l *look, p pose) {
	mouth := 0.0
	if c.mouth != nil {
		mouth = c.mouth(who)
	}
	bob := 0.012*math.Sin(c.t*2.3+float64(len(who))) + 0.02*mouth*math.Sin(c.t*7)
	c.in(1, 1, p.turn*0.1, -6.08+bob+p.nod, func() {
		if p.back {
			c.nape(l)
			return
		}
		c.head(l, p.turn, mouth, blink(c.t, len(who)+int(who[0])))
		c.in(1, 1, -p.turn*0.1, 0, func() { c.wraps(l) })
		x0, y0 := c.at.apply(-0.4, -0.48)
		x1, y1 := c.at.apply(0.4, 0.52)
		c.seen.faces = append(c.seen.faces, mark{who, Box{int(min(x0, x1)), int(y0), int(math.Abs(x1 - x0)), int(y1 - y0)}, math.Abs(p.turn) < 0.7})
	})
}

// blink is how far the lids are shut: for a moment every few seconds.
func blink(t float64, n int) float64 {
	every := 2.7 + hash(n)*1.4
	at := math.Mod(t+hash(n+1)*every, every)
	return max(0, 1-math.Abs(at-0.1)/0.09)
}

// wraps draws a scarf.
func (c *canvas) wraps(l *look) {
	if l.scarf == 0 {
		return
	}
	dark := mix(l.scarf, 0, 0.25)
	c.fill(dark, rounded(0.1, 0.72, 0.3, 1.1, 0.1))
	c.shade(l.scarf, dark, 1, 1, 0, 0.5, 0, 1, rounded(-0.5, 0.5, 1, 0.42, 0.2))
	c.veil(mix(l.scarf, 0xffffff, 0.3), 0.5, limb(0.04, 0.04, curve(-0.4, 0.62, 0, 0.78, 0.4, 0.64)...))
}

// nape is a head seen from behind.
func (c *canvas) nape(l *look) {
	c.fill(mix(l.skin, 0, 0.15), rounded(-0.17, 0.2, 0.34, 0.5, 0.1))
	c.fill(l.skin, ellipse(-0.38, 0.05, 0.07, 0.12))
	c.fill(l.skin, ellipse(0.38, 0.05, 0.07, 0.12))
	shape := ellipse(0, -0.1, 0.41, 0.44)
	switch l.style {
	case long:
		shape = (&path{}).move(-0.44, 0).cube(-0.46, -0.7, 0.46, -0.7, 0.44, 0).cube(0.48, 0.4, 0.5, 0.7, 0.36, 0.92).quad(0, 1, -0.36, 0.92).cube(-0.5, 0.7, -0.48, 0.4, -0.44, 0)
	case bob:
		shape = (&path{}).move(-0.44, 0).cube(-0.46, -0.7, 0.46, -0.7, 0.44, 0).cube(0.48, 0.3, 0.46, 0.45, 0.36, 0.5).line(-0.36, 0.5).cube(-0.46, 0.45, -0.48, 0.3, -0.44, 0)
	case bun:
		c.fill(mix(l.hair, 0, 0.15), ellipse(0, -0.58, 0.22, 0.2))
	}
	c.shade(mix(l.hair, 0xffffff, 0.16), mix(l.hair, 0, 0.3), 1, 1, -0.3, -0.5, 0.4, 0.4, shape)
	for i := range 5 {
		x := -0.3 + 0.15*float64(i)
		c.veil(mix(l.hair, 0xffffff, 0.3), 0.25, limb(0.02, 0.01, curve(x*0.4, -0.5, x*1.2, -0.2, x*1.1, 0.22)...))
	}
	c.wraps(l)
	c.headgear(l, 0)
}

// head draws a head around its middle, one unit high.
func (c *canvas) head(l *look, turn, mouth, shut float64) {
	f := turn * 0.13
	dark := mix(l.skin, 0x7a2e1a, 0.28)
	c.hairBehind(l, turn)
	c.shade(dark, mix(l.skin, dark, 0.5), 1, 1, 0, 0.4, 0, 0.75, rounded(-0.17, 0.25, 0.34, 0.55, 0.08))
	for _, side := range []float64{-1, 1} {
		if side*turn > 0.45 {
			continue
		}
		c.fill(mix(l.skin, dark, 0.4), ellipse(side*0.375-f*0.3, 0.06, 0.07, 0.13))
	}
	face := (&path{}).move(-0.37, -0.1).cube(-0.4, -0.62, 0.4, -0.62, 0.37, -0.1).cube(0.385, 0.14, 0.3, 0.36, 0.12+f*0.3, 0.475).
		quad(f*0.4, 0.535, -0.12+f*0.3, 0.475).cube(-0.3, 0.36, -0.385, 0.14, -0.37, -0.1)
	c.shade(mix(l.skin, 0xffffff, 0.1), mix(l.skin, dark, 0.45), 1, 1, -0.3, -0.3, 0.42, 0.4, face)
	c.glow(0xe0604a, 0.22, -0.22+f, 0.2, 0.16)
	c.glow(0xe0604a, 0.22, 0.22+f, 0.2, 0.16)
	for _, side := range []float64{-1, 1} {
		c.eye(l, f, side, 1-math.Max(0, side*turn)*0.25, turn, shut)
	}
	c.nose(l, dark, f, turn)
	if l.beard {
		c.fill(l.hair, (&path{}).move(-0.37, 0.05).cube(-0.34, 0.2, -0.2, 0.16, f-0.13, 0.22).quad(f, 0.18, f+0.13, 0.22).cube(0.2, 0.16, 0.34, 0.2, 0.37, 0.05).
			cube(0.42, 0.45, 0.2, 0.68, f*0.5, 0.68).cube(-0.2, 0.68, -0.42, 0.45, -0.37, 0.05))
	}
	c.lips(l, f, mouth)
	if l.moustache || l.beard {
		c.fill(mix(l.hair, 0, 0.1), (&path{}).move(f, 0.2).cube(f+0.1, 0.17, f+0.18, 0.24, f+0.22, 0.29).cube(f+0.12, 0.27, f+0.06, 0.27, f, 0.25).
			cube(f-0.06, 0.27, f-0.12, 0.27, f-0.22, 0.29).cube(f-0.18, 0.24, f-0.1, 0.17, f, 0.2))
	}
	c.hairBefore(l, f)
	c.headgear(l, f)
	if l.glasses {
		c.spectacles(f)
	}
}

func (c *canvas) eye(l *look, f, side, wide, turn, shut float64) {
	x, y := side*0.165+f, 0.0
	c.glow(mix(l.skin, 0x502010, 0.55), 0.42, x, y-0.02, 0.15)
	w, h := 0.083*wide, 0.046*(1-shut)
	if h > 0.008 {
		white := (&path{}).move(x-w, y+0.005).cube(x-w*0.5, y-h*1.35, x+w*0.5, y-h*1.35, x+w, y).cube(x+w*0.5, y+h*1.05, x-w*0.5, y+h*1.05, x-w, y+0.005)
		c.fill(0xf7f3ee, white)
		ix := x + turn*0.028
		c.fill(mix(l.eyes, 0, 0.35), ellipse(ix, y-0.003, 0.041*wide, min(0.041, h)))
		c.fill(l.eyes, ellipse(ix, y, 0.033*wide, min(0.033, h)))
		c.fill(0x120c0a, ellipse(ix, y-0.002, 0.019*wide, min(0.019, h)))
		c.fill(0xffffff, ellipse(ix+0.013, y-0.014, 0.009, min(0.009, h)))
	}
	lid := 0.018
	if l.lashes {
		lid = 0.027
		c.fill(0x1d1210, limb(0.018, 0.006, x+side*w*0.95, y-0.002, x+side*w*1.28, y-0.035))
	}
	drop := h*1.02 - 0.012*shut
	c.fill(0x1d1210, limb(lid, lid, curve(x-w, y+0.003, x, y-2*drop+0.014, x+w, y)...))
	c.veil(mix(l.skin, 0x502010, 0.5), 0.6, limb(0.008, 0.008, curve(x-w*0.9, y-0.05, x, y-0.1, x+w*0.9, y-0.05)...))
	brow := mix(l.hair, 0, 0.2)
	thick := 0.042
	if l.lashes {
		thick = 0.03
	}
	c.fill(brow, limb(thick, thick*0.5, curve(x-side*0.085, y-0.115, x+side*0.02, y-0.165, x+side*0.125*wide, y-0.11)...))
}

func (c *canvas) nose(l *look, dark rgb, f, turn float64) {
	tip := f*1.25 + turn*0.02
	c.shade(dark, l.skin, 0.55, 0, tip+0.06, 0.1, tip-0.01, 0.09, (&path{}).move(f+0.03, -0.03).quad(tip+0.035, 0.06, tip+0.075, 0.14).quad(tip+0.03, 0.185, tip-0.02, 0.17).quad(tip, 0.06, f+0.01, -0.03))
	c.veil(dark, 0.85, limb(0.018, 0.018, curve(tip-0.062, 0.15, tip, 0.195, tip+0.066, 0.15)...))
	c.fill(mix(dark, 0x301008, 0.55), ellipse(tip-0.032, 0.165, 0.015, 0.01))
	c.fill(mix(dark, 0x301008, 0.55), ellipse(tip+0.034, 0.165, 0.015, 0.01))
	c.glow(0xffffff, 0.45, tip-0.005, 0.115, 0.045)
}

func (c *canvas) lips(l *look, f, open float64) {
	x, y := f*1.1, 0.3
	w, o := 0.128-0.02*open, 0.075*open
	if o > 0.006 {
		c.fill(0x4a1416, (&path{}).move(x-w*0.86, y).cube(x-w*0.4, y-0.018, x+w*0.4, y-0.018, x+w*0.86, y).cube(x+w*0.6, y+o*1.5, x-w*0.6, y+o*1.5, x-w*0.86, y))
		c.fill(0xf4eee6, rounded(x-w*0.5, y-0.012, w, min(o*0.45, 0.024), 0.008))
		c.fill(0xb5544e, ellipse(x, y+o*0.92, w*0.42, o*0.24))
	}
	c.fill(mix(l.lips, 0, 0.12), (&path{}).move(x-w, y+0.004).cube(x-w*0.5, y-0.034, x-w*0.2, y-0.046, x, y-0.028).cube(x+w*0.2, y-0.046, x+w*0.5, y-0.034, x+w, y+0.004).
		cube(x+w*0.5, y-0.004, x-w*0.5, y-0.004, x-w, y+0.004))
	c.fill(l.lips, (&path{}).move(x-w, y+0.004).cube(x-w*0.5, y+o*1.15+0.004, x+w*0.5, y+o*1.15+0.004, x+w, y+0.004).
		cube(x+w*0.55, y+o*1.2+0.06, x-w*0.55, y+o*1.2+0.06, x-w, y+0.004))
	c.glow(0xffffff, 0.3, x, y+o*1.15+0.03, 0.04)
	c.veil(mix(l.skin, 0x502010, 0.6), 0.3, limb(0.02, 0.02, curve(x-0.06, y+o+0.085, x, y+o+0.1, x+0.06, y+o+0.085)...))
}

func (c *canvas) hairBehind(l *look, turn float64) {
	k := mix(l.hair, 0, 0.22)
	switch l.style {
	case long:
		c.fill(k, (&path{}).move(-0.42, -0.2).cube(-0.55, -0.75, 0.55, -0.75, 0.42, -0.2).cube(0.5, 0.2, 0.55, 0.6, 0.48, 0.92).cube(0.3, 1, -0.3, 1, -0.48, 0.92).cube(-0.55, 0.6, -0.5, 0.2, -0.42, -0.2))
	case bob:
		c.fill(k, (&path{}).move(-0.44, -0.2).cube(-0.55, -0.72, 0.55, -0.72, 0.44, -0.2).cube(0.5, 0.1, 0.5, 0.3, 0.42, 0.45).line(-0.42, 0.45).cube(-0.5, 0.3, -0.5, 0.1, -0.44, -0.2))
	case bun:
		c.fill(k, ellipse(turn*-0.1, -0.6, 0.22, 0.2))
		c.fill(k, ellipse(0, -0.16, 0.43, 0.42))
	default:
		c.fill(k, ellipse(0, -0.16, 0.41, 0.4))
	}
}

func (c *canvas) hairBefore(l *look, f float64) {
	k, shine := l.hair, mix(l.hair, 0xffffff, 0.22)
	switch l.style {
	case long:
		c.fill(k, (&path{}).move(f*0.5+0.05, -0.52).cube(0.5, -0.66, 0.5, -0.1, 0.42, 0.16).cube(0.4, -0.08, 0.34, -0.22, 0.1+f, -0.36).cube(-0.1, -0.2, -0.34, -0.24, -0.39, 0.16).cube(-0.5, -0.1, -0.5, -0.68, f*0.5+0.05, -0.52))
		for _, s := range []float64{-1, 1} {
			c.fill(k, (&path{}).move(s*0.4, -0.15).cube(s*0.36, 0.2, s*0.44, 0.5, s*0.36, 0.86).cube(s*0.5, 0.84, s*0.54, 0.5, s*0.5, 0.2).quad(s*0.5, -0.1, s*0.4, -0.15))
		}
	case bob:
		c.fill(k, (&path{}).move(-0.4, 0.1).cube(-0.52, -0.74, 0.52, -0.74, 0.4, 0.1).cube(0.38, -0.05, 0.37, -0.14, 0.33, -0.17).quad(f, -0.1, -0.33, -0.17).quad(-0.38, -0.1, -0.4, 0.1))
		for _, s := range []float64{-1, 1} {
			c.fill(k, (&path{}).move(s*0.37, -0.15).cube(s*0.35, 0.15, s*0.37, 0.3, s*0.3, 0.44).cube(s*0.42, 0.48, s*0.5, 0.3, s*0.47, -0.15))
		}
	case bun:
		c.fill(k, (&path{}).move(-0.4, 0.04).cube(-0.48, -0.7, 0.48, -0.7, 0.4, 0.04).cube(0.38, -0.2, 0.26, -0.3, f+0.02, -0.37).cube(-0.26, -0.3, -0.38, -0.2, -0.4, 0.04))
		c.fill(0xe8c04a, ellipse(-0.4, 0.24, 0.03, 0.05))
		c.fill(0xe8c04a, ellipse(0.4, 0.24, 0.03, 0.05))
	case grey:
		c.fill(k, (&path{}).move(-0.4, 0.08).cube(-0.46, -0.3, -0.38, -0.4, -0.3, -0.36).cube(-0.35, -0.2, -0.34, 0, -0.36, 0.1))
		c.fill(k, (&path{}).move(0.4, 0.08).cube(0.46, -0.3, 0.38, -0.4, 0.3, -0.36).cube(0.35, -0.2, 0.34, 0, 0.36, 0.1))
	default:
		c.fill(k, (&path{}).move(-0.39, 0).cube(-0.46, -0.3, -0.42, -0.62, -0.05, -0.6).cube(0.3, -0.66, 0.48, -0.36, 0.39, 0).cube(0.36, -0.18, 0.3, -0.26, 0.2+f*0.5, -0.31).
			cube(0, -0.25, -0.2, -0.28, -0.28, -0.3).cube(-0.35, -0.2, -0.37, -0.1, -0.39, 0))
	}
	if l.hat == 0 && l.cap == 0 {
		c.veil(shine, 0.5, limb(0.05, 0.02, curve(-0.27, -0.36, -0.12, -0.52, 0.12, -0.5)...))
	}
}

func (c *canvas) headgear(l *look, f float64) {
	if l.hat != 0 {
		dark := mix(l.hat, 0, 0.35)
		c.shade(mix(l.hat, 0xffffff, 0.12), dark, 1, 1, -0.3, -0.7, 0.4, -0.3, (&path{}).move(-0.38, -0.3).cube(-0.42, -0.78, -0.2, -0.84, f*0.3, -0.76).cube(0.2, -0.84, 0.42, -0.78, 0.38, -0.3))
		c.fill(dark, rounded(-0.39, -0.4, 0.78, 0.1, 0.03))
		c.fill(l.hat, ellipse(f*0.3, -0.29, 0.62, 0.075))
	}
	if l.cap != 0 {
		c.shade(mix(l.cap, 0xffffff, 0.15), l.cap, 1, 1, -0.3, -0.6, 0.3, -0.3, (&path{}).move(-0.43, -0.24).cube(-0.5, -0.66, 0.5, -0.7, 0.45, -0.24).quad(0, -0.38, -0.43, -0.24))
		c.fill(mix(l.cap, 0, 0.3), (&path{}).move(-0.34+f, -0.27).quad(f, -0.4, 0.36+f, -0.27).quad(f*1.5, -0.2, -0.34+f, -0.27))
	}
}

func (c *canvas) spectacles(f float64) {
	for _, s := range []float64{-1, 1} {
		x := s*0.165 + f
		c.veil(0xdff0ff, 0.16, ellipse(x, 0.005, 0.118, 0.1))
		for i := range 24 {
			a, b := float64(i)*math.Pi/12, float64(i+1)*math.Pi/12
			c.fill(0x2a2420, limb(0.016, 0.016, x+0.118*math.Cos(a), 0.005+0.1*math.Sin(a), x+0.118*math.Cos(b), 0.005+0.1*math.Sin(b)))
		}
	}
	c.fill(0x2a2420, limb(0.018, 0.018, curve(f-0.05, 0, f, -0.03, f+0.05, 0)...))
}

// closeUp shows a character from the chest up, and a shoulder of the listener.
func closeUp(who, listener string) func(*canvas, float64) {
	return func(c *canvas, t float64) {
		const h = 290
		turn, x := 0.22, 430.0
		if who == jonas {
			turn, x = -0.22, 530
		}
		if listener == "" {
			turn *= 0.4
			x = 480
		}
		push := 1 + 0.012*t
		c.person(who, pose{x: x, y: 240 + 6.08*h*push, h: h * push, turn: turn, upper: true})
		if listener == "" {
			return
		}
		lx := 880.0
		if turn < 0 {
			lx = 80
		}
		c.lit(0.7, 0.7, 0.74, func() {
			c.person(listener, pose{x: lx, y: 452 + 6.08*330, h: 330, back: true, upper: true})
		})
	}
}
