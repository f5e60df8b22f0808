package beats

import (
	"math"
	"slices"
)

const (
	// slowest and fastest bound the tempo, in beats a minute.
	slowest, fastest = 40, 240
	// usual is the tempo that is preferred where several tempi fit, and spread the deviation of the preference, in octaves.
	usual, spread = 120, 1.0
	// hearing is the number of frames that tell the tempo of a place, and stride the number of frames from a place to the next.
	hearing, stride = 8 * rate, rate
	// moving is the cost of a change of tempo by an octave.
	moving = 8
	// tightness is the cost of a distance between beats that differs from the tempo's (Ellis 2007).
	tightness = 100
	// clearPulse is the clearness from which music has a pulse.
	clearPulse = 0.15
	// around is the number of places before and after a place whose clearness counts.
	around = 4
	// leastBeats is the least number of beats of a tempo.
	leastBeats = 8
	// another is the share by which a tempo differs from the tempo before.
	another = 0.08
)

// periods are the distances between beats that are tried, in frames, from short to long, in equal steps of pitch.
var periods = func() (out []float64) {
	const perOctave = 48
	for p := 60.0 * rate / fastest; p <= 60.0*rate/slowest; p *= math.Pow(2, 1.0/perOctave) {
		out = append(out, p)
	}
	return out
}()

// A beat is a frame, and how much begins there.
type beat struct {
	frame    int
	strength float64
	strong   bool
}

// A pulse is beats at a tempo.
type pulse struct {
	beats     []beat
	clearness float32
}

// period is the median distance between beats, in frames.
func (p pulse) period() int { return p.distances()[(len(p.beats)-1)/2] }

func (p pulse) distances() []int {
	var out []int
	for i := range p.beats[1:] {
		out = append(out, p.beats[i+1].frame-p.beats[i].frame)
	}
	slices.Sort(out)
	return out
}

// bpm is the tempo: the mean of the middle half of the distances between beats.
func (p pulse) bpm() float64 {
	d := p.distances()
	d = d[len(d)/4 : max(len(d)-len(d)/4, len(d)/4+1)]
	sum := 0
	for _, x := range d {
		sum += x
	}
	return 60 * rate * float64(len(d)) / float64(sum)
}

// pulses returns the beats of music, a pulse for each tempo.
func pulses(onsets []float64) []pulse {
	tempi, clearness := follow(onsets)
	at := func(frame int) int { return min(frame/stride, len(tempi)-1) }
	frames := tap(onsets, func(frame int) float64 { return tempi[at(frame)] })
	var out []pulse
	var current pulse
	sum := 0.0
	end := func() {
		if len(current.beats) >= leastBeats {
			current.clearness = float32(min(sum/float64(len(current.beats)), 1))
			strengthen(current.beats, onsets)
			out = append(out, current)
		}
		current, sum = pulse{}, 0
	}
	last := 0.0
	for _, f := range frames {
		tempo := tempi[at(f)]
		if clearness[at(f)] < clearPulse {
			end()
			continue
		}
		if len(current.beats) > 0 && math.Abs(tempo/last-1) > another {
			end()
		}
		if len(current.beats) == 0 {
			last = tempo
		}
		current.beats = append(current.beats, beat{frame: f})
		sum += clearness[at(f)]
	}
	end()
	return out
}

// strengthen sets the strengths of beats.
func strengthen(beats []beat, onsets []float64) {
	all := make([]float64, len(beats))
	for i, b := range beats {
		for k := max(0, b.frame-2); k <= min(len(onsets)-1, b.frame+2); k++ {
			all[i] = max(all[i], onsets[k])
		}
	}
	sorted := slices.Sorted(slices.Values(all))
	most, middle := sorted[len(sorted)*19/20], sorted[len(sorted)/2]
	for i := range beats {
		beats[i].strength = math.Round(100*min(all[i]/max(most, 1e-9), 1)) / 100
		beats[i].strong = all[i] > middle
	}
}

