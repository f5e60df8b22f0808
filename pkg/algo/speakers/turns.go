package speakers

import (
	"math"

	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/ge2e"
)

const (
	// cell is the number of samples for which a speaker is chosen: a tenth of a second.
	cell = ge2e.Rate / 10
	// change is the cost of a change of turns within a stretch of speech, in cosines summed over cells.
	change = 0.8
	// inARow is the number of windows in a row that make a speaker: mixtures of two voices have fewer.
	inARow = 6
	// whole is the number of windows of a stretch of speech that make a speaker, if the windows are all of the stretch.
	whole = 2
	// pause is the longest pause of a turn, in samples.
	pause = ge2e.Rate * 6 / 10
	// sharpness turns cosines into shares of confidence.
	sharpness = 20
	// sameSpeaker is the cosine at which two turns are as likely of a voice as not.
	sameSpeaker = 0.8
)

// A turn is the samples [from, to) of a speaker.
type turn struct {
	sounds.Stretch
	speaker    int // from 1
	confidence float32
	vector     []float32
}

// turns says who speaks in the passages of a title.
func turns(passages []passage) []turn {
	speakers := speakersOf(passages)
	if len(speakers) == 0 {
		return nil
	}
	var out []turn
	var sums []voice
	var cells []float64
	numbers := make(map[int]int)
	for _, p := range passages {
		for _, part := range divide(p, speakers) {
			if numbers[part.speaker] == 0 {
				numbers[part.speaker] = len(numbers) + 1
			}
			number, n := numbers[part.speaker], float64(part.To-part.From)
			if last := len(out) - 1; last >= 0 && out[last].speaker == number && part.From-out[last].To <= pause {
				out[last].To = part.To
				out[last].confidence += part.confidence * float32(n)
				sums[last].add(part.voice)
				cells[last] += n
				continue
			}
			out = append(out, turn{Stretch: part.Stretch, speaker: number, confidence: part.confidence * float32(n)})
			sums, cells = append(sums, part.voice), append(cells, n)
		}
	}
	for i := range out {
		out[i].confidence = min(out[i].confidence/float32(cells[i]), 1)
		out[i].vector = unit(sums[i].sum)
	}
	return out
}

func unit(v []float64) []float32 {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x / math.Sqrt(sum))
	}
	return out
}

// speakersOf returns the mean vectors of the speakers of a title.
func speakersOf(passages []passage) [][]float32 {
	c := census{}
	for _, p := range passages {
		c.add(p)
	}
	c.settle(sameVoice)
	return c.speakers()
}

// A census groups the windows of a title. Each stretch of speech adds groups with a number, and groups of the title join.
type census struct {
	groups []voice
	number []int   // of each group
	into   []int   // the number of the group that a group has joined, or its own, by number
	of     [][]int // the number of the first group of each window, by stretch of speech
}

// add adds the windows of a stretch of speech. Where there are too many groups, similar groups join, and then less similar groups.
func (c *census) add(p passage) {
	voices := make([]voice, len(p.windows))
	for i, w := range p.windows {
		voices[i] = newVoice(w.vector)
	}
	of, found := group(voices, sameStretch)
	if len(c.groups)+len(found) > mostGrouped {
		for least := sameVoice; ; least -= 0.05 {
			c.settle(least)
			if len(c.groups) <= mostGrouped/2 {
				break
			}
		}
	}
	first := len(c.into)
	for i := range of {
		of[i] += first
	}
	c.of = append(c.of, of)
	for i, g := range found {
		c.groups, c.number, c.into = append(c.groups, g), append(c.number, first+i), append(c.into, first+i)
	}
}

// settle joins the groups.
func (c *census) settle(least float64) {
	of, groups := group(c.groups, least)
	number := make([]int, len(groups))
	for i := len(of) - 1; i >= 0; i-- {
		number[of[i]] = c.number[i] // at last of the first
	}
	for i, g := range of {
		c.into[c.number[i]] = number[g]
	}
	c.groups, c.number = groups, number
}

// joined returns the number of the group that the group of a number is now in.
func (c *census) joined(n int) int {
	for c.into[n] != n {
		n = c.into[n]
	}
	return n
}

