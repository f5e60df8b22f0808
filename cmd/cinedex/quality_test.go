package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A judgedQuery is a judged query with its right moments in the assets of a library.
type judgedQuery struct {
	judged.Query
	right []judged.Span
}

// judgedQueries reads a file of judged queries, and places the moments in a store's assets.
func judgedQueries(t testing.TB, file string, s store.Store) []judgedQuery {
	t.Helper()
	titles := map[string]*pb.TitleEntry{}
	var entries []*pb.TitleEntry
	for a, err := range s.AllAssets(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		e := titles[a.GetTitle().GetId()]
		if e == nil {
			e = &pb.TitleEntry{Title: a.GetTitle()}
			titles[a.GetTitle().GetId()] = e
			entries = append(entries, e)
		}
		e.Assets = append(e.Assets, a)
	}
	var out []judgedQuery
	for i, q := range readJudged(t, file) {
		right, err := q.Place(entries)
		if err != nil {
			t.Fatalf("%s: queries[%d].%v", file, i, err)
		}
		p := judgedQuery{Query: q}
		for _, m := range right {
			p.right = append(p.right, judged.Span{Asset: m.GetAsset(), Interval: schema.Interval{Start: schema.Time(m.GetStart()), End: schema.Time(m.GetEnd())}})
		}
		out = append(out, p)
	}
	return out
}

func readJudged(t testing.TB, file string) []judged.Query {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "judged", file))
	if err != nil {
		t.Fatal(err)
	}
	queries, err := judged.Parse(b)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return queries
}

// TestJudgedQueries holds the size of the judged sets: 200 queries and more in 8 languages, of which a part is withheld from tuning in every
// kind of question.
func TestJudgedQueries(t *testing.T) {
	languages, kinds, withheld := map[string]int{}, map[string]int{}, map[string]int{}
	lines := map[string]bool{}
	present := 0
	for _, q := range readJudged(t, "films.yaml") {
		if lines[q.Q] {
			t.Errorf("%s: judged twice", q.Q)
		}
		lines[q.Q] = true
		languages[q.Language]++
		kinds[q.Kind]++
		if q.Withheld() {
			withheld[q.Kind]++
		}
		if q.Kind == judged.Absent {
			continue
		}
		present++
		if len(q.Right) == 0 {
			t.Errorf("%s: no moment is right", q.Q)
		}
	}
	if present < 200 || len(languages) < 8 {
		t.Errorf("%d queries in %d languages, want 200 in 8", present, len(languages))
	}
	for l, n := range languages {
		if n < 20 {
			t.Errorf("language %s has %d queries", l, n)
		}
	}
	for _, k := range []string{"words", "meaning", "across", "look", judged.Absent} {
		if kinds[k] < 40 || 5*withheld[k] < kinds[k] || 2*withheld[k] > kinds[k] {
			t.Errorf("kind %s: %d queries, of which %d are withheld", k, kinds[k], withheld[k])
		}
	}
	t.Logf("%d queries for what is there; %v; withheld %v; %v", present, kinds, withheld, languages)
}
