package graphqlapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// nodes are queries with each kind of node and each narrowing of a leaf, in the one-line form and in the form of GraphQL.
var nodes = []struct{ line, tree string }{
	{`dialogue.words:lamp THEN dialogue.words:coffee WITHIN 10s`,
		`{"then":{"left":{"leaf":{"kind":"dialogue","text":"lamp","mode":"WORDS"}},"right":{"leaf":{"kind":"dialogue","text":"coffee","mode":"WORDS"}},"gap":"7056000000"}}`},
	{`dialogue.words:coffee OVERLAPS label:lighthouse`,
		`{"related":{"left":{"leaf":{"kind":"dialogue","text":"coffee","mode":"WORDS"}},"relation":"OVERLAPS","right":{"leaf":{"kind":"label","text":"lighthouse"}}}}`},
	{`dialogue.words:lamp DURING label:lighthouse`,
		`{"related":{"left":{"leaf":{"kind":"dialogue","text":"lamp","mode":"WORDS"}},"relation":"DURING","right":{"leaf":{"kind":"label","text":"lighthouse"}}}}`},
	{`dialogue.words:lamp STARTS NEAR label:lighthouse WITHIN 2s`,
		`{"related":{"left":{"leaf":{"kind":"dialogue","text":"lamp","mode":"WORDS"}},"relation":"STARTS_NEAR","right":{"leaf":{"kind":"label","text":"lighthouse"}},"gap":"1411200000"}}`},
	{`face:Mara LEFT OF face:Tobias`,
		`{"related":{"left":{"leaf":{"kind":"face","text":"Mara"}},"relation":"LEFT_OF","right":{"leaf":{"kind":"face","text":"Tobias"}}}}`},
	{`face:Tobias LARGER THAN face:Mara`,
		`{"related":{"left":{"leaf":{"kind":"face","text":"Tobias"}},"relation":"LARGER_THAN","right":{"leaf":{"kind":"face","text":"Mara"}}}}`},
	{`dialogue.words:coffee NEAR CUT WITHIN 3s`,
		`{"nearCut":{"query":{"leaf":{"kind":"dialogue","text":"coffee","mode":"WORDS"}},"gap":"2116800000"}}`},
	{`AT LEAST 2 OF (dialogue.words:lamp, label:lighthouse, face:Mara)`,
		`{"atLeast":{"count":2,"queries":[{"leaf":{"kind":"dialogue","text":"lamp","mode":"WORDS"}},{"leaf":{"kind":"label","text":"lighthouse"}},{"leaf":{"kind":"face","text":"Mara"}}]}}`},
	{`face[region inside 0,0,0.5,1]:Mara`,
		`{"leaf":{"kind":"face","text":"Mara","regions":[{"relation":"INSIDE","region":{"x":0,"y":0,"w":0.5,"h":1}}]}}`},
	{`face[region left of 0.5,region larger than 0.01]:Mara`,
		`{"leaf":{"kind":"face","text":"Mara","regions":[{"relation":"LEFT_OF","value":0.5},{"relation":"LARGER_THAN","value":0.01}]}}`},
	{`face[count>=2]:Mara`, `{"leaf":{"kind":"face","text":"Mara","ranges":[{"name":"count","min":2}]}}`},
	{`face[count=1..2]:Tobias`, `{"leaf":{"kind":"face","text":"Tobias","ranges":[{"name":"count","min":1,"max":2}]}}`},
	{`face[smiles=true]:Mara`, `{"leaf":{"kind":"face","text":"Mara","attributes":{"smiles":{"flag":true}}}}`},
	{`face[who="Tobias"]:Tobias`, `{"leaf":{"kind":"face","text":"Tobias","attributes":{"who":{"text":"Tobias"}}}}`},
	{`dialogue.words[lang=es]:café^2`, `{"leaf":{"kind":"dialogue","text":"café","mode":"WORDS","languages":["es"],"weight":2}}`},
	{`dialogue.words:captain AND NOT dialogue.words:black`,
		`{"and":[{"leaf":{"kind":"dialogue","text":"captain","mode":"WORDS"}},{"not":{"leaf":{"kind":"dialogue","text":"black","mode":"WORDS"}}}]}`},
}

// TestNodes: a query of each kind of node finds the same through GraphQL, as a message and in the one-line form.
func TestNodes(t *testing.T) {
	l := apitest.New(t)
	film := harbour("harbour")
	film.Lines = append(film.Lines, apitest.Line{From: 25, To: 27, Language: "en-GB", Text: "Good night, captain."})
	at := func(x float32) *pb.Region { return &pb.Region{X: x, Y: 0.25, W: 0.25, H: 0.25} }
	l.SawFaces(l.Add(film), []apitest.Face{
		{From: 1, To: 5, Name: "Mara", Region: at(0), Smiles: true, Count: 2},
		{From: 1, To: 6, Name: "Tobias", Region: &pb.Region{X: 0.5, Y: 0, W: 0.5, H: 0.75}, Count: 2},
		{From: 21, To: 25, Name: "Mara", Region: at(0.75), Count: 1},
	})
	s := l.Serve(tokens, func(_ *gateway.Config, d *searchapi.Deps) { d.Catalog = apitest.FacesCatalog() })
	lang := query.Language{Names: apitest.FacesCatalog().View(), Strict: true}
	client := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, s.URL)
	asked := func(m *pb.SearchRequest) (query string, hits []string) {
		req := connect.NewRequest(m)
		req.Header().Set("Authorization", "Bearer all")
		resp, err := client.Search(t.Context(), req)
		if err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		for _, h := range resp.Msg.GetHits() {
			hits = append(hits, fmt.Sprintf("%s %d-%d %v %q", h.GetAsset(), h.GetStart(), h.GetEnd(), h.GetScore(), h.GetText()))
		}
		return resp.Msg.GetQuery(), hits
	}
	for _, n := range nodes {
		printed, want := asked(&pb.SearchRequest{Q: n.line})
		tree, _, err := lang.Parse(n.line)
		if err != nil {
			t.Fatalf("%s: %v", n.line, err)
		}
		if p, got := asked(&pb.SearchRequest{Query: tree}); p != printed || !slices.Equal(got, want) {
			t.Errorf("%s: as a message %s finds %v, want %v", n.line, p, got, want)
		}
		a := ask(t, s, "all", `query ($q: QueryInput) { search(query: $q) { query hits { asset start end score text } } }`, map[string]any{"q": json.RawMessage(n.tree)})
		var got struct {
			Query string
			Hits  []struct {
				Asset, Start, End, Text string
				Score                   float64
			}
		}
		if err := json.Unmarshal(a.Data["search"], &got); err != nil || len(a.Errors) > 0 {
			t.Errorf("%s: %v, %+v", n.tree, err, a.Errors)
			continue
		}
		var hits []string
		for _, h := range got.Hits {
			hits = append(hits, fmt.Sprintf("%s %s-%s %v %q", h.Asset, h.Start, h.End, h.Score, h.Text))
		}
		if len(want) == 0 || got.Query != printed || !slices.Equal(hits, want) {
			t.Errorf("%s: through GraphQL %s finds %v, want %v", n.line, got.Query, hits, want)
		}
	}
}
