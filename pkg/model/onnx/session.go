package onnx

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

// The runtime is a library that is loaded into the process once, and stays loaded.
var environment struct {
	sync.Mutex
	loaded bool
}

func load(library string) error {
	environment.Lock()
	defer environment.Unlock()
	if environment.loaded {
		return nil
	}
	ort.SetSharedLibraryPath(library)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("loading ONNX Runtime from %s: %w", library, err)
	}
	environment.loaded = true
	return nil
}

// weights are the bytes of the files of the open sessions.
var weights atomic.Int64

// Weights returns the bytes of the weights of all open sessions, by the sizes of the models' files. The runtime keeps the weights outside of Go's heap.
func Weights() int64 { return weights.Load() }

// Session is a loaded model.
type Session struct {
	name            string
	session         *ort.DynamicAdvancedSession
	inputs, outputs int
	bytes           int64 // of weights

	// calls keeps Close from freeing memory that a run still reads.
	calls  sync.RWMutex
	closed bool
}

// Open loads the artefact id of the cache. Calls have these inputs and outputs, in this order. threads bounds the processors of a run; 0 means all
// processors.
func Open(cache model.Cache, id string, inputs, outputs []string, threads int) (*Session, error) {
	path, err := cache.Require(id)
	if err != nil {
		return nil, err
	}
	return OpenFile(cache, id, path, inputs, outputs, threads)
}

// OpenFile is Open for a file outside the cache. Errors call the file by name. The cache has the runtime.
func OpenFile(cache model.Cache, name, path string, inputs, outputs []string, threads int) (*Session, error) {
	library, err := cache.Require("onnxruntime")
	if err != nil {
		return nil, err
	}
	if err := load(library); err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("opening model %s: %w", name, err)
	}
	defer options.Destroy()
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	err = errors.Join(
		options.SetIntraOpNumThreads(threads),
		options.SetInterOpNumThreads(1),
		// Waiting threads sleep: the decoder and the indexer need the processors, too.
		options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
	)
	if err != nil {
		return nil, fmt.Errorf("opening model %s: %w", name, err)
	}
	s, err := ort.NewDynamicAdvancedSession(path, inputs, outputs, options)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "opening model %s at %s: %w; run: cinedex models verify", name, path, err)
	}
	opened := &Session{name: name, session: s, inputs: len(inputs), outputs: len(outputs)}
	if info, err := os.Stat(path); err == nil {
		opened.bytes = info.Size()
	}
	weights.Add(opened.bytes)
	return opened, nil
}

// Close frees the model, after running calls have ended.
func (s *Session) Close() error {
	s.calls.Lock()
	defer s.calls.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	weights.Add(-s.bytes)
	return s.session.Destroy()
}

// Call is a set of arrays for running a session.
type Call struct {
	session         *Session
	inputs, outputs []ort.Value
	ints            [][]int64
	floats          [][]float32
	pins            runtime.Pinner
}

// NewCall makes float32 arrays of these shapes: the session's inputs first, then the outputs. Close frees the arrays.
func (s *Session) NewCall(shapes ...[]int64) (*Call, error) { return s.NewMixedCall(0, shapes...) }

// NewMixedCall is NewCall for a model whose first inputs, so many as ints, are int64 arrays: tokens of a text.
func (s *Session) NewMixedCall(ints int, shapes ...[]int64) (*Call, error) {
	if len(shapes) != s.inputs+s.outputs || ints > s.inputs {
		return nil, errkind.New(errkind.Internal, "model %s has %d inputs and %d outputs, not %d shapes with %d inputs of integers", s.name, s.inputs, s.outputs, len(shapes), ints)
	}
	c := &Call{session: s}
	for i, shape := range shapes {
		var tensor ort.Value
		var err error
		if i < ints {
			tensor, err = array(&c.pins, &c.ints, shape)
		} else {
			tensor, err = array(&c.pins, &c.floats, shape)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making the arrays of model %s: %w", s.name, err), c.Close())
		}
		if i < s.inputs {
			c.inputs = append(c.inputs, tensor)
		} else {
			c.outputs = append(c.outputs, tensor)
		}
	}
	return c, nil
}

// array makes a tensor over memory of Go, and appends the memory to all. The runtime keeps the address between calls.
func array[T int64 | float32](pins *runtime.Pinner, all *[][]T, shape []int64) (ort.Value, error) {
	data := make([]T, ort.NewShape(shape...).FlattenedSize())
	pins.Pin(&data[0])
	*all = append(*all, data)
	return ort.NewTensor(shape, data)
}

// Ints returns the i-th input, an input of integers. The caller fills the input before Run.
func (c *Call) Ints(i int) []int64 { return c.ints[i] }

// In returns the i-th input, an input of float32. The caller fills the input before Run.
func (c *Call) In(i int) []float32 { return c.floats[i-len(c.ints)] }

// Out returns the i-th output, valid until the next Run.
func (c *Call) Out(i int) []float32 { return c.floats[c.session.inputs-len(c.ints)+i] }

// Run computes the outputs in an indivisible step. ctx is checked before the step, not during the step.
func (c *Call) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.session.calls.RLock()
	defer c.session.calls.RUnlock()
	if c.session.closed {
		return errkind.New(errkind.Unavailable, "model %s is closed", c.session.name)
	}
	if err := c.session.session.Run(c.inputs, c.outputs); err != nil {
		return fmt.Errorf("running model %s: %w", c.session.name, err)
	}
	return nil
}

// Close frees the arrays.
func (c *Call) Close() error {
	var err error
	for _, v := range append(c.inputs, c.outputs...) {
		err = errors.Join(err, v.Destroy())
	}
	c.inputs, c.outputs = nil, nil
	c.pins.Unpin()
	return err
}
