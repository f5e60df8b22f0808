package opensearch

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A full store remembers the first identity that it is told, as Partner does.
type fullStore struct{ known string }

func (s *fullStore) filled(_ context.Context, id string, empty bool) (string, error) {
	if s.known == "" {
		if s.known = id; empty {
			s.known = "another"
		}
	}
	return s.known, nil
}

var tiny = &pb.Space{Name: "tiny", Version: "1", Dimension: 3, Metric: cosine}

func markBatch() search.Batch {
	return search.Batch{
		Annotations: []*pb.Annotation{line("run", 0, "lighthouse"), line("run", 1, "rain over the lighthouse")},
		Embeddings:  []*pb.Embedding{{Run: "run", Asset: "asset", Space: schema.SpaceID(tiny), Vector: []float32{1, 2, 3}}},
	}
}

func answersOf(t *testing.T, e *Engine) ([][]search.Hit, error) {
	t.Helper()
	scope := search.NewScope([]string{"run"})
	texts, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Words: "lighthouse", Limit: 10})
	if err != nil {
		return nil, err
	}
	vectors, err := e.Vector(t.Context(), search.VectorQuery{Scope: scope, Space: schema.SpaceID(tiny), Vector: []float32{3, 2, 1}, Limit: 10})
	return [][]search.Hit{texts, vectors}, err
}

// An index that was deleted or emptied beside a full store never gives an empty answer: questions are Unavailable, in every process,
// running or started anew, until a rebuild commits.
func TestIndexGone(t *testing.T) {
	indexOf := func(t *testing.T, e *Engine, p part) string {
		index, err := e.indexOf(t.Context(), p.name)
		if err != nil {
			t.Fatal(err)
		}
		return index
	}
	deleted := func(t *testing.T, e *Engine, p part) {
		if err := e.removeIndices(t.Context(), []string{indexOf(t, e, p)}); err != nil {
			t.Fatal(err)
		}
	}
	emptied := func(t *testing.T, e *Engine, p part) {
		err := e.client.do(t.Context(), http.MethodPost, "/"+p.name+"/_delete_by_query?refresh=true", object{"query": object{"match_all": object{}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	text := func(e *Engine) part { return e.text }
	space := func(e *Engine) part { return (*e.spaces.Load())[schema.SpaceID(tiny)] }
	for _, c := range []struct {
		name string
		harm func(*testing.T, *Engine, part)
		of   func(*Engine) part
	}{
		{"texts deleted", deleted, text}, {"texts emptied", emptied, text},
		{"space deleted", deleted, space}, {"space emptied", emptied, space},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := configFor(t, t.Name())
			t.Cleanup(func() { deleteIndices(t, cfg) })
			var s fullStore
			open := func() *Engine {
				e, err := Open(t.Context(), cfg, Deps{Spaces: []*pb.Space{tiny}, Filled: func(ctx context.Context, id string, _ bool) (string, error) { return s.filled(ctx, id, false) }})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = e.Close() })
				return e
			}
			running := open()
			if err := running.Write(t.Context(), markBatch()); err != nil {
				t.Fatal(err)
			}
			want, err := answersOf(t, running)
			if err != nil || len(want[0]) != 2 || len(want[1]) != 1 || search.Whole(running) != nil {
				t.Fatalf("before: %v, %v, %v", want, err, search.Whole(running))
			}
			c.harm(t, running, c.of(running))
			started := open()
			for name, e := range map[string]*Engine{"running": running, "started anew": started} {
				_, err := answersOf(t, e)
				for _, err := range []error{err, search.Whole(e)} {
					if errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), c.of(e).name) || !strings.Contains(err.Error(), "`cinedex rebuild search`") {
						t.Errorf("%s: %v", name, err)
					}
				}
			}
			r, err := started.Rebuild(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Write(t.Context(), markBatch()); err != nil {
				t.Fatal(err)
			}
			if err := r.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			for name, e := range map[string]*Engine{"running": running, "rebuilt": started, "started anew": open()} {
				if got, err := answersOf(t, e); err != nil || cmp.Diff(want, got) != "" || search.Whole(e) != nil {
					t.Errorf("%s, after the rebuild: %v, %v\n%s", name, err, search.Whole(e), cmp.Diff(want, got))
				}
			}
		})
	}
}

// Indices without marks are those of an earlier version, and whole unless they are empty beside a store that is not. A space that
// is new is whole.
func TestIndexWithoutMark(t *testing.T) {
	cfg := configFor(t, t.Name())
	t.Cleanup(func() { deleteIndices(t, cfg) })
	open := func(s *fullStore, spaces ...*pb.Space) *Engine {
		t.Helper()
		e, err := Open(t.Context(), cfg, Deps{Spaces: spaces, Filled: s.filled})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = e.Close() })
		return e
	}
	if e := open(&fullStore{}); search.Whole(e) == nil {
		t.Error("new indices beside a full store are whole")
	}
	unmark := func(e *Engine) {
		t.Helper()
		for _, p := range slices.Backward(e.parts()) {
			query := object{"query": object{"bool": object{"must_not": []any{items()}}}}
			if err := e.client.do(t.Context(), http.MethodPost, "/"+p.name+"/_delete_by_query?refresh=true", query, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	without := open(&fullStore{})
	if err := without.Write(t.Context(), search.Batch{Annotations: markBatch().Annotations}); err != nil {
		t.Fatal(err)
	}
	unmark(without)
	var s fullStore
	if e := open(&s); search.Whole(e) != nil {
		t.Errorf("indices of an earlier version: %v", search.Whole(e))
	}
	e := open(&s, tiny)
	if hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope([]string{"run"}), Space: schema.SpaceID(tiny), Vector: []float32{1, 1, 1}, Limit: 1}); err != nil || len(hits) > 0 {
		t.Errorf("a new space: %v, %v", hits, err)
	}
	var dumped strings.Builder
	if err := e.Dump(t.Context(), &dumped); err != nil || strings.Count(dumped.String(), "\n") != 2 {
		t.Errorf("dump: %v\n%s", err, &dumped)
	}
}
