package flat

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// A rotation is a random orthogonal map of padded vectors, always the same for one
// dimension. Rounds of random sign flips and a fast Hadamard transform stand in for a
// dense random matrix, in n·log n additions in place of n². A transform needs a power of
// two, so each round covers the widest such window, by turns at the two ends.
type rotation struct {
	dim    int // of the vectors that come in
	padded int // of the vectors that come out: dim rounded up to whole bytes of code
	window int
	flips  [rotationRounds][]float32 // ±1/√window: the flip and the transform's scale in one
}

// rotationRounds lets every coordinate reach every other, twice over, for any dimension: with 4 rounds
// the estimates of vectors of three coordinates deviate no more than theory says (TestEstimate).
const rotationRounds = 4

// rotationSeed is part of the format: segments hold rotated vectors.
const rotationSeed = 0x63696e65646578

func padded(dim int) int { return (dim + 7) &^ 7 }

func newRotation(dim int) *rotation {
	r := &rotation{dim: dim, padded: padded(dim)}
	r.window = 1 << (bits.Len(uint(r.padded)) - 1)
	rnd := rand.New(rand.NewPCG(rotationSeed, uint64(dim)))
	scale := float32(1 / math.Sqrt(float64(r.window)))
	for k := range r.flips {
		f := make([]float32, r.window)
		for i := range f {
			f[i] = scale
			if rnd.Uint64()&1 == 1 {
				f[i] = -scale
			}
		}
		r.flips[k] = f
	}
	return r
}

// apply writes the rotated v to out, which is of the padded dimension.
func (r *rotation) apply(out, v []float32) {
	clear(out[copy(out, v):])
	for k, flips := range r.flips {
		w := out[:r.window]
		if k%2 == 1 {
			w = out[r.padded-r.window:]
		}
		transform(w, flips)
	}
}

// transformGeneric multiplies by the flips, and transforms.
func transformGeneric(w, flips []float32) {
	for i, f := range flips {
		w[i] *= f
	}
	hadamard(w)
}

// hadamard is the unscaled Walsh-Hadamard transform, in place; len(x) is a power of two.
func hadamard(x []float32) {
	h := 1
	if len(x) >= 4 { // the first two steps at once
		for i := 0; i+3 < len(x); i += 4 {
			w := x[i : i+4 : i+4]
			a, b, c, d := w[0]+w[1], w[0]-w[1], w[2]+w[3], w[2]-w[3]
			w[0], w[1], w[2], w[3] = a+c, b+d, a-c, b-d
		}
		h = 4
	}
	for ; h < len(x); h *= 2 {
		for i := 0; i < len(x); i += 2 * h {
			a, b := x[i:i+h], x[i+h:i+2*h]
			for j, p := range a {
				q := b[j]
				a[j], b[j] = p+q, p-q
			}
		}
	}
}
