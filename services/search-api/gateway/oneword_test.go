package gateway_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestOneWordIsAskedOnce: all words and some words of a single word are the same lines, in every analysis of the library's languages, so the engine is
// asked once. Of two words, the engine is asked for both.
func TestOneWordIsAskedOnce(t *testing.T) {
	l := apitest.New(t)
	languages := []string{"en", "de", "fr", "ja", "sv", "tr"}
	var lines []apitest.Line
	for i, language := range languages {
		lines = append(lines, apitest.Line{From: int64(2 * i), To: int64(2*i + 1), Language: language, Text: "Lighthouse violins Sonnenuntergang"},
			apitest.Line{From: int64(20 + 2*i), To: int64(21 + 2*i), Language: language, Text: "zulu3 b2b"}, apitest.Line{From: int64(40 + 2*i), To: int64(41 + 2*i), Language: language, Text: "zulu b 3 2"})
	}
	l.Add(apitest.Film{Title: "one", Shots: []apitest.Shot{{Seconds: 20, Colour: apitest.Red}}, Lines: lines})
	var runs []string
	recorded, err := l.Store.RunsOf(t.Context(), apitest.AssetOf("one"))
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range recorded {
		runs = append(runs, run.GetId())
	}
	for _, word := range []string{"lighthouse", "VIOLINS", "sonnenuntergang", "untergang", "zulu3", "b2b", "3zulu"} {
		ask := func(mode search.TextMode) []search.Hit {
			hits, err := l.Engine.Text(t.Context(), search.TextQuery{Scope: search.NewScope(runs), Words: word, Mode: mode, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			return hits
		}
		if diff := cmp.Diff(ask(search.AllWords), ask(search.AnyWord)); diff != "" {
			t.Errorf("%s, all words and some words:\n%s", word, diff)
		}
	}
	engine := &clocked{Engine: l.Engine}
	g := open(t, &apitest.Library{Store: l.Store, Engine: engine}, nil, gateway.Default())
	calls := func(q string) int {
		engine.take()
		resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: q, Limit: 5})
		if err != nil || len(resp.GetHits()) == 0 {
			t.Fatalf("%s: %v, %v", q, err, resp)
		}
		_, n := engine.take()
		return n
	}
	if n := calls("dialogue.words:lighthouse"); n != 1 {
		t.Errorf("one word: %d questions", n)
	}
	if one, two := calls("lighthouse"), calls("lighthouse violins"); two != 2*one {
		t.Errorf("bare words: %d questions for a word, %d for two", one, two)
	}
}
