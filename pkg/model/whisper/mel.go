package whisper

import (
	"math"

	"github.com/cinedex/cinedex/pkg/model/mel"
)

const (
	// Rate is the rate of the sound, in samples a second.
	Rate = mel.Rate
	// Window is the number of samples of a window: 30 s.
	Window = 30 * Rate

	mels   = 80
	frames = Window / mel.Hop
)

// spectrogram writes the log-mel spectrogram of a window into out, [80][3000]. The window is filled with silence to its end. Sound before and after
// the window is mirrored, as the model's training did.
func spectrogram(sound []float32, out []float32) {
	sound = sound[:min(len(sound), Window)]
	at := func(i int) float64 {
		if i < 0 {
			i = -i
		}
		if i >= Window {
			i = 2*(Window-1) - i
		}
		if i >= len(sound) {
			return 0
		}
		return float64(sound[i])
	}
	spectrum, bands := mel.New(mels), make([]float64, mels)
	greatest := float32(math.Inf(-1))
	for t := range frames {
		first := t*mel.Hop - mel.Transform/2
		if first >= len(sound) && first+mel.Transform < Window {
			clear(bands)
		} else {
			spectrum.Frame(first, at, bands)
		}
		for m, sum := range bands {
			v := float32(math.Log10(max(sum, 1e-10)))
			out[m*frames+t] = v
			greatest = max(greatest, v)
		}
	}
	for i, v := range out {
		out[i] = (max(v, greatest-8) + 4) / 4
	}
}
