package persons

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/model/face"
)

// somebody is a vector that is like the vectors of the same person, and unlike those of other persons.
func somebody(person int, change float64) []float32 {
	v := make([]float64, face.Dim)
	v[person] = 1
	v[64+person] = change
	return unit(v)
}

func at(x float64, person int, change float64) sighting {
	return sighting{box: face.Box{X: x, Y: 0.2, W: 0.1, H: 0.2}, score: 0.9, vector: somebody(person, change)}
}

// Faces are followed by place and by person: two people stay two through a frame in which one of them is away, and through a jump.
func TestFollow(t *testing.T) {
	picks := []byshot.Pick[[]sighting]{
		{Frame: 0, Value: []sighting{at(0.1, 1, 0), at(0.6, 2, 0)}},
		{Frame: 12, Value: []sighting{at(0.62, 2, 0.1), at(0.12, 1, 0.1)}},
		{Frame: 24, Value: []sighting{at(0.14, 1, 0.1)}},
		{Frame: 36, Value: []sighting{at(0.64, 2, 0), at(0.34, 1, 0.1)}}, // the first has gone across
		{Frame: 48, Value: nil},
		{Frame: 60, Value: []sighting{at(0.9, 3, 0)}},
	}
	var got [][3]int64
	for _, track := range follow(picks) {
		got = append(got, [3]int64{track.first, track.last, int64(track.seen)})
	}
	if d := cmp.Diff([][3]int64{{0, 36, 4}, {0, 36, 3}, {60, 60, 1}}, got); d != "" {
		t.Errorf("tracks differ (-want +got):\n%s", d)
	}
}

// Persons keep their numbers through shots, in the order of their first appearance.
func TestNumbers(t *testing.T) {
	var p people
	var got []int
	for _, s := range []sighting{at(0, 7, 0), at(0, 3, 0), at(0, 7, 0.2), at(0, 3, 0.2), at(0, 9, 0), at(0, 7, 0.1)} {
		var track track
		track.add(0, s)
		got = append(got, p.number(&track))
	}
	if d := cmp.Diff([]int{1, 2, 1, 2, 3, 1}, got); d != "" {
		t.Errorf("numbers differ (-want +got):\n%s", d)
	}
}

func TestWords(t *testing.T) {
	for n, want := range map[int]string{1: "one person", 2: "two people", 3: "three people", 4: "crowd of people", 40: "crowd of people"} {
		if got := counted(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
	for h, want := range map[float64]string{0.7: "extreme close-up", 0.4: "close-up", 0.15: "medium shot", 0.05: "long shot"} {
		if got := sized(h); got != want {
			t.Errorf("a face of %.2f: %q, want %q", h, got, want)
		}
	}
}
