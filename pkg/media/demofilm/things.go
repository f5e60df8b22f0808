package demofilm

import "math"

// sky fills the picture down to y with colours from top to bottom.
func (c *canvas) sky(w, y float64, top, bottom rgb) {
	c.shade(top, bottom, 1, 1, 0, 0, 0, y, rect(-20, -20, w+40, y+20))
}

func (c *canvas) ground(w, y, h float64, top, bottom rgb) {
	c.shade(top, bottom, 1, 1, 0, y, 0, y+h, rect(-20, y, w+40, h+20))
}

// hills are a ridge across the picture.
func (c *canvas) hills(w, y, height float64, seed int, k, foot rgb) {
	p := (&path{}).move(-20, y+height*2.5)
	for i := 0; i <= 24; i++ {
		x := (w+40)*float64(i)/24 - 20
		a := float64(seed)
		p.line(x, y-height*(0.5*math.Sin(x/170+a)+0.3*math.Sin(x/77+2*a)+0.15*math.Sin(x/37+3*a)))
	}
	p.line(w+20, y+height*2.5)
	c.shade(k, foot, 1, 1, 0, y-height, 0, y+height*2, p)
}

// peaks are mountains with snow.
func (c *canvas) peaks(w, y, height float64, seed int, k, snow rgb) {
	for i := range int(w/210) + 2 {
		x := float64(i)*210 - 60 + 60*hash(seed+i)
		h := height * (0.65 + 0.45*hash(seed+50+i))
		c.shade(mix(k, 0xffffff, 0.1), k, 1, 1, x-90, 0, x+150, 0, poly(x-230, y, x, y-h, x+230, y))
		c.fill(mix(k, 0, 0.12), poly(x+230, y, x, y-h, x+30, y-h*0.6, x+10, y-h*0.35, x+60, y))
		c.fill(snow, poly(x-76, y-h*0.67, x, y-h, x+76, y-h*0.67, x+40, y-h*0.72, x+14, y-h*0.6, x-18, y-h*0.74, x-44, y-h*0.62))
	}
}

func (c *canvas) cloud(x, y, s float64, k rgb, alpha float64) {
	p := ellipse(x, y, 70*s, 20*s)
	for i, dx := range []float64{-38, -8, 28} {
		p.ellipse(x+dx*s, y-(10+8*float64(i%2))*s, (28+6*float64(i%2))*s, 24*s)
	}
	c.veil(k, alpha, p)
}

func (c *canvas) stars(w, y float64, n int) {
	for i := range n {
		r := 0.6 + 1.1*hash(3*i+5)
		c.veil(0xfff6d8, 0.35+0.6*hash(7*i), ellipse(w*hash(2*i+1), y*hash(5*i+2), r, r))
	}
}

func (c *canvas) moon(x, y, r float64) {
	c.glow(0xdfe8ff, 0.35, x, y, r*3.6)
	c.shade(0xfffbe8, 0xe6dfc4, 1, 1, x-r, y-r, x+r, y+r, ellipse(x, y, r, r))
	for i, q := range [][3]float64{{-0.3, -0.2, 0.2}, {0.25, 0.3, 0.26}, {0.35, -0.35, 0.13}, {-0.35, 0.42, 0.15}, {0.02, -0.55, 0.1}} {
		c.veil(0xc9c09c, 0.45+0.05*float64(i%2), ellipse(x+q[0]*r, y+q[1]*r, q[2]*r, q[2]*r*0.9))
	}
}

// sea is water with waves that do not move; waves draws those that move.
func (c *canvas) sea(w, y, h float64, far, near rgb) {
	c.ground(w, y, h, far, near)
}

func (c *canvas) waves(w, y, h, t float64, k rgb, alpha float64) {
	for i := range 46 {
		row := float64(i%12) / 12
		wy := y + 6 + row*row*h
		long := 18 + 50*row + 20*hash(i)
		x := math.Mod(hash(i*3)*w+t*(6+14*row)*(1-2*float64(i%2)*0.4)+w*4, w+200) - 100
		swell := 2.2 * math.Sin(t*1.6+float64(i))
		c.veil(k, alpha*(0.5+0.5*math.Sin(t*1.3+float64(i)*1.7)), limb(1.2+1.6*row, 0.6, curve(x-long/2, wy+swell, x, wy-3-3*row+swell, x+long/2, wy+swell)...))
	}
}

