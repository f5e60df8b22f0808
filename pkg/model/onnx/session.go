package onnx

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

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

// Session is a loaded model.
type Session struct {
	name            string
	session         *ort.DynamicAdvancedSession
	inputs, outputs int

	// calls keeps Close from freeing memory that a run still reads.
	calls  sync.RWMutex
	closed bool
}

// Open loads the artefact id of the cache. Calls have these inputs and outputs, in this order. threads bounds the processors of a run; 0 means all
// processors.
func Open(cache model.Cache, id string, inputs, outputs []string, threads int) (*Session, error) {
	library, err := cache.Require("onnxruntime")
	if err != nil {
		return nil, err
	}
	path, err := cache.Require(id)
	if err != nil {
		return nil, err
	}
	if err := load(library); err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("opening model %s: %w", id, err)
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
		return nil, fmt.Errorf("opening model %s: %w", id, err)
	}
	s, err := ort.NewDynamicAdvancedSession(path, inputs, outputs, options)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "opening model %s at %s: %w; run: cinedex models verify", id, path, err)
	}
	return &Session{name: id, session: s, inputs: len(inputs), outputs: len(outputs)}, nil
}

// Close frees the model, after running calls have ended.
func (s *Session) Close() error {
	s.calls.Lock()
	defer s.calls.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	return s.session.Destroy()
}

// Call is a set of float32 arrays for running a session.
type Call struct {
	session         *Session
	inputs, outputs []ort.Value
	data            [][]float32
	pins            runtime.Pinner
}

// NewCall makes arrays of these shapes: the session's inputs first, then the outputs. Close frees the arrays.
func (s *Session) NewCall(shapes ...[]int64) (*Call, error) {
	if len(shapes) != s.inputs+s.outputs {
		return nil, errkind.New(errkind.Internal, "model %s has %d inputs and outputs, not %d", s.name, s.inputs+s.outputs, len(shapes))
	}
	c := &Call{session: s}
	for i, shape := range shapes {
		data := make([]float32, ort.NewShape(shape...).FlattenedSize())
		c.pins.Pin(&data[0]) // the runtime keeps the address between calls
		tensor, err := ort.NewTensor(shape, data)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("making the arrays of model %s: %w", s.name, err), c.Close())
		}
		c.data = append(c.data, data)
		if i < s.inputs {
			c.inputs = append(c.inputs, tensor)
		} else {
			c.outputs = append(c.outputs, tensor)
		}
	}
	return c, nil
}

// In returns the i-th input. The caller fills the input before Run.
func (c *Call) In(i int) []float32 { return c.data[i] }

// Out returns the i-th output, valid until the next Run.
func (c *Call) Out(i int) []float32 { return c.data[c.session.inputs+i] }

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
