package gateway

import (
	"cmp"

	"github.com/cinedex/cinedex/pkg/profile"
)

// A fusion makes one score of what several parts of a query say of a moment. Each part counts once, with its best item of the moment.
//
//	rank      the sum of weight / (60 + rank): reciprocal rank fusion (Cormack, Clarke & Büttcher, SIGIR 2009)
//	weighted  the sum of weight · strength: CombSUM (Fox & Shaw, TREC-2, 1994)
//	max       the greatest weight · strength: CombMAX (Fox & Shaw)
//
// The weight of a part is the weight of the leaf in the profile, times the weight of the leaf in the query.
type fusion int

const (
	fusedByRank fusion = iota
	fusedByWeight
	fusedByMax
)

// fusions are the fusions by the names that a profile gives.
var fusions = map[string]fusion{"": fusedByRank, profile.FusionRank: fusedByRank, profile.FusionWeighted: fusedByWeight, profile.FusionMax: fusedByMax}

// worth is what one part says of a moment.
func (f fusion) worth(weight float64, rank int, strength float32) float64 {
	if f == fusedByRank {
		return rrf(weight, rank)
	}
	return weight * float64(strength)
}

// join is what two sides of a query say of a moment together.
func (f fusion) join(a, b float64) float64 {
	if f == fusedByMax {
		return max(a, b)
	}
	return a + b
}

// strength is how strong an item of a part is, from 0 to 1: the confidence of a vector's similarity, and of words the score as a share of the
// best score of the part.
func strength(pt *part, confidence float32, score, best float64) float32 {
	switch {
	case pt.space != "":
		return confidence
	case best <= 0:
		return 1
	}
	return float32(min(max(score/best, 0), 1))
}

// weighs is the weight of the part: of the leaf in the profile, times the weight of the leaf in the query.
func (pt *part) weighs() float64 { return pt.weight * cmp.Or(float64(pt.leaf.GetWeight()), 1) }
