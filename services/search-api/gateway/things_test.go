package gateway

import (
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestThingsSeenTakeTurns: labels that stand over a whole film do not crowd out the things of single shots, and numbered labels are left out.
func TestThingsSeenTakeTurns(t *testing.T) {
	label := func(leaf, name string, confidence float32, times int) []viewed {
		return slices.Repeat([]viewed{{Annotation: &pb.Annotation{Label: name, Confidence: confidence}, leaf: leaf}}, times)
	}
	labels := slices.Concat(label("motion", "static", 1, 30), label("motion", "pan", 1, 20), label("scene", "scene 1", 1, 30), label("label", "boat", 0.4, 2), label("label", "gull", 0.3, 1))
	var got []string
	for _, s := range thingsSeen(query.Language{}, labels, 3) {
		got = append(got, s.GetText())
	}
	if want := []string{"boat", "static", "gull"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
