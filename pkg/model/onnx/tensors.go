package onnx

import (
	"encoding/binary"
	"math"
	"os"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Tensor is a constant of a model file, in row-major order.
type Tensor struct {
	Shape []int
	Data  []float32
}

// Tensors reads the constants of a model file that are float32, by name. Invalid: the file is no model.
func Tensors(path string) (map[string]Tensor, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, errkind.New(errkind.NotFound, "reading the weights of a model: %w", err)
	}
	out := map[string]Tensor{}
	// The field numbers are from onnx.proto3: the graph of a model, and the constants of a graph.
	err = fields(file, func(number protowire.Number, graph []byte, _ uint64) error {
		if number != 7 {
			return nil
		}
		return fields(graph, func(number protowire.Number, constant []byte, _ uint64) error {
			if number != 5 {
				return nil
			}
			return readTensor(constant, out)
		})
	})
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "reading the weights of %s: %w; run: cinedex models verify", path, err)
	}
	return out, nil
}

func readTensor(constant []byte, out map[string]Tensor) error {
	var t Tensor
	var name string
	var raw []byte
	float := false
	err := fields(constant, func(number protowire.Number, b []byte, v uint64) error {
		switch number {
		case 1:
			t.Shape = append(t.Shape, int(v))
		case 2:
			float = v == 1
		case 8:
			name = string(b)
		case 9:
			raw = b
		}
		return nil
	})
	if err != nil || !float {
		return err
	}
	t.Data = make([]float32, len(raw)/4)
	for i := range t.Data {
		t.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	out[name] = t
	return nil
}

// fields calls each for the fields of a message; bytes is nil for a number.
func fields(b []byte, each func(number protowire.Number, bytes []byte, v uint64) error) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var field []byte
		var v uint64
		switch kind {
		case protowire.BytesType:
			field, n = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			v, n = protowire.ConsumeVarint(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := each(number, field, v); err != nil {
			return err
		}
	}
	return nil
}
