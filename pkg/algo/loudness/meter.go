package loudness

import (
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
)

// Rate is the rate at which the K-weighting has the coefficients below, in samples a second.
const Rate = 48000

const (
	// stepSamples is a tenth of a second. Windows move by a step.
	stepSamples = Rate / 10
	// Momentary loudness is of 400 ms, short-term loudness of 3 s (EBU Tech 3341).
	momentarySteps = 4
	shortSteps     = 30

	// Gates of BS.1770-4 and EBU Tech 3342.
	absoluteGate  = -70.0
	relativeGate  = -10.0
	rangeGate     = -20.0
	rangeLow      = 0.10
	rangeHigh     = 0.95
	loudest       = 10.0
	binsPerLU     = 100
	floorTruePeak = -100.0
)

// A biquad is a filter of second order, in direct form II transposed.
type biquad struct{ b0, b1, b2, a1, a2, z1, z2 float64 }

func (f *biquad) push(x float64) float64 {
	y := f.b0*x + f.z1
	f.z1 = f.b1*x - f.a1*y + f.z2
	f.z2 = f.b2*x - f.a2*y
	return y
}

// The K-weighting at 48 kHz, tables 1 and 2 of BS.1770-4.
var (
	shelf    = biquad{b0: 1.53512485958697, b1: -2.69169618940638, b2: 1.19839281085285, a1: -1.69065929318241, a2: 0.73248077421585}
	highPass = biquad{b0: 1, b1: -2, b2: 1, a1: -1.99004745483398, a2: 0.99007225036621}
)

// phases is the filter of BS.1770-4, annex 2, that gives four samples for each sample.
var phases = [4][12]float64{
	{0.0017089843750, 0.0109863281250, -0.0196533203125, 0.0332031250000, -0.0594482421875, 0.1373291015625,
		0.9721679687500, -0.1022949218750, 0.0476074218750, -0.0266113281250, 0.0148925781250, -0.0083007812500},
	{-0.0291748046875, 0.0292968750000, -0.0517578125000, 0.0891113281250, -0.1665039062500, 0.4650878906250,
		0.7797851562500, -0.2003173828125, 0.1015625000000, -0.0582275390625, 0.0330810546875, -0.0189208984375},
	{-0.0189208984375, 0.0330810546875, -0.0582275390625, 0.1015625000000, -0.2003173828125, 0.7797851562500,
		0.4650878906250, -0.1665039062500, 0.0891113281250, -0.0517578125000, 0.0292968750000, -0.0291748046875},
	{-0.0083007812500, 0.0148925781250, -0.0266113281250, 0.0476074218750, -0.1022949218750, 0.9721679687500,
		0.1373291015625, -0.0594482421875, 0.0332031250000, -0.0196533203125, 0.0109863281250, 0.0017089843750},
}

// gain is more than the greatest factor between a sample and the peak beside the sample: the sum of the sizes of a phase's coefficients.
const gain = 2.5

// A channel is the state of a channel.
type channel struct {
	weight   float64
	shelf    biquad
	highPass biquad
	sum      float64     // squares of the current step
	last     [12]float64 // the last samples, of a ring
	at       int
}

// weights returns the channel weights of BS.1770-4 for the order of WAVE files: surrounds count 1.5 dB more, low frequencies do not count.
func weights(channels int) []float64 {
	const surround = 1.41
	switch channels {
	case 6:
		return []float64{1, 1, 1, 0, surround, surround}
	case 8:
		return []float64{1, 1, 1, 0, surround, surround, surround, surround}
	}
	w := make([]float64, channels)
	for i := range w {
		w[i] = 1
	}
	return w
}

// A meter measures a track.
type meter struct {
	channels []channel
	inStep   int                 // samples in the current step
	steps    int                 // steps that have ended
	ring     [shortSteps]float64 // energies of the last steps
	blocks   histogram           // of momentary loudness
	shorts   histogram           // of short-term loudness
	curve    []float32           // short-term loudness, once a second

	peak              float64 // the greatest true peak
	momentary, shortT float64 // the greatest values
}

func newMeter(channels int) *meter {
	m := &meter{momentary: math.Inf(-1), shortT: math.Inf(-1)}
	for _, w := range weights(channels) {
		m.channels = append(m.channels, channel{weight: w, shelf: shelf, highPass: highPass})
	}
	return m
}

