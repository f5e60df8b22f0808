package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/judged"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/gateway"
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

// wholeAnswer asks every algorithm.
const wholeAnswer = ""

// singleParts are the single ways to look, by the algorithm.
var singleParts = []string{"dialogue", "sentences", "pictures", "labels"}

// An asker asks judged queries of a gateway.
type asker struct {
	t testing.TB
	g *gateway.Gateway
}

// ask returns the answer of one algorithm, or of every algorithm. ok is false where the algorithm has no part in the query.
func (j asker) ask(q, algorithm string, limit int32) (r *pb.SearchResponse, ok bool) {
	j.t.Helper()
	req := &pb.SearchRequest{Q: q, Limit: limit, TimeoutMs: 60_000}
	if algorithm != wholeAnswer {
		req.TryProfile = fmt.Appendf(nil, "name: single\nversion: 1\nalgorithms: [%s]\n", algorithm)
	}
	r, err := j.g.Search(j.t.Context(), operator, req)
	switch {
	case algorithm != wholeAnswer && errkind.Is(err, errkind.Invalid):
		return nil, false
	case err != nil:
		j.t.Fatalf("%s: %v", q, err)
	case len(r.GetPartial()) > 0:
		j.t.Fatalf("%s: a partial answer: %v", q, r.GetPartial())
	}
	return r, true
}

func spansOf(hits []*pb.Hit) (out []judged.Span) {
	for _, h := range hits {
		out = append(out, judged.Span{Asset: h.GetAsset(), Interval: schema.IntervalOf(h)})
	}
	return out
}

// A judgement is one query with the measure of the whole answer and of each single part, and the pairs of the spaces.
type judgement struct {
	judgedQuery
	of map[string]judged.Measure // by algorithm
	// none says that the answer is "no good match", or has no hits.
	none  bool
	pairs map[string][]judged.Pair // by algorithm
}

// all asks every query.
func (j asker) all(queries []judgedQuery) (out []judgement) {
	j.t.Helper()
	for _, q := range queries {
		r, _ := j.ask(q.Q, wholeAnswer, judged.Depth)
		one := judgement{judgedQuery: q, none: r.GetNoGoodMatch() || len(r.GetHits()) == 0, of: map[string]judged.Measure{}, pairs: map[string][]judged.Pair{}}
		present := q.Kind != judged.Absent
		if present {
			one.of[wholeAnswer] = judged.Of(spansOf(r.GetHits()), q.right)
		}
		for _, part := range singleParts {
			r, ok := j.ask(q.Q, part, judged.Depth)
			if !ok {
				continue
			}
			if present {
				one.of[part] = judged.Of(spansOf(r.GetHits()), q.right)
			}
			for i, h := range r.GetHits() {
				for _, e := range h.GetEvidence() {
					if part == "sentences" || part == "pictures" {
						one.pairs[part] = append(one.pairs[part], judged.Pair{Similarity: e.GetScore(), Right: spansOf(r.GetHits()[i : i+1])[0].Shows(q.right)})
						break
					}
				}
			}
		}
		out = append(out, one)
	}
	return out
}
