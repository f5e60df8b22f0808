package opensearch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

// A clauseOf is as much of a query as a scope is told in.
type clauseOf struct {
	Terms  map[string][]string    `json:"terms"`
	Exists struct{ Field string } `json:"exists"`
	Bool   *struct {
		Filter  []clauseOf `json:"filter"`
		Should  []clauseOf `json:"should"`
		MustNot []clauseOf `json:"must_not"`
	} `json:"bool"`
}

// finds reports whether the query finds a document with these values.
func (c clauseOf) finds(values map[string]string) bool {
	for field, list := range c.Terms {
		if _, ok := slices.BinarySearch(list, values[field]); !ok { // runs are told in their order
			return false
		}
	}
	if c.Exists.Field != "" && values[c.Exists.Field] == "" {
		return false
	}
	if c.Bool == nil {
		return true
	}
	finds := func(c clauseOf) bool { return c.finds(values) }
	return !slices.ContainsFunc(c.Bool.Filter, func(c clauseOf) bool { return !finds(c) }) &&
		(len(c.Bool.Should) == 0 || slices.ContainsFunc(c.Bool.Should, finds)) && !slices.ContainsFunc(c.Bool.MustNot, finds)
}

// TestScopeIsToldByItsComplement: the query of a scope finds the documents of its runs, and no others, however the scope came about; the
// list of hidden runs is encoded anew only after many changes.
func TestScopeIsToldByItsComplement(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 90))
	history := searchtest.NewHistory()
	asset := map[string]string{}
	var runs []string
	for i := range 3000 {
		run := fmt.Sprintf("run-%05d", i)
		asset[run] = fmt.Sprint("asset-", i%50)
		runs = append(runs, run)
		if i%3 == 0 {
			history.Hide(asset[run], run)
		} else {
			history.Show(asset[run], run)
		}
	}
	some := []string{"asset-3", "asset-7", "asset-12"}
	var s scopes
	encoded, layers := map[*runList]bool{}, map[*runList]bool{}
	check := func(when string, scope *search.Scope) {
		t.Helper()
		sent, err := s.filter(scope)
		if err != nil {
			t.Fatal(err)
		}
		pieces, byAsset := s.queryOf(sent), sent.list.within != nil
		if assets, _ := scope.Outside(); byAsset != (assets != nil) {
			t.Errorf("%s: names assets: %v", when, byAsset)
		}
		list := s.find(scope.Runs).list
		encoded[list.first()], layers[list] = true, true
		if list.changes > rebaseAfter {
			t.Errorf("%s: a list with %d changes", when, list.changes)
		}
		var c clauseOf
		d := json.NewDecoder(bytes.NewReader(bytes.Join(pieces, nil)))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		if c.finds(map[string]string{}) {
			t.Fatalf("%s: the query finds a document that is of no run", when)
		}
		for _, run := range runs {
			if got := c.finds(map[string]string{"run": run, "asset": asset[run]}); got != scope.Has(run) {
				t.Fatalf("%s: the query finds %s: %v", when, run, got)
			}
		}
	}
	check("first", history.Scope())
	check("first", history.Scope(some...))
	for n := range 900 {
		run := runs[rnd.IntN(len(runs))]
		if rnd.IntN(2) == 0 {
			history.Hide(asset[run], run)
		} else {
			history.Show(asset[run], run)
		}
		if n%20 == 0 {
			check(fmt.Sprint("switch ", n), history.Scope())
			check(fmt.Sprint("switch ", n), history.Scope(some...))
		}
	}
	if n := len(encoded); n < 4 || n > 6 { // at first and after each of rebaseAfter, for both
		t.Errorf("the hidden runs were encoded %d times", n)
	}
	if n := len(layers); n < 10 || n > 70 {
		t.Errorf("%d lists were encoded, layers included", n)
	}
	if len(s.sent) > scopesKept {
		t.Errorf("%d scopes are kept", len(s.sent))
	}
}

// TestRunsThatBeginMeanwhile: a run that the scope has not heard of is not found, and does not take the place of what is.
func TestRunsThatBeginMeanwhile(t *testing.T) {
	e := openEngine(t, t.Name(), &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"})
	history := searchtest.NewHistory()
	history.Show("asset", "run")
	history.Hide("asset", "old")
	items := func(run string, n int) (b search.Batch) {
		for i := range n {
			b.Annotations = append(b.Annotations, line(run, int64(i), "lighthouse"))
			b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: run, Ordinal: int64(i), Asset: "asset", Space: "small@1", Vector: []float32{1, 2, 3, 4}})
		}
		return b
	}
	write := func(b search.Batch) {
		t.Helper()
		if err := e.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	write(items("run", 3))
	write(items("old", 3))
	ask := func(s *search.Scope, limit int) (texts, near []search.Hit, err error) {
		if texts, err = e.Text(t.Context(), search.TextQuery{Scope: s, Words: "lighthouse", Limit: limit}); err == nil {
			near, err = e.Vector(t.Context(), search.VectorQuery{Scope: s, Space: "small@1", Vector: []float32{1, 2, 3, 4}, Limit: limit})
		}
		return texts, near, err
	}
	scope := history.Scope()
	texts, _, err := ask(scope, 10)
	if err != nil || len(texts) != 3 {
		t.Fatalf("found %v, %v", texts, err)
	}
	// These come before run in every answer.
	for i := range outsideTries - 1 {
		write(items(fmt.Sprint("begun-", i), 3))
	}
	for range 2 {
		again, near, err := ask(scope, 2)
		if err != nil || !slices.Equal(again, texts[:2]) || len(near) != 2 || near[0].Run != "run" {
			t.Errorf("beside runs that began: %v, %v, %v, want %v", again, near, err, texts[:2])
		}
	}
	for i := range 2 * outsideTries {
		write(items(fmt.Sprint("began-", i), 1))
	}
	if found, _, err := ask(history.Scope(), 1); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("beside too many runs that began: %v, %v", found, err)
	}
	if all, _, err := ask(history.Named(), 10); err != nil || len(all) != 3 {
		t.Errorf("by name: %v, %v", all, err)
	}
}

