package demofilm

import "math"

func harbourPlate(c *canvas) {
	const w = Width * 1.5
	c.sky(w, 330, 0x6fb3e0, 0xfbe6c4)
	c.glow(0xfff2c0, 0.8, 1090, 210, 240)
	for i, q := range [][3]float64{{180, 90, 1.3}, {520, 130, 0.9}, {820, 70, 1.2}, {1260, 120, 1.1}} {
		c.cloud(q[0], q[1], q[2], 0xffffff, 0.75-0.1*float64(i%2))
	}
	c.hills(w, 292, 34, 2, 0x8fb0b4, 0xa9c4bd)
	c.hills(w, 318, 22, 5, 0x6f9a83, 0x8db392)
	for i := range 12 { // houses on the shore
		x := 60 + 62*float64(i) + 20*hash(i)
		h := 34 + 26*hash(i+40)
		k := []rgb{0xf2e3c9, 0xe7b7a0, 0xd7e2e5, 0xf0d28f}[i%4]
		c.shade(k, mix(k, 0, 0.12), 1, 1, x, 0, x+46, 0, rect(x, 336-h, 46, h))
		c.fill([]rgb{0xa9503c, 0x7f4a3d}[i%2], poly(x-5, 336-h, x+23, 314-h, x+51, 336-h))
		for j := range 2 {
			c.fill(0x58788a, rect(x+9+18*float64(j), 344-h, 9, 11))
		}
	}
	c.sea(w, 334, 206, 0x6fa9c4, 0x24597c)
	c.lighthouse(1130, 352, 250)
	c.fill(0x8d7f70, (&path{}).move(0, 430).line(470, 452).line(520, 560).line(-20, 560))
	c.fill(0xa6978a, (&path{}).move(0, 424).line(470, 446).line(470, 458).line(0, 440))
	for i := range 5 {
		c.fill(0x4c3c30, rounded(60+95*float64(i), 410+4.4*float64(i), 16, 44, 5))
	}
	// The harbour office.
	c.shade(0xf6efe0, 0xd9cfbd, 1, 1, 60, 0, 330, 0, rect(70, 276, 270, 152))
	c.fill(0x34566b, poly(50, 280, 205, 206, 360, 280))
	for i := range 3 {
		c.fill(0x34566b, rounded(96+84*float64(i), 336, 44, 60, 4))
		c.shade(0xcfe6f0, 0x7ea6ba, 1, 1, 0, 336, 0, 396, rect(100+84*float64(i), 340, 36, 52))
	}
	c.board(205, 306, 224, 36, 0x1f4f6e, 0xffffff, 22, "HARBOUR OFFICE")
}

func harbourDraw(c *canvas, t float64) {
	c.waves(Width*1.5, 340, 190, t, 0xffffff, 0.5)
	c.boat(660+14*t, 430, 1.05, t, false)
	c.boat(960-9*t, 372, 0.5, t+2, false)
	for i := range 5 {
		c.gull(420+150*float64(i)+46*t, 150+24*math.Sin(t+float64(i)*2)-14*float64(i%3), 0.8+0.2*float64(i%2), t+float64(i)*0.4)
	}
	if a := smooth((t-1)/0.7) * (1 - smooth((t-4.3)/0.7)); a > 0 {
		at := c.at
		c.at = mat{1, 1, 0, 0}
		c.text(0, 0.35*a, bold, 84, Width/2+3, 255, "THE HARBOUR")
		box := c.text(0xffffff, a, bold, 84, Width/2, 252, "THE HARBOUR")
		if a > 0.6 {
			c.seen.signs = append(c.seen.signs, mark{text: "THE HARBOUR", box: box})
		}
		c.at = at
	}
}

