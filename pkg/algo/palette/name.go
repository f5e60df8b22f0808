package palette

import (
	"math"
	"sync"
)

// names are the names of colours, in the order of their numbers.
var names = []string{
	"black", "grey", "white", "red", "dark red", "orange", "brown", "beige", "yellow", "olive", "green", "dark green", "light green",
	"turquoise", "sky blue", "blue", "dark blue", "purple", "dark purple", "pink",
}

const (
	black = iota
	grey
	white
	red
	darkRed
	orange
	brown
	beige
	yellow
	olive
	green
	darkGreen
	lightGreen
	turquoise
	skyBlue
	blue
	darkBlue
	purple
	darkPurple
	pink
	count
)

// A lab is a colour in CIELAB, by lightness, chroma and hue in degrees.
type lab struct{ lightness, chroma, hue float64 }

// labOf converts a colour of sRGB, white D65 (IEC 61966-2-1, CIE 15).
func labOf(r, g, b uint8) lab {
	linear := func(v uint8) float64 {
		x := float64(v) / 255
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	root := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	lr, lg, lb := linear(r), linear(g), linear(b)
	x := root((0.4124564*lr + 0.3575761*lg + 0.1804375*lb) / 0.95047)
	y := root(0.2126729*lr + 0.7151522*lg + 0.0721750*lb)
	z := root((0.0193339*lr + 0.1191920*lg + 0.9503041*lb) / 1.08883)
	aa, bb := 500*(x-y), 200*(y-z)
	h := math.Atan2(bb, aa) * 180 / math.Pi
	if h < 0 {
		h += 360
	}
	return lab{116*y - 16, math.Hypot(aa, bb), h}
}

// number names a colour.
func (c lab) number() int {
	l := c.lightness
	// A dark colour and a light colour have less chroma for the same look.
	if c.chroma < 9 || l < 12 || l > 94 && c.chroma < 18 {
		switch {
		case l < 20:
			return black
		case l > 85:
			return white
		}
		return grey
	}
	if h := c.hue; h < 78 || h >= 345 {
		return c.warm()
	}
	return c.cold()
}

// shade is one of two colours, by the lightness.
func (c lab) shade(border float64, dark, light int) int {
	if c.lightness < border {
		return dark
	}
	return light
}

// warm names a colour from red to orange.
func (c lab) warm() int {
	l := c.lightness
	switch h := c.hue; {
	case h < 25 || h >= 345:
		if l >= 55 && c.chroma < 70 {
			return pink
		}
		return c.shade(32, darkRed, red)
	case h < 45:
		if l >= 65 && c.chroma < 50 {
			return pink
		}
		if c.chroma < 40 {
			return brown
		}
		return c.shade(32, darkRed, red)
	}
	switch {
	case l >= 70 && c.chroma < 45:
		return beige
	case l < 55 || c.chroma < 40 || l < 65 && c.chroma < 55:
		return brown
	}
	return orange
}

// cold names a colour from yellow to purple.
func (c lab) cold() int {
	l := c.lightness
	switch h := c.hue; {
	case h < 108:
		switch {
		case c.chroma < 28 && l >= 65:
			return beige
		case l < 62:
			return olive
		}
		return yellow
	case h < 165:
		switch {
		case h < 125 && c.chroma < 22 && l >= 65:
			return beige
		case h < 122 && l < 62 && c.chroma < 60:
			return olive
		case l >= 78:
			return lightGreen
		}
		return c.shade(38, darkGreen, green)
	case h < 215:
		return turquoise
	case h < 309:
		if l >= 60 || h < 285 && l >= 57 || h < 265 && l >= 50 {
			return skyBlue
		}
		return c.shade(28, darkBlue, blue)
	case h < 330:
		return c.shade(25, darkPurple, purple)
	}
	if l >= 62 {
		return pink
	}
	return c.shade(25, darkPurple, purple)
}

// bits is the depth of the table of colours, for each of red, green and blue.
const bits = 5

// An entry of the table of colours.
type entry struct {
	lab
	name     uint8
	cos, sin float32 // of the hue, times the chroma
}

// table has every colour at a depth of 15 bits.
var table = sync.OnceValue(func() *[1 << (3 * bits)]entry {
	var t [1 << (3 * bits)]entry
	wide := func(v int) uint8 { return uint8(v<<(8-bits) | v>>(2*bits-8)) }
	for i := range t {
		c := labOf(wide(i>>(2*bits)), wide(i>>bits&(1<<bits-1)), wide(i&(1<<bits-1)))
		rad := c.hue * math.Pi / 180
		t[i] = entry{c, uint8(c.number()), float32(c.chroma * math.Cos(rad)), float32(c.chroma * math.Sin(rad))}
	}
	return &t
})
