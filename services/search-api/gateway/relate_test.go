package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

func region(x, y, w, h float32) *pb.Region { return &pb.Region{X: x, Y: y, W: w, H: h} }

// quay is a film with three shots (0-10, 10-20, 20-30), lines and faces.
func quay(t *testing.T) *gateway.Gateway {
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "quay", Name: "The Quay", StartTimecode: "01:00:00:00",
		Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "harbour", LabelConfidence: 1}, {Seconds: 10, Colour: apitest.Green, Label: "boat", LabelConfidence: 1},
			{Seconds: 10, Colour: apitest.Blue, Label: "harbour", LabelConfidence: 1}},
		Lines: []apitest.Line{
			{From: 1, To: 3, Language: "en", Text: "Hello keeper"},
			{From: 4, To: 6, Language: "en", Text: "Goodbye keeper"},
			{From: 8, To: 12, Language: "en", Text: "Coffee"},
			{From: 15, To: 16, Language: "en", Text: "Hello"},
			{From: 26, To: 29, Language: "en", Text: "Goodbye"},
		}})
	l.SawFaces(a, []apitest.Face{
		{From: 0, To: 5, Name: "Mara", Region: region(0.1, 0.2, 0.2, 0.3), Smiles: true, Count: 2},
		{From: 0, To: 5, Name: "Tobias", Region: region(0.6, 0.1, 0.3, 0.6), Count: 2},
		{From: 12, To: 18, Name: "Mara", Region: region(0.7, 0.5, 0.1, 0.1), Count: 1},
		{From: 22, To: 24, Name: "Tobias", Region: region(0.4, 0.4, 0.2, 0.2), Count: 3},
		{From: 22, To: 24, Name: "Mara", Region: region(0, 0, 1, 1), Count: 3},
		{From: 25, To: 26, Name: "Mara", Count: 1}, // without a region
	})
	cfg := gateway.Default()
	return openWith(t, l, cfg, func(d *gateway.Deps) { d.Catalog = apitest.FacesCatalog() })
}