// push adds a block of sound at Rate.
func (m *meter) push(s algo.Samples) {
	for n := range s.Count() {
		frame := s.Data[n*s.Channels : (n+1)*s.Channels]
		for c := range m.channels {
			ch := &m.channels[c]
			x := float64(frame[c]) / 32768
			m.peakOf(ch, x)
			if ch.weight > 0 {
				y := ch.highPass.push(ch.shelf.push(x))
				ch.sum += y * y
			}
		}
		if m.inStep++; m.inStep == stepSamples {
			m.endStep()
		}
	}
}

// peakOf looks for the peak between the last samples. Where no sample is large enough for a new peak, nothing is computed.
func (m *meter) peakOf(ch *channel, x float64) {
	ch.last[ch.at] = x
	ch.at = (ch.at + 1) % len(ch.last)
	large := false
	for _, v := range ch.last {
		if v*gain > m.peak || -v*gain > m.peak {
			large = true
			break
		}
	}
	if !large {
		return
	}
	m.peak = max(m.peak, math.Abs(x))
	for _, phase := range phases {
		sum := 0.0
		for i, h := range phase {
			sum += h * ch.last[(ch.at+len(ch.last)-1-i)%len(ch.last)]
		}
		m.peak = max(m.peak, math.Abs(sum))
	}
}

// endStep adds the energy of a tenth of a second.
func (m *meter) endStep() {
	energy := 0.0
	for c := range m.channels {
		energy += m.channels[c].weight * m.channels[c].sum / stepSamples
		m.channels[c].sum = 0
	}
	m.ring[m.steps%shortSteps] = energy
	m.steps++
	m.inStep = 0
	if m.steps >= momentarySteps {
		e := m.mean(momentarySteps)
		m.blocks.add(e)
		m.momentary = max(m.momentary, lufs(e))
	}
	if m.steps >= shortSteps {
		e := m.mean(shortSteps)
		m.shorts.add(e)
		m.shortT = max(m.shortT, lufs(e))
	}
	if m.steps%10 == 0 {
		m.curve = append(m.curve, float32(lufs(m.mean(min(m.steps, shortSteps)))))
	}
}

// mean returns the mean energy of the last n steps.
func (m *meter) mean(n int) float64 {
	sum := 0.0
	for i := range n {
		sum += m.ring[(m.steps-1-i)%shortSteps]
	}
	return sum / float64(n)
}

// lufs returns the loudness of an energy.
func lufs(energy float64) float64 { return -0.691 + 10*math.Log10(energy) }

// truePeak returns the greatest peak in dBTP.
func (m *meter) truePeak() float64 { return max(20*math.Log10(m.peak), floorTruePeak) }

// A histogram counts loudness above the absolute gate, so that memory does not grow with the track.
type histogram struct {
	counts   [(loudest - absoluteGate) * binsPerLU]int64
	energies [(loudest - absoluteGate) * binsPerLU]float64
}

func (h *histogram) add(energy float64) {
	l := lufs(energy)
	if l < absoluteGate {
		return
	}
	i := min(int((l-absoluteGate)*binsPerLU), len(h.counts)-1)
	h.counts[i]++
	h.energies[i] += energy
}

// above returns the count and the mean energy of the values from bin first on.
func (h *histogram) above(first int) (count int64, mean float64) {
	sum := 0.0
	for i := max(first, 0); i < len(h.counts); i++ {
		count += h.counts[i]
		sum += h.energies[i]
	}
	return count, sum / float64(max(count, 1))
}

// gate returns the first bin of the values that are no more than so many LU below the mean of all values.
func (h *histogram) gate(below float64) int {
	_, mean := h.above(0)
	return int(math.Ceil((lufs(mean) + below - absoluteGate) * binsPerLU))
}

// integrated returns the gated loudness in LUFS; the absolute gate for a track without sound above the gate.
func (h *histogram) integrated() float64 {
	if n, _ := h.above(0); n == 0 {
		return absoluteGate
	}
	_, mean := h.above(h.gate(relativeGate))
	return lufs(mean)
}

// spread returns the loudness range in LU (EBU Tech 3342).
func (h *histogram) spread() float64 {
	if n, _ := h.above(0); n == 0 {
		return 0
	}
	first := max(h.gate(rangeGate), 0)
	total, _ := h.above(first)
	at := func(share float64) float64 {
		rank, seen := int64(math.Round(share*float64(total-1))), int64(0)
		for i := first; i < len(h.counts); i++ {
			if seen += h.counts[i]; seen > rank {
				return float64(i) / binsPerLU
			}
		}
		return 0
	}
	return at(rangeHigh) - at(rangeLow)
}
