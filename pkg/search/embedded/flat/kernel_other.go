//go:build !amd64

package flat

const assembly = false

func scan(block []byte, t *table, b *bounds) uint64 { return scanGeneric(block, t, b) }

func dot(row []byte, q []int16) int32 { return dotGeneric(row, q) }
