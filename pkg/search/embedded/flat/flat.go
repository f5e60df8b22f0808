package flat

import (
	"log/slog"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxDim is the largest dimension of an index.
const MaxDim = 4096

// Metric says how two vectors are compared. Scores are higher for nearer vectors.
type Metric string

// The metrics, by the names that a Space gives them.
const (
	Cosine Metric = "cosine" // vectors are brought to length 1 when written; the score is the inner product
	Dot    Metric = "dot"    // the score is the inner product
	L2     Metric = "l2"     // the score is the squared distance, negated
)

// DefaultConfidence loses one or two of a thousand true neighbours on GloVe.
const DefaultConfidence = 2.25

// Config describes the data of an index. Dim, Metric and Space belong to the data: a folder
// written with others is refused.
type Config struct {
	Dim    int
	Metric Metric
	Space  string // name@version of the embedding space
	// Confidence is how many standard deviations below its bound the estimate of a
	// row's score may lie before the row is passed over. More finds more and costs more;
	// +Inf makes every answer exact. Zero means DefaultConfidence.
	Confidence float64
	Log        *slog.Logger // of background work; nil discards
}

// Validate checks everything that Open would refuse.
func (c Config) Validate() error {
	switch {
	case c.Dim < 1 || c.Dim > MaxDim:
		return errkind.New(errkind.Invalid, "dimension %d is not within 1 to %d", c.Dim, MaxDim)
	case c.Metric != Cosine && c.Metric != Dot && c.Metric != L2:
		return errkind.New(errkind.Invalid, "metric %q is none of cosine, dot, l2", c.Metric)
	case c.Confidence < 0 || math.IsNaN(c.Confidence):
		return errkind.New(errkind.Invalid, "confidence %v is negative", c.Confidence)
	}
	return nil
}

// A Key names a vector. The vectors of a group, such as a run, are filtered and deleted together.
type Key struct {
	Group   string
	Ordinal uint32
}

// A Vector is one row: its key, an interval that travels along, and its values.
type Vector struct {
	Key
	Start, End int64
	Values     []float32
}

// A Hit is a row found, with its exact score in float32.
type Hit struct {
	Key
	Start, End int64
	Score      float32
}

// A Filter narrows a search before it scans. The zero Filter narrows nothing.
type Filter struct {
	// Groups are the groups to look into; nil means all.
	Groups *Set
	// Once says that no other question has these groups: the index keeps nothing of them.
	Once bool
	// Span says of a row's interval whether the row may be found; nil lets all pass.
	Span func(start, end int64) bool
}

// checkValues refuses values that have no place in a space, and returns the sum of squares.
func checkValues(v []float32, dim int, m Metric) (float64, error) {
	if len(v) != dim {
		return 0, errkind.New(errkind.Invalid, "vector of dimension %d in a space of %d", len(v), dim)
	}
	var sum float64
	for i, x := range v {
		if x-x != 0 { // of NaN and the infinities alone
			return 0, errkind.New(errkind.Invalid, "vector value %d is %v", i, x)
		}
		sum += float64(float64(x) * float64(x))
	}
	if sum == 0 && m == Cosine {
		return 0, errkind.New(errkind.Invalid, "vector of length zero has no direction to compare")
	}
	if sum > math.MaxFloat32 {
		return 0, errkind.New(errkind.Invalid, "vector of length %g is too long", math.Sqrt(sum))
	}
	return sum, nil
}

// normalised returns v checked and, for cosine, brought to length 1. The slice is never v itself.
func normalised(v []float32, dim int, m Metric) ([]float32, error) {
	out := make([]float32, dim)
	return out, normalise(out, v, m)
}

// normalise is normalised into out, which is of the index's dimension.
func normalise(out, v []float32, m Metric) error {
	sum, err := checkValues(v, len(out), m)
	if err != nil {
		return err
	}
	scale := 1.0
	// A vector of length 1 stays as the vector is: a vector that was read and is written again changes nothing.
	if m == Cosine && math.Abs(sum-1) > 1e-6 {
		scale = 1 / math.Sqrt(sum)
	}
	for i, x := range v {
		out[i] = float32(float64(x) * scale)
	}
	return nil
}

// similarity is the exact score. Sums are of float64 and no product is fused into them,
// so that all machines agree to the last bit.
func similarity(m Metric, a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float64
	i := 0
	if m == L2 {
		for i, x := range a {
			d := float64(x) - float64(b[i])
			s0 += float64(d * d)
		}
		return float32(-s0)
	}
	for ; i+3 < len(a); i += 4 {
		s0 += float64(float64(a[i]) * float64(b[i]))
		s1 += float64(float64(a[i+1]) * float64(b[i+1]))
		s2 += float64(float64(a[i+2]) * float64(b[i+2]))
		s3 += float64(float64(a[i+3]) * float64(b[i+3]))
	}
	for ; i < len(a); i++ {
		s0 += float64(float64(a[i]) * float64(b[i]))
	}
	return float32(s0 + s1 + s2 + s3)
}

// widened returns the query for products; nil where similarity is used.
func widened(m Metric, q []float32) []float64 {
	if !assembly || m == L2 {
		return nil
	}
	wide := make([]float64, len(q))
	for k, v := range q {
		wide[k] = float64(v)
	}
	return wide
}

// similarities are the exact scores of rows, as similarity gives the scores. wide is the query widened.
func similarities(m Metric, exact []float32, dim int, rows []int32, q []float32, wide []float64) []float32 {
	out := make([]float32, len(rows))
	i := 0
	if wide != nil {
		for ; i+1 < len(rows); i += 2 {
			for _, next := range rows[i+2 : min(i+4, len(rows))] {
				prefetchAVX2(&exact[int(next)*dim])
			}
			a, b := int(rows[i])*dim, int(rows[i+1])*dim
			out[i], out[i+1] = products(exact[a:a+dim], exact[b:b+dim], wide)
		}
	}
	for ; i < len(rows); i++ {
		out[i] = similarity(m, exact[int(rows[i])*dim:][:dim], q)
	}
	return out
}

// products are two exact inner products. The sums go the way of similarity, bit by bit.
func products(a, b []float32, q []float64) (float32, float32) {
	var sums [8]float64
	n := len(q) &^ 3
	if n > 0 {
		productsAVX2(&a[0], &b[0], &q[0], n, &sums)
	}
	for i := n; i < len(q); i++ {
		sums[0] += float64(float64(a[i]) * q[i])
		sums[4] += float64(float64(b[i]) * q[i])
	}
	return float32(sums[0] + sums[1] + sums[2] + sums[3]), float32(sums[4] + sums[5] + sums[6] + sums[7])
}
