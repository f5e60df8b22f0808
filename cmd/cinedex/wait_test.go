package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// `ingest --wait` waits for its own event, and not for the title: a refused file of an existing title is refused, and a
// second refusal has a reason of its own. `dead-letters drop` asks, and --yes does not ask. Completion knows the
// existing names.
func TestIngestWaitsForItsOwnEvent(t *testing.T) {
	folder := t.TempDir()
	w := newWorld(t, t.TempDir(), folder)
	film := silence(t, w, "quiet", nil)
	run := func(line ...string) (string, error) {
		t.Helper()
		return command(t, append([]string{"--home", w.home.dir}, line...)...)
	}
	file := strings.TrimPrefix(film.GetUrl(), "file://")
	if out, err := run("ingest", file, "--title", "quiet", "--wait"); err != nil || !strings.Contains(out, "accepted ") {
		t.Fatalf("a film that can be read: %v\n%s", err, out)
	}
	text := filepath.Join(folder, "notes.mp4")
	if err := os.WriteFile(text, []byte("no film at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	// Both refusals are of the existing title, in quick succession.
	_, first := run("ingest", text, "--title", "quiet", "--wait")
	_, second := run("ingest", file, "--title", "quiet", "--sha256", strings.Repeat("0", 64), "--wait")
	for name, c := range map[string]struct {
		err  error
		says string
	}{"no film": {first, "notes.mp4"}, "another sum": {second, "sha256"}} {
		if c.err == nil || exitCode(c.err) == 0 || !strings.Contains(said(c.err), c.says) || !strings.Contains(said(c.err), "dead letter") {
			t.Errorf("%s: %v, want the reason of its own dead letter, with %q", name, c.err, c.says)
		}
	}
	// The existing film can be sent again.
	if out, err := run("ingest", file, "--title", "quiet", "--wait"); err != nil {
		t.Errorf("the same film again: %v\n%s", err, out)
	}

	ids := completed(t, run, "dead-letters", "drop", "")
	if len(ids) != 2 {
		t.Fatalf("completion offers the letters %q, want two", ids)
	}
	for _, c := range []struct {
		line []string
		want string
	}{
		{[]string{"replay", "--title", ""}, "quiet"},
		{[]string{"replay", "--algorithm", "dia"}, "dialogue@1"},
		{[]string{"runs", "activate", "sho"}, "shots@2"},
		{[]string{"runs", "compare", "lab"}, "labels"},
		{[]string{"runs", "list", "--asset", ""}, w.asset("quiet").GetId()},
		{[]string{"dead-letters", "show", ids[0][:4]}, ids[0]},
		{[]string{"dead-letters", "list", "--hop", ""}, "indexer"},
		{[]string{"models", "fetch", "e5"}, "e5-model"},
		{[]string{"dump", ""}, "store"},
		{[]string{"search", "--order", ""}, "time"},
	} {
		if got := completed(t, run, c.line...); !slices.Contains(got, c.want) {
			t.Errorf("%q completes to %q, want %q among them", c.line, got, c.want)
		}
	}

	for answer, want := range map[string]string{"n\n": "nothing was done", "\n": "nothing was done"} {
		asked, err := atTerminal(t, answer, "--home", w.home.dir, "dead-letters", "drop", ids[0])
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(asked, "Drop 1 messages for good?") {
			t.Errorf("answering %q: %v; it asked %q", answer, err, asked)
		}
	}
	if got := completed(t, run, "dead-letters", "drop", ""); len(got) != 2 {
		t.Errorf("a no dropped letters: %q are left", got)
	}
	if asked, err := atTerminal(t, "y\n", "--home", w.home.dir, "dead-letters", "drop", ids[0]); err != nil || !strings.Contains(asked, "1 dropped") {
		t.Errorf("answering y: %v, %q", err, asked)
	}
	if asked, err := atTerminal(t, "", "--home", w.home.dir, "dead-letters", "drop", ids[1], "--yes"); err != nil || strings.Contains(asked, "?") || !strings.Contains(asked, "1 dropped") {
		t.Errorf("--yes: %v, %q", err, asked)
	}
}

// completed is the list that a shell offers for the last word.
func completed(t *testing.T, run func(...string) (string, error), line ...string) []string {
	t.Helper()
	out, err := run(append([]string{"__complete"}, line...)...)
	if err != nil {
		t.Fatalf("completing %q: %v", line, err)
	}
	words := strings.Split(strings.TrimSpace(out), "\n")
	return words[:max(slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, ":") }), 0)]
}

// Where nothing runs, nothing is offered, and nothing fails.
func TestCompletionAlone(t *testing.T) {
	run := func(line ...string) (string, error) { return command(t, line...) }
	for _, line := range [][]string{{"replay", "--title", ""}, {"dead-letters", "show", ""}, {"jobs", "pause", ""}} {
		if got := completed(t, run, line...); len(got) != 0 {
			t.Errorf("%q completes to %q", line, got)
		}
	}
}

func TestVersion(t *testing.T) {
	if out, err := command(t, "version"); err != nil || !strings.HasPrefix(out, "cinedex "+version()) {
		t.Errorf("%v, %q", err, out)
	}
	if out, err := command(t, "version", "--json"); err != nil || !strings.Contains(out, `"go":"go1.`) {
		t.Errorf("%v, %q", err, out)
	}
}

// atTerminal runs a command line for a person who types an answer, and returns the text on the terminal.
func atTerminal(t *testing.T, answer string, line ...string) (string, error) {
	t.Helper()
	keys, screen := terminal(t)
	stdin := os.Stdin
	os.Stdin = screen
	defer func() { os.Stdin = stdin }()
	shown := make(chan string, 1)
	go func() {
		var all strings.Builder
		b := make([]byte, 4096)
		for {
			n, err := keys.Read(b)
			all.Write(b[:n])
			if err != nil || strings.Contains(all.String(), "\x04end") {
				shown <- all.String()
				return
			}
		}
	}()
	if _, err := keys.WriteString(answer); err != nil {
		t.Fatal(err)
	}
	root := newRoot(screen, screen)
	root.SetArgs(line)
	failed := root.ExecuteContext(t.Context())
	if _, err := screen.WriteString("\x04end"); err != nil {
		t.Fatal(err)
	}
	return <-shown, failed
}

// terminal opens both ends of a terminal.
func terminal(t *testing.T) (keys, screen *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatalf("opening a terminal: %v", err)
	}
	t.Cleanup(func() { _ = keys.Close() })
	fd := int(keys.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatalf("opening a terminal: %v", err)
	}
	if screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatalf("opening a terminal: %v", err)
	}
	t.Cleanup(func() { _ = screen.Close() })
	return keys, screen
}
