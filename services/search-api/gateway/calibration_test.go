package gateway_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// sentencesWith returns a catalogue in which the meaning of dialogue has another calibration.
func sentencesWith(t *testing.T, k *pb.Calibration) *catalog.Catalog {
	t.Helper()
	declared := builtin.Declarations()
	for i, d := range declared {
		if d.GetAlgorithm().GetName() == "sentences" {
			declared[i] = proto.CloneOf(d)
			declared[i].Algorithm.Answers[0].Calibration = k
		}
	}
	c, err := catalog.New(declared...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A calibration says from which confidence on a hit is called a match, and answers name a space without a calibration.
func TestCalibrations(t *testing.T) {
	l := apitest.New(t)
	l.Add(harbour())
	const q = `dialogue.meaning:"the keeper lit the lamp"`
	const line = "harbour 1-3"
	for _, c := range []struct {
		name        string
		calibration *pb.Calibration
		noMatch     bool
		confidence  float32 // of the line itself, whose similarity is 1
		partial     string
	}{
		{"half", &pb.Calibration{Middle: 1, Slope: 10}, false, 0.5, ""},
		{"above the curve", &pb.Calibration{Middle: 1, Slope: 10, Match: 0.6}, true, 0.5, ""},
		{"an unsure match", &pb.Calibration{Middle: 1.1, Slope: 10, Match: 0.2}, false, 0.27, ""},
		{"none", nil, false, 0.5, "e5-small@1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) { d.Catalog = sentencesWith(t, c.calibration) })
			for _, q := range []string{q, q + " AND label:lighthouse"} {
				r := ask(t, g, &pb.SearchRequest{Q: q})
				first := r.GetHits()[0]
				if r.GetNoGoodMatch() != c.noMatch {
					t.Errorf("%s: no good match is %v: %v", q, r.GetNoGoodMatch(), r)
				}
				if !strings.Contains(q, "AND") {
					if where(r)[0] != line || first.GetConfidence() < c.confidence-0.01 || first.GetConfidence() > c.confidence+0.01 {
						t.Errorf("%s: %v, confidence %.3f, want %.2f", q, where(r)[0], first.GetConfidence(), c.confidence)
					}
					if told := len(r.GetPartial()) > 0 && strings.Contains(r.GetPartial()[0].GetError(), c.partial); told != (c.partial != "") {
						t.Errorf("%s: partial %v", q, r.GetPartial())
					}
				}
			}
		})
	}
}