func (c *canvas) lighthouse(x, y, h float64) {
	w := h * 0.15
	c.fill(0x6b655e, (&path{}).move(x-w*2.2, y+10).quad(x-w*1.2, y-h*0.05, x, y-h*0.04).quad(x+w*1.3, y-h*0.05, x+w*2.4, y+10))
	c.shade(0xfbf7ee, 0xc9c3b8, 1, 1, x-w, 0, x+w, 0, poly(x-w, y, x-w*0.6, y-h*0.8, x+w*0.6, y-h*0.8, x+w, y))
	for i := range 3 {
		a, b := 0.1+0.26*float64(i), 0.23+0.26*float64(i)
		at := func(s float64) float64 { return w * (1 - 0.4*s/0.8) }
		c.shade(0xd8463a, 0xa52a26, 1, 1, x-w, 0, x+w, 0, poly(x-at(a), y-h*a, x-at(b), y-h*b, x+at(b), y-h*b, x+at(a), y-h*a))
	}
	c.fill(0x3a3a42, rect(x-w*0.85, y-h*0.83, w*1.7, h*0.035))
	c.fill(0xffe9a0, rect(x-w*0.45, y-h*0.94, w*0.9, h*0.11))
	for i := range 4 {
		c.fill(0x3a3a42, rect(x-w*0.45+w*0.28*float64(i), y-h*0.94, w*0.06, h*0.11))
	}
	c.fill(0xb93730, (&path{}).move(x-w*0.6, y-h*0.94).quad(x-w*0.4, y-h*1.02, x, y-h*1.05).quad(x+w*0.4, y-h*1.02, x+w*0.6, y-h*0.94))
	c.fill(0x3b2f2a, rounded(x-w*0.25, y-h*0.09, w*0.5, h*0.09, w*0.2))
	c.fill(0x4d6272, rounded(x-w*0.12, y-h*0.42, w*0.24, h*0.07, w*0.1))
}

// boat is a small boat with a cabin; lit boats have light in the window.
func (c *canvas) boat(x, y, s, t float64, lit bool) {
	y += 3 * s * math.Sin(t*1.5+x/50)
	c.in(s, s, x, y, func() {
		c.fill(0x7a5b3e, rect(16, -104, 4, 78))
		c.fill(0xd94f3f, poly(20, -104, 48, -96, 20, -86))
		c.shade(0xffffff, 0xd8d4cc, 1, 1, -40, 0, 30, 0, rounded(-40, -58, 62, 34, 5))
		c.fill(0x2c5a7c, rounded(-44, -64, 70, 9, 4))
		for i := range 2 {
			k := rgb(0x86b4cf)
			if lit {
				k = 0xffdf8a
			}
			c.fill(k, rounded(-32+28*float64(i), -50, 20, 16, 3))
		}
		c.shade(0x2f6d96, 0x1d4663, 1, 1, 0, -28, 0, 14, (&path{}).move(-92, -28).line(98, -32).quad(82, 14, 50, 14).line(-60, 14).quad(-84, 8, -92, -28))
		c.fill(0xf3efe6, (&path{}).move(-92, -28).line(98, -32).line(96, -24).line(-91, -20))
		c.fill(0xc0392f, (&path{}).move(-80, 4).line(70, 4).line(50, 14).line(-60, 14).quad(-74, 12, -80, 4))
		if lit {
			c.glow(0xffd777, 0.5, -8, -44, 60)
		}
	})
}

func (c *canvas) gull(x, y, s, t float64) {
	f := 6 * math.Sin(t*6)
	c.in(s, s, x, y, func() {
		c.fill(0xfdfdfb, limb(3.5, 1, curve(0, 0, -9, -10-f, -24, -2-f)...))
		c.fill(0xfdfdfb, limb(3.5, 1, curve(0, 0, 9, -10-f, 24, -2-f)...))
		c.fill(0xffffff, ellipse(0, 1, 8, 3))
		c.fill(0xe8a33a, poly(8, 0, 13, 2, 8, 3))
	})
}

