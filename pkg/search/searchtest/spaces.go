package searchtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// later is a space that engines are given while they are open.
var later = &pb.Space{Name: "later", Version: "1", Dimension: 8, Metric: "cosine"}

// laterVectors are embeddings of the space later, over the runs of vectors.
func laterVectors(n int) []*pb.Embedding {
	out := vectors(n)
	for _, m := range out {
		m.Space, m.Vector = schema.SpaceID(later), m.GetVector()[:later.GetDimension()]
	}
	return out
}

// testSpaces holds an engine to the contract of search.Spacer.
func testSpaces(t *testing.T, h Harness) {
	t.Run("added", func(t *testing.T) { testSpaceAdded(t, h) })
	t.Run("refused", func(t *testing.T) { testSpaceRefused(t, h) })
	t.Run("readers and writers meanwhile", func(t *testing.T) { testSpaceUnderLoad(t, h) })
	if !h.Exceptions.NoRebuild {
		t.Run("before a rebuild", func(t *testing.T) { testSpaceRebuilt(t, h, true) })
		t.Run("during a rebuild", func(t *testing.T) { testSpaceRebuilt(t, h, false) })
	}
}

func addSpace(t testing.TB, e search.Engine, s *pb.Space) {
	t.Helper()
	sp, ok := search.As[search.Spacer](e)
	if !ok {
		t.Fatalf("a %T is no search.Spacer", e)
	}
	if err := sp.AddSpace(t.Context(), s); err != nil {
		t.Fatalf("adding the space %s: %v", schema.SpaceID(s), err)
	}
}

func writeVectors(t testing.TB, e search.Writer, all []*pb.Embedding) {
	t.Helper()
	if err := e.Write(t.Context(), search.Batch{Embeddings: all}); err != nil {
		t.Fatal(err)
	}
}

// nearest returns the item nearest to an embedding of the space later, among all runs of vectors.
func nearest(t testing.TB, e search.Searcher, m *pb.Embedding) []string {
	t.Helper()
	scope := search.NewScope([]string{"run-vectors-0", "run-vectors-1", "run-vectors-2"})
	hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: scope, Space: m.GetSpace(), Vector: m.GetVector(), Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	return names(hits)
}