func pierPlate(c *canvas) {
	c.sky(Width, 300, 0x7fbce4, 0xfdebcd)
	c.cloud(160, 80, 1.4, 0xffffff, 0.8)
	c.cloud(560, 120, 1, 0xffffff, 0.7)
	c.hills(Width, 284, 26, 4, 0x9ab7b5, 0xb3cabf)
	c.sea(Width, 300, 160, 0x78b0c8, 0x2f6788)
	c.lighthouse(790, 318, 232)
	c.boat(180, 352, 0.62, 0, false)
	c.ground(Width, 418, 130, 0xb98d63, 0x7d5836)
	for i := range 9 {
		y := 418 + 3*float64(i)*float64(i)*0.62
		c.veil(0x4e3420, 0.6, rect(0, y, Width, 2))
	}
	for i := range 7 {
		x := 30 + 150*float64(i)
		c.shade(0x8a6240, 0x51361f, 1, 1, x, 0, x+20, 0, rounded(x, 376, 20, 62, 6))
		c.fill(0xd9c39a, rounded(x-2, 388, 24, 7, 3))
		if i < 6 {
			c.fill(0xd9c39a, limb(4, 4, curve(x+10, 391, x+85, 424, x+160, 391)...))
		}
	}
}

func pierDraw(c *canvas, t float64) {
	c.waves(Width, 306, 100, t, 0xffffff, 0.45)
	c.person(mara, pose{x: 350, y: 520, h: 56, turn: 0.4, right: point{0.5, 1.3 + 0.15*math.Sin(t*2)}})
	c.person(jonas, pose{x: 560, y: 524, h: 60, turn: -0.4})
	walk := smooth(t / 3)
	c.dog(90+640*walk, 526, 0.72, t*9, t, walk < 0.98)
	c.gull(620+40*t, 110+12*math.Sin(t*2), 1, t)
}

func streetPlate(c *canvas) {
	c.sky(Width, 300, 0x8b9aa6, 0xc7cfd1)
	fronts := []struct {
		wall, sign, ink rgb
		name            string
	}{{0xc9755a, 0x5b2a1e, 0xfff2d8, "BAKERY"}, {0x6f8f7d, 0x23443a, 0xfff2d8, "BOOKS"}, {0xd9b56a, 0x8c2f2a, 0xfff7e8, "CAFÉ AMÉLIE"}, {0x7a86a8, 0x27325a, 0xffffff, "POST OFFICE"}}
	for i, f := range fronts {
		x := -10 + 245*float64(i)
		c.shade(mix(f.wall, 0xffffff, 0.08), mix(f.wall, 0, 0.14), 1, 1, x, 0, x+245, 0, rect(x, 30+20*float64(i%2), 245, 400))
		c.fill(mix(f.wall, 0, 0.35), rect(x, 24+20*float64(i%2), 245, 12))
		for r := range 2 {
			for j := range 3 {
				wx, wy := x+24+72*float64(j), 62+20*float64(i%2)+78*float64(r)
				c.fill(0xf1ece2, rect(wx-3, wy-3, 50, 58))
				c.shade(0x9db6c4, 0x5c7787, 1, 1, wx, wy, wx+40, wy+50, rect(wx, wy, 44, 52))
				c.fill(0xf1ece2, rect(wx+20, wy, 3, 52))
				c.fill(0xf1ece2, rect(wx, wy+24, 44, 3))
			}
		}
		c.fill(mix(f.sign, 0, 0.2), rect(x+12, 292, 221, 138))
		c.shade(0xffe7b0, 0xd9a763, 1, 1, 0, 296, 0, 420, rect(x+20, 298, 128, 100))
		c.goods(x+20, i)
		c.fill(mix(f.sign, 0xffffff, 0.12), rect(x+158, 300, 66, 130))
		c.shade(0xbfd2d8, 0x6f8a94, 1, 1, 0, 310, 0, 380, rect(x+168, 310, 46, 62))
		c.fill(0xe8c04a, ellipse(x+170, 392, 3, 3))
		c.board(x+122, 262, 216, 38, f.sign, f.ink, 25, f.name)
	}
	c.ground(Width, 428, 30, 0xa9a59f, 0x8d8984)
	c.ground(Width, 456, 90, 0x565b63, 0x3b3f46)
	for i := range 5 {
		c.veil(0xe6e2d0, 0.7, rect(40+220*float64(i), 496, 110, 6))
	}
	for i := range 18 {
		c.veil(0xcfd8dd, 0.14, ellipse(hash(i)*Width, 462+74*hash(i+30), 50, 4))
	}
	c.lamp(730, 452, 190, true)
}