func (c *canvas) tree(x, y, s float64, k rgb, apples int) {
	c.in(s, s, x, y, func() {
		c.shade(0x7d5a3c, 0x513723, 1, 1, -16, 0, 18, 0, (&path{}).move(-20, 4).quad(-9, -40, -12, -120).line(14, -120).quad(10, -40, 24, 4))
		c.fill(0x6b4a30, limb(12, 5, 0, -90, -40, -140))
		c.fill(0x6b4a30, limb(12, 5, 2, -96, 46, -146))
		for i, q := range [][3]float64{{-58, -150, 52}, {52, -152, 54}, {0, -130, 50}, {-28, -200, 54}, {32, -204, 52}, {0, -170, 60}} {
			c.shade(mix(k, 0xffffff, 0.14), mix(k, 0, 0.16), 1, 1, q[0]-30, q[1]-40, q[0]+30, q[1]+50, ellipse(q[0], q[1], q[2], q[2]*0.88))
			for j := range 9 {
				a, r := hash(i*13+j)*2*math.Pi, q[2]*0.8*hash(i*17+j+3)
				c.veil(mix(k, []rgb{0xffffff, 0}[j%2], 0.2), 0.5, ellipse(q[0]+r*math.Cos(a), q[1]+r*math.Sin(a)*0.85, 7, 4.5))
			}
		}
		for i := range apples {
			a := float64(i) * 2.4
			r := 22 + 62*hash(i+400)
			ax, ay := r*math.Cos(a)*1.1, -168+r*math.Sin(a)*0.72
			c.fill(0xc42f2a, ellipse(ax, ay, 7, 7))
			c.fill(0xf0897a, ellipse(ax-2, ay-2.5, 1.8, 1.8))
		}
	})
}

func (c *canvas) pine(x, y, s float64, k, snow rgb) {
	c.in(s, s, x, y, func() {
		c.fill(0x4d3726, rect(-6, -30, 12, 32))
		for i := range 4 {
			b, w := -22-40*float64(i), 62-12*float64(i)
			c.shade(mix(k, 0xffffff, 0.12), mix(k, 0, 0.2), 1, 1, -w, 0, w, 0, (&path{}).move(-w, b).quad(0, b+12, w, b).line(0, b-72))
			if snow != 0 {
				c.fill(snow, (&path{}).move(-w, b).quad(-w*0.3, b-14, 0, b-72).quad(-w*0.12, b-30, -w*0.25, b-10).quad(-w*0.5, b-2, -w, b))
			}
		}
	})
}

func (c *canvas) lamp(x, y, h float64, lit bool) {
	c.fill(0x2b2d36, limb(7, 5, x, y, x, y-h))
	c.fill(0x2b2d36, rounded(x-10, y-8, 20, 9, 3))
	k := rgb(0xd9dcd6)
	if lit {
		k = 0xffe6a0
		c.glow(0xffd27a, 0.55, x, y-h-8, 110)
	}
	c.fill(k, rounded(x-11, y-h-24, 22, 28, 8))
	c.fill(0x2b2d36, poly(x-15, y-h-22, x, y-h-36, x+15, y-h-22))
}

func (c *canvas) car(x, y, s, t float64, k rgb, lights bool) {
	c.in(s, math.Abs(s), x, y, func() {
		c.veil(0, 0.25, ellipse(0, 3, 96, 8))
		if lights {
			c.shade(0xfff0b8, 0xfff0b8, 0.5, 0, 88, 0, 260, 0, poly(88, -26, 270, -50, 270, 8, 88, -16))
		}
		c.shade(mix(k, 0xffffff, 0.2), mix(k, 0, 0.25), 1, 1, 0, -50, 0, -4, (&path{}).move(-92, -10).quad(-96, -40, -78, -42).line(-58, -44).cube(-44, -76, -34, -78, -10, -78).
			line(14, -78).cube(34, -78, 44, -62, 56, -46).quad(92, -42, 94, -22).line(92, -8).line(-92, -8))
		c.fill(0xbfe0ee, (&path{}).move(-50, -46).quad(-40, -70, -30, -71).line(-10, -71).line(-10, -46))
		c.fill(0xa9d2e4, (&path{}).move(-3, -46).line(-3, -71).line(12, -71).quad(30, -70, 44, -46))
		c.fill(0xfff3c4, ellipse(86, -28, 6, 7))
		c.fill(0xc8392f, rounded(-95, -36, 7, 12, 3))
		c.fill(mix(k, 0, 0.35), limb(2, 2, -6, -44, -6, -14))
		for _, wx := range []float64{-52, 54} {
			c.fill(0x1d1e22, ellipse(wx, -8, 19, 19))
			c.fill(0xb9bcc2, ellipse(wx, -8, 10, 10))
			for i := range 4 {
				a := t*9 + float64(i)*math.Pi/2
				c.fill(0x6d7077, limb(2.4, 2.4, wx, -8, wx+9*math.Cos(a), -8+9*math.Sin(a)))
			}
		}
	})
}

