package embedded

import (
	"math"
	"testing"

	"github.com/cinedex/cinedex/pkg/search/words"
)

// TestSaturation: the table tells what the formula does, for every length that a line may have, by the norm that Bleve keeps.
func TestSaturation(t *testing.T) {
	for freq := range uint64(20) {
		for terms := uint64(1); terms < 2000; terms++ {
			norm := float64(float32(1 / math.Sqrt(float64(terms))))
			if got, want := saturation(freq, norm), words.Saturation(freq, float64(words.Length(terms))); got != want {
				t.Fatalf("%d times in %d terms: %v, want %v", freq, terms, got, want)
			}
		}
	}
}