// goods are in the window of a shop.
func (c *canvas) goods(x float64, shop int) {
	c.fill(0x8a5a36, rect(x, 384, 128, 14))
	for j := range 6 {
		gx := x + 13 + 20*float64(j)
		switch shop {
		case 0:
			c.fill(0xc98a45, ellipse(gx, 378, 11, 7))
			c.fill(0xe2ad68, ellipse(gx-1, 375, 8, 3))
		case 1:
			c.fill([]rgb{0xb0413a, 0x3d6f9c, 0x4d8a5a}[j%3], rect(gx-7, 346, 13, 38))
		case 2:
			c.fill(0xffffff, rounded(gx-7, 370, 13, 13, 3))
		default:
			c.fill(0xf0e6cf, rect(gx-8, 366, 16, 18))
			c.fill(0xb0413a, limb(1.5, 1.5, gx-8, 374, gx+8, 374))
		}
	}
}

func streetDraw(c *canvas, t float64) {
	for i := range 26 { // drops on the road
		a := math.Mod(t*1.7+hash(i+70), 1)
		c.veil(0xe8f1f5, 0.5*(1-a), ellipse(hash(i)*Width, 462+74*hash(i+30), 12*a, 3*a))
	}
	walk := 0.9 * t
	x := 250 + 34*t
	c.umbrella(x+36, 246, 108, 0xc8443c)
	c.person(mara, pose{x: x, y: 478, h: 36, turn: 0.5, walk: walk * 5, moves: true})
	c.person(jonas, pose{x: x + 82, y: 480, h: 38, turn: -0.25, walk: walk*5 + 1.4, moves: true, left: point{0.45, 0.9}})
	c.fill(0x3a2f2a, limb(4, 4, x+36, 246, x+36, 350))
	c.car(-160+290*t, 524, 1, t, 0x2f7fb5, true)
	c.rain(t, 190)
}

func cafePlate(c *canvas) {
	c.shade(0xe9cfa2, 0xb98a5c, 1, 1, 0, 0, 0, 400, rect(0, 0, Width, Height))
	for i := range 16 {
		c.veil(0x9c6d42, 0.18, rect(60*float64(i), 0, 30, 330))
	}
	c.fill(0x6b4026, rect(40, 60, 300, 220))
	c.shade(0x8fa5b2, 0xc2ccd0, 1, 1, 0, 70, 0, 270, rect(52, 72, 276, 196))
	c.fill(0x77705f, rect(52, 200, 276, 68))
	c.fill(0xa08e78, rect(90, 150, 70, 118))
	c.fill(0x8b7b6b, rect(190, 130, 86, 138))
	c.fill(0x6b4026, rect(186, 72, 8, 196))
	c.fill(0x6b4026, rect(52, 166, 276, 7))
	// The chalk board.
	c.fill(0x7a4c2c, rounded(650, 60, 250, 190, 6))
	c.fill(0x22302c, rect(660, 70, 230, 170))
	c.sign(0xf4f1e6, slanted, 34, 775, 112, "MENU")
	for i, s := range []string{"TEA 2.00", "SOUP 4.50", "CAKE 3.00"} {
		c.sign(0xf4f1e6, bold, 25, 775, 152+35*float64(i), s)
	}
	for i := range 2 { // shelves
		y := 110 + 80*float64(i)
		c.fill(0x6b4026, rect(390, y, 220, 8))
		for j := range 8 {
			x := 402 + 27*float64(j)
			c.shade([]rgb{0xffffff, 0xd3665a, 0x5b8fb0, 0xe6c25a}[(j+i)%4], 0xb9a894, 1, 1, x, 0, x+22, 0, rounded(x, y-30+8*float64(j%2), 18, 30-8*float64(j%2), 4))
		}
	}
	for i := range 3 {
		x := 200 + 270*float64(i)
		c.fill(0x3a2a20, limb(2, 2, x, 0, x, 36))
		c.fill(0x2f5347, (&path{}).move(x-30, 60).quad(x-24, 34, x, 32).quad(x+24, 34, x+30, 60))
		c.glow(0xffdf94, 0.6, x, 66, 130)
	}
	c.shade(0x8a5632, 0x5c3519, 1, 1, 0, 330, 0, 540, rect(420, 350, 560, 200))
	c.shade(0xd4a06a, 0xa87343, 1, 1, 0, 338, 0, 356, rounded(404, 336, 580, 22, 6))
	for i := range 7 {
		c.veil(0x3d2210, 0.4, rect(440+80*float64(i), 372, 3, 170))
	}
	c.fill(0xc0c4c8, rounded(820, 248, 100, 90, 8))
	c.fill(0x8d9296, rounded(832, 284, 76, 12, 4))
	c.fill(0xc0392f, ellipse(842, 268, 5, 5))
}

