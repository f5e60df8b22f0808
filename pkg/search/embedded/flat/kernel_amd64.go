package flat

import "golang.org/x/sys/cpu"

var (
	assembly = cpu.X86.HasAVX2
	// wide says that dots of halves are there.
	wide = assembly && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasAVX512VNNI
)

// scanAVX2 is scanGeneric, 32 look-ups an instruction. codes is the number of code bytes a row.
//
//go:noescape
func scanAVX2(block *byte, codes int, nibbles *byte, b *bounds) uint64

// dotsAVX2 is dotsGeneric for at least one row; n, the length of q, is a multiple of 8.
//
//go:noescape
func dotsAVX2(rough *byte, stride int, rows *int32, count int, q *int16, n int, out *int32)

// dotsVNNI is dotsAVX2 of the halves of a direction of n numbers.
//
//go:noescape
func dotsVNNI(rough *byte, stride int, rows *int32, count int, halves *byte, n int, sum int32, out *int32)

// productsAVX2 puts the sums of each fourth product of a and q, and of b and q, into sums. n is a multiple of 4, and not 0.
//
//go:noescape
func productsAVX2(a, b *float32, q *float64, n int, sums *[8]float64)

// prefetchAVX2 has the beginning of a row fetched from memory. The processor sees by itself what follows.
//
//go:noescape
func prefetchAVX2(p *float32)

// transformAVX2 is flip and hadamard. n is a power of two of 8 or more.
//
//go:noescape
func transformAVX2(x, flips *float32, n int)

func scan(block []byte, t *table, b *bounds) uint64 {
	if assembly {
		return scanAVX2(&block[0], len(t.nibbles)/32, &t.nibbles[0], b)
	}
	return scanGeneric(block, t, b)
}

func dots(rough []byte, stride int, rows []int32, d *direction, out []int32) {
	switch {
	case wide:
		dotsVNNI(&rough[0], stride, &rows[0], len(rows), &d.halves[0], len(d.whole), d.sum, &out[0])
	case assembly:
		dotsNarrow(rough, stride, rows, d.whole, out)
	default:
		dotsGeneric(rough, stride, rows, d.whole, out)
	}
}

func dotsNarrow(rough []byte, stride int, rows []int32, q []int16, out []int32) {
	dotsAVX2(&rough[0], stride, &rows[0], len(rows), &q[0], len(q), &out[0])
}

func transform(w, flips []float32) {
	if assembly {
		transformAVX2(&w[0], &flips[0], len(w))
	} else {
		transformGeneric(w, flips)
	}
}
