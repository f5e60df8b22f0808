//go:build !amd64

package flat

const assembly, wide = false, false

func scan(block []byte, t *table, b *bounds) uint64 { return scanGeneric(block, t, b) }

func dots(rough []byte, stride int, rows []int32, d *direction, out []int32) {
	dotsGeneric(rough, stride, rows, d.whole, out)
}

func productsAVX2(*float32, *float32, *float64, int, *[8]float64) { panic("no assembly") }

func prefetchAVX2(*float32) { panic("no assembly") }

func dotsNarrow([]byte, int, []int32, []int16, []int32) { panic("no assembly") }

func transform(w, flips []float32) { transformGeneric(w, flips) }
