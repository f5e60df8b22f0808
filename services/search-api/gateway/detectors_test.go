package gateway_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// What detectors know is asked in plain words: a shot that several detectors speak for comes before shots that one detector speaks for.
func TestDetectorsAsWords(t *testing.T) {
	l := apitest.New(t)
	var shots []apitest.Shot
	for range 5 {
		shots = append(shots, apitest.Shot{Seconds: 10, Colour: apitest.Green})
	}
	a := l.Add(apitest.Film{Title: "pier", Name: "The Pier", Shots: shots})
	at := func(shot int64, kind, label string) *pb.Annotation {
		return &pb.Annotation{Kind: kind, Label: label, Language: "en", Confidence: 1, Start: int64(schema.Time(10*shot) * schema.Second), End: int64(schema.Time(10*shot+10) * schema.Second)}
	}
	l.Wrote(a, "persons", at(0, "people", "two people, close-up"), at(1, "people", "one person, close-up"), at(2, "people", "two people, close-up"), at(3, "people", "crowd of people, long shot"))
	l.Wrote(a, "palette", at(0, "palette", "green, white"), at(0, "light", "day"), at(2, "palette", "black, dark blue"), at(2, "light", "night"), at(4, "light", "night"))
	l.Wrote(a, "motion", at(0, "motion", "pan left"), at(1, "motion", "static"), at(3, "motion", "zoom in"), at(4, "motion", "zoom in"))
	g := openWith(t, l, gateway.Default(), func(*gateway.Deps) {})
	for line, want := range map[string]string{
		"close-up of two people at night":        "pier 20-30",
		`look:"close-up of two people at night"`: "pier 20-30",
		"a crowd, zoom in":                       "pier 30-40",
		`look:"zoom in at night"`:                "pier 40-50",
		`people:"two people" AND light:day`:      "pier 0-10",
		`colour:"dark blue" AND people:close-up`: "pier 20-30",
		`camera:"zoom in" AND NOT people:crowd`:  "pier 40-50",
		`camera:"pan left" AND colour:green`:     "pier 0-10",
	} {
		resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: line})
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		var got []string
		for _, h := range resp.GetHits() {
			got = append(got, fmt.Sprintf("%s %d-%d", h.GetTitle(), h.GetStart()/int64(schema.Second), h.GetEnd()/int64(schema.Second)))
		}
		if len(got) == 0 || got[0] != want {
			t.Errorf("%s: %s", line, cmp.Diff([]string{want}, got))
		}
	}
}
