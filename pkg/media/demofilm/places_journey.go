package demofilm

import "math"

func stationPlate(c *canvas) {
	c.sky(Width, 330, 0x0d1730, 0x2a3a63)
	c.stars(Width, 200, 70)
	c.moon(140, 90, 30)
	c.hills(Width, 300, 30, 7, 0x17233f, 0x1d2c4b)
	for i := range 14 {
		x := 70*float64(i) + 20*hash(i)
		h := 34 + 40*hash(i+21)
		c.fill(0x141d33, rect(x, 330-h, 46, h))
		for j := range 3 {
			if hash(i*5+j) > 0.4 {
				c.fill(0xffd987, rect(x+7+13*float64(j), 340-h, 6, 8))
			}
		}
	}
	c.ground(Width, 326, 80, 0x2a2f3e, 0x1c202c)
	for i := range 2 {
		c.fill(0x8890a0, rect(0, 382+18*float64(i), Width, 3))
	}
	c.ground(Width, 416, 130, 0x6b6c78, 0x41434f)
	c.fill(0xe8c04a, rect(0, 420, Width, 6))
	c.shade(0x39404f, 0x23283a, 1, 1, 0, 30, 0, 70, poly(-20, 66, 480, 66, 540, 36, -20, 24))
	for _, x := range []float64{150, 330} {
		c.fill(0xfff0c0, rounded(x-26, 66, 52, 8, 3))
		c.glow(0xffdd92, 0.5, x, 78, 190)
	}
	c.board(245, 116, 210, 44, 0x1d4f9c, 0xffffff, 29, "PLATFORM 3")
}

func stationDraw(c *canvas, t float64) {
	// The train comes from the right and stops.
	c.bright(func() { c.train(250+1000*math.Pow(1-min(t/3.4, 1), 2.2), 404) })
	c.bright(func() { // the platform's edge lies before the train
		c.shade(0x6b6c78, 0x50525e, 1, 1, 0, 416, 0, 470, rect(0, 412, Width, 12))
		c.fill(0xe8c04a, rect(0, 420, Width, 6))
	})
	c.bright(c.posts)
	c.lit(1.1, 1.1, 1, func() {
		c.person(yuki, pose{x: 300, y: 516, h: 46, turn: 0.3, right: point{0.3, 1.9}})
		c.fill(0x8a4a2f, rounded(332, 462, 50, 52, 6))
		c.fill(0x5c2f1c, limb(5, 5, curve(346, 462, 357, 444, 368, 462)...))
	})
}

// posts stand on the platform, before the train.
func (c *canvas) posts() {
	for _, x := range []float64{60, 430} {
		c.fill(0x2b3140, rect(x, 66, 12, 362))
	}
	c.lamp(860, 440, 230, true)
	c.fill(0x2b3140, rect(596, 150, 8, 276))
	c.fill(0x1d2230, ellipse(600, 150, 42, 42))
	c.fill(0xfdf8e6, ellipse(600, 150, 36, 36))
	for i := range 12 {
		a := float64(i) * math.Pi / 6
		c.fill(0x222222, limb(3, 3, 600+28*math.Cos(a), 150+28*math.Sin(a), 600+32*math.Cos(a), 150+32*math.Sin(a)))
	}
	c.fill(0x222222, limb(5, 3, 600, 150, 590, 132))
	c.fill(0x222222, limb(3.5, 2, 600, 150, 622, 138))
}

// train is an engine that looks to the left, with two cars.
func (c *canvas) train(x, y float64) {
	c.shade(0xfff3c0, 0xfff3c0, 0.5, 0, x-20, 0, x-330, 0, poly(x-8, y-52, x-340, y-90, x-340, y+12, x-8, y-36))
	for i := range 3 {
		cx := x + 372*float64(i)
		body := rounded(cx, y-136, 364, 130, 12)
		if i == 0 {
			body = (&path{}).move(cx+70, y-136).line(cx+364, y-136).line(cx+364, y-6).line(cx, y-6).cube(cx-6, y-60, cx+18, y-128, cx+70, y-136)
		}
		c.shade(0x3f8f7a, 0x1d5a4c, 1, 1, 0, y-136, 0, y-10, body)
		c.fill(0xf3e6c4, rect(cx+4, y-46, 360, 10))
		c.fill(0x123a31, rect(cx+4, y-14, 360, 12))
		for j := range 5 {
			wx := cx + 28 + 66*float64(j)
			if i == 0 && j == 0 {
				c.fill(0xbfe3ee, (&path{}).move(cx+22, y-70).quad(cx+34, y-116, cx+66, y-118).line(cx+66, y-70))
				continue
			}
			c.shade(0xffeeb8, 0xf2c877, 1, 1, 0, y-116, 0, y-66, rounded(wx+20, y-118, 46, 50, 6))
		}
		for j := range 5 {
			c.fill(0x14161c, ellipse(cx+50+66*float64(j), y, 15, 15))
			c.fill(0x5a606c, ellipse(cx+50+66*float64(j), y, 6, 6))
		}
	}
	c.fill(0xfff6d0, ellipse(x+6, y-44, 9, 9))
	c.glow(0xfff0b0, 0.8, x+4, y-44, 60)
}

