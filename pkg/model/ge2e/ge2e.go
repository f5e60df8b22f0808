package ge2e

import (
	"context"
	"errors"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/mel"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

const (
	// Rate is the rate of the sound, in samples a second.
	Rate = mel.Rate
	// Hop is the number of samples from one frame to the next.
	Hop = mel.Hop
	// Frames is the number of frames of a window.
	Frames = 160
	// Bands is the number of numbers of a frame.
	Bands = 40
	// Dim is the length of a vector.
	Dim = 256

	// batch is the number of windows that are computed at a time.
	batch = 32
)

// Model is the loaded network.
type Model struct{ session *onnx.Session }

// Open loads the network from the cache. Each call uses this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	s, err := onnx.Open(cache, "ge2e", []string{"mel"}, []string{"vector"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{s}, nil
}

// Close frees the network, after running calls have ended.
func (m *Model) Close() error { return m.session.Close() }

// loudness is the mean loudness, in dB below the loudest sample, to which quiet speech is raised.
const loudness = -30

// Loud raises speech to the loudness of the network's training. Louder speech is left as the speech is.
func Loud(sound []float32) []float32 {
	sum := 0.0
	for _, v := range sound {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return sound
	}
	change := loudness - 10*math.Log10(sum/float64(len(sound)))
	if change <= 0 {
		return sound
	}
	gain := math.Pow(10, change/20)
	out := make([]float32, len(sound))
	for i, v := range sound {
		out[i] = float32(float64(v) * gain)
	}
	return out
}

// Spectrogram returns the power of the bands, frame by frame: frame n is around sample n*Hop. Silence is before and after the sound.
func Spectrogram(sound []float32) []float32 {
	frames := 1 + len(sound)/Hop
	out := make([]float32, 0, frames*Bands)
	spectrum, power := mel.New(Bands), make([]float64, Bands)
	at := func(i int) float64 {
		if i < 0 || i >= len(sound) {
			return 0
		}
		return float64(sound[i])
	}
	for n := range frames {
		spectrum.Frame(n*Hop-mel.Transform/2, at, power)
		for _, p := range power {
			out = append(out, float32(p))
		}
	}
	return out
}

// Vectors returns the vector of each window. A window is Frames frames of a spectrogram. Invalid: a window has another length.
func (m *Model) Vectors(ctx context.Context, windows [][]float32) ([][]float32, error) {
	var out [][]float32
	for from := 0; from < len(windows); from += batch {
		some, err := m.vectors(ctx, windows[from:min(from+batch, len(windows))])
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (m *Model) vectors(ctx context.Context, windows [][]float32) (_ [][]float32, err error) {
	n := int64(len(windows))
	call, err := m.session.NewCall([]int64{n, Frames, Bands}, []int64{n, Dim})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, call.Close()) }()
	for i, w := range windows {
		if len(w) != Frames*Bands {
			return nil, errkind.New(errkind.Invalid, "a window has %d numbers, not %d", len(w), Frames*Bands)
		}
		copy(call.In(0)[i*Frames*Bands:], w)
	}
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	all := append([]float32(nil), call.Out(0)...)
	out := make([][]float32, n)
	for i := range out {
		out[i] = all[i*Dim : (i+1)*Dim : (i+1)*Dim]
	}
	return out, nil
}
