package onnx

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// An Array is an input or an output of Session.Run. The caller MUST close the Array.
type Array struct {
	value ort.Value
	data  []float32
	pins  runtime.Pinner
}

// Floats makes an array over data, which the caller MAY fill until Run and read after Run.
func Floats(data []float32, shape ...int64) (*Array, error) {
	a := &Array{data: data}
	if len(data) > 0 {
		a.pins.Pin(&data[0]) // the runtime keeps the address
	}
	return a.wrap(ort.NewTensor(ort.NewShape(shape...), data))
}

// Integers makes an array of integers.
func Integers(data []int64, shape ...int64) (*Array, error) {
	a := &Array{}
	if len(data) > 0 {
		a.pins.Pin(&data[0])
	}
	return a.wrap(ort.NewTensor(ort.NewShape(shape...), data))
}

func (a *Array) wrap(v ort.Value, err error) (*Array, error) {
	if err != nil {
		a.pins.Unpin()
		return nil, fmt.Errorf("making an array: %w", err)
	}
	a.value = v
	return a, nil
}

// Data returns the numbers of an array of floats, valid until Close.
func (a *Array) Data() []float32 { return a.data }

// Close frees the array.
func (a *Array) Close() error {
	err := a.value.Destroy()
	a.pins.Unpin()
	return err
}

// CloseAll frees arrays.
func CloseAll(arrays ...*Array) error {
	var err error
	for _, a := range arrays {
		if a != nil {
			err = errors.Join(err, a.Close())
		}
	}
	return err
}

// Run computes the outputs in an indivisible step, for inputs of any shape that the model takes. Outputs that are nil are made by the runtime, as
// arrays of floats. ctx is checked before the step, not during the step.
func (s *Session) Run(ctx context.Context, inputs, outputs []*Array) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(inputs) != s.inputs || len(outputs) != s.outputs {
		return errkind.New(errkind.Internal, "model %s has %d inputs and %d outputs, not %d and %d", s.name, s.inputs, s.outputs, len(inputs), len(outputs))
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	if s.closed {
		return errkind.New(errkind.Unavailable, "model %s is closed", s.name)
	}
	in, out := make([]ort.Value, len(inputs)), make([]ort.Value, len(outputs))
	for i, a := range inputs {
		in[i] = a.value
	}
	for i, a := range outputs {
		if a != nil {
			out[i] = a.value
		}
	}
	if err := s.session.Run(in, out); err != nil {
		return fmt.Errorf("running model %s: %w", s.name, err)
	}
	for i, v := range out {
		if outputs[i] != nil {
			continue
		}
		t, ok := v.(*ort.Tensor[float32])
		if !ok {
			return errkind.New(errkind.Internal, "model %s: output %d is no array of floats", s.name, i)
		}
		outputs[i] = &Array{value: v, data: t.GetData()}
	}
	return nil
}