func trainPlate(c *canvas) {
	c.shade(0xd7c4a2, 0xb29a74, 1, 1, 0, 0, 0, 540, rect(0, 0, Width, Height))
	c.fill(0x8d7350, rect(0, 0, Width, 40))
	c.fill(0xf6edd8, rect(0, 34, Width, 8))
	c.fill(0x6f5a3d, rounded(120, 62, 720, 262, 26))
	c.fill(0x9aa5ad, rect(80, 52, 800, 6))
	c.board(480, 22, 250, 30, 0x27476b, 0xffffff, 20, "NEXT STOP: PINE HILL")
	for _, x := range []float64{0, 690} {
		c.shade(0x8e3f45, 0x5f272d, 1, 1, x, 0, x+270, 0, rounded(x-20, 190, 290, 400, 34))
		c.shade(0xa6525a, 0x74343b, 1, 1, 0, 200, 0, 420, rounded(x+14, 214, 222, 280, 26))
		c.fill(0xf1ead8, rounded(x+60, 200, 130, 50, 14))
	}
}

func trainDraw(c *canvas, t float64) {
	window := rounded(132, 74, 696, 238, 20)
	c.shade(0x9ccbe8, 0xe9f1ea, 1, 1, 0, 74, 0, 300, window)
	for i := range 5 { // mountains
		x := 132 + math.Mod(hash(i)*900+float64(i)*230-t*26+3000, 1000) - 140
		c.clipped(poly(x-130, 246, x, 120+30*hash(i+4), x+130, 246), 0x9aa9bb)
		c.clipped(poly(x-40, 162+26*hash(i+4), x, 120+30*hash(i+4), x+40, 162+26*hash(i+4)), 0xffffff)
	}
	c.clipped(rect(120, 236, 740, 90), 0x86ad74)
	for i := range 14 {
		x := 100 + math.Mod(hash(i+50)*900+float64(i)*77-t*190+9000, 860) - 40
		s := 0.6 + 0.5*hash(i+2)
		c.clipped(poly(x-26*s, 300, x, 300-92*s, x+26*s, 300), 0x2f6447)
	}
	for i := range 3 {
		x := 100 + math.Mod(float64(i)*330-t*640+90000, 990) - 60
		c.clipped(rect(x, 74, 12, 240), 0x5a4636)
	}
	c.fill(0x6f5a3d, rect(474, 70, 12, 246))
	c.veil(0xffffff, 0.12, poly(200, 74, 300, 74, 180, 312, 132, 312, 132, 236))
	sway := 2 * math.Sin(t*5)
	c.person(yuki, pose{x: 226, y: 842 + sway, h: 110, turn: 0.4, upper: true})
	c.person(brandt, pose{x: 734, y: 846 - sway, h: 110, turn: -0.4, upper: true, left: point{-0.3, 1.6}})
	c.shade(0xc9ab7c, 0x8f7246, 1, 1, 0, 470, 0, 500, rounded(370, 462, 220, 18, 6))
	c.fill(0x6f5a3d, rect(470, 478, 20, 70))
	c.cup(520, 464, 0.9)
}

// clipped fills the part of a shape that is inside the window of the train.
func (c *canvas) clipped(p *path, k rgb) {
	const l, r, t, b = 132, 828, 74, 312
	q := &path{ops: append([]op(nil), p.ops...)}
	for i := range q.ops {
		q.ops[i].p[0] = point{min(max(q.ops[i].p[0].x, l), r), min(max(q.ops[i].p[0].y, t), b)}
	}
	c.fill(k, q)
}

