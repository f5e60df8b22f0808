package demofilm

import (
	"fmt"
	"math"
)

// bright draws in full light, at night too.
func (c *canvas) bright(f func()) {
	was := c.tint
	c.tint = [3]float64{1, 1, 1}
	f()
	c.tint = was
}

func hillPlate(c *canvas) {
	c.sky(Width, 470, 0x0a1230, 0x3b4a86)
	c.stars(Width, 340, 190)
	c.shade(0xaab8f0, 0xaab8f0, 0.12, 0, 480, 60, 480, 300, (&path{}).move(-20, 300).cube(300, 140, 600, 120, 980, -20).line(980, 90).cube(640, 210, 340, 220, -20, 380))
	c.moon(610, 110, 44)
	c.hills(Width, 396, 40, 8, 0x1b2650, 0x1f2c58)
	c.fill(0x16213f, (&path{}).move(-20, 470).cube(260, 380, 640, 384, 980, 480).line(980, 560).line(-20, 560))
	c.shade(0x2c3d5a, 0x151d33, 1, 1, 0, 400, 0, 540, (&path{}).move(-20, 490).cube(260, 410, 640, 412, 980, 496).line(980, 560).line(-20, 560))
	for i := range 60 {
		x, y := Width*hash(i+8), 470+70*hash(i+208)
		c.veil(0x4d6485, 0.8, limb(2, 0.6, x, y, x+5*hash(i)-2, y-13))
	}
}

func hillDraw(c *canvas, t float64) {
	c.lit(1.05, 1.05, 1, func() {
		c.person(mara, pose{x: 350, y: 500, h: 54, turn: 0.4, right: point{0.85, 0.35}})
		c.person(jonas, pose{x: 700, y: 508, h: 58, turn: -0.35, left: point{-0.3, 1.6 + 0.2*math.Sin(t*1.8)}})
	})
	for _, dx := range []float64{-44, 0, 44} {
		c.fill(0x6b5238, limb(7, 5, 474, 330, 474+dx, 500))
	}
	c.in(1, 1, 474, 322, func() {
		c.fill(0xc9a24a, limb(30, 20, 66, -66, -46, 34))
		c.fill(0x3a2f28, limb(36, 36, 70, -70, 60, -60))
		c.fill(0x3a2f28, limb(22, 14, -42, 30, -60, 46))
		c.veil(0xffffff, 0.4, limb(6, 3, 56, -70, -40, 18))
	})
	if a := math.Mod(t, 5); a > 3.2 && a < 3.9 { // a falling star
		s := (a - 3.2) / 0.7
		c.bright(func() {
			c.veil(0xffffff, 1-s, limb(3, 0.5, 180+220*s, 60+70*s, 130+220*s, 44+70*s))
		})
	}
}

func moonsPlate(c *canvas) {
	c.fill(0x030509, rect(-10, -10, Width+20, Height+20))
	c.shade(0x0d1738, 0x22306a, 1, 1, 0, 30, 0, 510, ellipse(480, 270, 250, 250))
	for i := range 90 {
		a, r := 2*math.Pi*hash(i), 240*math.Sqrt(hash(i+300))
		c.veil(0xfff6d8, 0.7, ellipse(480+r*math.Cos(a), 270+r*math.Sin(a), 1+hash(i+9), 1+hash(i+9)))
	}
}

func moonsDraw(c *canvas, t float64) {
	c.bright(func() {
		c.moon(430+2*math.Sin(t*2), 236+2*math.Cos(t*1.7), 86)
		c.veil(0xe8ecff, 0.55, ellipse(584-3*t, 344+2*t, 50, 50))
		c.veil(0x9fb0d8, 0.5, ellipse(572-3*t, 336+2*t, 10, 9))
		c.veil(0x9fb0d8, 0.5, ellipse(598-3*t, 358+2*t, 13, 11))
		for i := range 72 {
			a, b := float64(i)*math.Pi/36, float64(i+1)*math.Pi/36
			c.fill(0x1b1712, limb(16, 16, 480+256*math.Cos(a), 270+256*math.Sin(a), 480+256*math.Cos(b), 270+256*math.Sin(b)))
		}
	})
}

func quayPlate(c *canvas) {
	c.sky(Width, 320, 0x081126, 0x2c3c6b)
	c.stars(Width, 220, 90)
	c.moon(180, 86, 28)
	c.hills(Width, 292, 30, 2, 0x131c36, 0x16213d)
	for i := range 16 {
		x := 10 + 62*float64(i)
		h := 26 + 30*hash(i+3)
		c.fill(0x10182c, rect(x, 316-h, 48, h))
		if hash(i+77) > 0.3 {
			c.fill(0xffd987, rect(x+10, 324-h, 8, 9))
			c.fill(0xffd987, rect(x+28, 324-h, 8, 9))
		}
	}
	c.sea(Width, 314, 140, 0x22345e, 0x0d1930)
	for i := range 12 {
		c.veil(0xffe9b0, 0.16, ellipse(180+20*hash(i), 322+10*float64(i), 40-2*float64(i), 2))
	}
	c.lit(0.6, 0.65, 0.85, func() { c.lighthouse(800, 330, 214) })
	c.ground(Width, 430, 120, 0x5a5560, 0x2d2a36)
	for i := range 7 {
		c.veil(0x14121a, 0.5, rect(0, 434+14*float64(i)+float64(i*i), Width, 2))
	}
	c.lamp(560, 470, 250, true)
	c.glow(0xffd27a, 0.3, 560, 480, 260)
	c.fill(0x3a3038, rect(96, 300, 10, 160))
	c.fill(0x3a3038, rect(276, 300, 10, 160))
	c.board(191, 310, 236, 48, 0xf3ead2, 0x1d2b4a, 27, "LAST BOAT 24:00")
}

