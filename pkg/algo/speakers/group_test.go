package speakers

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/ge2e"
)

// sounding is a vector of a voice, with a change.
func sounding(voice int, changed float64) []float32 {
	v := make([]float64, ge2e.Dim)
	v[voice], v[100+voice] = 1, changed
	return unit(v)
}

// saying is a stretch of speech that begins at a second: a window for each digit, by the number of the voice.
func saying(second int64, voices string) passage {
	p := passage{Stretch: sounds.Stretch{From: second * ge2e.Rate}}
	for i, digit := range voices {
		p.windows = append(p.windows, window{p.From + int64(i)*step*ge2e.Hop + windowSamples/2, sounding(int(digit-'0'), 0.1)})
	}
	p.To = p.From + int64(len(voices)-1)*step*ge2e.Hop + windowSamples
	return p
}

// A turn ends where the next voice begins. Windows of a mixture are no speaker, and a pause of half a second ends no turn.
func TestTurns(t *testing.T) {
	type told struct{ speaker, from, to int } // in tenths of a second
	for name, c := range map[string]struct {
		passages []passage
		want     []told
	}{
		"nobody":              {nil, nil},
		"one window":          {[]passage{saying(0, "5")}, []told{{1, 0, 16}}},
		"one voice":           {[]passage{saying(0, "5555555")}, []told{{1, 0, 40}}},
		"two voices":          {[]passage{saying(0, "333333"), saying(10, "777777")}, []told{{1, 0, 36}, {2, 100, 136}}},
		"there and back":      {[]passage{saying(0, "333333"), saying(10, "777777"), saying(20, "33")}, []told{{1, 0, 36}, {2, 100, 136}, {1, 200, 220}}},
		"a change":            {[]passage{saying(0, "333333777777")}, []told{{1, 0, 30}, {2, 30, 60}}},
		"a mixture":           {[]passage{saying(0, "333333377777777"), saying(10, "33333379777777")}, []told{{1, 0, 34}, {2, 34, 72}, {1, 100, 130}, {2, 130, 168}}},
		"a pause":             {[]passage{saying(0, "3333"), saying(3, "3333")}, []told{{1, 0, 58}}},
		"a longer pause":      {[]passage{saying(0, "3333"), saying(4, "3333")}, []told{{1, 0, 28}, {1, 40, 68}}},
		"a single odd window": {[]passage{saying(0, "3333333933333")}, []told{{1, 0, 64}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []told
			for _, turn := range turns(c.passages) {
				got = append(got, told{turn.speaker, int(turn.From * 10 / ge2e.Rate), int(turn.To * 10 / ge2e.Rate)})
				if turn.confidence < 0.9 || turn.confidence > 1 {
					t.Errorf("confidence %f", turn.confidence)
				}
			}
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(told{})); d != "" {
				t.Errorf("turns differ (-want +got):\n%s", d)
			}
		})
	}
}

// A long title has more groups than are compared at a time: voices keep their numbers, and groups beyond the bound join.
func TestLongTitle(t *testing.T) {
	var passages []passage
	for i := range int64(2 * mostGrouped) {
		passages = append(passages, saying(10*i, []string{"333333", "777777", "444444"}[i%3]))
	}
	for i, turn := range turns(passages) {
		if turn.speaker != i%3+1 {
			t.Fatalf("turn %d is of speaker %d", i, turn.speaker)
		}
	}
	var c census
	for i := range 2 * mostGrouped { // everybody speaks once
		c.add(passage{windows: []window{{0, sounding(i%100, 0.01*float64(i/100))}}})
		if len(c.groups) > mostGrouped {
			t.Fatalf("%d groups are compared", len(c.groups))
		}
	}
}
