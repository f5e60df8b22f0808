package tiles

import (
	"math"
	"testing"
)

func float(bits uint16) float64 { return float64(math.Float32frombits(uint32(bits) << 16)) }

// The tiles of a matrix hold each number in its place, with 16 binary digits.
func TestPack(t *testing.T) {
	m := newMatrix(deep+3, 2*side)
	for i := range m.data {
		m.data[i] = float32(math.Sin(float64(i)) * math.Exp2(float64(i%20-10)))
	}
	to := make([]uint16, m.packed())
	pack(m, to)
	const tile = side * deep
	for k := range 2 * deep {
		for o := range m.outputs {
			at := (o/side*2+k/deep)*2*tile + k%deep/2*2*side + o%side*2 + k%2
			got, want := float(to[at])+float(to[at+tile]), 0.0
			if k < m.inputs {
				want = float64(m.data[k*m.outputs+o])
			}
			if math.Abs(got-want) > math.Abs(want)*0x1p-16 {
				t.Fatalf("input %d of output %d is %g instead of %g", k, o, got, want)
			}
		}
	}
}

func TestRound(t *testing.T) {
	for _, c := range []struct {
		in   uint32
		want uint16
	}{
		{0x3f800000, 0x3f80}, // exact
		{0x3f807fff, 0x3f80}, // below the middle
		{0x3f808000, 0x3f80}, // the middle: the even number below
		{0x3f818000, 0x3f82}, // the middle: the even number above
		{0xbf808001, 0xbf81}, // negative, above the middle
	} {
		if got := round(math.Float32frombits(c.in)); got != c.want {
			t.Errorf("%08x becomes %04x, want %04x", c.in, got, c.want)
		}
	}
}
