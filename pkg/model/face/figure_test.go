package face_test

import (
	"fmt"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

// Faces of photographs with several people, and of photographs without people, beside OpenCV's cascade. The numbers are those of the people, counted by
// eye: more faces than people are wrong.
func TestFigureFaces(t *testing.T) {
	figure.Begin(t, "faces/photographs")
	m, cache := open(t)
	people := []int{3, 3, 3, 4, 5, 4, 1, 1, 1, 0, 0, 0, 0}
	ids := []string{"photo-group-1", "photo-group-2", "photo-group-3", "photo-group-4", "photo-group-5", "photo-group-6", "photo-portrait", "photo-address", "photo-visit",
		"photo-coffee", "photo-rocket", "photo-china", "photo-flower"}
	tally := func(found []int) (right, more, all int) {
		for i, n := range found {
			right, more, all = right+min(n, people[i]), more+max(0, n-people[i]), all+people[i]
		}
		return right, more, all
	}
	var ours []int
	var paths []string
	for _, id := range ids {
		path, err := cache.Require(id)
		if err != nil {
			modeltest.Lacking(t, err)
		}
		paths = append(paths, path)
		found, err := m.Detect(t.Context(), modeltest.Photo(t, cache, id))
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, len(found))
	}
	right, more, all := tally(ours)
	measured := fmt.Sprintf("%d of %d people, %d more than there are", right, all, more)
	for peer, said := range figure.Peers[[][4]int](t, "faces", paths...) {
		var theirs []int
		for _, boxes := range said {
			theirs = append(theirs, len(boxes))
		}
		r, n, _ := tally(theirs)
		measured += fmt.Sprintf("; %s %d, %d more", peer, r, n)
	}
	figure.Report(t, false, figure.Result{Name: "faces/photographs", Claim: "faces of thirteen photographs, four of them without people: ≥ 0.8 of the people, and at most one more than there are", Measured: measured,
		Pass: 5*right >= 4*all && more <= 1})
}
