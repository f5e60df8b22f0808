package embedded_test

import (
	"bytes"
	"context"
	"io/fs"
	"iter"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
	"github.com/cinedex/cinedex/pkg/search/searchtest"
)

func TestMain(m *testing.M) {
	child()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // Bleve's own, which the figures are compared with, begin with the process

}

func TestEngine(t *testing.T) {
	searchtest.Run(t, searchtest.Harness{
		Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
			e, err := embedded.Open(name, embedded.Config{Spaces: spaces}, embedded.Deps{})
			if err != nil {
				t.Fatal(err)
			}
			return e
		},
	})
}

// placed is an engine that answers a set once the places of every document are read.
type placed struct{ *embedded.Engine }

func (p placed) Set(ctx context.Context, q search.SetQuery) iter.Seq2[search.Hit, error] {
	p.Place()
	return p.Engine.Set(ctx, q)
}

// TestSets: sets are the same from the places of every document and from the rows of the items.
func TestSets(t *testing.T) {
	for name, with := range map[string]func(*embedded.Engine) search.Engine{
		"places": func(e *embedded.Engine) search.Engine { return placed{e} },
		"rows":   func(e *embedded.Engine) search.Engine { e.PlaceNothing(); return e },
	} {
		t.Run(name, func(t *testing.T) {
			searchtest.RunSets(t, searchtest.Harness{Open: func(t testing.TB, name string, spaces []*pb.Space) search.Engine {
				e, err := embedded.Open(name, embedded.Config{Spaces: spaces}, embedded.Deps{})
				if err != nil {
					t.Fatal(err)
				}
				return with(e)
			}})
		})
	}
}

