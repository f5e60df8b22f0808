package timedtext_test

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/timedtext"
	"github.com/cinedex/cinedex/pkg/timedtext/timedtexttest"
)

// TestFramesFromRoundedTimes: cues authored on frames are read on the same frames, in every format with rounded times
// (PySceneDetect#464, pysubs2#57, SubtitleEdit#10141, #8799).
func TestFramesFromRoundedTimes(t *testing.T) {
	for _, name := range timedtexttest.Rates {
		rate, err := schema.ParseRate(name)
		if err != nil {
			t.Fatal(err)
		}
		authored := timedtexttest.Authored(100)
		for format, write := range timedtexttest.Forms {
			text, err := timedtext.Parse(write(rate, authored), timedtext.Options{Format: format, Rate: rate})
			if err != nil {
				t.Fatal(err)
			}
			if n := timedtexttest.Right(text.Cues, rate, authored); n != len(authored) {
				t.Errorf("%s frames a second through %s: %d of %d cues are on their frames", name, format, n, len(authored))
			}
		}
	}
}
