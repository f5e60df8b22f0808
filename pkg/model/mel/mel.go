package mel

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	// Rate is the rate of the sound, in samples a second.
	Rate = 16000
	// Hop is the number of samples from one frame to the next.
	Hop = 160
	// Transform is the number of samples of a frame.
	Transform = 400

	bins = Transform/2 + 1
)

// A band is a filter of the mel scale: weights of the bins from first on.
type band struct {
	first   int
	weights []float64
}

// bandsOf returns the filters of a number of bands.
func bandsOf(count int) []band {
	toMel := func(f float64) float64 {
		if f < 1000 {
			return f * 3 / 200
		}
		return 15 + 27*math.Log(f/1000)/math.Log(6.4)
	}
	toHertz := func(m float64) float64 {
		if m < 15 {
			return m * 200 / 3
		}
		return 1000 * math.Exp(math.Log(6.4)*(m-15)/27)
	}
	edges := make([]float64, count+2)
	for i := range edges {
		edges[i] = toHertz(toMel(Rate/2) * float64(i) / float64(count+1))
	}
	out := make([]band, count)
	for i := range out {
		low, mid, high := edges[i], edges[i+1], edges[i+2]
		for k := range bins {
			f := float64(k) * Rate / Transform
			w := min((f-low)/(mid-low), (high-f)/(high-mid)) * 2 / (high - low)
			if w <= 0 {
				continue
			}
			if out[i].weights == nil {
				out[i].first = k
			}
			out[i].weights = append(out[i].weights, w)
		}
	}
	return out
}

var hann = func() (w [Transform]float64) {
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/Transform)
	}
	return w
}()

// A Spectrum transforms frames.
type Spectrum struct {
	bands    []band
	fft      *fourier.FFT
	frame    []float64
	spectrum []complex128
	power    []float64
}

// New returns a Spectrum of a number of bands.
func New(bands int) *Spectrum {
	return &Spectrum{bandsOf(bands), fourier.NewFFT(Transform), make([]float64, Transform), make([]complex128, bins), make([]float64, bins)}
}

// Frame writes the power of each band of the samples [first, first+Transform) into out. at returns a sample.
func (s *Spectrum) Frame(first int, at func(i int) float64, out []float64) {
	for i := range s.frame {
		s.frame[i] = at(first+i) * hann[i]
	}
	for k, c := range s.fft.Coefficients(s.spectrum, s.frame) {
		s.power[k] = real(c)*real(c) + imag(c)*imag(c)
	}
	for m, b := range s.bands {
		sum := 0.0
		for i, w := range b.weights {
			sum += w * s.power[b.first+i]
		}
		out[m] = sum
	}
}
