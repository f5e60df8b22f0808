package searchtest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

var space = &pb.Space{Name: "test", Version: "1", Dimension: 24, Metric: "cosine"}

const spaceName = "test@1"

// vectors returns n embeddings over three runs, always the same.
func vectors(n int) []*pb.Embedding {
	rnd := rand.New(rand.NewPCG(11, 12))
	out := make([]*pb.Embedding, n)
	for i := range out {
		v := make([]float32, space.GetDimension())
		for k := range v {
			v[k] = float32(rnd.NormFloat64())
		}
		start, end := at(i / 3)
		out[i] = &pb.Embedding{
			Run: fmt.Sprintf("run-vectors-%d", i%3), Ordinal: int64(i / 3), Asset: fmt.Sprintf("asset-%d", i%3), Space: spaceName,
			Start: int64(start), End: int64(end), Vector: v,
			Kind: []string{schema.KindShot, schema.KindDialogue}[i%2], Language: []string{"", "en-GB", "fr"}[i/3%3], Character: []string{"", "Mara"}[i/5%2],
		}
	}
	return out
}

func cosine(a, b []float32) float64 {
	var dot, x, y float64
	for i := range a {
		dot += float64(a[i]) * float64(b[i])
		x += float64(a[i]) * float64(a[i])
		y += float64(b[i]) * float64(b[i])
	}
	return dot / math.Sqrt(x*y)
}