// follow returns the period of the beats, in frames, and the clearness of the pulse, for each second.
func follow(onsets []float64) (tempi, clearness []float64) {
	places := max(1, (len(onsets)+stride-1)/stride)
	scores := make([][]float64, places)
	for i := range scores {
		middle := i*stride + stride/2
		from := max(0, min(middle-hearing/2, len(onsets)-hearing))
		scores[i] = likely(onsets[from:min(len(onsets), from+hearing)])
	}
	path := cheapest(scores)
	for i, k := range path {
		// The mean of some seconds, so that a pulse outlasts a few unclear beats.
		sum, n := 0.0, 0.0
		for j := max(0, i-around); j <= min(places-1, i+around); j++ {
			sum, n = sum+scores[j][path[j]], n+1
		}
		tempi, clearness = append(tempi, periods[k]), append(clearness, sum/n)
	}
	return tempi, clearness
}

// likely returns how likely each period is: the autocorrelation at the period and at its multiples, by the preference.
func likely(onsets []float64) []float64 {
	longest := int(4*periods[len(periods)-1]) + 2
	same := make([]float64, min(longest, len(onsets)))
	for lag := range same {
		for i := lag; i < len(onsets); i++ {
			same[lag] += onsets[i] * onsets[i-lag]
		}
		same[lag] /= float64(len(onsets) - lag)
	}
	mean := 0.0
	for _, v := range onsets {
		mean += v / float64(len(onsets))
	}
	at := func(lag float64) (float64, bool) {
		i := int(lag)
		if i+1 >= len(same) || i+1 > len(onsets)*3/4 {
			return 0, false
		}
		share := lag - float64(i)
		return (same[i]*(1-share) + same[i+1]*share - mean*mean) / max(same[0]-mean*mean, 1e-9), true
	}
	out := make([]float64, len(periods))
	for k, p := range periods {
		sum, weights := 0.0, 0.0
		for n := 1.0; n <= 4; n++ {
			if v, ok := at(n * p); ok {
				sum, weights = sum+v/n, weights+1/n
			}
		}
		octaves := math.Log2(60 * rate / p / usual)
		out[k] = sum / max(weights, 1e-9) * math.Exp(-octaves*octaves/(2*spread*spread))
	}
	return out
}

// cheapest returns the path of the greatest sum of scores, less the cost of the changes of tempo.
func cheapest(scores [][]float64) []int {
	n := len(periods)
	total, from := slices.Clone(scores[0]), make([][]int, len(scores))
	for i := 1; i < len(scores); i++ {
		next := make([]float64, n)
		from[i] = make([]int, n)
		for k := range n {
			best, at := math.Inf(-1), k
			for j := range n {
				if v := total[j] - moving*math.Abs(math.Log2(periods[j]/periods[k])); v > best {
					best, at = v, j
				}
			}
			next[k], from[i][k] = best+scores[i][k], at
		}
		total = next
	}
	at := 0
	for k, v := range total {
		if v > total[at] {
			at = k
		}
	}
	path := make([]int, len(scores))
	for i := len(scores) - 1; i >= 0; i-- {
		path[i] = at
		if i > 0 {
			at = from[i][at]
		}
	}
	return path
}

// tap returns the frames of the beats: the chain of frames at which most begins, with distances near the period at each place.
func tap(onsets []float64, period func(frame int) float64) []int {
	score, before := make([]float64, len(onsets)), make([]int, len(onsets))
	for f := range onsets {
		p := period(f)
		best, at := 0.0, -1
		for k := max(0, f-int(2*p)); k <= f-int(p/2); k++ {
			off := math.Log(float64(f-k) / p)
			if v := score[k] - tightness*off*off; v > best {
				best, at = v, k
			}
		}
		score[f], before[f] = onsets[f]+best, at
	}
	if len(onsets) == 0 {
		return nil
	}
	last := len(onsets) - 1
	for f := max(0, len(onsets)-1-int(period(last))); f < len(onsets); f++ {
		if score[f] > score[last] || f == len(onsets)-1-int(period(last)) {
			last = f
		}
	}
	var out []int
	for f := last; f >= 0; f = before[f] {
		out = append(out, f)
	}
	slices.Reverse(out)
	return trimmed(out, onsets)
}

// trimmed leaves out beats before the first and after the last beat at which something begins.
func trimmed(frames []int, onsets []float64) []int {
	heard := func(f int) bool {
		for k := max(0, f-3); k <= min(len(onsets)-1, f+3); k++ {
			if onsets[k] > 0.5 {
				return true
			}
		}
		return false
	}
	for len(frames) > 0 && !heard(frames[0]) {
		frames = frames[1:]
	}
	for len(frames) > 0 && !heard(frames[len(frames)-1]) {
		frames = frames[:len(frames)-1]
	}
	return frames
}