// speakers returns the mean vectors of the groups that are speakers. A title of short speech alone has a single speaker.
func (c *census) speakers() [][]float32 {
	stands := make([]bool, len(c.into))
	for _, of := range c.of {
		run := 0
		for i, n := range of {
			if i > 0 && c.joined(n) != c.joined(of[i-1]) {
				run = 0
			}
			if run++; run >= inARow || run == len(of) && run >= whole {
				stands[c.joined(n)] = true
			}
		}
	}
	var out [][]float32
	largest := 0
	for i, g := range c.groups {
		if stands[c.number[i]] {
			out = append(out, unit(g.sum))
		}
		if g.count > c.groups[largest].count {
			largest = i
		}
	}
	if len(out) == 0 && len(c.groups) > 0 {
		out = append(out, unit(c.groups[largest].sum))
	}
	return out
}

// A part is a turn within a passage.
type part struct {
	sounds.Stretch
	speaker    int
	confidence float32
	voice      voice
}

// divide says who speaks in a passage: the path of the greatest likeness through the speakers, cell by cell.
func divide(p passage, speakers [][]float32) []part {
	like := make([][]float64, len(p.windows)) // of window and speaker
	for i, w := range p.windows {
		like[i] = make([]float64, len(speakers))
		for k, s := range speakers {
			for d, x := range w.vector {
				like[i][k] += float64(x) * float64(s[d])
			}
		}
	}
	n := int((p.To - p.From + cell - 1) / cell)
	path, chosen := follow(n, len(speakers), func(c, k int) float64 {
		i, share := between(p, c)
		if share == 0 {
			return like[i][k]
		}
		return like[i][k]*(1-share) + like[i+1][k]*share
	})
	var out []part
	for c := range n {
		from, to := p.From+int64(c)*cell, min(p.From+int64(c+1)*cell, p.To)
		i, share := between(p, c)
		if share > 0.5 {
			i++
		}
		v := newVoice(p.windows[i].vector)
		if last := len(out) - 1; last >= 0 && out[last].speaker == path[c] {
			out[last].To = to
			out[last].confidence += float32(chosen[c])
			out[last].voice.add(v)
			continue
		}
		out = append(out, part{sounds.Stretch{From: from, To: to}, path[c], float32(chosen[c]), v})
	}
	for i := range out {
		out[i].confidence /= float32(out[i].voice.count)
	}
	return out
}

// between returns the window before the middle of a cell, and the share of the window behind.
func between(p passage, c int) (i int, share float64) {
	at := p.From + int64(c)*cell + cell/2
	for i+1 < len(p.windows) && p.windows[i+1].middle <= at {
		i++
	}
	if i+1 == len(p.windows) || at <= p.windows[i].middle {
		return i, 0
	}
	return i, float64(at-p.windows[i].middle) / float64(p.windows[i+1].middle-p.windows[i].middle)
}

// follow returns the path of the greatest sum of likenesses through n cells, less the cost of each change, and the share of the chosen speaker among
// the speakers in each cell.
func follow(n, speakers int, like func(c, k int) float64) (path []int, share []float64) {
	total, from := make([]float64, speakers), make([][]int, n)
	all := make([][]float64, n)
	for c := range n {
		from[c], all[c] = make([]int, speakers), make([]float64, speakers)
		best := 0
		for k := range speakers {
			if total[k] > total[best] {
				best = k
			}
		}
		top := total[best] - change
		for k := range speakers {
			from[c][k] = k
			if c > 0 && top > total[k] {
				total[k], from[c][k] = top, best
			}
			all[c][k] = like(c, k)
		}
		for k := range speakers {
			total[k] += all[c][k]
		}
	}
	at := 0
	for k := range speakers {
		if total[k] > total[at] {
			at = k
		}
	}
	path, share = make([]int, n), make([]float64, n)
	for c := n - 1; c >= 0; c-- {
		sum := 0.0
		for k := range speakers {
			sum += math.Exp(sharpness * (all[c][k] - all[c][at]))
		}
		path[c], share[c] = at, 1/sum
		at = from[c][at]
	}
	return path, share
}
