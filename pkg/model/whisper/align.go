package whisper

import (
	"math"
	"slices"
)

// align returns the position of the sound at which each token begins, and at the end the position at which the last token ends. heed holds the
// attention of eight heads at each token, the end of the text included. The method is that of openai/whisper's timing: each head is normalised over
// the tokens, smoothed over the sound, and the cheapest path goes through the mean of the heads.
func align(heed [][]float32, tokens int) []int {
	rows := len(heed) / heads
	if rows == 0 || tokens == 0 {
		return make([]int, tokens+1)
	}
	width := len(heed[0])
	cost := make([][]float64, rows)
	for r := range cost {
		cost[r] = make([]float64, width)
	}
	column := make([]float64, rows)
	for h := range heads {
		plane := make([][]float64, rows)
		for r := range plane {
			plane[r] = shares(heed[r*heads+h])
		}
		for c := range width {
			for r := range rows {
				column[r] = plane[r][c]
			}
			mean, deviation := moments(column)
			for r := range rows {
				plane[r][c] = (column[r] - mean) / max(deviation, 1e-12)
			}
		}
		for r := range rows {
			for c, v := range smooth(plane[r]) {
				cost[r][c] -= v / heads
			}
		}
	}
	begins := path(cost)
	out := make([]int, tokens+1)
	for i := range out {
		if i < len(begins) {
			out[i] = begins[i]
		} else {
			out[i] = width
		}
	}
	return out
}

// shares makes the attention within the sound sum to 1.
func shares(row []float32) []float64 {
	sum := 0.0
	for _, v := range row {
		sum += float64(v)
	}
	out := make([]float64, len(row))
	for i, v := range row {
		out[i] = float64(v) / max(sum, 1e-12)
	}
	return out
}

func moments(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		deviation += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, math.Sqrt(deviation)
}

// smooth is the median of seven, with the row mirrored at both ends.
func smooth(row []float64) []float64 {
	const half = 3
	if len(row) <= half {
		return row
	}
	out := make([]float64, len(row))
	window := make([]float64, 0, 2*half+1)
	for i := range row {
		window = window[:0]
		for k := i - half; k <= i+half; k++ {
			j := k
			if j < 0 {
				j = -j
			}
			if j >= len(row) {
				j = 2*(len(row)-1) - j
			}
			window = append(window, row[j])
		}
		slices.Sort(window)
		out[i] = window[half]
	}
	return out
}

// path is dynamic time warping: the cheapest way through the cost from the first row and column to the last, by steps of one row, one column or both.
// The result is the column at which the way enters each row.
func path(cost [][]float64) []int {
	rows, cols := len(cost), len(cost[0])
	const both, down, right = 0, 1, 2
	last, total := make([]float64, cols+1), make([]float64, cols+1)
	for c := range last {
		last[c] = math.Inf(1)
	}
	last[0] = 0
	trace := make([][]uint8, rows)
	for r := range rows {
		trace[r] = make([]uint8, cols)
		total[0] = math.Inf(1)
		for c := range cols {
			d, u, l := last[c], last[c+1], total[c]
			best, way := l, uint8(right)
			switch {
			case d < u && d < l:
				best, way = d, both
			case u < d && u < l:
				best, way = u, down
			}
			total[c+1] = cost[r][c] + best
			trace[r][c] = way
		}
		last, total = total, last
	}
	begins := make([]int, rows)
	for r, c := rows-1, cols-1; r >= 0 && c >= 0; {
		begins[r] = c
		switch trace[r][c] {
		case both:
			r, c = r-1, c-1
		case down:
			r--
		default:
			c--
		}
	}
	return begins
}

// shorten corrects words that the alignment stretched over a pause: no word lasts much longer than the usual word.
func shorten(words []Word, samples int) {
	var lengths []int
	for _, w := range words {
		if w.End > w.Start {
			lengths = append(lengths, w.End-w.Start)
		}
	}
	if len(lengths) == 0 {
		return
	}
	slices.Sort(lengths)
	longest := max(2*min(lengths[len(lengths)/2], Rate*7/10), Rate/2)
	for i := range words {
		w := &words[i]
		w.End = min(max(w.End, w.Start), samples)
		w.Start = min(w.Start, w.End)
		if w.End-w.Start <= longest {
			continue
		}
		if i == 0 { // the sound begins before the speech
			w.Start = w.End - longest
		} else {
			w.End = w.Start + longest
		}
	}
}