func quayDraw(c *canvas, t float64) {
	c.beam(800, 330-214*0.9, t)
	c.waves(Width, 318, 100, t, 0xbfd0f0, 0.4)
	c.lit(1.1, 1.05, 1, func() { c.boat(700+3*t, 404, 0.9, t, true) })
	c.lit(1.1, 1.05, 1, func() {
		c.person(amelie, pose{x: 450, y: 512, h: 56, turn: -0.2, right: point{0.25, 1.5 + 0.2*math.Sin(t*2)}})
	})
}

// beam is the light of the lighthouse, that turns.
func (c *canvas) beam(x, y, t float64) {
	c.bright(func() {
		for _, a := range []float64{t * 1.1, t*1.1 + math.Pi} {
			dx, dy := math.Cos(a)*900, math.Sin(a)*60
			wide := math.Abs(math.Cos(a))
			c.shade(0xfff3c0, 0xfff3c0, 0.5*wide, 0, x, y, x+dx, y+dy, poly(x, y-4, x+dx, y+dy-70*wide-6, x+dx, y+dy+70*wide+6, x, y+4))
		}
		c.glow(0xfff3c0, 0.9, x, y, 60)
	})
}

func departPlate(c *canvas) {
	c.sky(Width, 340, 0x0a142c, 0x3d4c80)
	c.stars(Width, 230, 120)
	c.moon(520, 110, 40)
	c.hills(Width, 322, 20, 4, 0x18233f, 0x1b2846)
	c.sea(Width, 336, 220, 0x2c4272, 0x0d1930)
	for i := range 20 {
		c.veil(0xfff0c0, 0.22, ellipse(520+24*(hash(i)-0.5), 346+10*float64(i), 34+2*float64(i), 2.4))
	}
	c.lit(0.6, 0.65, 0.85, func() { c.lighthouse(150, 352, 236) })
	c.fill(0x1a1c2a, (&path{}).move(560, 560).line(600, 470).line(980, 452).line(980, 560))
	for i := range 4 {
		c.fill(0x11131d, rounded(636+100*float64(i), 430-4*float64(i), 18, 54, 5))
	}
}

func departDraw(c *canvas, t float64) {
	c.beam(150, 352-236*0.9, t+1)
	c.waves(Width, 344, 180, t, 0xbfd0f0, 0.45)
	c.bright(func() { c.boat(470-34*t, 400-6*t, 0.8-0.055*t, t, true) })
	wave := 0.3 * math.Sin(t*8)
	c.person(mara, pose{x: 760, y: 560, h: 46, back: true, right: point{0.4 + wave, -1.1}})
	c.person(amelie, pose{x: 850, y: 566, h: 46, back: true})
}

func creditsPlate(c *canvas) {
	c.shade(0x070b18, 0x16203e, 1, 1, 0, 0, 0, 540, rect(0, 0, Width, Height))
	c.stars(Width, 540, 80)
}

// rolled are the lines of the credits.
var rolled = [][2]string{{"THE HARBOUR", ""}, {"Mara", "English"}, {"Jonas", "English"}, {"Amélie", "French"}, {"Luis", "Spanish"}, {"Brandt", "German"}, {"Yuki", "Japanese"},
	{"Voices", "espeak-ng"}, {"Pictures, music and words", "drawn and played by Cinedex"}, {"A dog, a cat and two butterflies", "as themselves"}, {"THE END", ""}}

func creditsDraw(c *canvas, t float64) {
	for i, l := range rolled {
		y := 560 + 62*float64(i) - 150*t
		if y < -30 || y > Height+40 {
			continue
		}
		if l[1] == "" {
			c.sign(0xffffff, bold, 46, Width/2, y, l[0])
			continue
		}
		c.credit(l[0], l[1], y)
	}
}

func (c *canvas) credit(name, part string, y float64) {
	_, w := outlineOf(plain, 26, name)
	_, v := outlineOf(bold, 26, part)
	a := c.text(0xb9c6e6, 1, plain, 26, Width/2-24-w/2, y, name)
	b := c.text(0xffffff, 1, bold, 26, Width/2+24+v/2, y, part)
	a.W = b.X + b.W - a.X
	c.seen.signs = append(c.seen.signs, mark{text: fmt.Sprintf("%s %s", name, part), box: a})
}
