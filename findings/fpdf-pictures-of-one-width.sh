#!/usr/bin/env bash
# codeberg.org/go-pdf/fpdf v0.12.0, Go: the library that writes contact sheets.
#
# Expected: SetCatalogSort(true), with fixed dates, gives the same PDF for the same calls. The documentation of the method says so: "to consistently
# order the document's internal resource catalogs".
# Seen: the objects of pictures are sorted by the width of the pictures alone, and pictures of one width keep the order of a Go map. The same
# calls with four pictures of one width give several PDFs. Four pictures of four widths always give one PDF.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"log"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

// sheet is a page with four grey pictures, wider by step pixels each.
func sheet(step int) [32]byte {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(time.Unix(0, 0))
	pdf.SetModificationDate(time.Unix(0, 0))
	pdf.AddPage()
	for i := range 4 {
		p := image.NewGray(image.Rect(0, 0, 16+i*step, 16))
		for n := range p.Pix {
			p.Pix[n] = color.Gray{Y: uint8(i * 60)}.Y
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, p, nil); err != nil {
			log.Fatal(err)
		}
		name := fmt.Sprint("picture", i)
		pdf.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "JPEG"}, &b)
		pdf.ImageOptions(name, 10, float64(10+30*i), 20, 20, false, fpdf.ImageOptions{ImageType: "JPEG"}, 0, "")
	}
	var out bytes.Buffer
	if err := pdf.Output(&out); err != nil {
		log.Fatal(err)
	}
	return sha256.Sum256(out.Bytes())
}

func main() {
	for _, step := range []int{0, 1} {
		different := map[[32]byte]bool{}
		for range 200 {
			different[sheet(step)] = true
		}
		fmt.Printf("%v ", len(different) == 1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get codeberg.org/go-pdf/fpdf@v0.12.0 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
got=$(go run .)
echo "200 sheets are one PDF (pictures of one width, pictures of four widths): $got"
[[ $got == "false true " ]] || { echo "the behaviour is another than stated"; exit 1; }
