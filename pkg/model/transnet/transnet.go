package transnet

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/model/transnet/tiles"
)

// The size of the model's frames: RGB, a byte per channel, row by row, with the whole picture squeezed to this size.
const (
	Width     = 48
	Height    = 27
	FrameSize = Width * Height * 3
)

// Window is the number of frames that the model judges at a time. Only the middle is kept, since the frames at the edges have too little context.
const Window = 200

const (
	margin  = 25 // frames at each end that are judged in another window
	binBits = 3  // of each channel, in a colour histogram
	bins    = 1 << (3 * binBits)
)

// maxLanes bounds the windows that a detector judges at the same time. Each takes memory, and delays the first shot of a film.
const maxLanes = 4

// Model is the loaded model. Any number of detectors may share a Model.
type Model struct {
	// One of both is there: tiles where the processor has them, and the session elsewhere.
	tiles   *tiles.Network
	session *onnx.Session
	lanes   int // of a detector
	window  int // frames
}

// step is the number of frames of a window that are kept.
func (m *Model) step() int { return m.window - 2*margin }

// Open loads the model from the cache, to run on this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	if tiles.Available() {
		return openTiles(cache, threads)
	}
	return openSession(cache, threads)
}

// openTiles loads the model for the matrix units of the processor.
func openTiles(cache model.Cache, threads int) (*Model, error) {
	path, err := cache.Require("transnetv2")
	if err != nil {
		return nil, err
	}
	tensors, err := onnx.Tensors(path)
	if err != nil {
		return nil, err
	}
	network, err := tiles.New(tensors)
	if err != nil {
		return nil, err
	}
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	return &Model{tiles: network, lanes: min(threads, maxLanes), window: Window}, nil
}

// openSession loads the model for any processor.
func openSession(cache model.Cache, threads int) (*Model, error) {
	s, err := onnx.Open(cache, "transnetv2", []string{"frames", "hist"}, []string{"single", "many"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{session: s, lanes: 1, window: Window}, nil
}

// Close frees the model. The caller MUST close the detectors before.
func (m *Model) Close() error {
	if m.tiles != nil {
		return m.tiles.Close()
	}
	return m.session.Close()
}

// A lane computes the probabilities of one window at a time.
type lane interface {
	// judge writes the probabilities of the frames between the margins.
	judge(ctx context.Context, frames []byte, hist []float32, out []Probability) error
	Close() error
}

func (m *Model) newLane() (lane, error) {
	if m.tiles != nil {
		l, err := m.tiles.NewLane()
		return tilesLane{l}, err
	}
	n := int64(m.window)
	call, err := m.session.NewCall([]int64{1, n, Height, Width, 3}, []int64{1, n, bins}, []int64{1, n}, []int64{1, n})
	return sessionLane{call}, err
}

type tilesLane struct{ *tiles.Lane }

func (l tilesLane) judge(ctx context.Context, frames []byte, hist []float32, out []Probability) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	single, many := make([]float32, len(out)), make([]float32, len(out))
	l.Judge(frames, hist, single, many)
	for i := range out {
		out[i] = Probability{single[i], many[i]}
	}
	return nil
}

type sessionLane struct{ *onnx.Call }

func (l sessionLane) judge(ctx context.Context, frames []byte, hist []float32, out []Probability) error {
	pixels := l.In(0)
	for i, v := range frames {
		pixels[i] = float32(v)
	}
	copy(l.In(1), hist)
	if err := l.Run(ctx); err != nil {
		return err
	}
	single, many := l.Out(0), l.Out(1)
	for i := range out {
		out[i] = Probability{single[margin+i], many[margin+i]}
	}
	return nil
}

// Probability is the model's judgement of a frame.
type Probability struct {
	// Single is high at one frame of each transition. For a hard cut, this frame is the last frame of the shot that ends.
	Single float32
	// Many is high at every frame of a transition, such as a dissolve.
	Many float32
}

// Detector watches a film. A Detector is for a single goroutine.
type Detector struct {
	model    *Model
	lanes    []lane
	frames   []byte    // the frames of as many windows as there are lanes, padding included
	hist     []float32 // their colour histograms
	filled   int       // frames in frames
	seen     int       // frames pushed
	returned int       // frames whose probability was returned
	out      []Probability
}

// NewDetector begins a film.
func (m *Model) NewDetector() (*Detector, error) {
	most := m.span(m.lanes)
	d := &Detector{model: m, frames: make([]byte, most*FrameSize), hist: make([]float32, most*bins)}
	for range m.lanes {
		l, err := m.newLane()
		if err != nil {
			return nil, errors.Join(err, d.Close())
		}
		d.lanes = append(d.lanes, l)
	}
	return d, nil
}

// span returns the number of frames of overlapping windows.
func (m *Model) span(windows int) int { return (windows-1)*m.step() + m.window }

// Close frees the detector's memory.
func (d *Detector) Close() error {
	var err error
	for _, l := range d.lanes {
		err = errors.Join(err, l.Close())
	}
	d.lanes = nil
	return err
}

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
	if d.filled == d.model.span(len(d.lanes)) {
		if err := d.judge(ctx, len(d.lanes)); err != nil {
			return nil, err
		}
	}
	return d.out, nil
}

// Finish returns the probabilities of the remaining frames. After Finish, the detector can only be closed.
func (d *Detector) Finish(ctx context.Context) ([]Probability, error) {
	d.out = d.out[:0]
	for step := d.model.step(); d.returned < d.seen; {
		windows := min((d.seen-d.returned+step-1)/step, len(d.lanes))
		for d.filled < d.model.span(windows) {
			d.repeat()
		}
		if err := d.judge(ctx, windows); err != nil {
			return nil, err
		}
	}
	return d.out, nil
}

// judge runs the model over the first windows, each in a lane, keeps the middles, and moves the frames on.
func (d *Detector) judge(ctx context.Context, windows int) error {
	step, window := d.model.step(), d.model.window
	out := make([]Probability, windows*step)
	errs := make([]error, windows)
	var wg sync.WaitGroup
	for i := range windows {
		wg.Go(func() {
			from := i * step
			errs[i] = d.lanes[i].judge(ctx, d.frames[from*FrameSize:(from+window)*FrameSize], d.hist[from*bins:(from+window)*bins], out[from:from+step])
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	known := out[:min(len(out), d.seen-d.returned)]
	d.out = append(d.out, known...)
	d.returned += len(known)
	copy(d.frames, d.frames[windows*step*FrameSize:])
	copy(d.hist, d.hist[windows*step*bins:])
	d.filled -= windows * step
	return nil
}

func (d *Detector) put(frame []byte) {
	copy(d.frames[d.filled*FrameSize:], frame)
	histogram(frame, d.hist[d.filled*bins:][:bins])
	d.filled++
}

// repeat pads the windows with the last frame.
func (d *Detector) repeat() {
	copy(d.frames[d.filled*FrameSize:][:FrameSize], d.frames[(d.filled-1)*FrameSize:])
	copy(d.hist[d.filled*bins:][:bins], d.hist[(d.filled-1)*bins:])
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