func roadPlate(c *canvas) {
	const w = Width * 1.35
	c.sky(w, 330, 0xaebccb, 0xe9eef2)
	c.peaks(w, 340, 250, 3, 0x77879b, 0xfdfeff)
	c.peaks(w, 380, 150, 9, 0x8d9cad, 0xfafcfe)
	c.hills(w, 372, 26, 3, 0xdfe7ee, 0xf6f9fb)
	for i := range 16 {
		c.pine(40+82*float64(i)+20*hash(i), 402+14*hash(i+5), 0.62+0.3*hash(i+9), 0x3a5f55, 0xf2f7fa)
	}
	c.ground(w, 396, 160, 0xf3f7fa, 0xd3dde6)
	c.shade(0x6d747d, 0x50565e, 1, 1, 0, 430, 0, 510, (&path{}).move(-20, 506).cube(400, 478, 800, 446, w+20, 430).line(w+20, 464).cube(800, 492, 400, 540, -20, 574))
	for i := range 12 {
		a := float64(i) / 12
		x := a * w
		y := 540 - 93*a
		c.veil(0xffffff, 0.85, limb(4, 4, x, y, x+44, y-3.2))
	}
	c.fill(0x6b4a30, rect(556, 320, 10, 130))
	c.fill(0x6b4a30, rect(706, 320, 10, 126))
	c.board(636, 330, 230, 58, 0x2f6b4a, 0xffffff, 29, "SUMMIT 4 KM")
	c.fill(0xffffff, (&path{}).move(520, 300).quad(636, 286, 752, 300).line(752, 304).line(520, 304))
	for i := range 9 {
		c.fill(0xc0392f, rect(60+140*float64(i), 440-6*float64(i), 6, 44))
	}
}

func roadDraw(c *canvas, t float64) {
	x := 1120 - 205*t
	a := x / (Width * 1.35)
	c.in(-1, 1, 0, 0, func() { c.car(-x, 536-96*a, 0.95, t, 0xc8392f, true) })
	at := c.at
	c.at = mat{1, 1, 0, 0}
	c.snow(t, 150)
	c.at = at
}

func villagePlate(c *canvas) {
	c.sky(Width, 360, 0x101a33, 0x3a4c78)
	c.stars(Width, 180, 60)
	c.peaks(Width, 380, 230, 5, 0x2f3d63, 0xc9d6ef)
	for i := range 6 {
		x := 20 + 165*float64(i)
		c.fill(0x2c2230, rect(x, 300, 120, 90))
		c.fill(0xdfe8f6, poly(x-14, 304, x+60, 246, x+134, 304))
		for j := range 2 {
			c.fill(0xffd27a, rect(x+20+50*float64(j), 322, 28, 32))
			c.glow(0xffcf7a, 0.5, x+34+50*float64(j), 338, 60)
		}
	}
	c.ground(Width, 384, 170, 0xaebfe0, 0x8093bd)
	c.lamp(800, 430, 220, true)
	c.pine(90, 440, 1.2, 0x22404a, 0xc3d2ec)
}

func snowDraw(c *canvas, t float64) {
	c.snow(t+5, 70)
	const h = 270
	c.lit(1.2, 1.15, 1.05, func() { c.person(yuki, pose{x: 470, y: 250 + 6.08*h, h: h, turn: 0.1 + 0.1*math.Sin(t), upper: true}) })
	c.snow(t, 90)
}

func orchardPlate(c *canvas) {
	c.sky(Width, 340, 0x6db6ea, 0xe7f4e4)
	c.cloud(200, 80, 1.3, 0xffffff, 0.85)
	c.cloud(690, 120, 1, 0xffffff, 0.8)
	c.hills(Width, 310, 34, 6, 0x8fbf77, 0xa7cd86)
	c.hills(Width, 350, 22, 1, 0x74ab5a, 0x8abf68)
	for i := range 7 {
		c.tree(40+150*float64(i), 372+8*hash(i), 0.4, 0x6aa14c, 6)
	}
	c.ground(Width, 372, 180, 0x8cc063, 0x4f8a3c)
	c.tree(760, 500, 1.55, 0x5c9a42, 26)
	for i := range 90 {
		x, y := Width*hash(i+3), 396+140*hash(i+200)
		c.veil([]rgb{0xa7d67c, 0x3f7a30}[i%2], 0.7, limb(2, 0.6, x, y, x+4*hash(i)-2, y-11))
	}
	for i := range 24 {
		c.flower(Width*hash(i+31), 440+96*hash(i+61), 0.24, []rgb{0xf4f0fa, 0xf0d35a, 0xd98ac0}[i%3], 0)
	}
}

