package searchapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// A step is a line that a client prints.
type step map[string]any

const overGraphQL = "TypeScript over GraphQL"

// TestFigureClients: the clients of docs/guides/clients.md, generated and run by the commands of the guide, give the same answers.
func TestFigureClients(t *testing.T) {
	figure.Begin(t, "doors/clients")
	apitest.Need(t, "node")
	apitest.Need(t, "npm")
	apitest.Need(t, "python3")
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	guide := commands(t, filepath.Join(root, "docs/guides/clients.md"))
	typescript, python := checkout(t, root), checkout(t, root)
	var took []string
	timed := func(name string, f func()) {
		from := time.Now()
		f()
		took = append(took, fmt.Sprintf("%s %.1f s", name, time.Since(from).Seconds()))
	}
	timed("installing, generating and compiling TypeScript", func() { shell(t, typescript, guide["TypeScript"][0]) })
	timed("installing and generating Python", func() { shell(t, python, guide["Python"][0]) })
	connect := guide["TypeScript"][1]
	run := func(name, folder, command string) (steps []step) {
		timed(name, func() { steps = talk(t, folder, command) })
		return steps
	}
	want := run("Go", root, guide["Go"][0])
	expect(t, want)
	clients := []struct{ name, folder, command string }{
		{"TypeScript over Connect", typescript, connect},
		{"TypeScript over gRPC", typescript, strings.Replace(connect, " connect", " grpc", 1)},
		{"TypeScript over gRPC-Web", typescript, strings.Replace(connect, " connect", " grpc-web", 1)},
		{overGraphQL, typescript, guide["TypeScript"][2]},
		{"Python over gRPC", python, guide["Python"][1]},
	}
	alike := 0
	for _, c := range clients {
		if same(t, c.name, run(c.name, c.folder, c.command), want) {
			alike++
		}
	}
	figure.Report(t, true, figure.Result{Name: "doors/clients", Claim: "generated clients answer as the Go client answers: a search, pages, a typed error, new hits and a resumed stream",
		Measured: fmt.Sprintf("%d of %d alike; %s", alike, len(clients), strings.Join(took, ", ")), Pass: alike == len(clients)})
}

// same compares the steps of a client with the wanted steps. GraphQL has no codes of gRPC.
func same(t *testing.T, name string, got, want []step) bool {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(got); i++ {
		w := want[i]
		if name == overGraphQL && w["step"] == "error" {
			w = maps.Clone(w)
			delete(w, "code")
		}
		ok = reflect.DeepEqual(got[i], w)
	}
	if !ok {
		t.Errorf("%s answers\n%v\nand not\n%v", name, got, want)
	}
	return ok
}

// expect checks the steps of the Go client against the library of talk.
func expect(t *testing.T, steps []step) {
	t.Helper()
	if len(steps) != 6 {
		t.Fatalf("the Go client tells %v", steps)
	}
	for i, want := range []step{
		{"step": "search", "total": 25.0, "exact": true, "title": "The harbour", "by": []any{"dialogue/words"}},
		{"step": "pages", "pages": 3.0},
		{"step": "error", "code": 3.0, "kind": "INVALID", "field": "query", "column": "10"},
		{"step": "watching"},
		{"step": "found", "hits": []any{"orchard@10000"}},
		{"step": "resumed", "hits": []any{"mill@10000"}},
	} {
		for field, value := range want {
			if !reflect.DeepEqual(steps[i][field], value) {
				t.Errorf("the Go client tells %v, wanted %s %v", steps[i], field, value)
			}
		}
	}
	hits, _ := steps[1]["hits"].([]any)
	for i := range 25 {
		if len(hits) != 25 || hits[i] != fmt.Sprintf("harbour@%d", 10000*(i+1)) {
			t.Fatalf("the Go client has the pages %v", hits)
		}
	}
}

// talk runs a client against a server of its own: a film comes while the client watches, and another film while the client is away.
func talk(t *testing.T, folder, command string) (steps []step) {
	t.Helper()
	l := apitest.New(t)
	lines := make([]string, 25)
	for i := range lines {
		lines[i] = fmt.Sprintf("the lamp is lit %d times", i)
	}
	l.Add(filmOf("harbour", lines...))
	s := l.Serve(lampReaders)
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", command)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "URL="+s.URL, "ADDRESS="+strings.TrimPrefix(s.URL, "http://"), "TOKEN=reader")
	var faults bytes.Buffer
	cmd.Stderr = &faults
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for told := bufio.NewScanner(out); told.Scan(); {
		var said step
		if err := json.Unmarshal(told.Bytes(), &said); err != nil {
			t.Fatalf("%s prints %s: %v", command, told.Bytes(), err)
		}
		steps = append(steps, said)
		switch said["step"] {
		case "watching":
			l.Add(filmOf("orchard", "a lamp"))
		case "found":
			l.Add(filmOf("mill", "a lamp"))
			if _, err := io.WriteString(in, "\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v: %s", command, err, &faults)
	}
	return steps
}

// checkout is a folder of an application beside the files of Cinedex that the guide names.
func checkout(t *testing.T, root string) string {
	t.Helper()
	folder := t.TempDir()
	for _, part := range []string{"pkg/schema/proto", "services/search-api/searchapi/testdata/clients"} {
		if err := os.CopyFS(filepath.Join(folder, "cinedex", part), os.DirFS(filepath.Join(root, part))); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func shell(t *testing.T, folder, commands string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-ec", commands)
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", commands, err, out)
	}
}

// commands are the blocks of commands in a guide, by heading.
func commands(t *testing.T, guide string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]string{}
	for _, part := range strings.Split(string(text), "\n## ")[1:] {
		heading, _, _ := strings.Cut(part, "\n")
		for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(part, -1) {
			out[heading] = append(out[heading], block[1])
		}
	}
	if len(out["Go"]) != 1 || len(out["TypeScript"]) != 3 || len(out["Python"]) != 2 {
		t.Fatalf("the guide has the commands %q", out)
	}
	return out
}
