package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/internal/pythontest"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// commandEnv makes the program of the tests the program cinedex: see TestMain.
const commandEnv = "CINEDEX_TEST_IS_COMMAND"

// A desk is a folder of a researcher: commands run there, over a running platform.
type desk struct {
	t      *testing.T
	w      *world
	folder string
	films  string // a folder of media
	env    []string
}

func newDesk(t *testing.T, w *world, p pythontest.Python) *desk {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(docsRoot)
	if err != nil {
		t.Fatal(err)
	}
	programs := t.TempDir()
	program := fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", commandEnv, own)
	if err := os.WriteFile(filepath.Join(programs, "cinedex"), []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	d := &desk{t: t, w: w, folder: t.TempDir()}
	d.env = append(os.Environ(), "PATH="+programs+string(os.PathListSeparator)+os.Getenv("PATH"), "CHECKOUT="+root,
		"PIP_NO_INDEX=1", "PIP_FIND_LINKS="+p.Wheels, "PIP_DISABLE_PIP_VERSION_CHECK=1", "PYTHONDONTWRITEBYTECODE=1")
	if w != nil {
		d.env = append(d.env, "CINEDEX_HOME="+w.home.dir)
	}
	return d
}

// do runs commands to their end.
func (d *desk) do(commands string) string {
	d.t.Helper()
	out, err := d.try(commands)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", commands, err, out)
	}
	return out
}

func (d *desk) try(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-ec", commands)
	cmd.Dir, cmd.Env = d.folder, d.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// begin runs a command until the test ends or stop is called, and returns when the output has the words.
func (d *desk) begin(words string, line ...string) (stop func()) {
	d.t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(d.t.Context()), line[0], line[1:]...)
	cmd.Dir, cmd.Env = d.folder, d.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, in, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		d.t.Fatal(err)
	}
	said, found, ended := &bytes.Buffer{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		once := sync.OnceFunc(func() { close(found) })
		for lines := bufio.NewScanner(out); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.Contains(lines.Text(), words) {
				once()
			}
		}
	}()
	stop = sync.OnceFunc(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM); err != nil {
			d.t.Logf("ending %s: %v", line, err)
		}
		_ = cmd.Wait() // the signal is its end
		<-ended
		out.Close()
	})
	d.t.Cleanup(stop)
	select {
	case <-found:
	case <-ended:
		d.t.Fatalf("%s ended: %s", line, said)
	case <-time.After(2 * time.Minute):
		stop()
		d.t.Fatalf("%s did not say %q: %s", line, words, said)
	}
	return stop
}

// blocks are the blocks of code of a guide, in order.
func blocks(t *testing.T, guide, language string) (out []string) {
	t.Helper()
	for _, b := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(document(t, guide), -1) {
		out = append(out, b[1])
	}
	return out
}

const pythonGuide = "docs/guides/algorithm-in-python.md"

// libraryOfGuide is a platform with the title that the guide names, of a generated film in the folder films.
func libraryOfGuide(t *testing.T, films string) *world {
	t.Helper()
	w := newWorldWith(t, t.TempDir(), func(c *upConfig) { c.Algorithms = []string{"shots", "dialogue"} }, films)
	m, _ := film(t, mediatest.Film{Name: demoBunny, Width: 320, Height: 180, Rate: schema.Rate{Num: 24, Den: 1},
		Scenes: []mediatest.Scene{{Frames: 60, Seed: 3}, {Frames: 60, Seed: 8}, {Frames: 60, Seed: 13, Begin: mediatest.Fade, Over: 24}}}, films)
	w.ingest(m)
	return w
}

// The commands and the code of the guide lead from an empty folder to a search hit, while the platform keeps running.
func TestGuideOfPython(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the platform and other programs")
	}
	followGuide(t)
}

// followGuide runs the guide, and returns the lines of one's own and the time to the hit.
func followGuide(t *testing.T) (own int, took time.Duration) {
	p := pythontest.Find(t)
	films := t.TempDir()
	w := libraryOfGuide(t, films)
	d := newDesk(t, w, p)
	d.films = films
	began := time.Now()
	own, took = d.guide(began)
	d.everywhere()
	d.code(p)
	t.Run("JavaScript", func(t *testing.T) { d.javascript(t) })
	return own, took
}

