package omnivad

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
)

const (
	// Rate is the rate of the sound, in samples a second.
	Rate = 16000
	// Hop is the number of samples from a frame to the next: ten milliseconds.
	Hop = 160
	// length is the number of samples of a frame.
	length = 400
	// classes are speech, singing and music.
	classes = 3
	// shortest is the least number of frames of a call.
	shortest = 50
)

const (
	// A window is judged at a time: block frames are kept, and margin frames on both sides are the context. The model looks less than two seconds
	// back and ahead.
	block  = 2600
	margin = 200
)

// Probability is the model's judgement of a frame.
type Probability struct{ Speech, Singing, Music float32 }

// engine is the C library, loaded once and kept.
var engine struct {
	sync.Mutex
	loaded  bool
	create  func(path string, fault *int32) uintptr
	destroy func(handle uintptr)
	probs   func(handle uintptr, samples *int16, count int32, out **float32, frames *int32) int32
	free    func(memory *float32)
}

func loadEngine(path string) error {
	engine.Lock()
	defer engine.Unlock()
	if engine.loaded {
		return nil
	}
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return errkind.New(errkind.Unavailable, "loading the engine of the detector of speech: %w", err)
	}
	purego.RegisterLibFunc(&engine.create, library, "omni_aed_create")
	purego.RegisterLibFunc(&engine.destroy, library, "omni_aed_destroy")
	purego.RegisterLibFunc(&engine.probs, library, "omni_aed_detect_probs_int16")
	purego.RegisterLibFunc(&engine.free, library, "omni_free")
	engine.loaded = true
	return nil
}

// Model is the loaded model. A Model is safe for concurrent use.
type Model struct {
	handle uintptr
	slots  chan struct{} // a slot for each call that may run at the same time
}

// Open loads the model from the cache.
func Open(cache model.Cache) (*Model, error) {
	library, err := cache.Require("omnivad-engine")
	if err != nil {
		return nil, err
	}
	weights, err := cache.Require("omnivad-model")
	if err != nil {
		return nil, err
	}
	if err := loadEngine(library); err != nil {
		return nil, err
	}
	var fault int32
	handle := engine.create(weights, &fault)
	if handle == 0 {
		return nil, errkind.New(errkind.Invalid, "opening %s: the file is not a detector of speech (%d); run: cinedex models verify", weights, fault)
	}
	return &Model{handle, make(chan struct{}, runtime.GOMAXPROCS(0))}, nil
}

// Close frees the model, after running calls have ended. No call may follow.
func (m *Model) Close() error {
	for range cap(m.slots) {
		m.slots <- struct{}{}
	}
	engine.destroy(m.handle)
	return nil
}

// judge returns the probabilities of the frames of some sound, in an indivisible step.
func (m *Model) judge(ctx context.Context, samples []int16) ([]Probability, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(samples) < length {
		return nil, nil
	}
	frames := (len(samples)-length)/Hop + 1
	if frames < shortest { // which the library refuses
		samples = append(slices.Clone(samples), make([]int16, (shortest-frames)*Hop)...)
	}
	select {
	case m.slots <- struct{}{}:
		defer func() { <-m.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var out *float32
	var judged int32
	if fault := engine.probs(m.handle, &samples[0], int32(len(samples)), &out, &judged); fault != 0 || out == nil {
		return nil, errkind.New(errkind.Internal, "the detector of speech refused a sound (%d)", fault)
	}
	defer engine.free(out)
	probs := make([]Probability, min(frames, int(judged)))
	for i, v := range unsafe.Slice(out, classes*len(probs)) { //nolint:gosec // the library's array, of three numbers a frame
		switch p := &probs[i/classes]; i % classes {
		case 0:
			p.Speech = v
		case 1:
			p.Singing = v
		default:
			p.Music = v
		}
	}
	return probs, nil
}

// A Stream judges a track.
type Stream struct {
	model  *Model
	buffer []int16 // from the first frame of the window's context on
	before int     // frames of context at the beginning of the buffer
}

// NewStream begins a track.
func (m *Model) NewStream() *Stream { return &Stream{model: m} }

// Push adds samples, and returns the probabilities of the next frames as far as known; often none. The samples are copied.
func (s *Stream) Push(ctx context.Context, samples []int16) ([]Probability, error) {
	s.buffer = append(s.buffer, samples...)
	var out []Probability
	for frames := s.before + block + margin; len(s.buffer) >= (frames-1)*Hop+length; frames = s.before + block + margin {
		probs, err := s.model.judge(ctx, s.buffer[:(frames-1)*Hop+length])
		if err != nil {
			return nil, err
		}
		out = append(out, probs[s.before:s.before+block]...)
		drop := s.before + block - margin
		s.buffer = append(s.buffer[:0], s.buffer[drop*Hop:]...)
		s.before = margin
	}
	return out, nil
}

// Finish returns the probabilities of the remaining frames. No call may follow.
func (s *Stream) Finish(ctx context.Context) ([]Probability, error) {
	probs, err := s.model.judge(ctx, s.buffer)
	if err != nil || len(probs) <= s.before {
		return nil, err
	}
	return probs[s.before:], nil
}