func testSpaceAdded(t *testing.T, h Harness) {
	name := t.TempDir()
	e := openAt(t, h, name)
	write(t, e, corpus()...)
	writeVectors(t, e, vectors(30))
	if err := e.Write(t.Context(), search.Batch{Embeddings: laterVectors(1)}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("writing into a space that is not there: %v", err)
	}
	before := dumpOf(t, e)
	addSpace(t, e, later)
	addSpace(t, e, later) // a process hears of a space from several sides
	addSpace(t, e, space)
	if diff := cmp.Diff(before, dumpOf(t, e)); diff != "" {
		t.Errorf("adding a space changed the items:\n%s", diff)
	}
	all := laterVectors(60)
	writeVectors(t, e, all)
	check := func(e search.Engine, when string) {
		t.Helper()
		if got := nearest(t, e, all[31]); !slices.Equal(got, item("run-vectors-1", "10")) {
			t.Errorf("%s the added space finds %v", when, got)
		}
		if got := nearest(t, e, vectors(30)[4]); !slices.Equal(got, item("run-vectors-1", "1")) {
			t.Errorf("%s the space of before finds %v", when, got)
		}
	}
	check(e, "after the write")
	if a, ok := search.As[search.Auditor](e); ok {
		if line, kept := a.KeptEmbedding(all[0]); !kept || line.Space != schema.SpaceID(later) {
			t.Errorf("the auditor says of an embedding of the added space: %v %v", line, kept)
		}
	}
	want := dumpOf(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	// Nobody has announced the space again yet: the items are there, and are deleted with their run.
	e = openAt(t, h, name)
	if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
		t.Errorf("opened again (-before +after):\n%s", diff)
	}
	check(e, "opened again")
	addSpace(t, e, later)
	check(e, "opened and added again")
	if err := e.DeleteRun(t.Context(), "run-vectors-1"); err != nil {
		t.Fatal(err)
	}
	if got := nearest(t, e, all[31]); slices.Equal(got, item("run-vectors-1", "10")) {
		t.Error("a deleted run is found in the added space")
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}

func testSpaceRefused(t *testing.T, h Harness) {
	e := open(t, h)
	sp, ok := search.As[search.Spacer](e)
	if !ok {
		t.Fatalf("a %T is no search.Spacer", e)
	}
	addSpace(t, e, later)
	for what, change := range map[string]func(*pb.Space){
		"another dimension": func(s *pb.Space) { s.Dimension++ },
		"another metric":    func(s *pb.Space) { s.Metric = "l2" },
		"no name":           func(s *pb.Space) { s.Name = "" },
		"no such metric":    func(s *pb.Space) { s.Name, s.Metric = "other", "taxi" },
		"no dimension":      func(s *pb.Space) { s.Name, s.Dimension = "other", 0 },
		"a path":            func(s *pb.Space) { s.Name = "../other" },
	} {
		s := proto.CloneOf(later)
		change(s)
		if err := sp.AddSpace(t.Context(), s); errkind.Of(err) != errkind.Invalid {
			t.Errorf("%s: %v", what, err)
		}
	}
	writeVectors(t, e, laterVectors(9))
	if got := nearest(t, e, laterVectors(9)[8]); !slices.Equal(got, item("run-vectors-2", "2")) {
		t.Errorf("after the refusals the space finds %v", got)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sp.AddSpace(over, &pb.Space{Name: "never", Version: "1", Dimension: 2, Metric: "dot"}); err == nil {
		t.Error("a space was added after the context ended")
	}
}

// testSpaceUnderLoad adds spaces while others write and ask. No write and no question fails.
func testSpaceUnderLoad(t *testing.T, h Harness) {
	e := open(t, h)
	writeVectors(t, e, vectors(90))
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer func() { cancel(); wg.Wait() }()
	loop := func(do func(i int) error) {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := do(i); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all := vectors(90)
	loop(func(i int) error { return e.Write(ctx, search.Batch{Embeddings: all[i%90 : i%90+1]}) })
	loop(func(int) error {
		hits, err := e.Vector(ctx, search.VectorQuery{Scope: search.NewScope([]string{"run-vectors-1"}), Space: spaceName, Vector: all[1].GetVector(), Limit: 1})
		if err == nil && len(hits) != 1 {
			err = errors.New("a question found nothing")
		}
		return err
	})
	sp, _ := search.As[search.Spacer](e)
	for _, name := range []string{"a", "b", "c", "d"} {
		s := proto.CloneOf(later)
		s.Name = name
		var both sync.WaitGroup
		for range 2 { // at the same time
			both.Go(func() {
				if err := sp.AddSpace(t.Context(), s); err != nil {
					t.Errorf("adding %s: %v", name, err)
				}
			})
		}
		both.Wait()
		some := laterVectors(3)
		for _, m := range some {
			m.Space = schema.SpaceID(s)
		}
		writeVectors(t, e, some)
		if got := nearest(t, e, some[2]); !slices.Equal(got, item("run-vectors-2", "0")) {
			t.Errorf("the space %s finds %v", name, got)
		}
	}
}

// testSpaceRebuilt adds a space before or during a rebuild. Nothing is lost by the swap.
func testSpaceRebuilt(t *testing.T, h Harness, before bool) {
	name := t.TempDir()
	e := openAt(t, h, name)
	write(t, e, corpus()...)
	writeVectors(t, e, vectors(90))
	all := laterVectors(90)
	if before {
		addSpace(t, e, later)
		writeVectors(t, e, all[:45])
	}
	r := rebuild(t, e)
	write(t, r, corpus()...)
	if !before {
		addSpace(t, e, later)
		writeVectors(t, e, all[:45])
	}
	writeVectors(t, e, all[45:]) // the live engine is told meanwhile
	// The store has all items by now, and the rebuild copies them.
	writeVectors(t, r, vectors(90))
	writeVectors(t, r, all)
	if err := e.DeleteRun(t.Context(), "run-vectors-2"); err != nil {
		t.Fatal(err)
	}
	want := dumpOf(t, e)
	if diff := cmp.Diff(want, dumpOf(t, r)); diff != "" {
		t.Errorf("the rebuild before the swap (-live +rebuild):\n%s", diff)
	}
	if err := r.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(e search.Engine, when string) {
		t.Helper()
		if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
			t.Errorf("%s (-before +after):\n%s", when, diff)
		}
		if got := nearest(t, e, all[31]); !slices.Equal(got, item("run-vectors-1", "10")) {
			t.Errorf("%s the added space finds %v", when, got)
		}
	}
	check(e, "after the swap")
	again := proto.CloneOf(all[31])
	again.Vector = all[0].GetVector()
	writeVectors(t, e, []*pb.Embedding{again})
	writeVectors(t, e, all[31:32])
	check(e, "written after the swap")
	if l, ok := search.As[search.Lacker](e); ok {
		if lack := l.Lacking(); lack != nil {
			t.Errorf("after the swap the engine lacks: %s", lack.Reason)
		}
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	e = openAt(t, h, name)
	check(e, "opened again")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
