package searchtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// testRebuild holds an engine to the contract of search.Rebuilder.
func testRebuild(t *testing.T, h Harness) {
	if h.Exceptions.NoRebuild {
		t.Skip("the engine cannot be filled anew beside itself")
	}
	t.Run("swapped", func(t *testing.T) { testSwapped(t, h) })
	t.Run("told meanwhile", func(t *testing.T) { testToldMeanwhile(t, h) })
	t.Run("given up", func(t *testing.T) { testGivenUp(t, h) })
	t.Run("readers and writers meanwhile", func(t *testing.T) { testRebuildUnderLoad(t, h) })
}

func rebuild(t testing.TB, e search.Engine) search.Rebuild {
	t.Helper()
	b, ok := search.As[search.Rebuilder](e)
	if !ok {
		t.Fatalf("a %T is no search.Rebuilder", e)
	}
	r, err := b.Rebuild(t.Context())
	if err != nil {
		t.Fatalf("beginning a rebuild: %v", err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func testSwapped(t *testing.T, h Harness) {
	name := t.TempDir()
	e := openAt(t, h, name)
	// The live engine differs from the store in all ways: items too many, items missing, and other texts.
	wrong := corpus()
	wrong[0].Text = "Something else."
	write(t, e, append(wrong[:len(wrong)-3], &pb.Annotation{Run: "run-of-nobody", Text: "left over lighthouse", Language: "en", Kind: schema.KindDialogue})...)
	before := dumpOf(t, e)

	r := rebuild(t, e)
	if got := dumpOf(t, r); got != "" {
		t.Errorf("a rebuild begins with %q", got)
	}
	as := corpus()
	write(t, r, as[:10]...)
	write(t, r, as[:20]...) // a fold that was resumed
	if got := dumpOf(t, e); got != before {
		t.Errorf("the live engine changed before the commit:\n%s", cmp.Diff(before, got))
	}
	write(t, r, as[20:]...)
	if err := r.Write(t.Context(), search.Batch{Embeddings: vectors(90)}); err != nil {
		t.Fatal(err)
	}
	question := search.TextQuery{Scope: allRuns(), Words: "lighthouse"}
	if got := names(find(t, r, question)); len(got) != 2 {
		t.Errorf("the rebuild finds %v", got)
	}
	if got := names(find(t, e, question)); slices.Equal(got, names(find(t, r, question))) {
		t.Errorf("the live engine answers %v before the commit", got)
	}
	want := dumpOf(t, r)
	if err := r.Commit(t.Context()); err != nil {
		t.Fatalf("committing: %v", err)
	}
	check := func(e search.Engine, when string) {
		t.Helper()
		if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
			t.Errorf("%s (-rebuilt +live):\n%s", when, diff)
		}
		if got := names(find(t, e, question)); len(got) != 2 {
			t.Errorf("%s it finds %v", when, got)
		}
		hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope([]string{"run-vectors-1"}), Space: spaceName, Vector: vectors(2)[1].GetVector(), Limit: 1})
		if err != nil || !slices.Equal(names(hits), item("run-vectors-1", "0")) {
			t.Errorf("%s the vector finds %v, %v", when, names(hits), err)
		}
	}
	check(e, "after the commit")
	write(t, e, &pb.Annotation{Run: "run-later", Text: "zeppelin", Language: "en", Kind: schema.KindDialogue})
	if got := names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{"run-later"}), Words: "zeppelin"})); len(got) != 1 {
		t.Errorf("written after the commit: %v", got)
	}
	if err := e.DeleteRun(t.Context(), "run-later"); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(t.Context()); errkind.Of(err) != errkind.Conflict {
		t.Errorf("committing again: %v", err)
	}
	if err := r.Write(t.Context(), search.Batch{Annotations: corpus()}); errkind.Of(err) != errkind.Conflict {
		t.Errorf("writing to a rebuild that was committed: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closing what was committed: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	check(openAt(t, h, name), "opened again")
}

// testToldMeanwhile fills a rebuild from a store that is older than the writes to the live engine meanwhile.
func testToldMeanwhile(t *testing.T, h Harness) {
	e := open(t, h)
	stale, staleVectors := corpus(), vectors(90)
	write(t, e, stale...)
	if err := e.Write(t.Context(), search.Batch{Embeddings: staleVectors}); err != nil {
		t.Fatal(err)
	}
	r := rebuild(t, e)
	half := len(stale) / 2
	write(t, r, stale[:half]...)

	changed := corpus()[1] // of the half that is folded already
	changed.Text = "Nobody rows past the windmill."
	later := corpus()[half+1] // and of the other
	later.Text = "windmill windmill"
	added := &pb.Annotation{Run: "run-new", Asset: "x", Text: "a new windmill", Language: "en", Kind: schema.KindDialogue}
	moved := vectors(1)[0]
	moved.Kind = "other"
	if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{changed, later, added}, Embeddings: []*pb.Embedding{moved}}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		e.TrimRun(t.Context(), english, 3, 0),
		e.TrimRun(t.Context(), "run-vectors-1", 0, 4),
		e.DeleteRun(t.Context(), labels),
		e.TrimRun(t.Context(), german, 1, 0),
	); err != nil {
		t.Fatal(err)
	}
	// A run that grows again after it was trimmed.
	back := stale[slices.IndexFunc(stale, func(a *pb.Annotation) bool { return a.GetRun() == german && a.GetOrdinal() == 2 })]
	write(t, e, back)

	write(t, r, stale...)
	for chunk := range slices.Chunk(staleVectors, 20) {
		if err := r.Write(t.Context(), search.Batch{Embeddings: chunk}); err != nil {
			t.Fatal(err)
		}
	}
	want := dumpOf(t, e)
	if err := r.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
		t.Errorf("rebuilding lost or brought back what the live engine was told (-before +after):\n%s", diff)
	}
	if got := sorted(names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{english, "run-new"}), Words: "windmill", Languages: []string{"en"}}))); !slices.Equal(got, append(item(english, "1"), item("run-new", "0")...)) {
		t.Errorf("found %v", got)
	}
}

