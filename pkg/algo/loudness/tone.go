package loudness

import (
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
)

const (
	// toneHertz is the frequency of line-up tone (EBU R 49, SMPTE RP 200).
	toneHertz = 1000
	// pure is the share of the power at the frequency from which a step is tone, and faint the level below which a step is silence, in dBFS.
	pure  = 0.95
	faint = -50.0
	// minTone is the shortest tone, gap the longest pause, and blur the longest time of other sound, in steps of a tenth of a second. A step in which a
	// channel begins or ends is not pure.
	minTone, gap, blur = 10, 5, 2
	// maxTones bounds the tones of a track.
	maxTones = 1000
)

// A tone is a stretch of test tone.
type tone struct {
	interval schema.Interval
	level    float64 // of the mean power over the tone's steps
}

// tones finds test tone, by the power of each step of a tenth of a second at the frequency (Goertzel 1958).
type tones struct {
	channels []goertzel
	samples  int   // of the current step
	step     int64 // the current step
	from, to int64 // the current tone is the steps [from, to)
	power    float64
	steps    int64 // steps with the tone
	others   int   // steps of other sound since
	found    []tone
}

// A goertzel is a channel of the current step: the two last states of the filter, and the sum of squares.
type goertzel struct{ s1, s2, sum float64 }

var coefficient = 2 * math.Cos(2*math.Pi*toneHertz/Rate)

func (t *tones) push(s algo.Samples) {
	if t.channels == nil {
		t.channels = make([]goertzel, s.Channels)
	}
	for n := range s.Count() {
		for c := range t.channels {
			g, x := &t.channels[c], float64(s.Data[n*s.Channels+c])/32768
			g.s1, g.s2 = float64(coefficient*g.s1)-g.s2+x, g.s1
			g.sum += float64(x * x)
		}
		if t.samples++; t.samples == stepSamples {
			t.endStep()
		}
	}
}

// endStep ends a step.
func (t *tones) endStep() {
	var at, all float64 // mean powers, of all channels
	for c, g := range t.channels {
		at += 2 * (float64(g.s1*g.s1) + float64(g.s2*g.s2) - float64(coefficient*g.s1)*g.s2) / (stepSamples * stepSamples)
		all += g.sum / stepSamples
		t.channels[c] = goertzel{}
	}
	loudest := 10*math.Log10(max(all, 1e-12)) + 10*math.Log10(2) // a sine of full scale has half the power of a square
	heard := loudest > faint && at >= pure*all
	switch {
	case heard && (t.steps == 0 || t.step-t.to > gap || t.others > blur):
		t.close()
		t.from, t.to, t.power, t.steps = t.step, t.step+1, all, 1
	case heard:
		t.to, t.power, t.steps, t.others = t.step+1, t.power+all, t.steps+1, 0
	case loudest > faint:
		t.others++
	}
	t.samples, t.step = 0, t.step+1
}

// close ends the current tone.
func (t *tones) close() {
	if t.to-t.from >= minTone && len(t.found) < maxTones {
		t.found = append(t.found, tone{
			interval: schema.Interval{Start: schema.FromSamples(t.from*stepSamples, Rate), End: schema.FromSamples(t.to*stepSamples, Rate)},
			level:    10*math.Log10(t.power/float64(t.steps)/float64(len(t.channels))) + 10*math.Log10(2),
		})
	}
	t.from, t.to, t.steps, t.others = 0, 0, 0, 0
}

func (t *tones) end() []tone {
	t.close()
	return t.found
}
