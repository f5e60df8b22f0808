package flat

import (
	"encoding/binary"
	"math"
)

// bounds turns the sums of a block's table look-ups into upper bounds of
// scores: base + slope·(sum·mul + add) + deviation·spread.
type bounds struct{ mul, add, spread, threshold float32 }

func (b *bounds) of(sum uint32, base float32, factors uint32) float32 {
	// Every product is rounded before it is added: the assembly gives the same bits, on any machine.
	x := float32(float32(sum)*b.mul) + b.add
	slope, deviation := math.Float32frombits(factors&0xffff0000), math.Float32frombits(factors<<16)
	return base + float32(slope*x) + float32(deviation*b.spread)
}

// A table holds, for each four coordinates of a query and each of their 16 sign
// patterns, the share of the pattern in the sum: 32 bytes for each byte of code, low
// nibble first. This is the scan that RaBitQ's authors and FAISS call FastScan: a
// shuffle looks 32 rows up at once, where a popcount would go over each plane of the query's bits.
type table struct {
	nibbles []byte
	bytes   []uint16 // the same by whole bytes, 256 each; only where there is no assembly
}

// scanGeneric returns the bit set of the rows of a block whose bound reaches the threshold.
func scanGeneric(block []byte, t *table, b *bounds) uint64 {
	codes := len(t.bytes) / 256
	var sums [blockRows]uint16
	for j := range codes {
		part := (*[256]uint16)(t.bytes[j*256:])
		for i, c := range (*[blockRows]byte)(block[j*blockRows:]) {
			sums[i] += part[c]
		}
	}
	tail := block[codes*blockRows:]
	bases, factors := tail[:blockRows*4], tail[blockRows*4:blockRows*8]
	var mask uint64
	for row := range blockRows {
		base := math.Float32frombits(binary.LittleEndian.Uint32(bases[row*4:]))
		if b.of(uint32(sums[lane(row)]), base, binary.LittleEndian.Uint32(factors[row*4:])) >= b.threshold {
			mask |= 1 << row
		}
	}
	return mask
}

// sum looks one row's code up.
func (t *table) sum(code []byte) (s uint32) {
	for j, c := range code {
		s += uint32(t.nibbles[j*32+int(c&15)]) + uint32(t.nibbles[j*32+16+int(c>>4)])
	}
	return s
}

// fillBytes derives bytes from nibbles.
func (t *table) fillBytes() {
	if cap(t.bytes) < len(t.nibbles)*8 {
		t.bytes = make([]uint16, len(t.nibbles)*8)
	}
	t.bytes = t.bytes[:len(t.nibbles)*8]
	for j := range len(t.nibbles) / 32 {
		low, high := t.nibbles[j*32:j*32+16], t.nibbles[j*32+16:j*32+32]
		for c := range 256 {
			t.bytes[j*256+c] = uint16(low[c&15]) + uint16(high[c>>4])
		}
	}
}

// A direction is a vector of whole numbers in the forms that the kernels take. whole is set first, with numbers up to maxWhole.
type direction struct {
	whole []int16
	// For each 64 numbers, and only where there are kernels for halves: 64 bytes with the remainders from -128 to 127, then 64 bytes with what is
	// left of the numbers, over 256. The bytes beyond the last number are 0.
	halves []byte
	sum    int32 // of 128 times the numbers
}

// maxWhole is the largest number whose upper half fits a byte.
const maxWhole = 32639

// split sets halves and sum.
func (d *direction) split() {
	if !wide {
		return
	}
	if size := (len(d.whole) + 63) / 64 * 128; len(d.halves) != size {
		d.halves = make([]byte, size)
	}
	d.sum = 0
	for at := 0; at < len(d.whole); at += 64 {
		part := d.whole[at:min(at+64, len(d.whole))]
		low, high := d.halves[2*at:][:len(part)], d.halves[2*at+64:][:len(part)]
		for i, n := range part {
			low[i], high[i] = byte(n), byte((n+128)>>8)
			d.sum += int32(n) << 7
		}
	}
}

// dotsGeneric puts into out the inner products of q with the int8 coordinates at the front of rough
// rows, each stride bytes long.
func dotsGeneric(rough []byte, stride int, rows []int32, q []int16, out []int32) {
	for i, row := range rows {
		b := rough[int(row)*stride:][:len(q)]
		var s0, s1 int32
		for k := 0; k+1 < len(q); k += 2 {
			s0 += int32(int8(b[k])) * int32(q[k])
			s1 += int32(int8(b[k+1])) * int32(q[k+1])
		}
		out[i] = s0 + s1
	}
}
