package builtin_test

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/model"
)

// The extras answer the leaves of pictures, and are candidates until the configuration names them; the group suite has none of them.
func TestExtras(t *testing.T) {
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range []string{"any", "like_text", "like_image", "like_frame", "like_shot"} {
		var got []string
		for _, s := range known.View().Leaf(leaf).Sources {
			if len(s.GetInsteadOf()) > 0 {
				got = append(got, s.Algorithm+"/"+s.GetBy())
			}
		}
		if !slices.Equal(got, []string{"clip/picture", "clip-l14/picture"}) {
			t.Errorf("%s is answered by %v", leaf, got)
		}
	}
	for want, names := range map[bool][]string{false: {builtin.Default, builtin.Suite}, true: {builtin.Default, "clip"}} {
		m := builtin.Open(model.Cache{}, 1)
		if err := m.Enable(names...); err != nil {
			t.Fatal(err)
		}
		for _, d := range m.Declarations() {
			if d.GetAlgorithm().GetName() == "clip" && d.GetCandidate() == want {
				t.Errorf("%v: clip is a candidate: %v", names, d.GetCandidate())
			}
		}
	}
}
