package tiles

import (
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

const (
	branches = 4
	side     = 16 // outputs of a tile
	deep     = 32 // inputs of a tile
)

// A matrix has a row for each input and a column for each output.
type matrix struct {
	inputs, outputs int
	data            []float32
}

func newMatrix(inputs, outputs int) matrix {
	return matrix{inputs, outputs, make([]float32, inputs*outputs)}
}

// packed is the length of the matrix in tiles.
func (m matrix) packed() int {
	return m.outputs / side * ((m.inputs + deep - 1) / deep) * 2 * side * deep
}

// pack writes the tiles of a matrix: for every 16 outputs and every 32 inputs a tile of the numbers as bfloat16, and a tile of the rest. A row of a tile
// has two inputs of each output, side by side.
func pack(m matrix, to []uint16) {
	for o := 0; o < m.outputs; o += side {
		for k := 0; k < m.inputs; k += deep {
			high, low := to[:side*deep], to[side*deep:2*side*deep]
			to = to[2*side*deep:]
			for i := range min(deep, m.inputs-k) {
				for j := range side {
					at := i/2*2*side + 2*j + i%2
					high[at], low[at] = split(m.data[(k+i)*m.outputs+o+j])
				}
			}
		}
	}
}

// split returns the bits of v as bfloat16, and of the rest.
func split(v float32) (high, low uint16) {
	high = round(v)
	return high, round(v - math.Float32frombits(uint32(high)<<16))
}

// round returns the bits of the nearest bfloat16, of two the even.
func round(v float32) uint16 {
	b := math.Float32bits(v)
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// weights reads the weights of the network from a model file. err is the first error.
type weights struct {
	tensors map[string]onnx.Tensor
	err     error
}

// get returns the numbers of a tensor of the shape.
func (w *weights) get(name string, shape ...int) []float32 {
	want := 1
	for _, n := range shape {
		want *= n
	}
	t := w.tensors[name]
	if slices.Equal(t.Shape, shape) && len(t.Data) == want {
		return t.Data
	}
	if w.err == nil {
		w.err = errkind.New(errkind.Invalid, "the model file of TransNet V2 has no tensor %s of the shape %v; run: cinedex models verify", name, shape)
	}
	return make([]float32, want)
}

func dilation(prefix string, branch int) string {
	return prefix + "Conv3D_" + []string{"1", "2", "4", "8"}[branch] + ".layers."
}

// spatial is the convolutions of a block with the neighbours of a point, side by side. channels is the number of channels, and filters the number of
// outputs of a branch. The inputs of the first block, of three channels, are the nine neighbours after another. The inputs of the other blocks are in
// groups of 32 channels, the nine neighbours of a group after another.
func (w *weights) spatial(prefix string, channels, filters int) matrix {
	m := newMatrix((9*channels+deep-1)/deep*deep, branches*filters)
	for b := range branches {
		data := w.get(dilation(prefix, b)+"0.weight", filters, channels, 1, 3, 3)
		for o := range filters {
			for c := range channels {
				for near := range 9 {
					v, row := data[(o*channels+c)*9+near], (c/deep*9+near)*deep+c%deep
					if channels == 3 {
						v, row = v/255, near*channels+c
					}
					m.data[row*m.outputs+b*filters+o] = v
				}
			}
		}
	}
	return m
}

// temporal is the convolutions of a block over time, with the normalisation that follows, and what is added. Each branch has an own matrix; the matrices
// lie side by side. The inputs are the frames before, at and after a frame.
func (w *weights) temporal(prefix string, filters int) (matrix, []float32) {
	outputs := branches * filters
	gamma, beta := w.get(prefix+"bn.weight", outputs), w.get(prefix+"bn.bias", outputs)
	mean, variance := w.get(prefix+"bn.running_mean", outputs), w.get(prefix+"bn.running_var", outputs)
	m, bias := newMatrix(3*2*filters, outputs), make([]float32, outputs)
	for b := range branches {
		data := w.get(dilation(prefix, b)+"1.weight", filters, 2*filters, 3, 1, 1)
		for o := range filters {
			out := b*filters + o
			scale := float64(gamma[out]) / math.Sqrt(float64(variance[out])+1e-3)
			bias[out] = float32(float64(beta[out]) - float64(mean[out])*scale)
			for c := range 2 * filters {
				for near := range 3 {
					m.data[(near*2*filters+c)*outputs+out] = float32(float64(data[(o*2*filters+c)*3+near]) * scale)
				}
			}
		}
	}
	return m, bias
}

// linear is a layer without neighbours, and what is added.
func (w *weights) linear(name string, inputs, outputs int) (matrix, []float32) {
	return matrix{inputs, outputs, w.get(name+".weight", inputs, outputs)}, w.get(name+".bias", outputs)
}
