package flat

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The assembly and its twin in Go give the same bits, whatever the input.
func TestKernelsAreEqual(t *testing.T) {
	if !assembly {
		t.Skip("no assembly for this processor: there is nothing to compare")
	}
	rapid.Check(t, func(t *rapid.T) {
		l := newLayout(rapid.IntRange(1, 4096).Draw(t, "dim"))
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		block := make([]byte, l.blockBytes)
		for row := range blockRows {
			code := make([]byte, l.codeBytes)
			for i := range code {
				code[i] = byte(rnd.Uint32())
			}
			s := sketch{code, float32(rnd.NormFloat64()), bfloatNear(rnd.Float32())<<16 | bfloatUp(rnd.Float32())}
			l.put(block, row, s)
			if got := l.get(block, row, make([]byte, l.codeBytes)); !slices.Equal(got.code, s.code) || got.base != s.base || got.factors != s.factors {
				t.Fatalf("row %d: put %v, got %v", row, s, got)
			}
		}
		tab := &table{nibbles: make([]byte, l.codeBytes*32)}
		levels := tableLevels(l.padded)
		for i := range tab.nibbles {
			tab.nibbles[i] = byte(levels - rnd.IntN(2)*rnd.IntN(levels+1)) // half of them at the top, to try the sums' limits
		}
		tab.fillBytes()
		b := &bounds{mul: rnd.Float32() / float32(levels) / float32(l.codeBytes), add: -rnd.Float32(), spread: rnd.Float32()}
		// A threshold that one of the rows meets exactly.
		s := l.get(block, rnd.IntN(blockRows), make([]byte, l.codeBytes))
		b.threshold = b.of(tab.sum(s.code), s.base, s.factors)
		want := scanGeneric(block, tab, b)
		if got := scan(block, tab, b); got != want {
			t.Fatalf("scan: %064b, want %064b", got, want)
		}

		stride := l.roughBytes
		rough, q := make([]byte, stride*20), make([]int16, l.padded)
		top := queryLevels(l.padded)
		extreme := rapid.Bool().Draw(t, "extreme")
		for i := range rough {
			if rough[i] = byte(int8(rnd.IntN(255) - 127)); extreme {
				rough[i] = 127
			}
		}
		for i := range q {
			if q[i] = int16(rnd.IntN(2*top+1) - top); extreme {
				q[i] = int16(top)
			}
		}
		rows := make([]int32, rapid.IntRange(1, 30).Draw(t, "rows"))
		for i := range rows {
			rows[i] = rnd.Int32N(20)
		}
		got, twin := make([]int32, len(rows)), make([]int32, len(rows))
		d := direction{whole: q}
		d.split()
		dots(rough, stride, rows, &d, got)
		if wide {
			narrow := make([]int32, len(rows))
			dotsNarrow(rough, stride, rows, q, narrow)
			if !slices.Equal(got, narrow) {
				t.Fatalf("dots by halves: %v, by AVX2 %v", got, narrow)
			}
		}
		dotsGeneric(rough, stride, rows, q, twin)
		if !slices.Equal(got, twin) {
			t.Fatalf("dots: %v, want %v", got, twin)
		}

		exact, query := make([]float32, 5*l.dim), make([]float32, l.dim)
		for i := range exact {
			exact[i] = float32(rnd.NormFloat64())
		}
		for i := range query {
			query[i] = float32(rnd.NormFloat64())
		}
		r := newRotation(l.dim)
		window, plain := make([]float32, r.window), make([]float32, r.window)
		for i := range window {
			window[i] = float32(rnd.NormFloat64())
		}
		copy(plain, window)
		transform(window, r.flips[1])
		if transformGeneric(plain, r.flips[1]); !slices.Equal(window, plain) {
			t.Fatalf("transform of %d: %v, want %v", len(window), window, plain)
		}
		for _, m := range []Metric{Cosine, L2} {
			for i, s := range similarities(m, exact, l.dim, []int32{4, 0, 3}, query, widened(m, query)) {
				if want := similarity(m, exact[[]int{4, 0, 3}[i]*l.dim:][:l.dim], query); s != want {
					t.Fatalf("similarity %d by %s: %v, want %v", i, m, s, want)
				}
			}
		}
	})
}

// The first stage over a million rows, and over as many as fit a processor's own cache.
func BenchmarkScan(b *testing.B) {
	for _, dim := range []int{100, 384, 512, 1280} {
		for _, rows := range []int{1 << 13, 1 << 20} {
			l := newLayout(dim)
			codes := make([]byte, rows/blockRows*l.blockBytes)
			tab := &table{nibbles: make([]byte, l.codeBytes*32)}
			tab.fillBytes()
			none := &bounds{threshold: 1}
			all := func(f func([]byte, *table, *bounds) uint64) func(*testing.B) {
				return func(b *testing.B) {
					for b.Loop() {
						for at := 0; at < len(codes); at += l.blockBytes {
							f(codes[at:at+l.blockBytes], tab, none)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
				}
			}
			b.Run(fmt.Sprintf("dim=%d/rows=%d/assembly=%v", dim, rows, assembly), all(scan))
			if rows == 1<<13 {
				b.Run(fmt.Sprintf("dim=%d/rows=%d/generic", dim, rows), all(scanGeneric))
			}
		}
	}
}
