package flat

import "golang.org/x/sys/cpu"

var assembly = cpu.X86.HasAVX2

// scanAVX2 is scanGeneric, 32 look-ups an instruction. codes is the number of code bytes a row.
//
//go:noescape
func scanAVX2(block *byte, codes int, nibbles *byte, b *bounds) uint64

// dotAVX2 is dotGeneric; n is a multiple of 8.
//
//go:noescape
func dotAVX2(row *byte, q *int16, n int) int32

func scan(block []byte, t *table, b *bounds) uint64 {
	if assembly {
		return scanAVX2(&block[0], len(t.nibbles)/32, &t.nibbles[0], b)
	}
	return scanGeneric(block, t, b)
}

func dot(row []byte, q []int16) int32 {
	if assembly {
		return dotAVX2(&row[0], &q[0], len(q))
	}
	return dotGeneric(row, q)
}