// guide runs the commands of the guide in their order.
func (d *desk) guide(began time.Time) (own int, took time.Duration) {
	d.t.Helper()
	code := blocks(d.t, pythonGuide, "python")
	for _, block := range blocks(d.t, pythonGuide, "sh") {
		switch {
		case strings.HasPrefix(block, "cinedex algorithm run "):
			d.begin("brightness@1 is served", "sh", "-ec", "exec "+block)
			continue
		case strings.HasPrefix(block, "cinedex algorithm publish "):
			d.published(block)
			continue
		}
		said := d.do(block)
		switch {
		case strings.Contains(block, "algorithm new"):
			b, err := os.ReadFile(filepath.Join(d.folder, "brightness.py"))
			if err != nil || string(b) != code[0] {
				d.t.Errorf("the guide shows another brightness.py than `cinedex algorithm new` writes: %v\n%s", err, b)
			}
			own = ownLines(string(b))
		case strings.Contains(block, "algorithm test"):
			if !strings.Contains(said, "test_brightness.py passes") || !strings.Contains(said, "brightness@1 keeps the contract") {
				d.t.Errorf("algorithm test says %s", said)
			}
		case strings.Contains(block, "algorithm try"):
			if !regexp.MustCompile(`(?m)^00:00:00:00–\S+  brightness  \w+$`).MatchString(said) || !strings.Contains(said, "nothing was kept") {
				d.t.Errorf("algorithm try says %s", said)
			}
		case strings.Contains(block, "cinedex search"):
			if took = time.Since(began); !strings.Contains(said, `label "dim", rank 1`) {
				d.t.Errorf("the search says %s", said)
			}
		}
	}
	return own, took
}

// ownLines counts the lines of code that a researcher writes.
func ownLines(code string) (n int) {
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, `"""An algorithm for Cinedex`) {
			n++
		}
	}
	return n
}

// published checks that arriving media gets runs of a published algorithm, and that the platform runs the worker by itself.
func (d *desk) published(block string) {
	d.t.Helper()
	if said := d.do(block); !strings.Contains(said, "arriving media gets brightness@1") {
		d.t.Errorf("algorithm publish says %s", said)
	}
	m, _ := film(d.t, mediatest.Film{Name: "later", Width: 320, Height: 180, Rate: schema.Rate{Num: 24, Den: 1}, Scenes: []mediatest.Scene{{Frames: 48, Seed: 8}}}, d.films)
	d.w.ingest(m)
	if got := d.w.annotations(d.w.asset("later").GetId(), "brightness"); len(got) == 0 {
		d.t.Error("media that arrived has no annotations of the published algorithm")
	}
	d.do("cinedex algorithm withdraw brightness")
}

// everywhere checks that the leaf is wherever people choose leaves.
func (d *desk) everywhere() {
	d.t.Helper()
	if said := d.do("cinedex __complete search br"); !strings.Contains(said, "brightness:") {
		d.t.Errorf("the completion offers %s", said)
	}
	if said := d.do("cinedex leaves"); !strings.Contains(said, "How light the picture is") {
		d.t.Errorf("the leaves are %s", said)
	}
	if r := d.w.search(&pb.SearchRequest{Q: "dim"}); len(r.GetHits()) == 0 {
		d.t.Error("bare words do not reach the labels")
	}
	request, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.w.server()+"/graphql", strings.NewReader(`{"query":"{ catalog { leaves { name algorithm example } } }"}`))
	if err != nil {
		d.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+d.w.token)
	request.Header.Set("Content-Type", "application/json")
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		d.t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || !strings.Contains(string(b), `{"name":"brightness","algorithm":"brightness","example":"dark"}`) {
		d.t.Errorf("the catalogue of GraphQL is %s, %v", b, err)
	}
}

// code runs every other block of Python in the guide; the client asks the running platform.
func (d *desk) code(p pythontest.Python) {
	d.t.Helper()
	for i, block := range blocks(d.t, pythonGuide, "python")[1:] {
		file := filepath.Join(d.folder, fmt.Sprintf("block%d.py", i))
		if err := os.WriteFile(file, []byte(block), 0o600); err != nil {
			d.t.Fatal(err)
		}
		cmd := exec.CommandContext(d.t.Context(), p.Path, file)
		cmd.Dir, cmd.Env = d.folder, p.Env("CINEDEX_HOME="+d.w.home.dir)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(block, "cinedex.Client()") && !strings.Contains(string(out), demoBunny+" 00:00:") {
			d.t.Errorf("%s: %v\n%s", block, err, out)
		}
	}
}

