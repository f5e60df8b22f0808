package efficientnet

import (
	"context"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

const (
	// Side is the width and height of the square that a picture is squeezed into.
	Side = 260
	// SquareSize is the number of bytes of a square: RGB, a byte per channel, row by row.
	SquareSize = Side * Side * 3
	// FeatureDim is the length of a feature vector.
	FeatureDim = 1280
	// Labels is the number of ImageNet classes.
	Labels = 1000
)

// Model is the loaded model. A Model is safe for concurrent use.
type Model struct {
	session *onnx.Session
	// free holds arrays that no call uses: as many as there were simultaneous calls, up to the channel's capacity.
	free chan *onnx.Call
}

// Open loads the model from the cache. Each call uses this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	s, err := onnx.Open(cache, "efficientnet-lite2", []string{"x"}, []string{"feat", "logits"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{s, make(chan *onnx.Call, 4)}, nil
}

// Close frees the model. No call may be running.
func (m *Model) Close() error {
	for {
		select {
		case c := <-m.free:
			_ = c.Close()
		default:
			return m.session.Close()
		}
	}
}

// Description is the model's answer for a picture.
type Description struct {
	Feature []float32 // FeatureDim numbers, none negative
	Logits  []float32 // Labels scores, before softmax
}

// Describe describes a picture, given as the bytes of a square (see Square). The caller owns the answer.
func (m *Model) Describe(ctx context.Context, square []byte) (Description, error) {
	if len(square) != SquareSize {
		return Description{}, errkind.New(errkind.Invalid, "the picture has %d bytes instead of %d", len(square), SquareSize)
	}
	call, err := m.take()
	if err != nil {
		return Description{}, err
	}
	defer m.give(call)
	// Three planes, with values around zero.
	x := call.In(0)
	for i := range Side * Side {
		for c := range 3 {
			x[c*Side*Side+i] = (float32(square[3*i+c]) - 127) / 128
		}
	}
	if err := call.Run(ctx); err != nil {
		return Description{}, err
	}
	return Description{
		Feature: append([]float32(nil), call.Out(0)...),
		Logits:  append([]float32(nil), call.Out(1)...),
	}, nil
}

func (m *Model) take() (*onnx.Call, error) {
	select {
	case c := <-m.free:
		return c, nil
	default:
		return m.session.NewCall([]int64{1, 3, Side, Side}, []int64{1, FeatureDim}, []int64{1, Labels})
	}
}

func (m *Model) give(c *onnx.Call) {
	select {
	case m.free <- c:
	default:
		_ = c.Close()
	}
}
