package judged

import (
	"math"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Depth is the number of hits that an answer is measured by.
const Depth = 10

// A Span is an interval of an asset: a hit, or a right moment.
type Span struct {
	Asset string
	schema.Interval
}

// Hits reports whether a hit shows a right moment: they share half of the shorter of the two.
func (s Span) Hits(right Span) bool {
	return s.Asset == right.Asset && s.Overlaps(right.Interval) && 2*s.Intersect(right.Interval).Duration() >= min(s.Duration(), right.Duration())
}

// Shows reports whether a hit shows any of the right moments.
func (s Span) Shows(right []Span) bool {
	for _, r := range right {
		if s.Hits(r) {
			return true
		}
	}
	return false
}

// A Measure is how good one answer is, or the mean of several answers.
type Measure struct {
	// Recall is the share of the right moments that the first Depth hits show, of as many as Depth hits could show.
	Recall float64
	// Reciprocal is 1 / the rank of the first right hit (Voorhees, TREC-8, 1999); 0 where no hit is right.
	Reciprocal float64
	// NDCG is the normalised discounted cumulative gain of the first Depth hits (Järvelin & Kekäläinen, TOIS 2002). A hit gains 1 where the
	// hit shows a right moment that no earlier hit shows, and 0 otherwise.
	NDCG float64
}

// Of measures the hits of one answer, the best hit first, by the right moments, of which there is at least one.
func Of(hits, right []Span) Measure {
	var m Measure
	shown := make([]bool, len(right))
	found := 0
	for i, h := range hits[:min(Depth, len(hits))] {
		gain := false
		for k, r := range right {
			if !h.Hits(r) {
				continue
			}
			if m.Reciprocal == 0 {
				m.Reciprocal = 1 / float64(i+1)
			}
			if !shown[k] {
				shown[k], gain = true, true
				found++
			}
		}
		if gain {
			m.NDCG += discount(i)
		}
	}
	ideal := 0.0
	for i := range min(Depth, len(right)) {
		ideal += discount(i)
	}
	m.NDCG /= ideal
	m.Recall = min(1, float64(found)/float64(min(Depth, len(right))))
	return m
}

func discount(i int) float64 { return 1 / math.Log2(float64(i+2)) }

// Mean returns the mean of measures; the zero Measure for none.
func Mean(ms []Measure) (mean Measure) {
	for _, m := range ms {
		mean.Recall += m.Recall
		mean.Reciprocal += m.Reciprocal
		mean.NDCG += m.NDCG
	}
	n := float64(max(1, len(ms)))
	return Measure{mean.Recall / n, mean.Reciprocal / n, mean.NDCG / n}
}
