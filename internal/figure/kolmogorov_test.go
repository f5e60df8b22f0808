package figure

import (
	"math"
	"math/rand/v2"
	"testing"
)

// The quantiles of Smirnov's table (Annals of Mathematical Statistics 19, 1948).
func TestKolmogorov(t *testing.T) {
	for _, c := range []struct{ x, p float64 }{{0.1, 1}, {0.5, 0.963945}, {1, 0.27}, {1.2238, 0.10}, {1.3581, 0.05}, {1.6276, 0.01}, {1.9495, 0.001}} {
		if got := kolmogorov(c.x); math.Abs(got-c.p) > 5e-5 {
			t.Errorf("Q(%g) = %.6f, want %.6f", c.x, got, c.p)
		}
	}
}

func TestKolmogorovSmirnov(t *testing.T) {
	series := func(n int, f func(i int) float64) []float64 {
		out := make([]float64, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	whole := series(100, func(i int) float64 { return float64(i) })
	for _, c := range []struct {
		name        string
		a, b        []float64
		d, least, p float64 // p is between least and p
	}{
		{"the same", whole, whole, 0, 1, 1},
		{"all apart", whole, series(100, func(i int) float64 { return float64(i + 1000) }), 1, 0, 1e-20},
		{"moved by a fifth", whole, series(100, func(i int) float64 { return float64(i) + 20.5 }), 0.21, 0.01, 0.05},
		{"of other lengths", []float64{1, 2, 3, 4}, []float64{3.5, 4.5}, 0.75, 0.1, 1},
		{"with ties", []float64{1, 1, 1, 2, 2, 2}, []float64{1, 1, 2, 2, 2, 2}, 1.0 / 6, 0.9, 1},
		{"in any order", []float64{4, 1, 3, 2}, []float64{3.5, 1.5, 4.5, 2.5}, 0.25, 0.9, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, p := KolmogorovSmirnov(c.a, c.b)
			if math.Abs(d-c.d) > 1e-9 || p < c.least || p > c.p {
				t.Errorf("d %g, p %g; want d %g, p from %g to %g", d, p, c.d, c.least, c.p)
			}
		})
	}
}

// Of samples of the same distribution, 1 in 20 has a p below 0.05. A shift of a fifth of their spread is nearly always
// seen.
func TestKolmogorovSmirnovIsCalibrated(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const rounds, size = 1000, 200
	draw := func(shift float64) []float64 {
		out := make([]float64, size)
		for i := range out {
			out[i] = r.ExpFloat64() + shift
		}
		return out
	}
	var alike, apart int
	for range rounds {
		if _, p := KolmogorovSmirnov(draw(0), draw(0)); p < 0.05 {
			alike++
		}
		if _, p := KolmogorovSmirnov(draw(0), draw(0.3)); p < 0.01 {
			apart++
		}
	}
	if alike < 30 || alike > 70 || apart < 950 {
		t.Errorf("of %d rounds %d alike have p < 0.05, %d apart have p < 0.01", rounds, alike, apart)
	}
}