func cafeDraw(c *canvas, t float64) {
	for i := range 34 { // rain behind the window
		y := math.Mod(hash(i+9)*196+t*240, 196)
		x := 56 + 268*hash(i+60)
		c.veil(0xeaf2f6, 0.4, limb(1.2, 0.6, x, 72+y*0.9, x-2, 72+y*0.9+14))
	}
	c.person(amelie, pose{x: 560, y: 640, h: 66, turn: -0.3, upper: true, right: point{0.35, 1.5}, left: point{-0.2, 1.6 + 0.1*math.Sin(t*3)}})
	c.shade(0x8a5632, 0x5c3519, 1, 1, 0, 350, 0, 540, rect(420, 352, 380, 200))
	c.shade(0xd4a06a, 0xa87343, 1, 1, 0, 338, 0, 356, rounded(404, 336, 400, 22, 6))
	c.fill(0xf7f2e8, ellipse(690, 334, 46, 7))
	c.fill(0xc98a45, (&path{}).move(650, 330).quad(690, 300, 730, 330))
	for i := range 6 {
		c.fill(0xd0503c, ellipse(662+11*float64(i), 322-4*float64(i%2), 5, 4))
	}
	c.person(mara, pose{x: 230, y: 560, h: 62, turn: 0.45, sit: true, right: point{0.55, 1.4}})
	c.shade(0xd4a06a, 0x8d5a32, 1, 1, 0, 440, 0, 470, ellipse(310, 452, 170, 22))
	c.fill(0x5c3519, rect(302, 460, 16, 90))
	c.cup(346, 446, 1)
	c.steam(346, 420, 0.8, t)
}

func (c *canvas) cup(x, y, s float64) {
	c.in(s, s, x, y, func() {
		c.fill(0xe9e4da, ellipse(0, 0, 32, 6))
		for i := range 10 {
			a, b := -1.3+0.26*float64(i), -1.04+0.26*float64(i)
			c.fill(0xf6f2ea, limb(4, 4, 20+9*math.Cos(a), -17+9*math.Sin(a), 20+9*math.Cos(b), -17+9*math.Sin(b)))
		}
		c.shade(0xffffff, 0xd2ccc0, 1, 1, -20, 0, 22, 0, (&path{}).move(-22, -32).line(22, -32).quad(20, 0, 9, 0).line(-9, 0).quad(-20, 0, -22, -32))
		c.fill(0x4a2a18, ellipse(0, -32, 20, 4.5))
	})
}