// dog is a dog in profile that looks to the right; phase is the step's, and the tail wags.
func (c *canvas) dog(x, y, s, phase, t float64, walking bool) {
	k, dark := rgb(0xb5763f), rgb(0x7d4d26)
	c.in(s, math.Abs(s), x, y, func() {
		c.veil(0, 0.2, ellipse(0, 2, 50, 5))
		for i, lx := range []float64{-34, 26, -26, 34} {
			swing := 0.0
			if walking {
				swing = 11 * math.Sin(phase+math.Pi*float64(i%2)+float64(i/2)*math.Pi/2)
			}
			c.fill([]rgb{dark, dark, k, k}[i], limb(12, 8, lx, -34, lx+swing*0.5, -18, lx+swing, -3))
		}
		wag := 12 * math.Sin(t*11)
		c.fill(k, limb(9, 4, curve(-44, -46, -62, -54, -64+wag*0.4, -74+wag*0.3)...))
		c.shade(mix(k, 0xffffff, 0.15), dark, 1, 1, 0, -64, 0, -28, (&path{}).move(-48, -48).cube(-46, -66, 30, -62, 42, -58).cube(56, -44, 48, -28, 34, -27).cube(0, -22, -46, -24, -48, -48))
		c.fill(k, limb(30, 24, 38, -50, 52, -74))
		c.fill(k, ellipse(56, -82, 21, 18))
		c.fill(mix(k, 0xffffff, 0.3), rounded(60, -84, 30, 17, 8))
		c.fill(0x17110e, ellipse(88, -81, 5, 4.5))
		c.fill(0x17110e, ellipse(62, -87, 3, 3.4))
		c.fill(0xffffff, ellipse(63, -88, 1, 1))
		c.fill(dark, (&path{}).move(44, -94).quad(30, -84, 36, -62).quad(48, -66, 54, -92))
		c.fill(0xc8443c, limb(6, 6, 36, -62, 58, -64))
	})
}

func (c *canvas) cat(x, y, s, t float64) {
	k := rgb(0x3d3a40)
	c.in(s, s, x, y, func() {
		c.fill(k, limb(9, 6, curve(24, -8, 60, -4, 52+5*math.Sin(t*1.7), -30)...))
		c.fill(k, (&path{}).move(-26, 0).cube(-34, -50, -10, -62, 0, -62).cube(14, -62, 38, -40, 30, 0))
		c.fill(0xe9e4da, ellipse(0, -24, 11, 18))
		c.fill(k, ellipse(0, -70, 24, 20))
		ear := 3 * math.Max(0, math.Sin(t*2.1)-0.8) * 5
		c.fill(k, poly(-22, -74, -20-ear, -100, -6, -86))
		c.fill(k, poly(22, -74, 20, -100, 6, -86))
		c.fill(0xc98f8a, poly(-18, -80, -18-ear, -93, -10, -85))
		c.fill(0xc98f8a, poly(18, -80, 18, -93, 10, -85))
		b := 1 - blink(t, 77)
		for _, e := range []float64{-9, 9} {
			c.fill(0xd8d24a, ellipse(e, -72, 5, 5*b+0.4))
			c.fill(0x111111, ellipse(e, -72, 1.8, 4.6*b+0.3))
		}
		c.fill(0xd99a94, poly(-3, -65, 3, -65, 0, -61))
		for _, side := range []float64{-1, 1} {
			for i := range 3 {
				c.veil(0xffffff, 0.7, limb(0.9, 0.5, side*6, -62, side*30, -67+5*float64(i)))
			}
			c.fill(0xe9e4da, ellipse(side*12, -2, 9, 5))
		}
	})
}

