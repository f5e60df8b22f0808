#!/usr/bin/env bash
# github.com/blevesearch/bleve/v2 v2.6.3, Go.
#
# Expected: each segment ends with a CRC of its bytes, so Open refuses an index with a segment that does not fit the segment's CRC.
# Seen: the CRC is read and never compared. An index with a wrong CRC in a segment opens and answers. The script changes only the CRC itself, so the
# answer is right; Open does not check the bytes before the CRC.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/blevesearch/bleve/v2"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return v
}

func check(err error) { must(0, err) }

func main() {
	dir := filepath.Join(must(os.MkdirTemp(".", "index")), "index")
	x := must(bleve.New(dir, bleve.NewIndexMapping()))
	check(x.Index("1", map[string]string{"line": "a lighthouse in the rain"}))
	check(x.Close())

	segment := must(filepath.Glob(filepath.Join(dir, "store", "*.zap")))[0]
	b := must(os.ReadFile(segment))
	crc := len(b) - 4
	fits := func() bool { return crc32.ChecksumIEEE(b[:crc]) == binary.BigEndian.Uint32(b[crc:]) }
	fmt.Println("the CRC fits:", fits())
	b[crc] ^= 1
	fmt.Println("the CRC fits, after a change:", fits())
	check(os.WriteFile(segment, b, 0o600))

	x, err := bleve.Open(dir)
	if err != nil {
		fmt.Println("Open:", err, "- the behaviour is another than stated")
		os.Exit(1)
	}
	defer x.Close()
	r := must(x.Search(bleve.NewSearchRequest(bleve.NewMatchQuery("lighthouse"))))
	fmt.Println("Open succeeded, and a search finds", r.Total)
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/blevesearch/bleve/v2@v2.6.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
