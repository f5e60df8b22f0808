package shots

import (
	"slices"

	"github.com/cinedex/cinedex/pkg/model/transnet"
)

// The ways in which a shot begins or ends, as values of the attributes "begin" and "end".
const (
	Edge     = "edge" // of the film
	Cut      = "cut"
	Dissolve = "dissolve" // or any other gradual change: wipe, morph
	Fade     = "fade"     // over black
)

// A change is a boundary between two shots.
type change struct {
	at         int64 // first frame of the shot that begins
	from, to   int64 // the frames [from, to) are part of both shots; from == to == at for a cut
	how        string
	confidence float32
}

// A cell is the stored data of a frame.
type cell struct {
	pix  []byte
	diff float32 // mean difference to the frame before, 0 to 255
	luma float32 // mean brightness, 0 to 255
}

const (
	// Thresholds of the model's "single": the published threshold, and the threshold for pictures that leave no doubt. The model underrates shots of
	// a few frames, and cuts to the same scene from another distance.
	cutThreshold, shyThreshold = 0.5, 0.1
	// doubtless is the least difference of two such pictures.
	doubtless = 20
	// Thresholds of the model's "many": a gradual change rises above high, and lasts while "many" is above low.
	gradualLow, gradualHigh = 0.2, 0.6
	// gradualSingle is the value that "single" must reach somewhere in a gradual change.
	gradualSingle = 0.25
	// shortRun is the number of samples of "many" that a hard cut may raise.
	shortRun = 5
	// minGradual is the shortest gradual change, in samples: about a quarter of a second.
	minGradual = 6
	// bridged is the number of samples for which "many" may drop within a change: fades dip at their darkest.
	bridged = 4
	// isolation is the factor by which the difference at a cut exceeds the neighbouring differences, and by which the difference of a gradual
	// change's ends exceeds the differences within.
	isolation = 3
	// dark is the brightness below which a frame counts as black.
	dark = 24
)

// A segment is a stretch of film that is judged as a whole. Sample i of the model is frame i*stride.
type segment struct {
	base   int64 // number of the first cell's frame
	stride int
	cells  []cell
	probs  []transnet.Probability
}

// changes finds the boundaries in a segment, in order.
func (s *segment) changes() []change {
	cuts := s.cuts()
	all := append(s.gradual(cuts), cuts...)
	slices.SortFunc(all, func(a, b change) int { return int(a.at - b.at) })
	// Of two boundaries closer than the length of a picture, the boundary with more confidence stays.
	out := all[:0]
	for _, c := range all {
		if n := len(out); n > 0 && c.at-out[n-1].at < 2*int64(s.stride) {
			if c.confidence > out[n-1].confidence {
				out[n-1] = c
			}
			continue
		}
		out = append(out, c)
	}
	return out
}

func (s *segment) cuts() []change {
	var out []change
	for i, p := range s.probs {
		if p.Single < shyThreshold || !s.peak(i) {
			continue
		}
		b := s.sharpest((i-1)*s.stride+1, (i+2)*s.stride)
		if b < 0 {
			continue
		}
		a, z := s.run(i, gradualLow)
		switch sharp := s.isolated(b); {
		case p.Single < cutThreshold && !(sharp && s.cells[b].diff >= doubtless):
			continue
		case z-a > shortRun && !sharp && !s.abrupt(b, a, z):
			continue // part of a gradual change
		case s.flash(b):
			continue
		}
		at := s.base + int64(b)
		out = append(out, change{at: at, from: at, to: at, how: Cut, confidence: p.Single})
	}
	return out
}

// peak reports whether sample i has the highest "single" of its neighbourhood.
func (s *segment) peak(i int) bool {
	for j := max(0, i-2); j <= min(len(s.probs)-1, i+2); j++ {
		if s.probs[j].Single > s.probs[i].Single || s.probs[j].Single == s.probs[i].Single && j < i {
			return false
		}
	}
	return true
}

// sharpest returns the cell of [from, to] with the largest difference to the cell before; -1 for an empty range.
func (s *segment) sharpest(from, to int) int {
	best := -1
	for b := max(from, 1); b <= min(to, len(s.cells)-1); b++ {
		if best < 0 || s.cells[b].diff > s.cells[best].diff {
			best = b
		}
	}
	return best
}

// isolated reports whether the film changes only at cell b, and not before and after.
func (s *segment) isolated(b int) bool {
	var beside float32
	for j := max(1, b-2); j <= min(len(s.cells)-1, b+2); j++ {
		if j != b {
			beside = max(beside, s.cells[j].diff)
		}
	}
	return s.cells[b].diff > isolation*(beside+1)
}

