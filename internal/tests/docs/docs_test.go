package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
)

// root is the repository, seen from here.
const root = "../../.."

// skipped are folders without text of ours.
var skipped = []string{"node_modules", "testdata", "bin", "dist"}

// walk calls see for every file of the repository, with its path from the root.
func walk(t *testing.T, see func(name string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" || slices.Contains(skipped, d.Name())) {
				return fs.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, name)
		see(filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// documents returns the text of every document by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, func(name string) {
		if strings.HasSuffix(name, ".md") {
			out[name] = read(t, name)
		}
	})
	if out["README.md"] == "" || out["ARCHITECTURE.md"] == "" {
		t.Fatalf("found %d documents and no README: is this the repository?", len(out))
	}
	return out
}

// sources returns the text of every Go file except generated files.
func sources(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	walk(t, func(name string) {
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".pb.go") {
			out[name] = read(t, name)
		}
	})
	return out
}

var (
	fence  = regexp.MustCompile("(?ms)^```([a-z]*)[^\n]*\n(.*?)^```")
	link   = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	header = regexp.MustCompile(`(?m)^#+ +(.+)$`)
)

// prose returns a document without its blocks of code.
func prose(text string) string { return fence.ReplaceAllString(text, "") }

// anchors are the fragments of a document's headings, in GitHub's form.
func anchors(text string) []string {
	var out []string
	for _, h := range header.FindAllStringSubmatch(prose(text), -1) {
		a := strings.ToLower(strings.TrimSpace(h[1]))
		a = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(a, "")
		out = append(out, strings.ReplaceAll(a, " ", "-"))
	}
	return out
}

// Every relative link leads to a file, and to an existing heading if the link names a heading. A link to a Go file
// whose text is code, such as [`Publish`](pkg/events/publish.go), leads to a declaration of the same name.
func TestLinks(t *testing.T) {
	declared := map[string]map[string]bool{}
	for name, text := range documents(t) {
		for _, l := range link.FindAllStringSubmatch(prose(text), -1) {
			what, to := l[1], l[2]
			if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
				continue
			}
			file, fragment, _ := strings.Cut(to, "#")
			target := name
			if file != "" {
				target = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", name, to)
				continue
			}
			if fragment != "" && !slices.Contains(anchors(read(t, target)), fragment) {
				t.Errorf("%s: %s has no heading %q", name, target, fragment)
			}
			if !strings.HasSuffix(target, ".go") || !strings.HasPrefix(what, "`") {
				continue
			}
			if declared[target] == nil {
				declared[target] = declarations(t, target)
			}
			if id := strings.Trim(what, "`"); !declared[target][id] && !strings.Contains(id, " ") {
				t.Errorf("%s: %s declares no %s", name, target, id)
			}
		}
	}
}

// declarations are the names that a Go file declares: functions, methods, types, variables and constants.
func declarations(t *testing.T, name string) map[string]bool {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, name), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			out[d.Name.Name] = true
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					out[s.Name.Name] = true
					if i, ok := s.Type.(*ast.InterfaceType); ok {
						for _, m := range i.Methods.List {
							for _, n := range m.Names {
								out[n.Name] = true
							}
						}
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						out[n.Name] = true
					}
				}
			}
		}
	}
	return out
}

var place = regexp.MustCompile("`((?:cmd|services|pkg|config|scripts|docs|internal|tools|sdk|web|deploy)/[A-Za-z0-9_./*-]+)`")

// A path in code, such as `pkg/events`, exists. A path with a * matches a file.
func TestPaths(t *testing.T) {
	for name, text := range documents(t) {
		for _, p := range place.FindAllStringSubmatch(text, -1) {
			if found, err := filepath.Glob(filepath.Join(root, strings.TrimRight(p[1], "."))); err != nil || len(found) == 0 {
				t.Errorf("%s: there is no %s", name, p[1])
			}
		}
	}
}

var makes = regexp.MustCompile("(?m)(?:`|^\\$ |^)make ([a-z][a-z-]*)")

