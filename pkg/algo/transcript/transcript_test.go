package transcript

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/model/whisper"
)

// A track is cut into the clips of the windows, however the blocks lie. A window that is too long is cut at the quietest place.
func TestCutter(t *testing.T) {
	const seconds = 80
	track := make([]int16, seconds*whisper.Rate)
	for i := range track {
		track[i] = int16(1000 + i%100)
	}
	quiet := 33 * whisper.Rate // 25 s after the beginning of the long window
	for i := quiet; i < quiet+whisper.Rate/5; i++ {
		track[i] = 0
	}
	windows := []window{{0, 2 * whisper.Rate}, {8 * whisper.Rate, 50 * whisper.Rate}, {60*whisper.Rate + 7, 61 * whisper.Rate}, {79 * whisper.Rate, 90 * whisper.Rate}}
	type piece struct{ from, length int64 }
	var first []piece
	for _, block := range []int{whisper.Rate, 7777, len(track)} {
		c := cutter{windows: slices.Clone(windows)}
		var got []piece
		for at := 0; at < len(track); at += block {
			end := min(at+block, len(track))
			for _, p := range c.push(algo.Samples{First: int64(at), Rate: whisper.Rate, Channels: 1, Data: track[at:end]}) {
				got = append(got, piece{p.from, int64(len(p.sound))})
			}
		}
		for _, p := range c.end() {
			got = append(got, piece{p.from, int64(len(p.sound))})
		}
		if first == nil {
			first = got
		}
		if !slices.Equal(got, first) {
			t.Errorf("blocks of %d give %v, want %v", block, got, first)
		}
	}
	if len(first) != 5 || first[1].from != 8*whisper.Rate || first[1].from+first[1].length != first[2].from ||
		first[2].from < int64(quiet) || first[2].from > int64(quiet+whisper.Rate/5) || first[2].from+first[2].length != 50*whisper.Rate ||
		first[3] != (piece{60*whisper.Rate + 7, whisper.Rate - 7}) || first[4].length != whisper.Rate {
		t.Errorf("the clips are %v", first)
	}
}

func TestLines(t *testing.T) {
	word := func(text string, start, end float64) whisper.Word {
		return whisper.Word{Text: text, Start: int(start * whisper.Rate), End: int(end * whisper.Rate)}
	}
	words := []whisper.Word{
		word(" No.", 0, 0.4), word(" Not", 0.5, 0.7), word(" today.", 0.7, 1), word(" We", 1.1, 1.3), word(" wait", 1.3, 1.5), word(" here", 3, 3.4), word(" then", 3.4, 3.6),
	}
	var got []int
	for _, l := range lines(words) {
		got = append(got, len(l))
	}
	if !slices.Equal(got, []int{3, 2, 2}) {
		t.Errorf("lines of %v words", got)
	}
}
