package breadth

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from here.
const root = "../../.."

// An addition is a way in which Cinedex grows.
type addition struct {
	// name is the folder in testdata, and what is the growing part of Cinedex.
	name, what string
	// packages are tested with the addition in place.
	packages []string
	// most is how many files outside the new folder may change.
	most int
}

var additions = []addition{
	{"algorithm", "an algorithm with a kind and a leaf of its own", []string{"./pkg/algo/weather"}, 1},
	{"space", "a space with an encoder", []string{"./pkg/algo/tints"}, 1},
	{"engine", "a search engine", []string{"./pkg/search/memory"}, 1},
	{"job", "a kind of job", []string{"./services/operator/operating"}, 1},
}

// TestBreadth lays each addition over the tree, tests the packages of the addition, and counts the other files that had
// to change.
func TestBreadth(t *testing.T) {
	top, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range additions {
		t.Run(a.name, func(t *testing.T) {
			o := overlay{top: top, replace: map[string]string{}}
			if err := o.lay(filepath.Join("testdata", a.name), t.TempDir()); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "overlay.json")
			b, err := json.Marshal(map[string]any{"Replace": o.replace})
			if err == nil {
				err = os.WriteFile(file, b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, pkg := range a.packages {
				testOver(t, top, file, pkg)
			}
			fmt.Printf("adding %s: new files in %s; files touched outside: %d %v\n", a.what, o.folder, len(o.edited), slices.Sorted(maps.Keys(o.edited)))
			if len(o.edited) > a.most {
				t.Errorf("adding %s touches %d files outside its folder, and %d may be: %v", a.what, len(o.edited), a.most, slices.Sorted(maps.Keys(o.edited)))
			}
		})
	}
}

// testOver builds a package's test with the overlay and runs the test called TestAddition. The folder of the package
// may exist in the overlay alone, so the test runs in a folder of its own.
func testOver(t *testing.T, top, overlay, pkg string) {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "addition.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", overlay, "-o", bin, pkg)
	build.Dir = top
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", build, err, out)
	}
	run := exec.CommandContext(t.Context(), bin, "-test.v", "-test.run", "^TestAddition$/a_stub")
	run.Dir = dir
	if out, err := run.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestAddition") {
		t.Fatalf("%s: %v: %s", run, err, out)
	}
}

// An overlay is the file of `go build -overlay`.
type overlay struct {
	top     string
	folder  string // of the new files
	replace map[string]string
	edited  map[string]bool // existing files that change
}

// lay reads an addition. Edited copies of existing files are written into scratch.
func (o *overlay) lay(dir, scratch string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "EDITS" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		at := filepath.Join(o.top, rel)
		if _, err := os.Stat(at); err == nil {
			return fmt.Errorf("%s is there already: an addition has new files, and EDITS", rel)
		}
		if !strings.HasSuffix(rel, "_test.go") || o.folder == "" {
			o.folder = filepath.ToSlash(filepath.Dir(rel))
		}
		o.replace[at] = path
		return nil
	})
	if err != nil {
		return err
	}
	o.edited = map[string]bool{}
	b, err := os.ReadFile(filepath.Join(dir, "EDITS"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	texts := map[string]string{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSuffix(line, "\n"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, " | ", 3)
		if len(f) != 3 {
			return fmt.Errorf("EDITS: %q is not FILE | AFTER THIS LINE | NEW LINE", line)
		}
		text, ok := texts[f[0]]
		if !ok {
			b, err := os.ReadFile(filepath.Join(o.top, f[0]))
			if err != nil {
				return err
			}
			text = string(b)
		}
		before, after, ok := strings.Cut(text, f[1]+"\n")
		if !ok {
			return fmt.Errorf("EDITS: %s has no line %q", f[0], f[1])
		}
		texts[f[0]] = before + f[1] + "\n" + f[2] + "\n" + after
	}
	for name, text := range texts {
		copied := filepath.Join(scratch, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			return err
		}
		o.replace[filepath.Join(o.top, name)] = copied
		o.edited[name] = true
	}
	return nil
}
