#!/usr/bin/env bash
# github.com/blevesearch/zapx/v17 v17.2.5, Go: the segments of Bleve 2.6.
#
# Expected: PostingsIterator.Advance costs a jump to the chunk of the document, and at most a chunk of postings: chunk.go says "you should be
# able to do one jump to the correct chunk, and then walk through at most chunk-size items". A chunk has some 1,024 postings.
# Seen: the cost of Advance grows with the postings ahead of the document, one by one: a hundred times more postings ahead, some hundred times
# the time. The same holds for Next where the list has documents left out: each left-out posting is walked.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/blevesearch/bleve/v2/document"
	index "github.com/blevesearch/bleve_index_api"
	segment "github.com/blevesearch/scorch_segment_api/v2"
	zap "github.com/blevesearch/zapx/v17"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return v
}

// list returns the postings of a word that n documents have, without some of them.
func list(n int) func(except *roaring.Bitmap) segment.PostingsList {
	docs := make([]index.Document, n)
	for i := range docs {
		d := document.NewDocument(fmt.Sprintf("%08d", i))
		d.AddField(document.NewTextFieldCustom("text", nil, []byte("word"), index.IndexField|index.IncludeTermVectors, nil))
		d.AddIDField()
		d.VisitFields(func(f index.Field) { f.Analyze() })
		docs[i] = d
	}
	seg, _, err := (&zap.ZapPlugin{}).New(docs)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	dict := must(seg.Dictionary("text"))
	term := "word"
	return func(except *roaring.Bitmap) segment.PostingsList { return must(dict.PostingsList([]byte(term), except, nil)) }
}

// least returns the shortest of some times that a fresh iterator takes to reach the last document.
func least(l segment.PostingsList, last uint64, step func(segment.PostingsIterator) (segment.Posting, error)) time.Duration {
	best := time.Hour
	for range 50 {
		it := l.Iterator(true, true, false, nil)
		begun := time.Now()
		p := must(step(it))
		took := time.Since(begun)
		if p == nil || p.Number() != last {
			fmt.Println("the last document was not found")
			os.Exit(1)
		}
		best = min(best, took)
	}
	return best
}

func main() {
	const few, many = 5_000, 500_000
	var advance, next [2]time.Duration
	for i, n := range []int{few, many} {
		l, last := list(n), uint64(n-1)
		advance[i] = least(l(nil), last, func(it segment.PostingsIterator) (segment.Posting, error) { return it.Advance(last) })
		others := roaring.New()
		others.AddRange(0, last)
		next[i] = least(l(others), last, func(it segment.PostingsIterator) (segment.Posting, error) { return it.Next() })
		fmt.Printf("%d documents: Advance to the last document %v; Next to the last document, all others left out, %v\n", n, advance[i], next[i])
	}
	a, b := float64(advance[1])/float64(advance[0]), float64(next[1])/float64(next[0])
	fmt.Printf("a hundred times the documents: Advance takes %.0f times as long, Next %.0f times\n", a, b)
	if a < 10 || b < 10 {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/blevesearch/zapx/v17@v17.2.5 github.com/blevesearch/bleve/v2@v2.6.3 >/dev/null 2>&1
go run .
