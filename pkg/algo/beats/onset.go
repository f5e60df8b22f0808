package beats

import (
	"math"

	"github.com/cinedex/cinedex/pkg/model/mel"
)

const (
	// rate is the number of frames a second.
	rate = mel.Rate / mel.Hop
	// bands is the number of bands of the mel scale.
	bands = 40
	// floor is how far below the loudest band quieter bands are cut off, in dB.
	floor = 35
	// low is the number of the lowest bands, up to some 280 Hz. What begins there weighs more: drums and basses play on the beat, and other
	// instruments between the beats, too.
	low, lowWeight = 4, 6
	// blur is the deviation of the Gaussian that smooths the onsets, in frames.
	blur = 2
)

// onsets returns how much begins in each frame of 10 ms: the growth of loudness, summed over the bands, less the mean of a second around.
func onsets(sound []float32) []float64 {
	frames := 1 + len(sound)/mel.Hop
	spectrum, power := mel.New(bands), make([]float64, bands)
	at := func(i int) float64 {
		if i < 0 || i >= len(sound) {
			return 0
		}
		return float64(sound[i])
	}
	levels, loudest := make([][bands]float32, frames), float32(math.Inf(-1))
	for n := range frames {
		spectrum.Frame(n*mel.Hop-mel.Transform/2, at, power)
		for b, p := range power {
			levels[n][b] = float32(10 * math.Log10(max(p, 1e-12)))
			loudest = max(loudest, levels[n][b])
		}
	}
	growth := make([]float64, frames)
	for n := 1; n < frames; n++ {
		for b := range bands {
			weight := 1.0
			if b < low {
				weight = lowWeight
			}
			growth[n] += weight * max(0, float64(max(levels[n][b], loudest-floor)-max(levels[n-1][b], loudest-floor)))
		}
	}
	return sharpened(smoothed(growth))
}

// smoothed is the series under a Gaussian.
func smoothed(series []float64) []float64 {
	const reach = 3 * blur
	var weights [2*reach + 1]float64
	total := 0.0
	for i := range weights {
		x := float64(i-reach) / blur
		weights[i] = math.Exp(-x * x / 2)
		total += weights[i]
	}
	out := make([]float64, len(series))
	for n := range out {
		for i, w := range weights {
			if k := n + i - reach; k >= 0 && k < len(series) {
				out[n] += w * series[k] / total
			}
		}
	}
	return out
}

// sharpened is the series less the mean of a second around each place, where above, in units of the deviation.
func sharpened(series []float64) []float64 {
	sums := make([]float64, len(series)+1)
	for i, v := range series {
		sums[i+1] = sums[i] + v
	}
	out, squares := make([]float64, len(series)), 0.0
	for i, v := range series {
		from, to := max(0, i-rate/2), min(len(series), i+rate/2)
		out[i] = max(0, v-(sums[to]-sums[from])/float64(to-from))
		squares += out[i] * out[i]
	}
	if squares == 0 {
		return out
	}
	deviation := math.Sqrt(squares / float64(len(out)))
	for i := range out {
		out[i] /= deviation
	}
	return out
}
