package whisper

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

func open(t testing.TB) (*Model, model.Cache) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(cache, 0)
	if errkind.Of(err) == errkind.NotFound {
		modeltest.Lacking(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m, cache
}

// samples decodes a file to 16 kHz.
func samples(t testing.TB, cache model.Cache, path string) []float32 {
	t.Helper()
	ffmpeg, err := cache.Tool("ffmpeg")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	raw, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-i", path, "-ac", "1", "-ar", "16000", "-f", "s16le", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]float32, len(raw)/2)
	for i := range out {
		out[i] = float32(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
	}
	return out
}

func cities(t testing.TB, cache model.Cache) []float32 {
	t.Helper()
	path, err := cache.Require("two-cities")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	return samples(t, cache, path)
}

// truth is the text of two-cities.wav: the first sentence of the book, public domain, without the words that the reader leaves out.
const truth = `It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, it was the epoch of belief, it was the
epoch of incredulity, it was the season of Light, it was the season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us,
we had nothing before us, we were all going direct to Heaven, we were all going direct the other way – in short, the period was so far like the present period, that some of
its noisiest authorities insisted on its being received, for good or for evil, in the superlative degree of comparison only.`

// wordErrors returns the least number of words that were left out, added or replaced, and the number of true words.
func wordErrors(got, want string) (int, int) {
	split := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !(r >= 'a' && r <= 'z' || r == '\'' || r > 127 && r != '–' && r != '’') })
	}
	a, b := split(got), split(want)
	return figure.Edits(a, b), len(b)
}

// A reading of a book is written without an error. The language is detected, and the words follow each other in time.
func TestReading(t *testing.T) {
	m, cache := open(t)
	s := cities(t, cache)
	const half = 24.4 * Rate // in a pause
	got, err := m.Transcribe(t.Context(), [][]float32{s[:int(half)], s[int(half):]}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wrong, words := wordErrors(got[0].Text()+" "+got[1].Text(), truth)
	if wrong > 2 {
		t.Errorf("%d of %d words are wrong: %s %s", wrong, words, got[0].Text(), got[1].Text())
	}
	for i, g := range got {
		if g.Language != "en" || g.InLanguage < 0.8 || g.NoSpeech > 0.1 || g.Repeats {
			t.Errorf("window %d: %s %.2f, no speech %.2f", i, g.Language, g.InLanguage, g.NoSpeech)
		}
		last := 0
		for _, w := range g.Words {
			if w.Start < last || w.End < w.Start || w.End > len(s) {
				t.Errorf("window %d: %q lasts from %d to %d, the word before began at %d", i, w.Text, w.Start, w.End, last)
			}
			last = w.Start
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Transcribe(ctx, [][]float32{s[:Rate]}, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	if _, err := m.Transcribe(t.Context(), [][]float32{s[:Rate]}, Options{Language: "xx"}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("an unknown language: %v", err)
	}
}

// golden is what openai/whisper says of the same sound with the same weights: see pkg/model/testdata/openai_whisper.py.
type golden struct {
	Sound, Language, Text string
	Tokens                []int
	Mel                   []float32
	Words                 [][4]any
	NoSpeech              float64 `json:"no_speech"`
}

// The text, the spectrogram and the times of the words equal those of openai/whisper in Python.
func TestParity(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []golden
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	m, cache := open(t)
	for _, g := range all {
		sound := cities(t, cache)[:30*Rate]
		mel := make([]float32, mels*frames)
		spectrogram(sound, mel)
		// Python transforms in 32 bits, which blurs the quietest bands.
		mean, worst := 0.0, 0.0
		for i, want := range g.Mel {
			off := math.Abs(float64(mel[i/10*frames+i%10*300] - want))
			mean, worst = mean+off/float64(len(g.Mel)), max(worst, off)
		}
		if mean > 1e-3 || worst > 0.05 {
			t.Errorf("%s: the spectrogram is off by %.5f, at most %.5f", g.Sound, mean, worst)
		}
		got, err := m.Transcribe(t.Context(), [][]float32{sound}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Text() != g.Text || got[0].Language != g.Language || math.Abs(float64(got[0].NoSpeech)-g.NoSpeech) > 1e-3 {
			t.Errorf("%s:\n got %s (nobody: %.3f)\nwant %s (nobody: %.3f)", g.Sound, got[0].Text(), got[0].NoSpeech, g.Text, g.NoSpeech)
		}
		// openai/whisper counts signs as words.
		words := slices.DeleteFunc(g.Words, func(w [4]any) bool { return !strings.HasPrefix(w[0].(string), " ") })
		var off []float64
		for i, w := range got[0].Words {
			if i < len(words) {
				off = append(off, math.Abs(float64(w.Start)/Rate-words[i][1].(float64)))
			}
		}
		slices.Sort(off)
		if len(off) != len(words) || off[len(off)*9/10] > 0.1 {
			t.Errorf("%s: nine in ten of %d words begin within %.2f s of the %d words of openai/whisper", g.Sound, len(off), off[len(off)*9/10], len(words))
		}
	}
}

func TestLoop(t *testing.T) {
	for name, c := range map[string]struct {
		tokens []int
		want   int
	}{
		"none":         {[]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0},
		"a word":       {[]int{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9}, 1},
		"few words":    {[]int{1, 9, 9, 9, 9, 9}, 0},
		"a sentence":   {[]int{0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}, 3},
		"three rounds": {[]int{1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5}, 0},
	} {
		if got := loop(c.tokens); got != c.want {
			t.Errorf("%s: a round of %d, want %d", name, got, c.want)
		}
	}
}
