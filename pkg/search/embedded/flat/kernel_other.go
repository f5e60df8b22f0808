//go:build !amd64

package flat

const assembly = false

func scan(block []byte, t *table, b *bounds) uint64 { return scanGeneric(block, t, b) }

func dots(rough []byte, stride int, rows []int32, q []int16, out []int32) {
	dotsGeneric(rough, stride, rows, q, out)
}
