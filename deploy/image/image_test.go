package image_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = "../.."

var from = regexp.MustCompile(`(?im)^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?`)

// Every base is an earlier stage or carries the digest of its index.
func TestBasesArePinned(t *testing.T) {
	b, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^[a-z0-9./-]+:[a-zA-Z0-9.-]+@sha256:[0-9a-f]{64}$`)
	var stages []string
	bases := from.FindAllStringSubmatch(string(b), -1)
	if len(bases) < 2 {
		t.Fatalf("%d bases were read, want those of both stages", len(bases))
	}
	for _, m := range bases {
		if base := m[1]; !slices.Contains(stages, base) && !pinned.MatchString(base) {
			t.Errorf("FROM %s: want name:tag@sha256:digest", base)
		}
		stages = append(stages, m[2])
	}
}

// The toolchain of the image is the toolchain of go.mod.
func TestToolchain(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(b)
	file, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if want := "FROM golang:" + string(version[1]) + "-"; !strings.Contains(string(file), want) {
		t.Errorf("the Dockerfile has no %q", want)
	}
}

// The context has every package of the programs, and nothing of a home folder.
func TestContext(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if !slices.Contains(lines, "*") {
		t.Fatal(".dockerignore does not begin by leaving everything out")
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if .Module}}{{if .Module.Main}}{{.Dir}}{{end}}{{end}}", "../../cmd/cinedex", "../../services/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range strings.Fields(string(out)) {
		rel, err := filepath.Rel(abs, dir)
		if err != nil {
			t.Fatal(err)
		}
		if top, _, _ := strings.Cut(filepath.ToSlash(rel), "/"); !slices.Contains(lines, "!"+top) {
			t.Errorf("%s is compiled into the programs, and .dockerignore leaves it out", rel)
		}
	}
	for _, secret := range []string{"**/.cinedex", "**/token", "**/tokens.yaml", "**/endpoint.json"} {
		if !slices.Contains(lines, secret) {
			t.Errorf(".dockerignore does not leave out %s", secret)
		}
	}
}
