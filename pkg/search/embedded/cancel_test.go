package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// A fuse is a context that ends at the n-th look at its error.
type fuse struct {
	context.Context
	left   int // looks until it ends
	looked int
}

func (f *fuse) Err() error {
	f.looked++
	if f.left--; f.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestSearchesEndWithTheirContext: a search looks at its context again and again, and ends at the look that finds it ended.
func TestSearchesEndWithTheirContext(t *testing.T) {
	small := &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"}
	e, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	const lines, runs, vectors = 12_000, 2500, 40_000
	var b search.Batch
	for i := range lines {
		b.Annotations = append(b.Annotations, line("run", int64(i), fmt.Sprintf("harbour harbor%c%c", 'a'+i%26, 'a'+i/26%26)))
	}
	for i := range vectors {
		b.Embeddings = append(b.Embeddings, &pb.Embedding{Run: fmt.Sprint("run-", i%runs), Ordinal: int64(i / runs), Space: "small@1", Vector: []float32{1, float32(i), 3, 4}})
	}
	if err := e.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range runs {
		names = append(names, fmt.Sprint("run-", i))
	}
	text := func(mode search.TextMode, words string) func(context.Context) error {
		return func(ctx context.Context) error {
			hits, err := e.Text(ctx, search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: words, Mode: mode, Limit: 10})
			if err == nil && len(hits) == 0 {
				t.Errorf("%q is not found", words)
			}
			return err
		}
	}
	for name, c := range map[string]struct {
		ask   func(context.Context) error
		looks int // at least so many: one for each piece of the work
	}{
		// 676 terms are looked at, 64 at a time; 12,000 documents are gathered, 4,096 at a time.
		"a word that may be misspelt": {text(search.Fuzzy, "harborab"), 676/64 + 1},
		"a beginning":                 {text(search.Prefix, "harb"), 676/64 + lines/4096},
		"a word that all have":        {text(search.AnyWord, "harbour"), lines/4096 + 2},
		"a vector": {func(ctx context.Context) error {
			_, err := e.Vector(ctx, search.VectorQuery{Scope: search.NewScope(names), Space: "small@1", Vector: []float32{1, 2, 3, 4}, Limit: 10})
			return err
		}, runs/1024 + vectors/(256*64)},
	} {
		t.Run(name, func(t *testing.T) {
			whole := &fuse{Context: t.Context(), left: 1 << 30}
			if err := c.ask(whole); err != nil {
				t.Fatal(err)
			}
			if whole.looked < c.looks {
				t.Fatalf("the search looks %d times at its context, want %d at least", whole.looked, c.looks)
			}
			for n := 0; ; n++ {
				f := &fuse{Context: t.Context(), left: n}
				err := c.ask(f)
				if err == nil && f.left >= 0 {
					break // segments may have been merged meanwhile, so there may be fewer looks
				}
				if !errors.Is(err, context.Canceled) {
					t.Fatalf("cancelled at look %d: %v", n, err)
				}
				if f.looked > n+1 {
					t.Fatalf("cancelled at look %d, the search went on for %d more", n, f.looked-n-1)
				}
			}
		})
	}
}
