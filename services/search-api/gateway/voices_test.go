package gateway_test

import (
	"fmt"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// Who speaks is asked by number and by name, by the leaf, in plain words and by the filter of characters; tempi and beats by their words and numbers.
func TestVoicesAndBeats(t *testing.T) {
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "pier", Name: "The Pier", Shots: []apitest.Shot{{Seconds: 60, Colour: apitest.Green}}})
	at := func(from, to int64, kind, label string, attributes algo.Attributes) *pb.Annotation {
		return &pb.Annotation{Kind: kind, Label: label, Language: "en", Confidence: 0.9, Start: from * int64(schema.Second), End: to * int64(schema.Second), Attributes: attributes}
	}
	named := at(10, 15, "cast", "Mara", algo.Attributes{"speaker": algo.Integer(2)})
	named.Language, named.Character = "", "Mara"
	l.Wrote(a, "speakers", at(0, 5, "speaker", "speaker 1", algo.Attributes{"speaker": algo.Integer(1)}), at(10, 15, "speaker", "speaker 2", algo.Attributes{"speaker": algo.Integer(2)}))
	l.Wrote(a, "cast", named)
	bpm := func(x float64) algo.Attributes { return algo.Attributes{"bpm": algo.Number(x)} }
	l.Wrote(a, "beats", at(20, 30, "tempo", "124 bpm, fast", bpm(124)), at(30, 40, "tempo", "66 bpm, slow", bpm(66)),
		at(20, 21, "beat", "beat", bpm(124)), at(25, 26, "beat", "strong beat", bpm(124)))
	g := openWith(t, l, gateway.Default(), func(*gateway.Deps) {})
	for line, want := range map[string]string{
		`speaker:"speaker 1"`:                    "0-5",
		"speaker:Mara":                           "10-15",
		"mara":                                   "10-15",
		"speaker:mara character:Mara":            "10-15",
		"speaker[speaker=2]:speaker":             "10-15",
		"tempo:fast":                             "20-30",
		"tempo[bpm=60..70]:bpm":                  "30-40",
		`beat.phrase:"strong beat"`:              "25-26",
		"tempo:fast AND beat:strong":             "25-26",
		"speaker:Mara THEN tempo:fast WITHIN 6s": "10-30",
	} {
		resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: line})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var got []string
		for _, h := range resp.GetHits() {
			got = append(got, fmt.Sprintf("%d-%d", h.GetStart()/int64(schema.Second), h.GetEnd()/int64(schema.Second)))
		}
		if len(got) == 0 || got[0] != want {
			t.Errorf("%s: the first hit is not %s: %v", line, want, got)
		}
	}
}
