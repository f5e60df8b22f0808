package embedded

import (
	"fmt"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// leafKinds are as many kinds as a catalogue has leaves of words, and more. Documents have the first two kinds.
func leafKinds() (kinds []string) {
	for i := range 40 {
		kinds = append(kinds, fmt.Sprint("kind-", i))
	}
	return kinds
}

// openLeaves makes an engine with lines and labels of one run.
func openLeaves(t testing.TB, docs int) *Engine {
	t.Helper()
	e, err := Open(t.TempDir(), Config{}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	kinds := leafKinds()
	for from := 0; from < docs; from += 5000 {
		var items []*pb.Annotation
		for i := from; i < min(from+5000, docs); i++ {
			items = append(items, &pb.Annotation{Run: "run", Ordinal: int64(i), Asset: "a", Kind: kinds[i*7%5%2], Text: fmt.Sprintf("zulu%d kilo%d", i%1000, i%10), Language: "en", Confidence: 1})
		}
		if err := e.Write(t.Context(), search.Batch{Annotations: items}); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func askLeaf(t testing.TB, e *Engine, scope *search.Scope, kind, words string) []search.Hit {
	hits, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Filter: search.Filter{Kinds: []string{kind}}, Mode: search.Prefix, Words: words, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// Suggestions ask every leaf of words at each key. The documents that a filter of a leaf hides are worked out once, and not at each key.
func TestFiltersOfAllLeavesAreKept(t *testing.T) {
	e, scope := openLeaves(t, 1000), search.NewScope([]string{"run"})
	for _, words := range []string{"zu", "zul", "zulu12"} {
		for i, kind := range leafKinds() {
			if hits := askLeaf(t, e, scope, kind, words); (len(hits) > 0) != (i < 2) {
				t.Errorf("%q of %s: %d hits", words, kind, len(hits))
			}
		}
	}
	s, err := e.live.Load().text.snapshot()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	segments := 0
	for _, seg := range s.Segments() {
		cols := e.live.Load().text.columns.made(seg)
		if cols == nil {
			continue // of a segment that was merged since
		}
		segments++
		kept := &cols.named
		if len(kept.narrowed.items) == 0 {
			kept = &cols.followed
		}
		for _, kind := range leafKinds() {
			if _, ok := kept.narrowed.get(filterKey(search.Filter{Kinds: []string{kind}})); !ok {
				t.Errorf("the filter of %s was forgotten", kind)
			}
		}
		if n := len(kept.whole.items); n > 2 {
			t.Errorf("%d sights are kept, for 2 kinds that have documents", n)
		}
	}
	if segments == 0 {
		t.Error("no segment has columns")
	}
}

// BenchmarkLeaves asks every leaf of words for the letters of a word being typed.
func BenchmarkLeaves(b *testing.B) {
	e, scope := openLeaves(b, 400_000), search.NewScope([]string{"run"})
	for n := 0; b.Loop(); n++ {
		for _, kind := range leafKinds() {
			askLeaf(b, e, scope, kind, fmt.Sprintf("zulu%d", n%100))
		}
	}
}
