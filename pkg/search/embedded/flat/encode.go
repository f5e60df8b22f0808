package flat

import (
	"encoding/binary"
	"math"
)

// Rows are scanned in blocks of 64, as many as a machine word has bits for their fates.
const blockRows = 64

// A layout says where things are within the encodings of one dimension.
//
// A block holds the one-bit codes of 64 rows, byte j of all rows beside each other, then a
// base and a packed pair of factors per row:
//
//	codes    padded/8 rows of 64 bytes; bit i of byte j is the sign of coordinate 8j+i
//	bases    64 float32
//	factors  64 uint32: slope and error as two bfloat16, high and low
//
// A rough row holds the int8 coordinates of one vector, then its scale, its error and
// its base as float32.
type layout struct {
	dim, padded, codeBytes int
	blockBytes             int
	roughBytes             int
}

func newLayout(dim int) layout {
	p := padded(dim)
	return layout{dim: dim, padded: p, codeBytes: p / 8, blockBytes: p/8*blockRows + blockRows*8, roughBytes: p + 12}
}

// lane is the place of a row within a block's row of 64 code bytes. Rows 16 apart stand
// beside each other, because the kernel widens bytes to words and words to
// double words by taking every second and fourth: so it gets rows in their order.
func lane(row int) int { return row&15<<2 | row>>4 }

// An encoder turns vectors into codes and rough rows, relative to a centre.
type encoder struct {
	layout
	metric  Metric
	rot     *rotation
	centre  []float32 // rotated, padded
	scratch []float32 // the residual: rotated vector less the centre
}

func newEncoder(l layout, m Metric, rot *rotation, centre []float32) *encoder {
	return &encoder{layout: l, metric: m, rot: rot, centre: centre, scratch: make([]float32, l.padded)}
}

// residual sets scratch, and returns its length and the base: the part of every
// score that does not depend on the query's direction (see prepare).
func (e *encoder) residual(v []float32) (norm, base float64) {
	r := e.scratch
	e.rot.apply(r, v)
	var nn, rc float64
	for i, c := range e.centre {
		r[i] -= c
		rc += float64(r[i]) * float64(c)
	}
	for _, x := range r { // without a centre, too
		nn += float64(x) * float64(x)
	}
	if e.metric == L2 {
		return math.Sqrt(nn), -nn
	}
	return math.Sqrt(nn), rc
}

// A sketch is a row's one-bit code with the factors of its estimate: the score is
// near base + slope·<signs, query>, with a standard deviation of deviation·|query|.
type sketch struct {
	code    []byte
	base    float32
	factors uint32
}

// sketch encodes the residual set before. Slope and error are those of RaBitQ
// (Gao and Long, SIGMOD 2024, theorem 3.2), for an estimate without bias: with n the
// residual's length and t the cosine between it and its signs, the slope is
// n/(t·√D), and the error n·√((1-t²)/(t²·(D-1))).
func (e *encoder) sketch(code []byte, norm, base float64) sketch {
	clear(code)
	var l1 float64
	for i, x := range e.scratch {
		var positive byte
		if math.Float32bits(x)-1 < 1<<31-1 { // x > 0, without a branch that the processor would guess wrong half the time
			positive = 1
		}
		code[i>>3] |= positive << (i & 7)
		l1 += math.Abs(float64(x))
	}
	s := sketch{code: code, base: float32(base)}
	if l1 > 0 {
		d := float64(e.padded)
		slope := norm * norm / l1
		t := l1 / (norm * math.Sqrt(d))
		deviation := norm * math.Sqrt(max(0, 1/(t*t)-1)/max(1, d-1))
		s.factors = bfloatNear(float32(slope))<<16 | bfloatUp(float32(deviation))
	}
	return s
}

// rough encodes the residual set before into a rough row, and returns an upper bound of its length.
func (e *encoder) rough(dst []byte, norm, base float64) float32 {
	var most uint32 // the bits of numbers that are not negative are in the order of the numbers
	for _, x := range e.scratch {
		most = max(most, math.Float32bits(x)&^(1<<31))
	}
	top := math.Float32frombits(most)
	var scale, inverse float32
	if top > 0 {
		scale = top / 127
		inverse = 127 / top
	}
	var lost float64
	for i, x := range e.scratch {
		// Numbers as large as this have no fraction, so adding it rounds.
		const rounder = 3 << 22
		c := float32(float32(x*inverse)+rounder) - rounder
		dst[i] = byte(int8(c))
		d := float64(x) - float64(scale)*float64(c)
		lost += d * d
	}
	lost = math.Sqrt(lost) * (1 + 1e-6)
	p := e.padded
	binary.LittleEndian.PutUint32(dst[p:], math.Float32bits(scale))
	binary.LittleEndian.PutUint32(dst[p+4:], math.Float32bits(float32(lost)))
	binary.LittleEndian.PutUint32(dst[p+8:], math.Float32bits(float32(base)))
	return float32((norm + lost) * (1 + 1e-6))
}

// put writes a row's sketch into its block.
func (l layout) put(block []byte, row int, s sketch) {
	for j, c := range s.code {
		block[j*blockRows+lane(row)] = c
	}
	tail := block[l.codeBytes*blockRows:]
	binary.LittleEndian.PutUint32(tail[row*4:], math.Float32bits(s.base))
	binary.LittleEndian.PutUint32(tail[blockRows*4+row*4:], s.factors)
}

// get reads a row's sketch back; code is where its code goes.
func (l layout) get(block []byte, row int, code []byte) sketch {
	for j := range l.codeBytes {
		code[j] = block[j*blockRows+lane(row)]
	}
	tail := block[l.codeBytes*blockRows:]
	return sketch{
		code:    code[:l.codeBytes],
		base:    math.Float32frombits(binary.LittleEndian.Uint32(tail[row*4:])),
		factors: binary.LittleEndian.Uint32(tail[blockRows*4+row*4:]),
	}
}

func bfloatNear(x float32) uint32 { return (math.Float32bits(x) + 0x7fff) >> 16 }
func bfloatUp(x float32) uint32   { return (math.Float32bits(x) + 0xffff) >> 16 }