// TestCountsOfALargeScope: the texts of a large scope are counted once. A language that a later scope shows is found at once, and a hidden
// run changes no score.
func TestCountsOfALargeScope(t *testing.T) {
	e := openEngine(t, t.Name())
	e.countOnce, e.frequent = 4, 4
	history := searchtest.NewHistory()
	write := func(run, language string) {
		t.Helper()
		var b search.Batch
		for i := range 3 {
			b.Annotations = append(b.Annotations, &pb.Annotation{Run: run, Asset: "asset", Ordinal: int64(i), Kind: schema.KindDialogue, Text: "lighthouse", Language: language, End: 1})
		}
		if err := e.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(s *search.Scope) []search.Hit {
		t.Helper()
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: s, Words: "lighthouse", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		return hits
	}
	countsOf := func(s *search.Scope) *counts {
		sent, err := e.scopes.filter(s)
		if err != nil {
			t.Fatal(err)
		}
		return sent.list.first().counts[e.text.name+" [] [] []"]
	}
	write("first", "en")
	history.Show("asset", "first")
	history.Hide("asset", "hidden")
	if ask(history.Scope()); countsOf(history.Scope()) != nil {
		t.Error("the counts of a small scope are kept")
	}
	write("second", "en")
	history.Show("asset", "second")
	scope := history.Scope()
	alone := ask(scope)
	first := countsOf(scope)
	if len(alone) != 6 || first == nil || first.byBase["en"] != 6 || len(first.words) != 1 {
		t.Fatalf("%d hits, counts %+v", len(alone), first)
	}
	write("hidden", "en")
	if diff := cmp.Diff(alone, ask(scope)); diff != "" {
		t.Errorf("a hidden run shows (-without +with):\n%s", diff)
	}
	write("third", "de")
	history.Show("asset", "third")
	for range 2 {
		if hits := ask(history.Scope()); len(hits) != 9 {
			t.Errorf("%d hits with a run of a new language", len(hits))
		}
	}
	if again := countsOf(history.Scope()); again != first || again.byBase["en"] != 6 || again.byBase["de"] != 3 {
		t.Errorf("the counts are now %+v", again)
	}
}

// TestIndexOfAnEarlierVersion: an index that cannot be filtered or sorted by asset answers all other questions, sets of a bounded size among
// them, and asks to be filled anew.
func TestIndexOfAnEarlierVersion(t *testing.T) {
	for name, c := range map[string]struct {
		asset    object
		filtered bool
	}{
		"assets are kept":     {kept, false},
		"assets are filtered": {object{"type": "keyword", "doc_values": false}, true},
	} {
		t.Run(name, func(t *testing.T) { testEarlierIndex(t, c.asset, c.filtered) })
	}
}

func testEarlierIndex(t *testing.T, asset object, filtered bool) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	c, err := newClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	before := textMapping()
	before["properties"].(object)["asset"] = asset
	p := part{name: cfg.Prefix + ".text", mapping: before}
	if err := (&Engine{cfg: cfg, client: c}).create(t.Context(), p, firstGeneration, p.name); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	history := searchtest.NewHistory()
	history.Show("asset", "run")
	history.Show("another", "other")
	all := []*pb.Annotation{line("run", 0, "lighthouse"), {Run: "other", Asset: "another", Kind: schema.KindDialogue, Text: "lighthouse", Language: "en"}}
	write := func(w search.Writer) {
		t.Helper()
		if err := w.Write(t.Context(), search.Batch{Annotations: all}); err != nil {
			t.Fatal(err)
		}
	}
	write(e)
	found := func(s *search.Scope) (int, error) {
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: s, Words: "lighthouse", Limit: 10})
		return len(hits), err
	}
	if n, err := found(history.Scope()); n != 2 || err != nil {
		t.Errorf("all titles: %d, %v", n, err)
	}
	if n, err := found(history.Scope("asset")); filtered && (n != 1 || err != nil) || !filtered && errkind.Of(err) != errkind.Unavailable {
		t.Errorf("some titles: %d, %v", n, err)
	}
	set := search.SetQuery{Text: &search.TextQuery{Scope: history.Scope(), Words: "lighthouse"}}
	if hits := collect(t, e.Set(t.Context(), set)); len(hits) != 2 || hits[0].Asset != "another" {
		t.Errorf("the set: %v", hits)
	}
	if l := e.Lacking(); l == nil || !l.Serves {
		t.Fatalf("lacking: %v", l)
	}
	r, err := e.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	write(r)
	if err := r.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := found(history.Scope("asset")); n != 1 || err != nil {
		t.Errorf("some titles, after a rebuild: %d, %v", n, err)
	}
	if hits := collect(t, e.Set(t.Context(), set)); len(hits) != 2 || hits[0].Asset != "another" {
		t.Errorf("the set after a rebuild: %v", hits)
	}
	if l := e.Lacking(); l != nil {
		t.Errorf("lacking after a rebuild: %v", l)
	}
}