func testGivenUp(t *testing.T, h Harness) {
	name := t.TempDir()
	e := openAt(t, h, name)
	write(t, e, corpus()...)
	want := dumpOf(t, e)
	first := rebuild(t, e)
	write(t, first, corpus()[:3]...)
	second := rebuild(t, e)
	if got := dumpOf(t, second); got != "" {
		t.Errorf("the second begins with %q", got)
	}
	if err := first.Write(t.Context(), search.Batch{Annotations: corpus()}); errkind.Of(err) != errkind.Conflict {
		t.Errorf("writing to the first, after the second began: %v", err)
	}
	if err := first.Commit(t.Context()); errkind.Of(err) != errkind.Conflict {
		t.Errorf("committing the first, after the second began: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Errorf("closing the first: %v", err)
	}
	write(t, second, corpus()[:3]...)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := second.Commit(cancelled); err == nil {
		t.Error("a commit that was cancelled is no error")
	}
	for range 2 {
		if err := second.Close(); err != nil {
			t.Errorf("closing the second: %v", err)
		}
	}
	if err := second.Commit(t.Context()); errkind.Of(err) != errkind.Conflict {
		t.Errorf("committing what was given up: %v", err)
	}
	write(t, e, corpus()[:5]...)
	if diff := cmp.Diff(want, dumpOf(t, e)); diff != "" {
		t.Errorf("giving up changed the live engine:\n%s", diff)
	}
	// A rebuild that nobody closed, as after a crash.
	write(t, rebuild(t, e), corpus()[:3]...)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, h, name)
	if diff := cmp.Diff(want, dumpOf(t, again)); diff != "" {
		t.Errorf("an abandoned rebuild changed the live engine:\n%s", diff)
	}
	r := rebuild(t, again)
	if got := dumpOf(t, r); got != "" {
		t.Errorf("after an abandoned one, a rebuild begins with %q", got)
	}
}