// TestRelatedMoments: the answers to each operator, in the order of time.
func TestRelatedMoments(t *testing.T) {
	g := quay(t)
	for line, want := range map[string][]string{
		`dialogue.words:hello THEN dialogue.words:goodbye WITHIN 1s`:                                      {"quay 1-6"},
		`dialogue.words:hello THEN dialogue.words:goodbye WITHIN 500ms`:                                   nil,
		`dialogue.words:hello THEN dialogue.words:goodbye WITHIN 10s`:                                     {"quay 1-6", "quay 15-29"},
		`dialogue.words:hello THEN dialogue.words:keeper WITHIN 1m`:                                       {"quay 1-6"}, // not the same line
		`dialogue.words:hello THEN dialogue.words:coffee WITHIN 10s THEN dialogue.words:hello WITHIN 10s`: {"quay 1-16"},
		`dialogue.words:coffee OVERLAPS label.words:boat`:                                                 {"quay 8-12"},
		`label.words:boat OVERLAPS dialogue.words:coffee`:                                                 {"quay 10-20"},
		`dialogue.words:hello DURING label.words:harbour`:                                                 {"quay 1-3"},
		`dialogue.words:coffee DURING label.words:harbour`:                                                nil,
		`dialogue.words:hello STARTS NEAR label.words:harbour WITHIN 1s`:                                  {"quay 1-3"},
		`dialogue.words:hello STARTS NEAR label.words:harbour WITHIN 900ms`:                               nil,
		`dialogue.words:goodbye ENDS NEAR label.words:harbour WITHIN 1s`:                                  {"quay 26-29"},
		`dialogue.words:goodbye ENDS NEAR (label.words:harbour OR label.words:boat) WITHIN 4s`:            {"quay 4-6", "quay 26-29"},
		`dialogue.words:coffee NEAR CUT WITHIN 2s`:                                                        {"quay 8-12"},
		`(dialogue.words:hello OR dialogue.words:goodbye) NEAR CUT WITHIN 4s`:                             {"quay 4-6", "quay 15-16"},
		`dialogue.words:hello NEAR CUT WITHIN 1s`:                                                         nil, // neither the beginning nor the end of the film is a cut
		`AT LEAST 2 OF (label.words:harbour, face.words:mara, dialogue.words:hello)`:                      {"quay 0-5", "quay 15-16", "quay 22-24", "quay 25-26"},
		`AT LEAST 3 OF (label.words:harbour, face.words:mara, dialogue.words:hello)`:                      {"quay 1-3"},
		`label.words:harbour AND NOT (face.words:mara OVERLAPS dialogue.words:hello)`:                     {"quay 20-30"},
		`dialogue.words:keeper AND (dialogue.words:hello THEN dialogue.words:goodbye WITHIN 1s)`:          {"quay 1-3", "quay 4-6"},
		`face.words:mara LEFT OF face.words:tobias`:                                                       {"quay 0-5"},
		`face.words:mara RIGHT OF face.words:tobias`:                                                      nil,
		`face.words:tobias ABOVE face.words:mara`:                                                         nil, // the middles: 0.4 and 0.35
		`face.words:tobias BELOW face.words:mara`:                                                         {"quay 0-5"},
		`face.words:tobias INSIDE face.words:mara`:                                                        {"quay 22-24"},
		`face.words:tobias LARGER THAN face.words:mara`:                                                   {"quay 0-5"},
		`face.words:tobias SMALLER THAN face.words:mara`:                                                  {"quay 22-24"},
		`(face.words:mara LEFT OF face.words:tobias) AND dialogue.words:hello`:                            {"quay 1-3"},
		`face.words[region left of 0.5]:mara`:                                                             {"quay 0-5"},
		`face.words[region right of 0.5]:mara`:                                                            {"quay 12-18"},
		`face.words[region inside 0,0,0.5,1]:mara`:                                                        {"quay 0-5"},
		`face.words[region overlaps 0,0,0.5,1]:mara`:                                                      {"quay 0-5", "quay 22-24"},
		`face.words[region larger than 0.5]:mara`:                                                         {"quay 22-24"},
		`face.words[region above 0.5,region smaller than 0.1]:mara`:                                       {"quay 0-5"},
		`face.words[count>=2]:mara`:                                                                       {"quay 0-5", "quay 22-24"},
		`face.words[count=1..2]:mara`:                                                                     {"quay 0-5", "quay 12-18", "quay 25-26"},
		`face.words[count=3]:mara`:                                                                        {"quay 22-24"},
		`face.words[smiles=true]:mara`:                                                                    {"quay 0-5"},
		`face.words[who="Tobias"]:tobias`:                                                                 {"quay 0-5", "quay 22-24"},
		`face.words[who=("nobody","somebody"),count<=2]:tobias`:                                           {"quay 0-5"},
		`face.words[smiles=true]:mara OR label.words:boat`:                                                {"quay 0-5", "quay 10-20"},
	} {
		resp := ask(t, g, &pb.SearchRequest{Q: line, Order: "time"})
		if got := where(resp); !slices.Equal(got, want) || !resp.GetTotal().GetExact() || int(resp.GetTotal().GetCount()) != len(want) || len(resp.GetPartial()) > 0 {
			t.Errorf("%s: got %q, %v, %v; want %q", line, got, resp.GetTotal(), resp.GetPartial(), want)
		}
	}
}

// TestUntestable: a query that compares something that nothing has is refused by name.
func TestUntestable(t *testing.T) {
	g := quay(t)
	for line, says := range map[string]string{
		`dialogue:hello LEFT OF face:mara`:   "dialogue has no region, and LEFT OF compares regions",
		`face[counts>=2]:mara`:               `face has no attribute "counts"; there are count, smiles, who; did you mean count?`,
		`face[smiles>=2]:mara`:               "face[smiles]: the attribute is a flag, and a number is given",
		`face[count="two"]:mara`:             "face[count]: the attribute is a number, and a text is given",
		`dialogue[count>=2]:hello`:           `dialogue takes no attributes, and "count" is given`,
		`dialogue[region left of 0.5]:hello`: "dialogue has no region",
	} {
		_, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: line})
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want an error saying %q", line, err, says)
		}
	}
}