// butterfly has wings that open and shut.
func (c *canvas) butterfly(x, y, s, t float64) {
	open := 0.35 + 0.65*math.Abs(math.Sin(t*5.5))
	c.in(s, s, x, y, func() {
		for _, side := range []float64{-1, 1} {
			w := side * open
			c.shade(0xf5a623, 0xd9541e, 1, 1, 0, -40, 40*w, 20, (&path{}).move(0, -4).cube(10*w, -52, 62*w, -54, 60*w, -22).cube(58*w, -4, 20*w, 6, 0, 2))
			c.shade(0xf7b83a, 0xc2451b, 1, 1, 0, 0, 30*w, 40, (&path{}).move(0, 2).cube(20*w, 2, 50*w, 8, 42*w, 30).cube(34*w, 48, 8*w, 34, 0, 10))
			for i := range 4 {
				c.fill(0x2b1a12, limb(1.6, 1.2, 0, 0, w*(26+9*float64(i)), -38+11*float64(i)))
			}
			c.fill(0x2b1a12, limb(5, 4, curve(14*w, -44, 58*w, -54, 59*w, -16)...))
			for i := range 3 {
				c.fill(0xffffff, ellipse(w*(30+11*float64(i)), -42+7*float64(i), 2.4*open, 2.4))
			}
		}
		c.fill(0x2b1a12, limb(7, 3.5, 0, -14, 0, 26))
		c.fill(0x2b1a12, ellipse(0, -18, 5, 5))
		c.fill(0x2b1a12, limb(1.3, 1, curve(-1, -20, -6, -32, -13, -38)...))
		c.fill(0x2b1a12, limb(1.3, 1, curve(1, -20, 6, -32, 13, -38)...))
	})
}

func (c *canvas) flower(x, y, s float64, k rgb, sway float64) {
	c.fill(0x4c8a3a, limb(3.4*s, 2.4*s, curve(x, y, x+sway*0.3, y-30*s, x+sway, y-62*s)...))
	c.fill(0x5fa046, ellipse(x+9*s, y-26*s, 11*s, 4*s))
	for i := range 7 {
		a := float64(i) * 2 * math.Pi / 7
		c.fill(mix(k, 0xffffff, 0.12*float64(i%2)), ellipse(x+sway+13*s*math.Cos(a), y-62*s+13*s*math.Sin(a), 9*s, 9*s))
	}
	c.fill(0xf6c945, ellipse(x+sway, y-62*s, 8*s, 8*s))
}

// rain falls over the whole frame.
func (c *canvas) rain(t float64, n int) {
	for i := range n {
		z := 0.5 + 0.5*hash(i)
		fall := 700 * z
		y := math.Mod(hash(i+900)*600+t*fall, 640) - 60
		x := math.Mod(hash(i+1700)*1060-t*60*z+3000, 1060) - 50
		c.veil(0xe6f0f8, 0.28*z+0.1, limb(1.3*z, 0.7, x, y, x-4*z, y+24*z))
	}
}

func (c *canvas) snow(t float64, n int) {
	for i := range n {
		z := 0.35 + 0.65*hash(i+11)
		y := math.Mod(hash(i+900)*600+t*74*z, 600) - 30
		x := math.Mod(hash(i+1700)*1060+26*math.Sin(t*0.9+float64(i))-t*18*z+2000, 1060) - 50
		c.veil(0xffffff, 0.55+0.35*z, ellipse(x, y, 3.6*z, 3.6*z))
	}
}

// steam rises from a cup or a kettle.
func (c *canvas) steam(x, y, s, t float64) {
	for i := range 6 {
		age := math.Mod(t*0.5+float64(i)/6, 1)
		c.veil(0xffffff, 0.26*(1-age), ellipse(x+8*s*math.Sin(t*1.8+float64(i)*2)*age, y-70*s*age, (5+14*age)*s, (5+14*age)*s))
	}
}

func (c *canvas) umbrella(x, y, r float64, k rgb) {
	c.cover(x-r, y-r*0.8, 2*r, r)
	c.fill(0x3a2f2a, limb(4, 4, x, y-r*0.5, x, y+r*1.1))
	for i := range 6 {
		a, b := -1+float64(i)/3, -1+float64(i+1)/3
		c.fill(mix(k, []rgb{0xffffff, 0}[i%2], 0.13), (&path{}).move(x, y-r*0.78).quad(x+r*a*0.85, y-r*0.62, x+r*a, y).quad(x+r*(a+b)/2, y-r*0.1, x+r*b, y).quad(x+r*b*0.85, y-r*0.62, x, y-r*0.78))
	}
}

// board is a sign with letters on a plank.
func (c *canvas) board(x, y, w, h float64, k, ink rgb, size float64, s string) {
	c.veil(0, 0.2, rounded(x-w/2+3, y-h/2+4, w, h, 6))
	c.fill(mix(k, 0, 0.35), rounded(x-w/2-3, y-h/2-3, w+6, h+6, 7))
	c.fill(k, rounded(x-w/2, y-h/2, w, h, 5))
	c.sign(ink, bold, size, x, y+size*0.36, s)
}
