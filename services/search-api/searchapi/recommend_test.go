package searchapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// Picked, Recommend and Forget answer over JSON and GraphQL alike, and each call is a line of the audit log.
func TestRecommendationsAtEveryDoor(t *testing.T) {
	l := apitest.New(t)
	l.Add(film("harbour"))
	out := &lines{}
	record, err := audit.Open(audit.Default(), audit.Deps{Output: out, Service: "search-api", Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	everything := []string{"*"}
	s := l.Serve(map[string][]string{"ann": everything, "ben": everything, "cho": everything, "reader": {"harbour"}}, func(cfg *gateway.Config, d *searchapi.Deps) {
		cfg.Recommend.People, d.Audit = 2, record
	})
	// ask posts JSON, and returns the answer and the line of the audit log.
	ask := func(who, path string, body any, into any) audit.Entry {
		t.Helper()
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, s.URL+path, strings.NewReader(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+who)
		n := out.count()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(said, into); err != nil {
			t.Fatalf("%s: %v: %s", path, err, said)
		}
		all := out.wait(t, n)
		if len(all) != 1 || all[0].Caller != who {
			t.Fatalf("%s: the lines %+v", path, all)
		}
		return all[0]
	}
	const search, recommend = "/cinedex.v1.SearchService/", "/cinedex.v1.RecommendService/"
	type moment struct{ Asset, End string }
	var answer struct {
		Search string
		Hits   []moment
	}
	for _, who := range []string{"ann", "ben"} {
		for _, q := range []string{"dialogue.words:storm", "dialogue.words:a"} {
			answer.Hits = nil
			ask(who, search+"Search", map[string]any{"q": q}, &answer)
			if len(answer.Hits) == 0 {
				t.Fatalf("%s: no hit", q)
			}
			e := ask(who, recommend+"Picked", map[string]any{"search": answer.Search, "moments": []map[string]any{{"asset": answer.Hits[0].Asset, "end": answer.Hits[0].End}}} /* from 0 on */, &struct{}{})
			if e.Outcome != "ok" || len(e.Titles) != 1 || e.Titles[0] != "harbour" || len(e.Queries) != 1 || !strings.HasPrefix(e.Queries[0], "dialogue.words:") {
				t.Errorf("the line of a pick is %+v", e)
			}
		}
	}

	var graph struct {
		Data   map[string]any
		Errors []struct{ Message string }
	}
	ask("cho", search+"Search", map[string]any{"q": "dialogue.words:storm"}, &answer)
	pick := fmt.Sprintf(`mutation { picked(search: %q, moments: [{asset: %q, start: %q, end: %q}]) }`, answer.Search, answer.Hits[0].Asset, "0", answer.Hits[0].End)
	e := ask("cho", "/graphql", map[string]any{"query": pick}, &graph)
	if e.Outcome != "ok" || len(e.Titles) != 1 || graph.Data["picked"] != true {
		t.Errorf("picked over GraphQL: %+v, %+v", graph, e)
	}
	ask("cho", "/graphql", map[string]any{"query": strings.Replace(pick, `"0"`, `"1"`, 1)}, &graph)
	if len(graph.Errors) != 1 || !strings.Contains(graph.Errors[0].Message, "moments[0]") {
		t.Errorf("a moment of no hit over GraphQL: %+v", graph)
	}

	var recommended struct{ Also []string }
	e = ask("reader", recommend+"Recommend", map[string]any{"q": "dialogue.words:storm"}, &recommended)
	if e.Outcome != "ok" || len(e.Queries) != 1 || len(recommended.Also) != 1 || len(e.Titles) != 1 {
		t.Errorf("recommended %+v, with the line %+v", recommended, e)
	}
	graph.Data, graph.Errors = nil, nil
	ask("reader", "/graphql", map[string]any{"query": `{ recommend(q: "dialogue.words:storm") { query also like moments { title startTimecode } partial { part } } }`}, &graph)
	if also := graph.Data["recommend"].(map[string]any)["also"]; fmt.Sprint(also) != fmt.Sprint(recommended.Also) {
		t.Errorf("GraphQL recommends %v, and JSON %v: %v", also, recommended.Also, graph.Errors)
	}

	e = ask("ann", recommend+"Forget", map[string]any{"name": "ben"}, &struct{}{})
	if e.Outcome != "denied" || e.About != "ben" {
		t.Errorf("the line of a forget of another person is %+v", e)
	}
	graph.Data = nil
	if e = ask("ann", "/graphql", map[string]any{"query": "mutation { forget }"}, &graph); e.Outcome != "ok" || e.About != "ann" || fmt.Sprint(graph.Data["forget"]) != "2" {
		t.Errorf("forgot %+v, with the line %+v", graph, e)
	}
	recommended.Also = nil
	if ask("reader", recommend+"Recommend", map[string]any{"q": "dialogue.words:storm"}, &recommended); len(recommended.Also) > 0 {
		t.Errorf("recommended after the forget: %+v", recommended)
	}
}
