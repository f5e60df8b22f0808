package flat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The estimate is without bias and deviates as much as it says, for dimensions that are no powers
// of two, and for vectors whose coordinates are nothing like random.
func TestEstimate(t *testing.T) {
	for _, dim := range []int{64, 100, 384, 1000, 1280} {
		for name, draw := range map[string]func(*rand.Rand) []float32{
			"gaussian": func(rnd *rand.Rand) []float32 { return randomVector(rnd, dim) },
			"few coordinates": func(rnd *rand.Rand) []float32 {
				v := make([]float32, dim)
				for range 3 {
					v[rnd.IntN(dim)] += float32(rnd.NormFloat64())
				}
				return v
			},
			"never negative": func(rnd *rand.Rand) []float32 {
				v := randomVector(rnd, dim)
				for i := range v {
					v[i] = max(0, v[i])
				}
				return v
			},
		} {
			t.Run(fmt.Sprint(dim, " ", name), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(uint64(dim), 3))
				x := &Index{cfg: Config{Dim: dim, Metric: Dot, Confidence: 1}, layout: newLayout(dim), rot: newRotation(dim)}
				centre := make([]float32, padded(dim))
				e := newEncoder(x.layout, Dot, x.rot, centre)
				code := make([]byte, x.layout.codeBytes)
				var sum, squares, outside, n float64
				for range 40 {
					values := draw(rnd)
					q := x.ask(values, centre)
					for range 100 {
						row := draw(rnd)
						norm, base := e.residual(row)
						s := e.sketch(code, norm, base)
						deviation := float64(math.Float32frombits(s.factors<<16)) * q.length
						estimate := q.bound(s) - deviation
						z := (float64(similarity(Dot, row, values)) - estimate) / deviation
						sum, squares, n = sum+z, squares+z*z, n+1
						if z > DefaultConfidence {
							outside++
						}
					}
				}
				mean, deviation := sum/n, math.Sqrt(squares/n)
				t.Logf("mean %.3f deviation %.3f beyond confidence %.4f", mean, deviation, outside/n)
				if math.Abs(mean) > 0.15 || deviation > 1.15 || outside/n > 0.03 {
					t.Errorf("mean %.3f deviation %.3f beyond confidence %.4f", mean, deviation, outside/n)
				}
			})
		}
	}
}
