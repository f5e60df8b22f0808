package embedded_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

var tiny = &pb.Space{Name: "tiny", Version: "1", Dimension: 4, Metric: "cosine"}

// filled is an engine with something in each kind of file, closed or left as a crash leaves it.
func filled(t *testing.T, crashed bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "search")
	e := opened(t, dir, false)
	fill(t, e)
	if crashed {
		kept := filepath.Join(t.TempDir(), "search")
		if err := os.CopyFS(kept, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		defer func() { dir = kept }()
		if err := e.Close(); err != nil {
			t.Fatal(err)
		}
		return kept
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func opened(t *testing.T, dir string, mend bool) *embedded.Engine {
	t.Helper()
	e, err := embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{tiny}, Mend: mend}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

func fill(t *testing.T, w search.Writer) {
	t.Helper()
	for n := range 3 {
		err := w.Write(t.Context(), search.Batch{
			Annotations: []*pb.Annotation{line("run", int64(n), "lighthouse "+strings.Repeat("rain ", 1+n))},
			Embeddings:  []*pb.Embedding{{Run: "run", Ordinal: int64(n), Space: schema.SpaceID(tiny), Vector: []float32{1, 2, 3, float32(n)}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func lights(e search.Searcher) ([]search.Hit, error) {
	return e.Text(context.Background(), search.TextQuery{Scope: search.NewScope([]string{"run"}), Words: "lighthouse", Limit: 10})
}

func change(t *testing.T, path string, do func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, do(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func flip(at int) func([]byte) []byte {
	return func(b []byte) []byte { b[(at+len(b))%len(b)] ^= 4; return b }
}

// TestDamageIsToldAndMended damages each kind of file: Open names it, and with Mend an empty engine answers nothing until it has been filled.
func TestDamageIsToldAndMended(t *testing.T) {
	half := func(b []byte) []byte { return b[:len(b)/2] }
	gone := func([]byte) []byte { return nil }
	for _, c := range []struct {
		file string // a pattern
		do   func([]byte) []byte
	}{
		{"text/*.zap", flip(100)}, {"text/*.zap", half}, {"text/root.bolt", flip(70)}, {"text/root.bolt", half}, {"text/root.bolt", flip(-5000)}, {"text/root.bolt", gone},
		{"vectors/tiny@1/MANIFEST", flip(20)}, {"vectors/tiny@1/log-*", flip(20)}, {"vectors/tiny@1/log-*", half}, {"vectors/tiny@1/log-*", flip(2)}, {"vectors/tiny@1/log-*", flip(-3)}, {"vectors/tiny@1/log-*", gone},
		{"ENGINE", flip(9)}, {"CLOSED", flip(30)},
	} {
		t.Run(fmt.Sprint(c.file), func(t *testing.T) {
			dir := filled(t, false)
			paths, err := filepath.Glob(filepath.Join(dir, c.file))
			if err != nil || len(paths) == 0 {
				t.Fatalf("%v, %v", paths, err)
			}
			change(t, paths[len(paths)-1], c.do)
			_, err = embedded.Open(dir, embedded.Config{Spaces: []*pb.Space{tiny}}, embedded.Deps{})
			if errkind.Of(err) != errkind.Internal || !strings.Contains(err.Error(), filepath.Base(paths[len(paths)-1])) || !strings.Contains(err.Error(), "`cinedex rebuild`") {
				t.Fatalf("opening a damaged engine: %v", err)
			}
			e := opened(t, dir, true)
			for what, ask := range map[string]func() error{
				"text":  func() error { _, err := lights(e); return err },
				"ready": func() error { return e.Ready(t.Context()) },
				"dump":  func() error { return e.Dump(t.Context(), &strings.Builder{}) },
			} {
				if err := ask(); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), filepath.Base(paths[len(paths)-1])) {
					t.Errorf("%s of an engine that was set aside: %v", what, err)
				}
			}
			filledAnew(t, e)
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if e := opened(t, dir, true); e.Lacking() != nil {
				t.Errorf("after it was filled and opened again: %v", e.Lacking())
			}
		})
	}
}

// filledAnew fills the engine anew, after which it answers.
func filledAnew(t *testing.T, e *embedded.Engine) {
	t.Helper()
	fresh, err := e.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fill(t, fresh)
	if err := fresh.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if hits, err := lights(e); err != nil || len(hits) != 3 || e.Lacking() != nil {
		t.Errorf("after it was filled: %v, %v, %v", hits, err, e.Lacking())
	}
}

// A record that is cut at the end of a log after a crash may be one that was never acknowledged, or not: the engine answers, and is to
// be filled anew. One that is followed by a good one is damage.
func TestTornAndDamagedLogs(t *testing.T) {
	for _, pattern := range []string{"vectors/tiny@1/log-*", "text/journal/*.log"} {
		t.Run(filepath.Dir(pattern), func(t *testing.T) {
			for name, c := range map[string]struct {
				do     func([]byte) []byte
				serves bool
			}{
				"end cut":           {func(b []byte) []byte { return b[:len(b)-3] }, true},
				"end flipped":       {flip(-3), true},
				"first flipped":     {flip(12), false},
				"length of a first": {flip(2), false},
			} {
				dir := filled(t, true)
				paths, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil || len(paths) != 1 {
					t.Fatalf("%s: %v, %v", name, paths, err)
				}
				change(t, paths[0], c.do)
				e := opened(t, dir, true)
				if l := e.Lacking(); l == nil || l.Serves != c.serves || !strings.Contains(l.Reason, filepath.Base(paths[0])) {
					t.Errorf("%s: %+v", name, l)
				}
				if _, err := lights(e); (err == nil) != c.serves {
					t.Errorf("%s: %v", name, err)
				}
				filledAnew(t, e)
			}
			dir := filled(t, true)
			if e := opened(t, dir, true); e.Lacking() != nil {
				t.Errorf("after a crash alone: %v", e.Lacking())
			}
		})
	}
}

// What is lost with its folder is noticed too, and damage that comes while the engine is open.
func TestLostFolders(t *testing.T) {
	for _, lost := range []string{"text", "vectors/tiny@1"} {
		dir := filled(t, true)
		if err := os.RemoveAll(filepath.Join(dir, lost)); err != nil {
			t.Fatal(err)
		}
		if e := opened(t, dir, true); e.Lacking() == nil || !strings.Contains(e.Lacking().Reason, lost) {
			t.Errorf("%s: %v", lost, e.Lacking())
		}
	}
	dir := filled(t, false)
	e := opened(t, dir, true)
	filledAnew(t, e)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "current")); err != nil {
		t.Fatal(err)
	}
	if e := opened(t, dir, true); e.Lacking() == nil {
		t.Errorf("without its pointer: %v", e.Lacking())
	}
}
