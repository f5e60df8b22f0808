package gateway

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
)

// A library without runs of clip asks the pictures of the default, a library with runs of both asks both, and a library in which every film has a
// run of clip asks clip alone. Words of labels are asked in any case.
func TestInStead(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	old := &lineup{versions: []algorithmVersion{{"shots", "1"}, {"pictures", "1"}}}
	moved := &lineup{versions: []algorithmVersion{{"shots", "1"}, {"pictures", "1"}, {"clip", "1"}}}
	said := &lineup{versions: []algorithmVersion{{"dialogue", "1"}}}
	for name, c := range map[string]struct {
		lineups map[*lineup]int
		want    []string
	}{
		"an empty library": {nil, []string{"labels/words", "pictures/picture"}},
		"no run of clip":   {map[*lineup]int{old: 2, said: 1}, []string{"labels/words", "pictures/picture"}},
		"some runs":        {map[*lineup]int{old: 2, moved: 1}, []string{"clip/picture", "labels/words", "pictures/picture"}},
		"every film":       {map[*lineup]int{moved: 3, said: 1}, []string{"clip/picture", "labels/words"}},
	} {
		counted := census{lineups: c.lineups}
		var list []weighted
		for _, s := range known.View().Leaf("like_text").Sources {
			if s.Algorithm == "clip" || s.Algorithm == "pictures" || s.Algorithm == "labels" {
				list = append(list, weighted{source{Source: s}, 1})
			}
		}
		var got []string
		for _, w := range inStead(list, counted.stands) {
			got = append(got, w.Algorithm+"/"+w.GetBy())
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		alone := slices.DeleteFunc(slices.Clone(list), func(w weighted) bool { return w.Algorithm != "clip" })
		if got := inStead(alone, counted.stands); len(got) != 1 {
			t.Errorf("%s: clip asked alone: %v", name, got)
		}
	}
}
