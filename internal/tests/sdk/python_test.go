package sdk

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/pythontest"
)

const source = "../../../sdk/python"

// The tests of the SDK in Python pass.
func TestPython(t *testing.T) {
	p := pythontest.Find(t)
	cmd := exec.CommandContext(t.Context(), p.Path, "-m", "unittest", "discover", "-s", "tests")
	cmd.Dir, cmd.Env = source, p.Env()
	out, err := cmd.CombinedOutput()
	if err != nil || regexp.MustCompile(`Ran (\d+) tests`).FindSubmatch(out) == nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// `make wheel` builds a wheel with every module and the marker of types, from the packages of the cache.
func TestWheel(t *testing.T) {
	p := pythontest.Find(t)
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "../../../scripts/wheel", dir)
	cmd.Env = p.Env("PIP_NO_INDEX=1", "PIP_FIND_LINKS="+p.Wheels)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	wheels, err := filepath.Glob(filepath.Join(dir, "cinedex-*.whl"))
	if err != nil || len(wheels) != 1 {
		t.Fatalf("built are %v, %v", wheels, err)
	}
	z, err := zip.OpenReader(wheels[0])
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	inside := map[string]bool{}
	for _, f := range z.File {
		inside[f.Name] = true
	}
	err = filepath.WalkDir(filepath.Join(source, "src"), func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(name, "__pycache__") {
			return err
		}
		if rel, _ := filepath.Rel(filepath.Join(source, "src"), name); !inside[filepath.ToSlash(rel)] {
			t.Errorf("the wheel lacks %s", rel)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