func marketPlate(c *canvas) {
	c.sky(Width, 320, 0x74b7e6, 0xdff0f3)
	c.cloud(720, 70, 1.2, 0xffffff, 0.85)
	for i := range 6 {
		x := -20 + 170*float64(i)
		k := []rgb{0xeed9b4, 0xd99a7c, 0xcfdad6, 0xe9c47a, 0xc7a59a, 0xe2e0d2}[i]
		h := 250 + 50*hash(i+3)
		c.shade(k, mix(k, 0, 0.12), 1, 1, x, 0, x+170, 0, rect(x, 400-h, 170, h))
		c.fill(0x9c4f3c, poly(x-6, 400-h, x+85, 340-h, x+176, 400-h))
		for j := range 4 {
			wx, wy := x+28+72*float64(j%2), 432-h+74*float64(j/2)
			c.fill(0x5a7686, rect(wx, wy, 36, 46))
			c.fill([]rgb{0x3f6b52, 0x8a4a3a}[i%2], rect(wx-11, wy, 10, 46))
			c.fill([]rgb{0x3f6b52, 0x8a4a3a}[i%2], rect(wx+37, wy, 10, 46))
		}
	}
	c.ground(Width, 396, 150, 0xcabca6, 0x9a8b76)
	for i := range 60 {
		c.veil(0x7c6e5c, 0.25, ellipse(hash(i)*Width, 404+136*hash(i+80), 26, 5))
	}
	c.awning(60, 480, 0xc8443c, "FRESH APPLES")
	c.awning(590, 330, 0x2f7f8f, "FISH MARKET")
}

// awning is a stall's roof with posts and a sign.
func (c *canvas) awning(x, w float64, k rgb, sign string) {
	for _, px := range []float64{x + 8, x + w - 14} {
		c.fill(0x6b4a30, rect(px, 130, 8, 330))
	}
	n := int(w / 30)
	for i := range n {
		a := x + w*float64(i)/float64(n)
		b := a + w/float64(n)
		s := []rgb{k, 0xf7f2e6}[i%2]
		c.shade(mix(s, 0xffffff, 0.1), mix(s, 0, 0.12), 1, 1, 0, 96, 0, 170, (&path{}).move(a+(x+w/2-a)*0.1, 96).line(b+(x+w/2-b)*0.1, 96).line(b, 158).quad((a+b)/2, 182, a, 158))
	}
	c.board(x+w/2, 74, w*0.62, 42, 0xfdf6e3, 0x2b2320, 27, sign)
}

func marketDraw(c *canvas, t float64) {
	c.person(brandt, pose{x: 980 - 46*t, y: 470, h: 44, turn: -0.6, walk: t * 4.6, moves: true})
	c.person(luis, pose{x: 250, y: 590, h: 62, turn: 0.25, upper: true, right: point{0.5 + 0.1*math.Sin(t*3), 0.1 - 0.15*math.Sin(t*3)}, holds: func(h point) {
		c.fill(0xc42f2a, ellipse(h.x+0.02, h.y-0.25, 0.24, 0.23))
		c.fill(0xf0897a, ellipse(h.x-0.06, h.y-0.32, 0.06, 0.06))
		c.fill(0x4c8a3a, ellipse(h.x+0.1, h.y-0.5, 0.1, 0.05))
	}})
	c.stall(70, 470, 0x8a5a36)
	c.crates(86)
	c.stall(600, 316, 0x6d7f86)
	c.fill(0xdfeaf0, rect(606, 392, 304, 22))
	for i := range 6 {
		c.fishOn(634+50*float64(i), 398+5*float64(i%2))
	}
	c.person(mara, pose{x: 500, y: 552, h: 62, turn: -0.4, left: point{-0.35, 1.2}})
}

func (c *canvas) stall(x, w float64, k rgb) {
	c.shade(mix(k, 0xffffff, 0.15), mix(k, 0, 0.2), 1, 1, 0, 410, 0, 530, rect(x, 410, w, 130))
	c.fill(mix(k, 0, 0.3), rect(x, 410, w, 8))
	for i := range int(w / 50) {
		c.veil(0, 0.2, rect(x+50*float64(i), 418, 2, 122))
	}
}