// A target of make in a document exists.
func TestTargets(t *testing.T) {
	makefile := read(t, "Makefile")
	for name, text := range documents(t) {
		for _, m := range makes.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:`).MatchString(makefile) {
				t.Errorf("%s: there is no make %s", name, m[1])
			}
		}
	}
}

// Metrics, environment variables and figures in a document are in the code.
func TestNames(t *testing.T) {
	var code, scripts strings.Builder
	for _, text := range sources(t) {
		code.WriteString(text)
	}
	for _, name := range []string{"Makefile", ".ci/run", "scripts/test", "scripts/figures", "scripts/system-packages"} {
		scripts.WriteString(read(t, name))
	}
	known := func(s string) bool {
		return strings.Contains(code.String(), s) || strings.Contains(scripts.String(), s)
	}
	for name, text := range documents(t) {
		for _, m := range regexp.MustCompile(`\bcinedex_[a-z_]+[a-z]\b`).FindAllString(text, -1) {
			if !known(`"` + m + `"`) {
				t.Errorf("%s: no metric is called %s", name, m)
			}
		}
		for _, f := range regexp.MustCompile(`\bTest[A-Z]\w+…?`).FindAllString(text, -1) {
			if !strings.HasSuffix(f, "…") && !known("func "+f+"(") {
				t.Errorf("%s: there is no %s", name, f)
			}
		}
		if name == "docs/guides/configuration.md" {
			continue // the page lists variables of keys, which cmd/cinedex checks
		}
		for _, v := range regexp.MustCompile(`\bCINEDEX_([A-Z_]+[A-Z])\b`).FindAllStringSubmatch(text, -1) {
			if !known(v[0]) && !known(`"`+v[1]+`"`) {
				t.Errorf("%s: nothing reads %s", name, v[0])
			}
		}
	}
}

// Each figure is in the table of docs/benchmarks, and each name in the table is a figure.
func TestFiguresAreTold(t *testing.T) {
	begins := regexp.MustCompile(`figure\.Begin\(\w+, "([^"]+)"\)`)
	table := read(t, "docs/benchmarks/README.md")
	for name, text := range sources(t) {
		for _, f := range begins.FindAllStringSubmatch(text, -1) {
			if strings.HasSuffix(name, "_test.go") && !strings.Contains(table, "`"+f[1]+"`") {
				t.Errorf("docs/benchmarks/README.md does not tell of the figure %s (%s)", f[1], name)
			}
		}
	}
}

// The maker of every fetched file is credited, with the licence.
func TestCreditsNameEveryArtefact(t *testing.T) {
	credits := read(t, "docs/credits.md")
	for _, a := range model.All() {
		if len(a.From) > 0 && a.Package == nil {
			continue // made of others, which are credited
		}
		for _, want := range []string{a.Package.Name + " " + a.Package.Version, "`" + a.License + "`"} {
			if !strings.Contains(credits, want) {
				t.Errorf("docs/credits.md: %s: does not name %s", a.ID, want)
			}
		}
	}
}

// A whole Go file within a guide builds at the path in its first comment.
func TestExamplesBuild(t *testing.T) {
	if testing.Short() {
		t.Skip("builds packages")
	}
	lies := regexp.MustCompile(`\A// (\S+\.go)\n`)
	abs, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range documents(t) {
		for _, block := range fence.FindAllStringSubmatch(text, -1) {
			at := lies.FindStringSubmatch(block[2])
			if block[1] != "go" || at == nil {
				continue
			}
			t.Run(at[1], func(t *testing.T) {
				dir := t.TempDir()
				file, overlay := filepath.Join(dir, "example.go"), filepath.Join(dir, "overlay.json")
				over := fmt.Sprintf(`{"Replace": {%q: %q}}`, filepath.Join(abs, at[1]), file)
				for n, b := range map[string]string{file: block[2], overlay: over} {
					if err := os.WriteFile(n, []byte(b), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "./"+filepath.Dir(at[1]))
				cmd.Dir = abs
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: the example does not build: %v\n%s", name, err, out)
				}
			})
		}
	}
}
