package palette

import (
	"math"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/media"
)

// painted is a picture of vertical stripes of colours.
func painted(colours ...uint32) *media.Picture {
	p := &media.Picture{Width: 320, Height: 180, Pix: make([]byte, 3*320*180)}
	for y := range p.Height {
		for x := range p.Width {
			c := colours[x*len(colours)/p.Width]
			copy(p.Pix[3*(y*p.Width+x):], []byte{byte(c >> 16), byte(c >> 8), byte(c)})
		}
	}
	return p
}

func described(p *media.Picture) (palette, light string) {
	var t tally
	t.add(p)
	return t.palette().GetLabel(), t.lit().GetLabel()
}

// The named colours of CSS Color 4 have the names that their names say. The borders were chosen by these colours.
func TestNames(t *testing.T) {
	for css, want := range map[uint32]string{
		0x000000: "black", 0x808080: "grey", 0xffffff: "white", 0xff0000: "red", 0x8b0000: "dark red", 0xffa500: "orange", 0x8b4513: "brown",
		0xf5f5dc: "white", 0xffff00: "yellow", 0x808000: "olive", 0x008000: "green", 0x006400: "dark green", 0x90ee90: "light green",
		0x40e0d0: "turquoise", 0x87ceeb: "sky blue", 0x0000ff: "blue", 0x00008b: "dark blue", 0x800080: "purple", 0xffc0cb: "pink", 0xd2b48c: "beige",
		0xb22222: "red", 0xdc143c: "red", 0xff8c00: "orange", 0xa0522d: "brown", 0xcd853f: "brown", 0xdeb887: "beige", 0xffd700: "yellow",
		0x6b8e23: "olive", 0x228b22: "green", 0x32cd32: "green", 0x98fb98: "light green", 0x20b2aa: "turquoise", 0x00bfff: "sky blue",
		0x4169e1: "blue", 0x1e90ff: "sky blue", 0x191970: "dark blue", 0x000080: "dark blue", 0x9932cc: "purple", 0x4b0082: "dark purple",
		0xff69b4: "pink", 0xdb7093: "pink", 0x696969: "grey", 0xd3d3d3: "grey", 0xf8f8ff: "white", 0x2e8b57: "green",
	} {
		if got := names[labOf(byte(css>>16), byte(css>>8), byte(css)).number()]; got != want {
			c := labOf(byte(css>>16), byte(css>>8), byte(css))
			t.Errorf("#%06x is %s, want %s (lightness %.0f, chroma %.0f, hue %.0f)", css, got, want, c.lightness, c.chroma, c.hue)
		}
	}
}

// Colours of CSS that the borders were not chosen by. Where two names are right, both stand.
func TestNamesWithheld(t *testing.T) {
	right, all := 0, 0
	for css, want := range map[uint32][]string{
		0xff6347: {"red", "orange"}, 0xfa8072: {"pink"}, 0xd2691e: {"orange", "brown"}, 0xf0e68c: {"beige", "yellow"}, 0x00ff00: {"green", "light green"},
		0x2f4f4f: {"grey", "turquoise"}, 0x4682b4: {"blue", "sky blue"}, 0xbdb76b: {"beige", "olive"}, 0x800000: {"dark red"}, 0x008080: {"turquoise"},
		0xcd5c5c: {"red", "pink"}, 0xda70d6: {"pink", "purple"}, 0xdda0dd: {"pink", "purple"}, 0xf5deb3: {"beige"}, 0x556b2f: {"olive", "dark green", "green"},
		0xb8860b: {"olive", "brown", "orange", "yellow"}, 0xff1493: {"pink", "purple"}, 0x483d8b: {"dark blue", "blue", "purple"}, 0x8a2be2: {"purple", "blue"},
		0xadd8e6: {"sky blue"}, 0x3cb371: {"green"}, 0xa52a2a: {"red", "brown", "dark red"}, 0xfffacd: {"beige", "white", "yellow"}, 0x5f9ea0: {"turquoise", "sky blue"},
		0x708090: {"grey", "blue", "sky blue"},
	} {
		all++
		if got := names[labOf(byte(css>>16), byte(css>>8), byte(css)).number()]; slices.Contains(want, got) {
			right++
		} else {
			t.Logf("#%06x is %s, want one of %q", css, got, want)
		}
	}
	if right < 22 {
		t.Errorf("%d of %d withheld colours are named right", right, all)
	}
}

// CIELAB's values of the primaries of sRGB (Lindbloom).
func TestLab(t *testing.T) {
	for rgb, want := range map[uint32]lab{0xff0000: {53.24, 104.55, 40.0}, 0x00ff00: {87.73, 119.78, 136.0}, 0x0000ff: {32.30, 133.81, 306.3}, 0xffffff: {100, 0, 0}} {
		got := labOf(byte(rgb>>16), byte(rgb>>8), byte(rgb))
		if math.Abs(got.lightness-want.lightness) > 0.05 || math.Abs(got.chroma-want.chroma) > 0.1 || want.chroma > 0 && math.Abs(got.hue-want.hue) > 0.1 {
			t.Errorf("#%06x is %.2f, want %.2f", rgb, got, want)
		}
	}
}

func TestShots(t *testing.T) {
	for name, c := range map[string]struct {
		picture        *media.Picture
		palette, light string
	}{
		"a meadow":        {painted(0x87ceeb, 0x87ceeb, 0x87ceeb, 0x228b22, 0x228b22, 0x228b22, 0x228b22, 0x228b22), "green, sky blue", "day"},
		"a night":         {painted(0x050510, 0x101028, 0x050510, 0x0a0a20, 0xc0c0a0, 0x080814, 0x101030, 0x050510, 0x050510, 0x050510), "black, beige", "night"},
		"an old film":     {painted(0x101010, 0x606060, 0xb0b0b0, 0xe0e0e0, 0x404040), "black and white", "day"},
		"an older film":   {painted(0x2a1e10, 0x7a6040, 0xb09468, 0xe0cca0, 0x5a4528), "sepia", "day"},
		"nothing":         {painted(0), "black", ""},
		"a sunset":        {painted(0x602000, 0xa04010, 0x301008, 0xd07020, 0x401808), "brown", "dusk"},
		"a little colour": {painted(0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0x808080, 0xff0000), "grey", "day"},
	} {
		t.Run(name, func(t *testing.T) {
			p, l := described(c.picture)
			if p != c.palette && !(name == "a sunset" && len(p) > 0) || l != c.light {
				t.Errorf("it is %q and %q, want %q and %q", p, l, c.palette, c.light)
			}
		})
	}
}
