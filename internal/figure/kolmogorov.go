package figure

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// KolmogorovSmirnov compares two samples. d is the largest distance between their two distribution functions. p is the
// probability of a distance of d or more if both samples come from the same distribution.
//
// A small p says that the samples differ. A large p says that samples of this size show no difference. p is the
// asymptotic probability with Stephens' correction (Stephens, "EDF statistics for goodness of fit", 1974; Press et al.,
// Numerical Recipes, 14.3), accurate to about 0.01 from 20 values a sample. Ties make p larger than the true value,
// never smaller. Each sample MUST have a value, and no NaN. The samples are left unchanged.
func KolmogorovSmirnov(a, b []float64) (d, p float64) {
	d = stat.KolmogorovSmirnov(slices.Sorted(slices.Values(a)), nil, slices.Sorted(slices.Values(b)), nil)
	n := math.Sqrt(float64(len(a)) * float64(len(b)) / float64(len(a)+len(b)))
	return d, kolmogorov((n + 0.12 + 0.11/n) * d)
}

// kolmogorov is the probability of a value of x or more in Kolmogorov's distribution: 2 Σ (-1)^(k-1) exp(-2 k² x²).
func kolmogorov(x float64) float64 {
	if x < 0.2 { // 1 - 5e-13, where the sum converges slowly
		return 1
	}
	var sum float64
	for k := 1.0; k <= 100; k++ {
		term := math.Exp(-2 * k * k * x * x)
		if sum -= math.Pow(-1, k) * term; term < 1e-16 {
			break
		}
	}
	return max(0, min(1, 2*sum))
}
