#!/usr/bin/env bash
# github.com/blevesearch/bleve/v2 v2.6.3, Go.
#
# Expected: the tokenizer "unicode", and the analyzer "standard" with this tokenizer, give at least one token for a line of letters. Lucene's
# StandardTokenizer, of the same annex (UAX #29), gives a token for each run of letters of scripts without spaces.
# Seen: a line in Thai, Lao, Khmer or Burmese gives no token at all, and no search finds the line. Each character of the line is a segment without a
# type, and the tokenizer leaves such segments out.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/blevesearch/bleve/v2/analysis/tokenizer/unicode"
)

func main() {
	t := unicode.NewUnicodeTokenizer()
	for name, line := range map[string]string{"Thai": "ฉันรอที่สะพาน", "Lao": "ຂ້ອຍລໍຖ້າຢູ່ໂຮງຮຽນ", "Khmer": "ខ្ញុំរង់ចាំ", "Burmese": "ကျောင်းမှာ"} {
		n := len(t.Tokenize([]byte(line)))
		fmt.Printf("%s %s: %d tokens\n", name, line, n)
		if n != 0 {
			fmt.Println("the behaviour is another than stated")
			os.Exit(1)
		}
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/blevesearch/bleve/v2@v2.6.3 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
go run .
