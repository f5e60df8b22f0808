#!/usr/bin/env bash
# github.com/RoaringBitmap/roaring/v2 v2.14.5, Go: the document lists of Bleve's segments, and of filters over these segments.
#
# Expected: taking a filter of a few long runs away from a short list costs about the length of the list. A container of a few runs is the
# smallest form of the filter (RunOptimize, Flip and AddRange make containers of runs), so the form should cost no more time than a bitmap.
# Seen: for each array container of the list, AndNot copies both the array and the runs into fresh bitmaps of 8 KiB. The same documents as a
# filter without runs take a small part of the time. Go's package has no counterpart of Java's removeRunCompression; a way around is
# FromDense(filter.ToDense(), false).
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
)

func main() {
	// A segment of 650,000 documents, of which every second thousand is hidden, and a word that 2,000 documents have.
	const documents, film = 650_000, 1000
	hidden, word := roaring.New(), roaring.New()
	for at := uint64(0); at < documents; at += 2 * film {
		hidden.AddRange(at, at+film)
	}
	for i := uint32(0); i < 2000; i++ {
		word.Add(i * (documents / 2000))
	}
	hidden.RunOptimize()
	bitmaps := roaring.FromDense(hidden.ToDense(), false)
	if !hidden.HasRunCompression() || bitmaps.HasRunCompression() || !bitmaps.Equals(hidden) {
		fmt.Println("the two filters are not the same documents, with runs and without runs")
		os.Exit(1)
	}
	if !roaring.AndNot(word, hidden).Equals(roaring.AndNot(word, bitmaps)) {
		fmt.Println("the two filters give other answers")
		os.Exit(1)
	}
	measure := func(filter *roaring.Bitmap) testing.BenchmarkResult {
		return testing.Benchmark(func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				roaring.AndNot(word, filter)
			}
		})
	}
	runs, plain := measure(hidden), measure(bitmaps)
	ratio := float64(runs.NsPerOp()) / float64(plain.NsPerOp())
	bytes := float64(runs.AllocedBytesPerOp()) / float64(plain.AllocedBytesPerOp())
	fmt.Printf("a filter of runs (%d bytes): %d ns, %d bytes allocated; of bitmaps (%d bytes): %d ns, %d bytes; %.1f times the time, %.1f times the bytes\n",
		hidden.GetSizeInBytes(), runs.NsPerOp(), runs.AllocedBytesPerOp(), bitmaps.GetSizeInBytes(), plain.NsPerOp(), plain.AllocedBytesPerOp(), ratio, bytes)
	if ratio < 2 || bytes < 2 {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/RoaringBitmap/roaring/v2@v2.14.5 >/dev/null 2>&1
go run .
