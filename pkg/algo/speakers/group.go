package speakers

import (
	"slices"

	"github.com/cinedex/cinedex/pkg/model/ge2e"
)

const (
	// sameStretch is the mean cosine from which windows of a stretch of speech are of a voice, for sure.
	sameStretch = 0.85
	// sameVoice is the mean cosine from which windows of a title are of a voice.
	sameVoice = 0.72
	// mostGrouped is the number of groups that are compared with each other at a time.
	mostGrouped = 1024
)

// A voice is windows that sound alike.
type voice struct {
	sum   []float64 // of the vectors
	count float64
}

func newVoice(v []float32) voice {
	out := voice{make([]float64, ge2e.Dim), 1}
	for i, x := range v {
		out.sum[i] = float64(x)
	}
	return out
}

// likeness is the mean cosine of the windows of two voices.
func (v voice) likeness(o voice) float64 {
	sum := 0.0
	for i, x := range v.sum {
		sum += x * o.sum[i]
	}
	return sum / (v.count * o.count)
}

// add adds the windows of another voice.
func (v *voice) add(o voice) {
	for i, x := range o.sum {
		v.sum[i] += x
	}
	v.count += o.count
}

// group joins the two most alike voices until no two have the likeness. of[i] is the group of voice i. Groups follow each other by their first voice.
func group(voices []voice, least float64) (of []int, groups []voice) {
	n := len(voices)
	like := make([][]float64, n)
	for i := range like {
		like[i] = make([]float64, n)
		for j := range i {
			like[i][j] = voices[i].likeness(voices[j])
			like[j][i] = like[i][j]
		}
	}
	counts, into := make([]float64, n), make([]int, n)
	best := make([]int, n) // the most alike voice behind a voice
	for i := range voices {
		counts[i], into[i] = voices[i].count, i
	}
	search := func(i int) {
		best[i] = -1
		for j := i + 1; j < n; j++ {
			if into[j] == j && (best[i] < 0 || like[i][j] > like[i][best[i]]) {
				best[i] = j
			}
		}
	}
	for i := range voices {
		search(i)
	}
	for {
		a := -1
		for i := range n {
			if into[i] == i && best[i] >= 0 && (a < 0 || like[i][best[i]] > like[a][best[a]]) {
				a = i
			}
		}
		if a < 0 || like[a][best[a]] < least {
			break
		}
		b := best[a]
		into[b] = a
		for k := range n {
			if into[k] != k || k == a {
				continue
			}
			like[a][k] = (counts[a]*like[a][k] + counts[b]*like[b][k]) / (counts[a] + counts[b])
			like[k][a] = like[a][k]
		}
		counts[a] += counts[b]
		search(a)
		for k := range n {
			switch {
			case into[k] != k || best[k] < 0 || k == a:
			case best[k] == a || best[k] == b:
				search(k)
			case k < a && like[k][a] > like[k][best[k]]:
				best[k] = a
			}
		}
	}
	return collect(voices, into)
}

// collect sums up the voices of each group. into[i] is a voice before i that voice i was joined to, or i.
func collect(voices []voice, into []int) (of []int, groups []voice) {
	of = make([]int, len(voices))
	for i, v := range voices {
		if into[i] == i {
			of[i] = len(groups)
			groups = append(groups, voice{slices.Clone(v.sum), v.count})
			continue
		}
		of[i] = of[into[i]]
		groups[of[i]].add(v)
	}
	return of, groups
}
