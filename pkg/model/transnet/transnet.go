package transnet

import (
	"context"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

// The size of the model's frames: RGB, a byte per channel, row by row, with the whole picture squeezed to this size.
const (
	Width     = 48
	Height    = 27
	FrameSize = Width * Height * 3
)

// The model judges a window of frames at a time. Only the middle is kept, since the frames at the edges have too little context.
const (
	window  = 100
	step    = 50
	margin  = (window - step) / 2
	binBits = 3 // of each channel, in a colour histogram
	bins    = 1 << (3 * binBits)
)

// Model is the loaded model. Any number of detectors may share a Model.
type Model struct{ session *onnx.Session }

// Open loads the model from the cache, to run on this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	s, err := onnx.Open(cache, "transnetv2", []string{"frames", "hist"}, []string{"single", "many"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{s}, nil
}

// Close frees the model.
func (m *Model) Close() error { return m.session.Close() }

// Probability is the model's judgement of a frame.
type Probability struct {
	// Single is high at one frame of each transition. For a hard cut, this frame is the last frame of the shot that ends.
	Single float32
	// Many is high at every frame of a transition, such as a dissolve.
	Many float32
}

// Detector watches a film. A Detector is for a single goroutine.
type Detector struct {
	call     *onnx.Call
	filled   int // frames in the window, padding included
	seen     int // frames pushed
	returned int // frames whose probability was returned
	out      []Probability
}

// NewDetector begins a film.
func (m *Model) NewDetector() (*Detector, error) {
	call, err := m.session.NewCall(
		[]int64{1, window, Height, Width, 3}, []int64{1, window, bins},
		[]int64{1, window}, []int64{1, window})
	if err != nil {
		return nil, err
	}
	return &Detector{call: call}, nil
}

// Close frees the detector's arrays.
func (d *Detector) Close() error { return d.call.Close() }

// Push adds the next frame, of FrameSize bytes. Push returns the probabilities of the next frames as far as known, in order; often none. The slice is
// valid until the next call. The caller may reuse the frame at once.
func (d *Detector) Push(ctx context.Context, frame []byte) ([]Probability, error) {
	if len(frame) != FrameSize {
		return nil, errkind.New(errkind.Invalid, "the frame has %d bytes instead of %d", len(frame), FrameSize)
	}
	d.out = d.out[:0]
	if d.seen == 0 {
		for range margin {
			d.put(frame)
		}
	}
	d.put(frame)
	d.seen++
	if d.filled == window {
		if err := d.judge(ctx); err != nil {
			return nil, err
		}
	}
	return d.out, nil
}

// Finish returns the probabilities of the remaining frames. After Finish, the detector can only be closed.
func (d *Detector) Finish(ctx context.Context) ([]Probability, error) {
	d.out = d.out[:0]
	for d.returned < d.seen {
		for d.filled < window {
			d.repeat()
		}
		if err := d.judge(ctx); err != nil {
			return nil, err
		}
	}
	return d.out, nil
}

// judge runs the model over a full window, keeps the middle, and moves the window on.
func (d *Detector) judge(ctx context.Context) error {
	if err := d.call.Run(ctx); err != nil {
		return err
	}
	single, many := d.call.Out(0), d.call.Out(1)
	for i := margin; i < margin+step && d.returned < d.seen; i++ {
		d.out = append(d.out, Probability{single[i], many[i]})
		d.returned++
	}
	frames, hist := d.call.In(0), d.call.In(1)
	copy(frames, frames[step*FrameSize:])
	copy(hist, hist[step*bins:])
	d.filled = window - step
	return nil
}

func (d *Detector) put(frame []byte) {
	pixels := d.call.In(0)[d.filled*FrameSize:][:FrameSize]
	for i, v := range frame {
		pixels[i] = float32(v)
	}
	histogram(frame, d.call.In(1)[d.filled*bins:][:bins])
	d.filled++
}

// repeat pads the window with its last frame.
func (d *Detector) repeat() {
	frames, hist := d.call.In(0), d.call.In(1)
	copy(frames[d.filled*FrameSize:][:FrameSize], frames[(d.filled-1)*FrameSize:])
	copy(hist[d.filled*bins:][:bins], hist[(d.filled-1)*bins:])
	d.filled++
}

// histogram counts colours, eight levels a channel, and scales the counts to length 1.
func histogram(frame []byte, hist []float32) {
	clear(hist)
	const shift = 8 - binBits
	for i := 0; i < len(frame); i += 3 {
		r, g, b := int(frame[i]>>shift), int(frame[i+1]>>shift), int(frame[i+2]>>shift)
		hist[r<<(2*binBits)|g<<binBits|b]++
	}
	var squares float64
	for _, n := range hist {
		squares += float64(n) * float64(n)
	}
	length := float32(math.Sqrt(squares))
	for i := range hist {
		hist[i] /= length
	}
}
