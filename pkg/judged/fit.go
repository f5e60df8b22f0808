package judged

import (
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Pair is a similarity of a query and an item, and whether the item was judged right.
type Pair struct {
	Similarity float64
	Right      bool
}

// A Curve is a logistic curve from a similarity to a confidence.
type Curve struct {
	Middle float64 // the similarity of the confidence 0.5
	Slope  float64 // above 0
}

// Confidence is the confidence of a similarity, from 0 to 1.
func (c Curve) Confidence(similarity float64) float64 {
	return 1 / (1 + math.Exp(-c.Slope*(similarity-c.Middle)))
}

// minPairs is the number of right pairs, and of wrong pairs, that a fit needs.
const minPairs = 20

// Fit returns the curve that makes the judgements most probable (Platt 1999), by Newton's method with backtracking (Lin, Lin & Weng, Machine
// Learning 2007). Targets are smoothed as Platt has them, so that pairs without any overlap have a finite slope.
//
//   - Invalid: fewer than 20 pairs are right or fewer than 20 are wrong, or right pairs are not more similar than wrong pairs.
func Fit(pairs []Pair) (Curve, error) {
	right, mean, square := 0, 0.0, 0.0
	for _, p := range pairs {
		if p.Right {
			right++
		}
		mean += p.Similarity
		square += p.Similarity * p.Similarity
	}
	n := float64(len(pairs))
	wrong := len(pairs) - right
	if right < minPairs || wrong < minPairs {
		return Curve{}, errkind.New(errkind.Invalid, "%d pairs are right and %d are wrong; a fit needs %d of each: judge more queries", right, wrong, minPairs)
	}
	mean /= n
	spread := math.Sqrt(max(0, square/n-mean*mean))
	if !(spread > 1e-12) {
		return Curve{}, errkind.New(errkind.Invalid, "every pair has the same similarity")
	}
	hi, lo := (float64(right)+1)/(float64(right)+2), 1/(float64(wrong)+2)
	a, b := 0.0, math.Log((float64(right)+1)/(float64(wrong)+1))
	loss := func(a, b float64) (sum float64) {
		for _, p := range pairs {
			f, t := a*(p.Similarity-mean)/spread+b, lo
			if p.Right {
				t = hi
			}
			sum += softplus(f) - t*f
		}
		return sum
	}
	for at := loss(a, b); ; {
		const ridge = 1e-12
		haa, hab, hbb, ga, gb := ridge, 0.0, ridge, 0.0, 0.0
		for _, p := range pairs {
			x, t := (p.Similarity-mean)/spread, lo
			if p.Right {
				t = hi
			}
			q := 1 / (1 + math.Exp(-(a*x + b)))
			w := q * (1 - q)
			haa, hab, hbb, ga, gb = haa+w*x*x, hab+w*x, hbb+w, ga+(q-t)*x, gb+q-t
		}
		det := haa*hbb - hab*hab
		da, db := -(hbb*ga-hab*gb)/det, -(haa*gb-hab*ga)/det
		step := 1.0
		for ; step > 1e-10; step /= 2 {
			if next := loss(a+step*da, b+step*db); next < at {
				a, b, at = a+step*da, b+step*db, next
				break
			}
		}
		if step <= 1e-10 || math.Hypot(step*da, step*db) < 1e-9 {
			break
		}
	}
	if !(a > 1e-6) {
		return Curve{}, errkind.New(errkind.Invalid, "right pairs are not more similar than wrong pairs: the space tells nothing of what was judged")
	}
	return Curve{Middle: mean - b/a*spread, Slope: a / spread}, nil
}

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// A Bin is the pairs whose confidences are within a tenth.
type Bin struct {
	From, To   float64 // of the confidences
	Pairs      int
	Confidence float64 // the mean
	Right      float64 // the share
}

// Bins is the number of bins of a reliability diagram.
const Bins = 10

// Reliability sorts pairs into bins by their confidence (DeGroot & Fienberg 1983). Empty bins are among them.
func Reliability(c Curve, pairs []Pair) []Bin {
	bins := make([]Bin, Bins)
	for i := range bins {
		bins[i].From, bins[i].To = float64(i)/Bins, float64(i+1)/Bins
	}
	for _, p := range pairs {
		q := c.Confidence(p.Similarity)
		b := &bins[min(Bins-1, int(q*Bins))]
		b.Pairs++
		b.Confidence += q
		if p.Right {
			b.Right++
		}
	}
	for i := range bins {
		if n := float64(bins[i].Pairs); n > 0 {
			bins[i].Confidence /= n
			bins[i].Right /= n
		}
	}
	return bins
}

// Error is the expected calibration error: the mean distance between the confidence and the share of right pairs, over the bins, weighed by
// their pairs (Naeini, Cooper & Hauskrecht, AAAI 2015).
func Error(bins []Bin) float64 {
	sum, n := 0.0, 0
	for _, b := range bins {
		sum += float64(b.Pairs) * math.Abs(b.Confidence-b.Right)
		n += b.Pairs
	}
	return sum / float64(max(1, n))
}

// Match returns the similarity that tells best between queries for things that are there and queries for things that are not, by the
// similarity of the best hit of each: the sum of the shares that are told right is the greatest (Youden, Cancer 1950). found and refused are
// the two shares.
//
//   - Invalid: there are fewer than 20 queries of either.
func Match(present, absent []float64) (similarity, found, refused float64, err error) {
	if len(present) < minPairs || len(absent) < minPairs {
		return 0, 0, 0, errkind.New(errkind.Invalid, "%d queries for what is there and %d for what is not; a choice needs %d of each: judge more queries", len(present), len(absent), minPairs)
	}
	best := -1.0
	for _, at := range slices.Concat(present, absent) {
		f, r := Told(at, present, absent)
		if f+r > best {
			best, similarity, found, refused = f+r, at, f, r
		}
	}
	return similarity, found, refused, nil
}

// Told returns the share of the present that are at or above a similarity, and the share of the absent that are below.
func Told(at float64, present, absent []float64) (found, refused float64) {
	for _, s := range present {
		if s >= at {
			found++
		}
	}
	for _, s := range absent {
		if s < at {
			refused++
		}
	}
	return found / float64(max(1, len(present))), refused / float64(max(1, len(absent)))
}