// javascript serves the example in JavaScript to the platform, and finds what the example found.
func (d *desk) javascript(t *testing.T) {
	node, modules := pythontest.Modules(t)
	folder := t.TempDir() // Node looks for modules beside the file
	b := document(t, "sdk/examples/javascript/worker.mjs")
	if err := os.WriteFile(filepath.Join(folder, "worker.mjs"), []byte(b), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	protos, err := filepath.Abs(filepath.Join(docsRoot, "pkg/schema/proto"))
	if err != nil {
		t.Fatal(err)
	}
	sub := &desk{t: t, w: d.w, folder: folder, env: append(d.env, "CANDIDATE=1")}
	sub.begin("ready", node, "worker.mjs", "unix:"+filepath.Join(d.w.home.dir, "workers", "hue.sock"), protos)
	until(t, "the leaf hue is known", func() bool { return strings.Contains(sub.do("cinedex leaves"), "hue:") })
	sub.do("cinedex replay --algorithm hue@1 --title big-buck-bunny --activate --yes")
	if said := sub.do("cinedex search 'hue:red OR hue:green OR hue:blue OR hue:grey' -n 1"); !regexp.MustCompile(`label "(red|green|blue|grey)", rank 1`).MatchString(said) {
		t.Errorf("the search says %s", said)
	}
}

// Wrong files are refused in words.
func TestAlgorithmMisuse(t *testing.T) {
	p := pythontest.Find(t)
	d := newDesk(t, nil, p)
	d.env = append(d.env, "PYTHONPATH="+p.Source+string(os.PathListSeparator)+p.Library)
	const head = "import random\nimport cinedex\n\n@cinedex.algorithm(\"a\", \"1\", frames=cinedex.Frames(32, 18, per_second=2))\ndef a(run):\n    \"\"\"Something\"\"\"\n"
	for name, c := range map[string]struct{ code, command, says string }{
		"nothing":    {"", "cinedex algorithm test nothing.py", "there is no file nothing.py: `cinedex algorithm new NAME` writes a file"},
		"plain":      {"import cinedex\n", "cinedex algorithm test plain.py", "plain.py declares no algorithm: decorate a generator with @cinedex.algorithm"},
		"wrong":      {"import cinedex\n\nthis is no Python\n", "cinedex algorithm test wrong.py", "SyntaxError"},
		"chance":     {head + "    for f in run.frames:\n        yield cinedex.Annotation(f.start, f.end, label=str(random.random()))\n", "cinedex algorithm test chance.py", "the same film must give the same output in the same order"},
		"taken":      {strings.Replace(head, `"a", "1",`, `"taken", "1", kind="shot",`, 1) + "    yield from ()\n", "cinedex algorithm test taken.py", `algorithms shots and taken both write "shot"`},
		"unpackaged": {head, "PYTHONPATH= cinedex algorithm test unpackaged.py", "has no package cinedex: build the package by make wheel"},
		"new":        {"x\n", "cinedex algorithm new new", "new.py is there already"},
		"name":       {"", "cinedex algorithm new 'My Algorithm'", "cannot be the name of an algorithm"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.code != "" {
				if err := os.WriteFile(filepath.Join(d.folder, name+".py"), []byte(c.code), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said, err := d.try(c.command)
			if err == nil || !strings.Contains(said, c.says) {
				t.Errorf("%s: %v\n%s", c.command, err, said)
			}
		})
	}
}

// TestFigurePython measures the way from `cinedex algorithm new` to a search hit.
func TestFigurePython(t *testing.T) {
	figure.Begin(t, "sdk/python")
	own, took := followGuide(t)
	figure.Report(t, true, figure.Result{Name: "sdk/python",
		Claim:    "from `cinedex algorithm new` to a search hit by the guide alone: at most 15 lines of one's own in 1 file, within 10 minutes, the platform running; a second worker in JavaScript",
		Measured: fmt.Sprintf("%d lines, the hit after %.0f s", own, took.Seconds()), Pass: !t.Failed() && own <= 15 && own > 0 && took > 0 && took < 10*time.Minute})
}