// TestSetWhileClosing: sets end with items or with an error while the engine closes.
func TestSetWhileClosing(t *testing.T) {
	for range 20 {
		e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		e.PlaceNothing() // so that each set asks for the places
		if err := e.Write(t.Context(), search.Batch{Annotations: []*pb.Annotation{line("run", 0, "lighthouse")}}); err != nil {
			t.Fatal(err)
		}
		q := search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lighthouse"}}
		var reading sync.WaitGroup
		begun := make(chan struct{}, 4)
		for range 4 {
			reading.Go(func() {
				for n := 0; ; n++ {
					for _, err := range e.Set(t.Context(), q) {
						if err != nil {
							if errkind.Of(err) != errkind.Unavailable {
								t.Errorf("a set of a closed engine: %v", err)
							}
							return
						}
					}
					if n == 3 {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 4 {
			<-begun
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		reading.Wait()
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	small := &pb.Space{Name: "small", Version: "1", Dimension: 4, Metric: "cosine"}
	write := func(e *embedded.Engine, space string, v ...float32) {
		t.Helper()
		err := e.Write(t.Context(), search.Batch{
			Annotations: []*pb.Annotation{line("run", 0, "lighthouse")},
			Embeddings:  []*pb.Embedding{{Run: "run", Space: space, Vector: v}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	metrics := prometheus.NewRegistry()
	e, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{small}}, embedded.Deps{Metrics: metrics})
	if err != nil {
		t.Fatal(err)
	}
	write(e, "small@1", 1, 2, 3, 4)
	if families, err := metrics.Gather(); err != nil || len(families) == 0 {
		t.Errorf("metrics: %v, %v", families, err)
	}
	if _, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{}); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("opening what is open: %v", err)
	}
	var before bytes.Buffer
	if err := e.Dump(t.Context(), &before); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}

	for name, s := range map[string]*pb.Space{
		"another dimension": {Name: "small", Version: "1", Dimension: 5, Metric: "cosine"},
		"another metric":    {Name: "small", Version: "1", Dimension: 4, Metric: "l2"},
		"no metric":         {Name: "new", Version: "1", Dimension: 4},
		"no dimension":      {Name: "new", Version: "1", Metric: "cosine"},
		"no name":           {Version: "1", Dimension: 4, Metric: "cosine"},
		"a path":            {Name: "../new", Version: "1", Dimension: 4, Metric: "cosine"},
	} {
		if _, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{s}}, embedded.Deps{}); errkind.Of(err) != errkind.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}

	more := &pb.Space{Name: "more", Version: "2", Dimension: 2, Metric: "l2"}
	e, err = embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{small, more}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	var after bytes.Buffer
	if err := e.Dump(t.Context(), &after); err != nil || before.String() != after.String() {
		t.Errorf("another space changed the dump: %v\n%s\n%s", err, before.String(), after.String())
	}
	write(e, "more@2", 1, 2)
	for space, v := range map[string][]float32{"small@1": {1, 2, 3, 5}, "more@2": {1, 3}} {
		hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope([]string{"run"}), Space: space, Vector: v, Limit: 3})
		if err != nil || len(hits) != 1 {
			t.Errorf("asking space %s: %v, %v", space, hits, err)
		}
	}
}

// A vector written again with another character is found by the new one alone.
func TestEmbeddingChangesGroup(t *testing.T) {
	e, err := embedded.Open(t.TempDir(), embedded.Config{Spaces: []*pb.Space{{Name: "s", Version: "1", Dimension: 2, Metric: "cosine"}}}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	for _, character := range []string{"Mara", "Tobias", "", "Mara", "Tobias"} {
		m := &pb.Embedding{Run: "run", Ordinal: 7, Space: "s@1", Vector: []float32{1, 2}, Character: character}
		if err := e.Write(t.Context(), search.Batch{Embeddings: []*pb.Embedding{m}}); err != nil {
			t.Fatal(err)
		}
		hits, err := e.Vector(t.Context(), search.VectorQuery{Scope: search.NewScope([]string{"run"}), Space: "s@1", Vector: []float32{1, 2}, Limit: 9})
		if err != nil || len(hits) != 1 {
			t.Fatalf("as %q: %v, %v", character, hits, err)
		}
	}
	hits, err := e.Vector(t.Context(), search.VectorQuery{
		Scope: search.NewScope([]string{"run"}), Filter: search.Filter{Characters: []string{"mara"}}, Space: "s@1", Vector: []float32{1, 2}, Limit: 9,
	})
	if err != nil || len(hits) != 0 {
		t.Errorf("by its earlier character: %v, %v", hits, err)
	}
}

// What a replay writes again costs nothing.
func TestWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	logged := func() (size int64) {
		err := filepath.WalkDir(filepath.Join(dir, "text", "journal"), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			size += info.Size()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return size
	}
	scope := search.NewScope([]string{"run"})
	find := func(word string, want int) {
		t.Helper()
		// A question reads which items the segments hold, as the engine does by itself a little later.
		hits, err := e.Text(t.Context(), search.TextQuery{Scope: scope, Words: word, Limit: 10})
		if err != nil || len(hits) != want {
			t.Fatalf("%s: %v, %v; want %d", word, hits, err, want)
		}
	}
	write := func(lines ...*pb.Annotation) (grown bool) {
		t.Helper()
		before := logged()
		if err := e.Write(t.Context(), search.Batch{Annotations: lines}); err != nil {
			t.Fatal(err)
		}
		return logged() > before
	}
	lines := []*pb.Annotation{line("run", 0, "lighthouse"), line("run", 1, "harbour"), line("run", 2, "harbour")}
	write(lines...)
	find("harbour", 2)
	if write(lines...) || write(lines[1]) {
		t.Error("lines that are indexed as they are were written again")
	}
	// Where one write has an item twice, the last counts.
	if !write(line("run", 1, "tide"), lines[1]) {
		t.Error("a line that is there twice was passed over")
	}
	find("tide", 0)
	if !write(lines[1], line("run", 1, "tide")) {
		t.Error("a line that is there twice was passed over")
	}
	find("tide", 1)
	if err := e.DeleteRun(t.Context(), "run"); err != nil {
		t.Fatal(err)
	}
	find("harbour", 0)
	if !write(lines...) {
		t.Error("lines that were deleted were not written")
	}
	find("harbour", 2)
}

// TestPlacedAtStart: an engine of which sets were asked reads the places of its documents when it starts, before a question.
func TestPlacedAtStart(t *testing.T) {
	dir := t.TempDir()
	open := func() *embedded.Engine {
		e, err := embedded.Open(dir, embedded.Config{}, embedded.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e := open()
	var items []*pb.Annotation
	for i := range int64(100) {
		items = append(items, &pb.Annotation{Run: "run", Asset: "asset", Ordinal: i, Kind: "dialogue", Start: i, End: i + 1, Text: "a lamp", Language: "en", Confidence: 1})
	}
	if err := e.Write(t.Context(), search.Batch{Annotations: items}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range e.Set(t.Context(), search.SetQuery{Text: &search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lamp"}}) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Close(); err != nil || n != 100 {
		t.Fatalf("%d items, %v", n, err)
	}
	e = open()
	defer e.Close()
	for deadline := time.Now().Add(time.Minute); !e.Placed(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the places are not read after a minute")
		}
	}
}
