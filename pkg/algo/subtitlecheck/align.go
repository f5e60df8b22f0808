package subtitlecheck

import (
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A block is cues and stretches of speech that belong together. A block without cues is speech that no cue has, and a block without speech is cues in silence.
type block struct {
	cues, speech [2]int // from, to
}

const (
	// most is how many cues a stretch has, or how many stretches a cue has, and both how many cues and stretches a block of several of both has.
	most, both = 6, 3
	// reach is how far apart a cue and the cue's speech may be, once a shift of the whole track is taken away.
	reach = 6 * schema.Second
	// The costs of a second: of the distance of the beginnings, of a cue that lasts longer than the speech (to be read), of speech that lasts longer than the cue, of
	// a pause inside a block, of a cue without speech, and of speech without a cue.
	startCost, lastingCost, excessCost, pauseCost, silentCost, missingCost = 1.0, 0.15, 1.2, 0.5, 1.2, 1.0
)

// align brings cues and stretches together. Both are in the order of their starts.
func align(cues, speech []schema.Interval) []block {
	n := len(cues)
	// row i has the costs of the first i cues with the first j stretches, for j within the band of cue i.
	rows := make([]row, n+1)
	for i := range rows {
		rows[i] = newRow(i, cues, speech)
	}
	for i := range rows {
		r := &rows[i]
		for j := r.from; j <= r.to; j++ {
			at := r.at(j)
			if i == 0 && j == 0 {
				at.cost = 0
			}
			if j > r.from {
				at.offer(r.at(j-1).cost+missingCost*speech[j-1].Duration().Seconds(), 0, 1)
			}
			for c := 1; c <= min(most, i); c++ {
				before := &rows[i-c]
				if c == 1 && before.has(j) {
					at.offer(before.at(j).cost+silentCost*min(cues[i-1].Duration().Seconds(), 3), 1, 0)
				}
				for s := 1; s <= min(most, j) && (c == 1 || s == 1 || c <= both && s <= both); s++ {
					if before.has(j - s) {
						at.offer(before.at(j-s).cost+together(cues[i-c:i], speech[j-s:j]), c, s)
					}
				}
			}
		}
	}
	return traced(rows, len(speech))
}

// together is the cost of cues and speech as a block.
func together(cues, speech []schema.Interval) float64 {
	distance := math.Abs((cues[0].Start - speech[0].Start).Seconds())
	if distance > reach.Seconds() {
		return math.Inf(1)
	}
	cost := startCost * distance
	if excess := hull(speech).Duration() - hull(cues).Duration(); excess > 0 {
		cost += excessCost * excess.Seconds()
	} else {
		cost -= lastingCost * excess.Seconds()
	}
	for i := 1; i < len(speech); i++ {
		cost += pauseCost * max(0, (speech[i].Start-speech[i-1].End).Seconds())
	}
	for i := 1; i < len(cues); i++ {
		cost += pauseCost * max(0, (cues[i].Start-cues[i-1].End).Seconds())
	}
	return cost
}

func hull(list []schema.Interval) schema.Interval {
	return schema.Interval{Start: list[0].Start, End: list[len(list)-1].End}
}

// A cell is the least cost of a beginning of both lists, and the block at its end.
type cell struct {
	cost         float64
	cues, speech int8
}

func (c *cell) offer(cost float64, cues, speech int) {
	if cost < c.cost {
		*c = cell{cost, int8(cues), int8(speech)}
	}
}

// A row is the cells of a number of cues: of the stretches up to reach behind the next cue, from the stretches reach before the cue on. Rows overlap, so each
// stretch is in some row.
type row struct {
	from, to int
	cells    []cell
}

func newRow(i int, cues, speech []schema.Interval) row {
	begins := func(t schema.Time) int {
		at, _ := slices.BinarySearchFunc(speech, t, func(s schema.Interval, t schema.Time) int {
			if s.Start < t {
				return -1
			}
			return 1
		})
		return at
	}
	r := row{0, len(speech), nil}
	if i > 0 {
		r.from = max(0, begins(cues[i-1].Start-2*reach)-most)
	}
	if i < len(cues) {
		r.to = min(len(speech), begins(cues[i].Start+2*reach)+most)
	}
	r.cells = make([]cell, r.to-r.from+1)
	for k := range r.cells {
		r.cells[k].cost = math.Inf(1)
	}
	return r
}

func (r *row) has(j int) bool { return j >= r.from && j <= r.to }
func (r *row) at(j int) *cell { return &r.cells[j-r.from] }

// traced returns the blocks of the least cost, in order.
func traced(rows []row, speech int) (out []block) {
	i, j := len(rows)-1, speech
	for i > 0 || j > 0 {
		c := rows[i].at(j)
		if c.cues == 0 && c.speech == 0 { // cannot be: a row reaches the row before by cues without speech
			return nil
		}
		out = append(out, block{[2]int{i - int(c.cues), i}, [2]int{j - int(c.speech), j}})
		i, j = i-int(c.cues), j-int(c.speech)
	}
	slices.Reverse(out)
	return out
}

const (
	// farthest is the longest shift of a whole track that is looked for, in steps of step.
	farthest = 60 * schema.Second
	step     = schema.Second / 10
	// gain is the share of the cues' time by which a shift must be better than no shift.
	gain = 0.12
)

// shift returns how late a whole track is; 0 where no shift makes cues and speech fit clearly better.
func shift(cues, speech []schema.Interval) schema.Time {
	cues = united(cues)
	var all schema.Time
	for _, c := range cues {
		all += c.Duration()
	}
	best, most := schema.Time(0), shared(cues, speech, 0)
	least := most + schema.Time(gain*float64(all))
	for late := step; late <= farthest; late += step {
		for _, by := range []schema.Time{late, -late} {
			if s := shared(cues, speech, by); s > most && s > least {
				best, most = by, s
			}
		}
	}
	return best
}

// united returns the time of intervals, in order and without overlaps.
func united(list []schema.Interval) (out []schema.Interval) {
	for _, iv := range list {
		if n := len(out); n > 0 && iv.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, iv.End)
			continue
		}
		out = append(out, iv)
	}
	return out
}

// shared is the time that united cues and speech share when the cues are late.
func shared(cues, speech []schema.Interval, late schema.Time) (sum schema.Time) {
	j := 0
	for _, c := range cues {
		c.Start, c.End = c.Start-late, c.End-late
		for j < len(speech) && speech[j].End <= c.Start {
			j++
		}
		for k := j; k < len(speech) && speech[k].Start < c.End; k++ {
			sum += c.Intersect(speech[k]).Duration()
		}
	}
	return sum
}