// abrupt reports whether most of the change over the samples [a, z) happens at cell b. Most of the change happens at a cut between moving pictures,
// and never at a single cell of a change over many frames.
func (s *segment) abrupt(b, a, z int) bool {
	before, after := s.cells[max(a*s.stride-1, 0)], s.cells[min(z*s.stride, len(s.cells)-1)]
	return s.cells[b].diff >= doubtless && s.cells[b].diff > difference(before.pix, after.pix)/2
}

// flash reports whether the film returns to the picture before cell b within a few frames: a photographer's flash or a stroke of lightning, not a new
// shot.
func (s *segment) flash(b int) bool {
	before := max(b-1, 0)
	for j := b + 1; j <= min(b+4*s.stride, len(s.cells)-1); j++ {
		if difference(s.cells[before].pix, s.cells[j].pix) < s.cells[b].diff/3 {
			return true
		}
	}
	// The same, seen from the other end of the flash.
	for j := before - 1; j >= max(before-4*s.stride, 0); j-- {
		if difference(s.cells[j].pix, s.cells[b].pix) < s.cells[b].diff/3 {
			return true
		}
	}
	return false
}

// run returns the samples [a, z) around i whose "many" is above a level.
func (s *segment) run(i int, level float32) (a, z int) {
	for a = i; a > 0 && s.probs[a-1].Many >= level; a-- {
	}
	for z = i + 1; z < len(s.probs) && s.probs[z].Many >= level; z++ {
	}
	return a, z
}

// gradual finds the gradual changes between the hard cuts.
func (s *segment) gradual(cuts []change) []change {
	lit := make([]bool, len(s.probs))
	for i, p := range s.probs {
		lit[i] = p.Many >= gradualLow
	}
	for _, c := range cuts { // samples raised by a cut are not a change of their own
		i := int(c.at-s.base)/s.stride - 1
		for j := max(0, i-2); j <= min(len(lit)-1, i+3); j++ {
			lit[j] = false
		}
	}
	var out []change
	for a := 0; a < len(lit); a++ {
		if !lit[a] {
			continue
		}
		z := a + 1 // [a, z) is raised, apart from short gaps
		for j := z; j < len(lit) && (j-z < bridged || s.black(z, j)); j++ {
			if lit[j] {
				z = j + 1
			}
		}
		if c, ok := s.gradualIn(a, z); ok {
			out = append(out, c)
		}
		a = z
	}
	return out
}

// black reports whether the samples [a, z] are all dark.
func (s *segment) black(a, z int) bool {
	for i := a; i <= z; i++ {
		if k := i * s.stride; k >= len(s.cells) || s.cells[k].luma >= dark {
			return false
		}
	}
	return true
}

// gradualIn judges the samples [a, z).
func (s *segment) gradualIn(a, z int) (change, bool) {
	var single, many float32
	for _, p := range s.probs[a:z] {
		single, many = max(single, p.Single), max(many, p.Many)
	}
	if z-a < minGradual || many < gradualHigh || single < gradualSingle {
		return change{}, false
	}
	from, to := a*s.stride, min(z*s.stride, len(s.cells))
	if s.base == 0 && s.black(0, a) {
		return change{}, false // the film fades in
	}
	// Motion that only resembles a change ends with almost the same picture as it began.
	before, after := s.cells[max(from-1, 0)], s.cells[min(to, len(s.cells)-1)]
	var within []float32
	for _, c := range s.cells[from:to] {
		within = append(within, c.diff)
	}
	slices.Sort(within)
	if difference(before.pix, after.pix) < isolation*(within[len(within)/2]+1) && min(before.luma, after.luma) >= dark {
		return change{}, false
	}
	c := change{
		at: s.base + int64(from+to)/2, from: s.base + int64(from), to: s.base + int64(to),
		how: Dissolve, confidence: many,
	}
	if middle, ok := s.darkest(from, to); ok {
		c.at, c.how = s.base+int64(middle), Fade
	}
	return c, true
}

// darkest returns the middle of the black frames in [from, to), if the film goes to black there.
func (s *segment) darkest(from, to int) (int, bool) {
	least, most := s.cells[from].luma, s.cells[from].luma
	for _, c := range s.cells[from:to] {
		least, most = min(least, c.luma), max(most, c.luma)
	}
	if least >= dark || least > most/3 {
		return 0, false
	}
	first, last := -1, -1
	for i := from; i < to; i++ {
		if s.cells[i].luma <= least+4 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return (first + last + 1) / 2, true
}

// difference is the mean difference of two pictures of the same size, 0 to 255.
func difference(a, b []byte) float32 {
	var sum int
	for i := range a {
		d := int(a[i]) - int(b[i])
		if d < 0 {
			d = -d
		}
		sum += d
	}
	return float32(sum) / float32(max(len(a), 1))
}

// brightness is the mean of all channels, 0 to 255.
func brightness(pix []byte) float32 {
	var sum int
	for _, v := range pix {
		sum += int(v)
	}
	return float32(sum) / float32(max(len(pix), 1))
}
