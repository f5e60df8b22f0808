package gateway_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// TestNearDuplicates: shots that look the same are one hit, whatever found the shots, and on pages of any size. Lines stay.
func TestNearDuplicates(t *testing.T) {
	var films []apitest.Film
	for i, c := range []struct {
		title  string
		change uint8
	}{{"first", 0}, {"graded", 9}, {"encoded", 3}} {
		warm, cold := apitest.Red, apitest.Blue
		warm.G += c.change
		cold.R += c.change
		films = append(films, apitest.Film{Title: c.title, Name: c.title,
			Shots: []apitest.Shot{{Seconds: 10, Colour: warm, Label: "lighthouse", LabelConfidence: 1 - 0.1*float32(i)}, {Seconds: 10, Colour: cold, Label: "lighthouse", LabelConfidence: 0.5}},
			Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "The lighthouse is dark."}}})
	}
	g := withProfiles(t, map[string]string{"varied": "variety: {near_duplicates: true}", "plain": "about: nothing"}, films...)
	all := func(q, profile string, limit int32) (out []string) {
		for cursor := ""; ; {
			r := ask(t, g, &pb.SearchRequest{Q: q, Profile: profile, Limit: limit, Cursor: cursor})
			for _, h := range r.GetHits() {
				out = append(out, fmt.Sprintf("%s %d+%d", h.GetTitle(), h.GetStartMs()/1000, h.GetFolded()))
			}
			if cursor = r.GetCursor(); cursor == "" {
				return out
			}
		}
	}
	for q, want := range map[string]string{
		"label:lighthouse":                  "0+2, 10+2",
		"look:red AND NOT dialogue:nothing": "0+2, 10+2",
		"dialogue.words:lighthouse":         "1+0, 1+0, 1+0",
		"label:lighthouse AND look:blue":    "0+2, 10+2",
	} {
		plain, varied := all(q, "plain", 200), all(q, "varied", 200)
		var places []string
		for _, h := range varied {
			_, place, _ := strings.Cut(h, " ")
			places = append(places, place)
		}
		slices.Sort(places)
		if got := strings.Join(places, ", "); got != want {
			t.Errorf("%s: %s, want %s of %v", q, varied, want, plain)
		}
		if title, _, _ := strings.Cut(plain[0], "+"); !strings.HasPrefix(varied[0], title) {
			t.Errorf("%s: the best hit is %s, want %s", q, varied[0], plain[0])
		}
		if pages := all(q, "varied", 1); !slices.Equal(pages, varied) {
			t.Errorf("%s: by pages %v, want %v", q, pages, varied)
		}
	}
}
