package flat

import "golang.org/x/sys/cpu"

var (
	assembly = cpu.X86.HasAVX2
	// wide says that dots of 64 coordinates an iteration are there.
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

// dotsAVX512 is dotsAVX2 with VNNI.
//
//go:noescape
func dotsAVX512(rough *byte, stride int, rows *int32, count int, q *int16, n int, out *int32)

// productsAVX2 puts the sums of each fourth product of a and q, and of b and q, into sums. n is a multiple of 4, and not 0.
//
//go:noescape
func productsAVX2(a, b *float32, q *float64, n int, sums *[8]float64)

func scan(block []byte, t *table, b *bounds) uint64 {
	if assembly {
		return scanAVX2(&block[0], len(t.nibbles)/32, &t.nibbles[0], b)
	}
	return scanGeneric(block, t, b)
}

func dots(rough []byte, stride int, rows []int32, q []int16, out []int32) {
	switch {
	case wide:
		dotsAVX512(&rough[0], stride, &rows[0], len(rows), &q[0], len(q), &out[0])
	case assembly:
		dotsNarrow(rough, stride, rows, q, out)
	default:
		dotsGeneric(rough, stride, rows, q, out)
	}
}

func dotsNarrow(rough []byte, stride int, rows []int32, q []int16, out []int32) {
	dotsAVX2(&rough[0], stride, &rows[0], len(rows), &q[0], len(q), &out[0])
}