func testVectors(t *testing.T, h Harness) {
	e := open(t, h)
	all := vectors(900)
	for chunk := range slices.Chunk(all, 130) {
		if err := e.Write(t.Context(), search.Batch{Embeddings: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 9))
	query := func() []float32 {
		v := make([]float32, space.GetDimension())
		for k := range v {
			v[k] = float32(rnd.NormFloat64())
		}
		return v
	}
	runs := []string{"run-vectors-0", "run-vectors-1", "run-vectors-2"}
	ask := func(q search.VectorQuery) []search.Hit {
		t.Helper()
		q.Space = spaceName
		hits, err := e.Vector(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return hits
	}

	t.Run("as a scan finds them", func(t *testing.T) {
		for name, f := range map[string]struct {
			filter search.Filter
			passes func(*pb.Embedding) bool
		}{
			"no filter": {search.Filter{}, func(*pb.Embedding) bool { return true }},
			"kind":      {search.Filter{Kinds: []string{schema.KindShot}}, func(m *pb.Embedding) bool { return m.Kind == schema.KindShot }},
			"language":  {search.Filter{Languages: []string{"en"}}, func(m *pb.Embedding) bool { return m.Language == "en-GB" }},
			"character": {search.Filter{Characters: []string{"mara"}}, func(m *pb.Embedding) bool { return m.Character == "Mara" }},
			"span": {search.Filter{Span: schema.Interval{Start: 100 * schema.Second, End: 301 * schema.Second}}, func(m *pb.Embedding) bool {
				return m.Start < int64(301*schema.Second) && m.End > int64(100*schema.Second)
			}},
			"several":    {search.Filter{Kinds: []string{schema.KindDialogue}, Languages: []string{"fr", "de"}}, func(m *pb.Embedding) bool { return m.Kind == schema.KindDialogue && m.Language == "fr" }},
			"confidence": {search.Filter{MinConfidence: 0.9}, func(*pb.Embedding) bool { return true }},
		} {
			for _, visible := range [][]string{runs, runs[:1], runs[1:]} {
				found, wanted := 0, 0
				for range 20 {
					v := query()
					var near []*pb.Embedding
					for _, m := range all {
						if slices.Contains(visible, m.Run) && f.passes(m) {
							near = append(near, m)
						}
					}
					slices.SortFunc(near, func(a, b *pb.Embedding) int { return cmp.Compare(cosine(v, b.Vector), cosine(v, a.Vector)) })
					hits := ask(search.VectorQuery{Scope: search.NewScope(visible), Filter: f.filter, Vector: v, Limit: 10})
					if !slices.IsSortedFunc(hits, search.CompareHits) {
						t.Errorf("%s: out of order: %v", name, hits)
					}
					for _, hit := range hits {
						i := slices.IndexFunc(all, func(m *pb.Embedding) bool { return m.Run == hit.Run && m.Ordinal == hit.Ordinal })
						if i < 0 || !slices.Contains(visible, hit.Run) || !f.passes(all[i]) {
							t.Fatalf("%s: %s/%d may not be found", name, hit.Run, hit.Ordinal)
						}
						m := all[i]
						if hit.Asset != m.Asset || hit.Interval != schema.IntervalOf(m) || hit.Kind != m.Kind || hit.Language != m.Language {
							t.Fatalf("%s: hit %+v of %v", name, hit, m)
						}
						if math.Abs(hit.Score-cosine(v, m.Vector)) > 1e-4 {
							t.Fatalf("%s: score %v, cosine %v", name, hit.Score, cosine(v, m.Vector))
						}
					}
					near = near[:min(10, len(near))]
					wanted += len(near)
					for _, m := range near {
						if slices.ContainsFunc(hits, func(hit search.Hit) bool { return hit.Run == m.Run && hit.Ordinal == m.Ordinal }) {
							found++
						}
					}
				}
				if float64(found) < 0.99*float64(wanted) {
					t.Errorf("%s within %v: recall %d of %d", name, visible, found, wanted)
				}
			}
		}
	})

	t.Run("equal vectors are ordered by run and ordinal", func(t *testing.T) {
		e := open(t, h)
		var same []*pb.Embedding
		for i := range 60 {
			same = append(same, &pb.Embedding{
				Run: runs[(i*7)%3], Ordinal: int64(59 - i), Asset: "x", Space: spaceName, Vector: all[0].Vector,
				Character: fmt.Sprint("c", i%5), Language: []string{"en", "fr"}[i%2],
			})
		}
		if err := e.Write(t.Context(), search.Batch{Embeddings: same}); err != nil {
			t.Fatal(err)
		}
		q := search.VectorQuery{Scope: search.NewScope(runs), Space: spaceName, Vector: all[0].Vector, Limit: 100}
		whole, err := e.Vector(t.Context(), q)
		if err != nil || len(whole) != 60 || !slices.IsSortedFunc(whole, search.CompareHits) {
			t.Fatalf("all: %v, %v", whole, err)
		}
		for _, limit := range []int{1, 2, 10, 17, 59} {
			q.Limit = limit
			if got, err := e.Vector(t.Context(), q); err != nil || !slices.Equal(got, whole[:limit]) {
				t.Errorf("the first %d are not the first of all: %v, %v", limit, names(got), err)
			}
		}
	})

	t.Run("hidden vectors leave no trace", func(t *testing.T) {
		e := open(t, h)
		only := []*pb.Embedding{}
		for _, m := range all {
			if m.Run == runs[1] {
				only = append(only, m)
			}
		}
		if err := e.Write(t.Context(), search.Batch{Embeddings: only}); err != nil {
			t.Fatal(err)
		}
		for range 30 {
			q := search.VectorQuery{Scope: search.NewScope(runs[1:2]), Space: spaceName, Vector: query(), Limit: 20}
			alone, err := e.Vector(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got := ask(q); !slices.Equal(alone, got) {
				t.Errorf("alone %v, among others %v", alone, got)
			}
		}
	})

	t.Run("refusals", func(t *testing.T) {
		scope := search.NewScope(runs)
		nan := query()
		nan[3] = float32(math.NaN())
		for name, q := range map[string]search.VectorQuery{
			"another dimension": {Scope: scope, Space: spaceName, Vector: make([]float32, 8), Limit: 5},
			"no vector":         {Scope: scope, Space: spaceName, Limit: 5},
			"unknown space":     {Scope: scope, Space: "other@1", Vector: query(), Limit: 5},
			"not a number":      {Scope: scope, Space: spaceName, Vector: nan, Limit: 5},
		} {
			if _, err := e.Vector(t.Context(), q); errkind.Of(err) != errkind.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := e.Vector(t.Context(), search.VectorQuery{Space: spaceName, Vector: query(), Limit: 5}); err == nil {
			t.Error("no scope is no error")
		}
		if hits := ask(search.VectorQuery{Scope: search.NewScope(nil), Vector: query(), Limit: 5}); len(hits) != 0 {
			t.Errorf("an empty scope gives %v", hits)
		}
		for name, m := range map[string]*pb.Embedding{
			"another dimension": {Run: "r", Space: spaceName, Vector: make([]float32, 8)},
			"unknown space":     {Run: "r", Space: "other@1", Vector: query()},
			"not a number":      {Run: "r", Space: spaceName, Vector: nan},
			"no run":            {Space: spaceName, Vector: query()},
		} {
			if err := e.Write(t.Context(), search.Batch{Embeddings: []*pb.Embedding{m}}); errkind.Of(err) != errkind.Invalid {
				t.Errorf("writing %s: %v", name, err)
			}
		}
	})

	t.Run("trimmed and deleted", func(t *testing.T) {
		only := search.NewScope(runs[:1])
		for range 2 {
			if err := e.TrimRun(t.Context(), runs[0], 0, 4); err != nil {
				t.Fatal(err)
			}
			got := names(ask(search.VectorQuery{Scope: only, Vector: query(), Limit: 100}))
			if !slices.Equal(sorted(got), item(runs[0], "0", "1", "2", "3")) {
				t.Errorf("after trimming: %v", got)
			}
		}
		if err := e.DeleteRun(t.Context(), runs[0]); err != nil {
			t.Fatal(err)
		}
		if got := ask(search.VectorQuery{Scope: only, Vector: query(), Limit: 100}); len(got) != 0 {
			t.Errorf("after deleting: %v", names(got))
		}
		if got := ask(search.VectorQuery{Scope: search.NewScope(runs), Vector: query(), Limit: 1000}); len(got) != 600 {
			t.Errorf("%d are left of the others", len(got))
		}
		again := all[0]
		if err := e.Write(t.Context(), search.Batch{Embeddings: []*pb.Embedding{again, again}}); err != nil {
			t.Fatal(err)
		}
		if got := names(ask(search.VectorQuery{Scope: only, Vector: again.Vector, Limit: 100})); !slices.Equal(got, item(runs[0], "0")) {
			t.Errorf("written again: %v", got)
		}
	})
}
