package convert

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// tfjsGroup is an entry of a weights manifest of TensorFlow.js: a file of bytes, and the tensors in the file, one after another.
type tfjsGroup struct {
	Weights []tfjsTensor `json:"weights"`
}

type tfjsTensor struct {
	Name         string `json:"name"`
	Shape        []int  `json:"shape"`
	DType        string `json:"dtype"`
	Quantization *struct {
		DType string  `json:"dtype"`
		Scale float64 `json:"scale"`
		Min   float64 `json:"min"`
	} `json:"quantization"`
}

// numbers returns how a tensor is stored: the width of a number, and the function that reads a number. Bytes become floats by scale and minimum, and
// integers become floats.
func (w tfjsTensor) numbers() (wide int, read func(raw []byte) float32, err error) {
	stored := w.DType
	if w.Quantization != nil {
		stored = w.Quantization.DType
	}
	switch q := w.Quantization; {
	case q == nil && (stored == "float32" || stored == ""):
		return 4, func(raw []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(raw)) }, nil
	case q == nil && stored == "int32":
		return 4, func(raw []byte) float32 { return float32(int32(binary.LittleEndian.Uint32(raw))) }, nil
	case q != nil && stored == "float16":
		return 2, func(raw []byte) float32 { return floatOfHalf(binary.LittleEndian.Uint16(raw)) }, nil
	case q != nil && stored == "uint8":
		// In single precision, in two steps, as TensorFlow.js computes.
		return 1, func(raw []byte) float32 { return float32(float32(raw[0])*float32(q.Scale)) + float32(q.Min) }, nil
	}
	return 0, nil, errkind.New(errkind.Invalid, "%s has values of type %s", w.Name, stored)
}

// floatOfHalf returns a number of 16 bits.
func floatOfHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h&0x8000)<<16, int(h>>10&0x1f), uint32(h&0x3ff)
	switch exponent {
	case 0:
		return float32(math.Copysign(math.Ldexp(float64(fraction), -24), float64(math.Float32frombits(sign|0x3f800000))))
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | uint32(exponent+112)<<23 | fraction<<13)
}

// readTFJS reads the tensors of a weights manifest, with the bytes of a single file.
func readTFJS(manifestPath, bytesPath string) (checkpoint, error) {
	text, err := os.ReadFile(manifestPath)
	if err != nil {
		return nil, fmt.Errorf("reading a weights manifest: %w", err)
	}
	var groups []tfjsGroup
	if err := json.Unmarshal(text, &groups); err != nil {
		return nil, errkind.New(errkind.Invalid, "reading the weights manifest %s: %w", manifestPath, err)
	}
	return readGroups(groups, manifestPath, bytesPath)
}

func readGroups(groups []tfjsGroup, manifestPath, bytesPath string) (checkpoint, error) {
	raw, err := os.ReadFile(bytesPath)
	if err != nil {
		return nil, fmt.Errorf("reading weights: %w", err)
	}
	c := checkpoint{}
	for _, g := range groups {
		for _, w := range g.Weights {
			t := tensor{shape: w.Shape}
			n := t.size()
			wide, read, err := w.numbers()
			if err != nil {
				return nil, fmt.Errorf("reading the weights manifest %s: %w", manifestPath, err)
			}
			if n < 0 || n > len(raw)/wide {
				return nil, errkind.New(errkind.Invalid, "reading %s: %s needs %d values, and %d bytes are left", bytesPath, w.Name, n, len(raw))
			}
			t.data = make([]float32, n)
			for i := range t.data {
				t.data[i] = read(raw[wide*i:])
			}
			raw = raw[wide*n:]
			c[w.Name] = t
		}
	}
	if len(raw) != 0 {
		return nil, errkind.New(errkind.Invalid, "reading %s: %d bytes belong to no tensor of %s", bytesPath, len(raw), manifestPath)
	}
	return c, nil
}

// permuted returns a tensor with the axes in another order.
func (t tensor) permuted(order ...int) tensor {
	out := tensor{shape: make([]int, len(order)), data: make([]float32, len(t.data))}
	strides := make([]int, len(t.shape))
	step := 1
	for i := len(t.shape) - 1; i >= 0; i-- {
		strides[i] = step
		step *= t.shape[i]
	}
	for i, axis := range order {
		out.shape[i] = t.shape[axis]
	}
	at := make([]int, len(order))
	for i := range out.data {
		from := 0
		for d, x := range at {
			from += x * strides[order[d]]
		}
		out.data[i] = t.data[from]
		for d := len(at) - 1; d >= 0; d-- {
			if at[d]++; at[d] < out.shape[d] {
				break
			}
			at[d] = 0
		}
	}
	return out
}