// testRebuildUnderLoad swaps engines under readers, each of which must find everything each time, and under
// writers, each of which must find its own items.
func testRebuildUnderLoad(t *testing.T, h Harness) {
	e := open(t, h)
	const lines = 60
	scope := search.NewScope([]string{"run-steady"})
	var steady []*pb.Annotation
	for i := range lines {
		steady = append(steady, &pb.Annotation{Run: "run-steady", Ordinal: int64(i), Asset: "x", Kind: schema.KindDialogue, Text: "steady comet", Language: "en", Confidence: 1})
	}
	write(t, e, steady...)
	if err := e.Write(t.Context(), search.Batch{Embeddings: vectors(90)}); err != nil {
		t.Fatal(err)
	}
	var done atomic.Bool
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for !done.Load() {
				hits, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Words: "comet", Limit: 100})
				if err != nil || len(hits) != lines {
					t.Errorf("while swapping: %d of %d hits, %v", len(hits), lines, err)
					return
				}
				near, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope([]string{"run-vectors-0"}), Space: spaceName, Vector: vectors(1)[0].GetVector(), Limit: 50})
				if err != nil || len(near) != 30 {
					t.Errorf("while swapping: %d of 30 vectors, %v", len(near), err)
					return
				}
			}
		})
	}
	written := make([]int, 2)
	for w := range written {
		group.Go(func() {
			run := fmt.Sprintf("run-writer-%d", w)
			for i := 0; !done.Load(); i++ {
				word := fmt.Sprintf("word%dx%d", w, i)
				if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{{Run: run, Ordinal: int64(i), Asset: "x", Kind: schema.KindDialogue, Text: word, Language: "en", Confidence: 1}}}); err != nil {
					t.Errorf("writing while swapping: %v", err)
					return
				}
				written[w] = i + 1
				if hits, err := e.Text(t.Context(), search.TextQuery{Scope: search.NewScope([]string{run}), Words: word, Limit: 5}); err != nil || len(hits) != 1 {
					t.Errorf("right after writing %s: %v, %v", word, names(hits), err)
					return
				}
			}
		})
	}
	for range 4 {
		// The store has the items from before the rebuild.
		r := rebuild(t, e)
		stored := dumpOf(t, e)
		for chunk := range slices.Chunk(steady, 25) {
			write(t, r, chunk...)
		}
		if err := r.Write(t.Context(), search.Batch{Embeddings: vectors(90)}); err != nil {
			t.Error(err)
		}
		for w := range written {
			// Items that were written since are passed over.
			var all []*pb.Annotation
			for _, i := range ordinalsOf(t, stored, fmt.Sprintf("run-writer-%d", w)) {
				all = append(all, &pb.Annotation{Run: fmt.Sprintf("run-writer-%d", w), Ordinal: i, Asset: "x", Kind: schema.KindDialogue, Text: fmt.Sprintf("word%dx%d", w, i), Language: "en", Confidence: 1})
			}
			write(t, r, all...)
		}
		if err := r.Commit(t.Context()); err != nil {
			t.Errorf("committing under load: %v", err)
		}
		if t.Failed() {
			break
		}
	}
	done.Store(true)
	group.Wait()
	for w, n := range written {
		run := fmt.Sprintf("run-writer-%d", w)
		for _, i := range []int{0, n / 2, n - 1} {
			if i < 0 {
				continue
			}
			if got := names(find(t, e, search.TextQuery{Scope: search.NewScope([]string{run}), Words: fmt.Sprintf("word%dx%d", w, i)})); !slices.Equal(got, item(run, fmt.Sprint(i))) {
				t.Errorf("after all swaps, of %d: word %d is found in %v", n, i, got)
			}
		}
		if got := len(ordinalsOf(t, dumpOf(t, e), run)); got != n {
			t.Errorf("after all swaps, %d of %d are there", got, n)
		}
	}
}

// ordinalsOf returns the ordinals of a run's annotations in a dump.
func ordinalsOf(t testing.TB, dump, run string) []int64 {
	t.Helper()
	var out []int64
	for line := range strings.Lines(dump) {
		var l struct {
			Run        string `json:"run"`
			Annotation *int64 `json:"annotation"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("a line of the dump: %v", err)
		}
		if l.Run == run && l.Annotation != nil {
			out = append(out, *l.Annotation)
		}
	}
	return out
}
