package builtin_test

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
)

// What the algorithms that come with Cinedex declare makes one catalogue, in which every answer reaches a leaf.
func TestDeclarations(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range builtin.Declarations() {
		if err := known.Check(d); err != nil {
			t.Error(err)
		}
	}
	for leaf, want := range map[string][]string{
		"any":        {"dialogue/words", "sentences/meaning", "labels/words", "pictures/picture"},
		"dialogue":   {"dialogue/words", "sentences/meaning"},
		"label":      {"labels/words"},
		"like_text":  {"pictures/picture", "labels/words"},
		"like_image": {"pictures/picture"},
		"like_frame": {"pictures/picture"},
		"like_shot":  {"pictures/picture"},
	} {
		var got []string
		for _, s := range known.View().Leaf(leaf).Sources {
			got = append(got, s.Algorithm+"/"+s.GetBy())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is answered by %v, want %v", leaf, got, want)
		}
	}
}
