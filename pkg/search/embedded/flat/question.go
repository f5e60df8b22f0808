package flat

import "math"

// A question is a query made ready for rows relative to one centre c. With r a row less the centre and
// p the query less the centre,
//
//	<row, query>    = <c, query> + <r, c> + <r, p>
//	-|row - query|² = -|p|² - |r|² + <r, 2p>
//
// that is, a constant, a base per row, and an inner product, for every metric.
type question struct {
	constant float64
	length   float64 // of the direction, p or 2p
	// The first stage.
	table  table
	bounds bounds
	// The second stage: the direction in whole numbers, what one is worth, and how much longer or
	// shorter the direction is at most for having been rounded.
	direction direction
	scale     float64
	lost      float64
	centre    float64 // length of the centre
}

// tableLevels is the largest entry of a table whose sums fit 16 bits; two of them fit a byte.
func tableLevels(padded int) int { return min(127, math.MaxUint16/(padded/4)) }

// queryLevels is the largest whole number of a direction whose products fit 32 bits in sum.
func queryLevels(padded int) int { return min(maxWhole, math.MaxInt32/(127*padded)) }

// question returns the query made ready for a centre.
func (s *search) question(centre []float32) *question {
	var key *float32
	if centre != nil {
		key = &centre[0]
	}
	q, ok := s.prepare[key]
	if !ok {
		q = s.x.ask(s.values, centre)
		s.prepare[key] = q
	}
	return q
}

func (x *Index) ask(values, centre []float32) *question {
	l := x.layout
	p := make([]float32, l.padded)
	x.rot.apply(p, values)
	q := &question{}
	var cc, cq, pp float64
	for i, c := range centre {
		cc += float64(c) * float64(c)
		cq += float64(c) * float64(p[i])
		p[i] -= c
	}
	for _, v := range p {
		pp += float64(v) * float64(v)
	}
	q.constant, q.length, q.centre = cq, math.Sqrt(pp), math.Sqrt(cc)
	if x.cfg.Metric == L2 {
		q.constant = -pp
		q.length *= 2
		for i := range p {
			p[i] *= 2
		}
	}
	q.fillTable(p, x.cfg.Confidence)
	q.fillDirection(p)
	return q
}

// fillTable quantises the share of each sign pattern of four coordinates in the inner product with the signs.
func (q *question) fillTable(p []float32, confidence float64) {
	levels := float64(tableLevels(len(p)))
	var widest, all float64
	for i := 0; i < len(p); i += 4 {
		var w float64
		for _, v := range p[i : i+4] {
			w += math.Abs(float64(v))
		}
		widest = max(widest, w)
		all += w
	}
	step := 2 * widest / levels
	inverse := levels / (2 * max(widest, math.SmallestNonzeroFloat32))
	q.table.nibbles = make([]byte, len(p)*4)
	if step > 0 {
		for i := 0; i < len(p); i += 4 {
			entries := q.table.nibbles[i*4:][:16]
			least := 0.0
			var sums [16]float64
			for _, v := range p[i : i+4] {
				least -= math.Abs(float64(v))
				sums[0] -= float64(v)
			}
			for pattern := 1; pattern < 16; pattern++ {
				bit := pattern & -pattern
				j := i + [...]int{1: 0, 2: 1, 4: 2, 8: 3}[bit]
				sums[pattern] = sums[pattern&^bit] + 2*float64(p[j])
			}
			for pattern, sum := range sums {
				entries[pattern] = byte(min(levels, float64(max(0, sum-least)*inverse)+0.5))
			}
		}
	}
	if !assembly {
		q.table.fillBytes()
	}
	q.bounds = bounds{mul: float32(step), add: float32(-all), spread: float32(confidence * q.length)}
}

func (q *question) fillDirection(p []float32) {
	var most float32
	for _, v := range p {
		most = max(most, v, -v)
	}
	q.direction.whole = make([]int16, len(p))
	if most == 0 {
		q.direction.split()
		return
	}
	q.scale = float64(most) / float64(queryLevels(len(p)))
	var lost float64
	for i, v := range p {
		n := math.RoundToEven(float64(v) / q.scale)
		q.direction.whole[i] = int16(n)
		d := float64(v) - n*q.scale
		lost += d * d
	}
	q.lost = math.Sqrt(lost)
	q.direction.split()
}

// bound returns the first stage's upper bound of a row's score.
func (q *question) bound(s sketch) float64 {
	return q.constant + float64(q.bounds.of(q.table.sum(s.code), s.base, s.factors))
}

// The second stage's upper bound of a row's score is known plus rough. It is a bound in earnest: the
// inner product as quantised, plus the most that the rounding of row and query can hide (Cauchy
// and Schwarz), plus a margin for float32 arithmetic.

// known returns the part that all rows share.
func (q *question) known(r *rows) float64 {
	norm := float64(r.norm)
	size := norm + q.length + q.centre
	return q.constant + norm*q.lost + 1e-5*size*size
}

// rough returns a row's own part, from the factors behind the coordinates and the inner product of coordinates and direction.
func (q *question) rough(tail []byte, product int32) float64 {
	score, lost := q.near(tail, product)
	return score + lost
}

// near returns a row's own part as the int8 values give the part, and the most that the rounding of the row can hide.
func (q *question) near(tail []byte, product int32) (score, lost float64) {
	scale, rounding, base := float64(float32At(tail, 0)), float64(float32At(tail, 4)), float64(float32At(tail, 8))
	return base + scale*q.scale*float64(product), rounding * q.length
}

// likelyDeviations is how many standard deviations of the rounding error a search by cells allows for. Rows are rotated at random, so the inner
// product of the error and the direction is about normal: one row in 10⁹ is beyond.
const likelyDeviations = 6

// likely returns the part of the most that the rounding can hide which a search by cells allows for.
func likely(padded int) float64 { return min(1, likelyDeviations/math.Sqrt(float64(padded))) }