func (c *canvas) crates(x float64) {
	fruit := []rgb{0xc42f2a, 0xe8a02c, 0x6ca13c}
	for i := range 3 {
		cx := x + 148*float64(i)
		c.fill(0x5f3d22, rect(cx, 376, 136, 10))
		for r := range 2 {
			for j := range 7 - r {
				ax, ay := cx+14+18*float64(j)+9*float64(r), 374-15*float64(r)
				c.shade(mix(fruit[i], 0xffffff, 0.2), mix(fruit[i], 0, 0.15), 1, 1, ax-6, ay-6, ax+8, ay+8, ellipse(ax, ay, 11, 10.5))
			}
		}
		c.shade(0xc29261, 0x94653a, 1, 1, 0, 378, 0, 412, rect(cx, 380, 136, 32))
		c.fill(0x7a5230, rect(cx, 394, 136, 3))
	}
}

func (c *canvas) fishOn(x, y float64) {
	c.shade(0xb9cdd8, 0x5f7f92, 1, 1, 0, y+6, 0, y-8, (&path{}).move(x-24, y).quad(x-4, y-14, x+14, y).line(x+26, y-8).line(x+26, y+8).line(x+14, y).quad(x-4, y+12, x-24, y))
	c.fill(0x111111, ellipse(x-16, y-2, 1.8, 1.8))
}

func kitchenPlate(c *canvas) {
	c.shade(0xf3e4bf, 0xdcc290, 1, 1, 0, 0, 0, 400, rect(0, 0, Width, Height))
	c.fill(0xffffff, rect(330, 60, 240, 200))
	c.shade(0x8fcaf0, 0xdff0e0, 1, 1, 0, 70, 0, 250, rect(340, 70, 220, 180))
	c.in(1, 1, 330, 0, func() { c.fill(0x7fae6a, (&path{}).move(10, 214).quad(80, 176, 230, 204).line(230, 250).line(10, 250)) })
	c.tree(400, 240, 0.42, 0x5f9a48, 8)
	c.fill(0xffffff, rect(446, 66, 8, 190))
	c.fill(0xffffff, rect(336, 156, 228, 7))
	for _, s := range []float64{-1, 1} {
		x := 450 + s*128
		c.shade(0xd9695a, 0xb5483d, 1, 1, x-30, 0, x+30, 0, (&path{}).move(x-34, 46).line(x+34, 46).quad(x+26*s+10, 160, x+22*s, 268).line(x+22*s-22, 268).quad(x-20, 150, x-34, 46))
	}
	c.fill(0xe9dfca, rounded(314, 258, 272, 14, 4))
	for i := range 8 { // tiles
		for j := range 2 {
			c.fill([]rgb{0xd7e6ea, 0xb9d2da}[(i+j)%2], rect(620+42*float64(i), 190+42*float64(j), 40, 40))
		}
	}
	c.fill(0x7c9a86, rect(620, 40, 340, 110))
	for i := range 3 {
		c.fill(0x6a8874, rounded(630+112*float64(i), 50, 98, 90, 5))
		c.fill(0xe8c04a, ellipse(716+112*float64(i), 112, 5, 5))
	}
	c.shade(0x7c9a86, 0x5d7a68, 1, 1, 0, 290, 0, 470, rect(620, 290, 340, 190))
	c.fill(0xefe6d2, rect(610, 276, 350, 16))
	c.fill(0x2f3236, rect(690, 262, 130, 14))
	c.fill(0x7c9a86, rect(0, 300, 130, 190))
	c.fill(0xefe6d2, rect(0, 286, 138, 16))
	c.shade(0xb9bec2, 0x8d9398, 1, 1, 0, 60, 120, 60, rect(0, 60, 110, 226))
	c.fill(0x6f757a, rect(0, 160, 110, 4))
	c.fill(0x53585c, rounded(92, 90, 7, 50, 3))
	c.ground(Width, 466, 80, 0xb5794b, 0x8a5732)
	for i := range 8 {
		c.veil(0x5c3519, 0.35, rect(0, 470+10*float64(i), Width, 1.5))
	}
}

