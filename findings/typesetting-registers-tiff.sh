#!/usr/bin/env bash
# github.com/go-text/typesetting v0.3.5, Go: the library that shapes the letters of contact sheets.
#
# Expected: a library of fonts changes nothing for pictures. image.Decode takes the formats that the program itself registers.
# Seen: the package font reads bitmap glyphs by golang.org/x/image/tiff, whose init registers TIFF for the whole program. A program that
# registers PNG alone decodes TIFF from its users as soon as the program links the library: one more parser for hostile bytes. A list of
# formats by name, with each format's own Decode, is a way around.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
mkdir tell with without
cat > tell/tell.go <<'GO'
// Package tell decodes a TIFF of four grey pixels by the registered formats.
package tell

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	_ "image/png"
)

// Picture is a TIFF of 2 x 2 pixels in 8 bits of grey, without compression (TIFF 6.0, section 4).
func Picture() []byte {
	b := []byte("II*\x00\x08\x00\x00\x00")
	entries := [][3]uint32{{256, 4, 2}, {257, 4, 2}, {258, 4, 8}, {259, 4, 1}, {262, 4, 1}, {273, 4, 0}, {277, 4, 1}, {278, 4, 2}, {279, 4, 4}}
	end := uint32(8 + 2 + 12*len(entries) + 4)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(entries)))
	for _, e := range entries {
		if e[0] == 273 {
			e[2] = end
		}
		b = binary.LittleEndian.AppendUint16(b, uint16(e[0]))
		b = binary.LittleEndian.AppendUint16(b, uint16(e[1]))
		b = binary.LittleEndian.AppendUint32(b, 1)
		b = binary.LittleEndian.AppendUint32(b, e[2])
	}
	b = binary.LittleEndian.AppendUint32(b, 0)
	return append(b, 0, 80, 160, 240)
}

func Tell() {
	_, format, err := image.Decode(bytes.NewReader(Picture()))
	fmt.Printf("format %q, error %v\n", format, err)
}
GO
printf 'package main\n\nimport "finding/tell"\n\nfunc main() { tell.Tell() }\n' > without/main.go
printf 'package main\n\nimport (\n\t_ "github.com/go-text/typesetting/font"\n\n\t"finding/tell"\n)\n\nfunc main() { tell.Tell() }\n' > with/main.go
go mod init finding >/dev/null 2>&1
go get github.com/go-text/typesetting@v0.3.5 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
without=$(go run ./without) with=$(go run ./with)
echo "without the library of fonts: $without"
echo "with the library of fonts:    $with"
[[ $without == *"unknown format"* && $with == 'format "tiff", error <nil>' ]] || { echo "the behaviour is another than stated"; exit 1; }
