#!/usr/bin/env bash
# github.com/blevesearch/bleve/v2 v2.6.3, Go.
#
# Expected: the token filter to_lower brings a word to lower case, like bytes.ToLower.
# Seen: to_lower corrupts a word with a letter whose lower case is shorter in UTF-8, such as İ. Letters behind İ that are in lower case already are not
# moved up. "İstanbul" becomes "i", a stray byte and "stanbu". So a search for "istanbul" finds nothing in any analyzer with the filter.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/token/lowercase"
)

func main() {
	word := []byte("İstanbul")
	want := bytes.ToLower(word)
	got := lowercase.NewLowerCaseFilter().Filter(analysis.TokenStream{{Term: bytes.Clone(word)}})[0].Term
	fmt.Printf("bytes.ToLower: %q\nto_lower:      %q\n", want, got)
	if string(got) != "i\xb0stanbu" {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/blevesearch/bleve/v2@v2.6.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