func orchardDraw(c *canvas, t float64) {
	c.person(mara, pose{x: 300, y: 520, h: 58, turn: 0.4, right: point{0.4, 1.2 + 0.2*math.Sin(t*1.5)}})
	c.person(jonas, pose{x: 500, y: 524, h: 62, turn: -0.35, left: point{-0.3, 1.7}})
	c.butterfly(170+60*math.Sin(t*0.7), 210+40*math.Sin(t*1.9), 0.55, t)
	c.butterfly(640+40*math.Sin(t*0.9+2), 380+24*math.Sin(t*2.1), 0.4, t+1)
}

func flowersPlate(c *canvas) {
	c.shade(0xa9d48a, 0x4c8a3c, 1, 1, 0, 0, 0, 540, rect(0, 0, Width, Height))
	for i := range 60 {
		c.glow([]rgb{0xe8f6c8, 0x3f7a30, 0xd98ac0, 0xf4e06a}[i%4], 0.32, Width*hash(i+7), Height*hash(i+77), 30+60*hash(i))
	}
	for i := range 26 {
		x := Width * hash(i+310)
		c.veil(0x3f7a30, 0.8, limb(9, 2, curve(x, 560, x+30*hash(i)-15, 420, x+90*hash(i+4)-45, 300+120*hash(i+8))...))
	}
}

func butterflyDraw(c *canvas, t float64) {
	for i, q := range [][3]float64{{170, 560, 2.6}, {330, 590, 3.2}, {620, 580, 3.4}, {800, 560, 2.8}, {480, 600, 3.9}} {
		c.flower(q[0], q[1], q[2], []rgb{0xc76fb4, 0xf4f0fa, 0xe88aa8, 0x9a7fd1, 0xd9569a}[i], 7*math.Sin(t*1.4+float64(i)))
	}
	land := smooth(t / 1.5)
	x := 250 + 232*land + 8*math.Sin(t*1.4+4)
	y := 120 + 190*land + 26*(1-land)*math.Sin(t*7)
	c.butterfly(x, y, 2.6, t*(1-0.55*land)+0.2)
}

func forestPlate(c *canvas) {
	const w = Width * 1.3
	c.shade(0xcfe6b4, 0x5f8f4c, 1, 1, 0, 0, 0, 420, rect(0, 0, w, Height))
	c.glow(0xfdf6c8, 0.8, 640, 120, 340)
	for layer := range 3 {
		k := []rgb{0x8fb57c, 0x5f8a54, 0x3d6639}[layer]
		for i := range 11 + 3*layer {
			x := w*float64(i)/float64(10+3*layer) + 40*hash(i+layer*40) - 20
			y := 380 + 26*float64(layer)
			th := 12 + 12*float64(layer)
			c.shade(mix(k, 0x5a3d26, 0.5), mix(k, 0x3d2818, 0.7), 1, 1, x-th, 0, x+th, 0, poly(x-th*0.7, -10, x+th*0.7, -10, x+th, y, x-th, y))
		}
		for i := range 24 {
			c.veil(k, 0.85, ellipse(w*hash(i+layer*71), 20+60*hash(i+9)+30*float64(layer)-50, 90, 46))
		}
		c.ground(w, 360+26*float64(layer), 200, mix(k, 0xffffff, 0.1), k)
	}
	c.shade(0xc9a877, 0x96764a, 1, 1, 0, 410, 0, 540, (&path{}).move(560, 412).cube(700, 440, 420, 470, 240, 560).line(960, 560).cube(820, 480, 800, 440, 640, 412))
	for i := range 30 {
		x, y := w*hash(i+11), 430+110*hash(i+111)
		for j := range 5 {
			a := -2.6 + 0.5*float64(j)
			c.veil(0x6fa34c, 0.9, limb(5, 1, x, y, x+24*math.Cos(a), y+20*math.Sin(a)))
		}
	}
	for i := range 5 {
		c.shade(0xfffbe0, 0xfffbe0, 0.2, 0, 0, 0, 0, 420, poly(480+90*float64(i), -10, 530+90*float64(i), -10, 400+110*float64(i), 440, 300+110*float64(i), 440))
	}
	c.fill(0x6b4a30, rect(914, 320, 14, 130))
	c.board(920, 322, 216, 46, 0x8a5a36, 0xfff2d8, 27, "FOREST PATH")
}

func forestDraw(c *canvas, t float64) {
	x := 330 + 52*t
	c.person(brandt, pose{x: x, y: 520, h: 58, turn: 0.4, walk: t * 4.8, moves: true})
	c.fill(0x7a2f2a, limb(2.5, 2.5, curve(x+34, 340, x+120, 440, x+176, 452)...))
	c.dog(x+150, 524, 0.86, t*9, t, true)
}
