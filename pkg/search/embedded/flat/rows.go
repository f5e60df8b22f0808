package flat

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// A span is a row's interval.
type span struct{ start, end int64 }

// rows are n encoded vectors in columns, in memory or mapped from a segment.
type rows struct {
	layout
	n        int
	ordinals []uint32
	spans    []span
	codes    []byte    // blocks; the last rows of a tail have no codes, and no row has while the index has no centre
	rough    []byte    // rough rows
	exact    []float32 // dim each
	norm     float32   // no residual is longer
	centre   []float32 // the origin of residuals, rotated; nil for zero
}

func (r *rows) block(b int) []byte {
	return r.codes[b*r.blockBytes : (b+1)*r.blockBytes : (b+1)*r.blockBytes]
}
func (r *rows) roughRow(i int) []byte {
	return r.rough[i*r.roughBytes : (i+1)*r.roughBytes : (i+1)*r.roughBytes]
}
func (r *rows) exactRow(i int) []float32 { return r.exact[i*r.dim : (i+1)*r.dim : (i+1)*r.dim] }
func (r *rows) blocks() int              { return (r.n + blockRows - 1) / blockRows }

// coded returns how many rows have codes.
func (r *rows) coded() int { return min(r.n, len(r.codes)/r.blockBytes*blockRows) }

// dead is a bit set of deleted and replaced rows. Snapshots share a set, so a set is copied before a change. nil means no row.
type dead []uint64

func (d dead) has(row int) bool {
	return row>>6 < len(d) && d[row>>6]>>(row&63)&1 == 1
}

// word returns the bits of a block.
func (d dead) word(block int) uint64 {
	if block >= len(d) {
		return 0
	}
	return d[block]
}

func float32At(b []byte, i int) float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(b[i:]))
}

// Columns are read in place, which the byte order of all machines that Go's amd64 and arm64 mean allows.

func bytesOf[T uint32 | float32 | span](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}

func columnOf[T uint32 | float32 | span](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	var t T
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(t)))
}
