package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/spf13/cobra"
)

// command runs a command line and returns the printed text.
func command(t *testing.T, line ...string) (string, error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root := newRoot(f, f)
	root.SetOut(f)
	root.SetArgs(append([]string{"--home", t.TempDir()}, line...))
	failed := root.ExecuteContext(t.Context())
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b), failed
}

func TestWrongCommands(t *testing.T) {
	for _, c := range []struct {
		line, says string
		exit       int
	}{
		{"nonsense", `unknown command "nonsense" (see cinedex --help)`, 2},
		{"serch", `unknown command "serch"; did you mean search? (see cinedex --help)`, 2},
		{"dead-letters lst", `unknown command "lst"; did you mean list? (see cinedex dead-letters --help)`, 2},
		{"models lst", `unknown command "lst"; did you mean list? (see cinedex models --help)`, 2},
		{"search --nonflag", `unknown flag: --nonflag (see cinedex search --help)`, 2},
		{"dead-letters show", `accepts 1 arg(s), received 0 (see cinedex dead-letters show --help)`, 2},
		{"search", `say what to look for`, 2},
		{"ingest a.mp4 --text en", `--text en: want LANGUAGE=FILE (see cinedex ingest --help)`, 2},
		{"search harbour", `nothing runs over`, 5},
		{"search --image none.jpg", `none.jpg: no such file`, 3},
		{"search --plus night", `are about a picture: give --image, --frame or --shot`, 2},
		{"search --frame a@1s --plus frame:nowhere", `want ASSET@TIMECODE`, 2},
		{"search --frame a@1s --crop 0,0,2,1", `x,y,w,h from 0 to 1`, 2},
		{"search --shot a@1s --crop 0,0,1,1", `only a picture and a frame have parts`, 2},
		{"search --frame a@1s --plus @none.jpg", `none.jpg: no such file`, 3},
		{"search --frame a@1s --same --minus night", `same as one picture`, 2},
	} {
		t.Run(c.line, func(t *testing.T) {
			_, err := command(t, strings.Fields(c.line)...)
			if err == nil || !strings.Contains(said(err), c.says) || exitCode(err) != c.exit {
				t.Errorf("%v, exit code %d; want %q and %d", err, exitCode(err), c.says, c.exit)
			}
		})
	}
}

// TestHelp checks every command for a summary, and for an example or commands below.
func TestHelp(t *testing.T) {
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if c.Short == "" || c.Example == "" && c.Long == "" {
			t.Errorf("%s: no summary, or no example", c.CommandPath())
		}
		if c.HasParent() && c.Example == "" {
			t.Errorf("%s: no example", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look(newRoot(os.Stdout, os.Stderr))
	for _, line := range []string{"models", "dead-letters", "--help"} {
		if out, err := command(t, line); err != nil || !strings.Contains(out, "Usage:") {
			t.Errorf("%s: %v, %q", line, err, out)
		}
	}
	if out, err := command(t, "completion", "bash"); err != nil || !strings.Contains(out, "__start_cinedex") {
		t.Errorf("completion: %v, %.200q", err, out)
	}
}

func TestSaid(t *testing.T) {
	err := connect.NewError(connect.CodeInvalidArgument, errors.New("query, column 1: wrong"))
	if got := said(err); got != "query, column 1: wrong" || exitCode(err) != 2 {
		t.Errorf("%q, exit code %d", got, exitCode(err))
	}
}

// TestLine checks the estimate of the remaining time: the estimate never grows while nothing happens.
func TestLine(t *testing.T) {
	began := time.Now()
	b := &bar{what: "watching", began: began, percent: 50, ends: began.Add(20 * time.Second)}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{10 * time.Second, "watching: 50 % after 10s, about 10s left"},
		{15 * time.Second, "watching: 50 % after 15s, about 5s left"},
		{5 * time.Minute, "watching: 50 % after 5m0s"},
	} {
		if got := b.line(1, began.Add(c.after)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
