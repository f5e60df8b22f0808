package words

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

//go:embed hans.txt
var hansTable string

// hans are the simplified forms of traditional Chinese characters.
var hans = sync.OnceValue(func() map[rune]rune {
	_, pairs, _ := strings.Cut(hansTable, "\n")
	table := make(map[rune]rune, 4200)
	for _, pair := range strings.Fields(pairs) {
		traditional, size := utf8.DecodeRuneInString(pair)
		table[traditional], _ = utf8.DecodeRuneInString(pair[size:])
	}
	return table
})

// simplified returns a Chinese character in its simplified form. A character with different simplified forms in different words gets the most
// frequent form.
func simplified(r rune) rune {
	if s, ok := hans()[r]; ok {
		return s
	}
	return r
}