func kitchenDraw(c *canvas, t float64) {
	c.cat(522, 260, 0.72, t)
	c.kettle(756, 262, 0.9)
	c.steam(806, 214, 1, t)
	c.person(mara, pose{x: 270, y: 552, h: 66, turn: 0.35, sit: true, right: point{0.6, 1.35 + 0.12*math.Sin(t*2.2)}})
	c.person(jonas, pose{x: 640, y: 600, h: 66, turn: -0.4, left: point{-0.5, 1.4}})
	c.shade(0xc98f5c, 0x8d5a32, 1, 1, 0, 420, 0, 460, rounded(150, 424, 600, 30, 10))
	c.fill(0x7a4c2a, rect(180, 454, 20, 90))
	c.fill(0x7a4c2a, rect(700, 454, 20, 90))
	c.cup(400, 426, 0.9)
	c.jar(520, 426, 0.5)
	c.cup(610, 426, 0.9)
}

func (c *canvas) kettle(x, y, s float64) {
	c.in(s, s, x, y, func() {
		c.fill(0x2a2a2c, limb(6, 6, curve(-30, -62, 0, -108, 30, -62)...))
		c.fill(0xb8362f, limb(12, 7, curve(36, -34, 58, -38, 58, -58)...))
		c.shade(0xe05a4c, 0x96271f, 1, 1, -40, 0, 44, 0, (&path{}).move(-44, 0).cube(-54, -50, -34, -70, 0, -70).cube(34, -70, 54, -50, 44, 0))
		c.fill(0x7d1f19, ellipse(0, -69, 18, 5))
		c.fill(0x2a2a2c, ellipse(0, -76, 6, 6))
		c.veil(0xffffff, 0.35, limb(7, 3, curve(-30, -14, -38, -40, -22, -58)...))
	})
}

// jar is a jar of honey with its label.
func (c *canvas) jar(x, y, s float64) {
	c.in(s, s, x, y, func() {
		c.shade(0xf2b632, 0xb8741a, 1, 1, -50, 0, 56, 0, rounded(-54, -120, 108, 120, 16))
		c.veil(0xffffff, 0.35, rounded(-44, -110, 12, 98, 6))
		c.fill(0xd9c9a0, rounded(-48, -140, 96, 24, 6))
		c.fill(0xfdf6e3, rounded(-46, -88, 92, 56, 5))
		c.sign(0x7a3f10, bold, 25, 0, -52, "HONEY")
	})
}

func honeyPlate(c *canvas) {
	c.shade(0xf3e4bf, 0xcaa66c, 1, 1, 0, 0, 0, 340, rect(0, 0, Width, Height))
	c.glow(0xfff3cf, 0.8, 240, 90, 360)
	for i := range 22 {
		c.glow([]rgb{0xffffff, 0xd9695a, 0x9fc6a0}[i%3], 0.2, Width*hash(i+5), 260*hash(i+65), 40+50*hash(i))
	}
	c.shade(0xc98f5c, 0x87542d, 1, 1, 0, 370, 0, 540, rect(0, 372, Width, 180))
	for i := range 6 {
		c.veil(0x5c3519, 0.3, rect(0, 388+26*float64(i), Width, 2))
	}
	c.veil(0, 0.22, ellipse(500, 452, 160, 18))
	c.jar(470, 450, 2)
}

func honeyDraw(c *canvas, t float64) {
	c.veil(0, 0.2, ellipse(745, 462, 90, 12))
	c.cup(740, 462, 2.2)
	c.steam(740, 385, 1.6, t)
	s := smooth(t / 1.6)
	c.fill(0xd8d9da, limb(7, 5, 250-40*s, 430, 205, 360-20*s))
	c.fill(0xd8d9da, ellipse(258-40*s, 440, 26, 15))
	c.fill(0xe8a92a, ellipse(258-40*s, 438, 20, 10))
}
