package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Clips are added by title and time, edited by number, and told by the history.
func TestBinsCommand(t *testing.T) {
	w := newWorld(t, t.TempDir(), t.TempDir())
	film := silence(t, w, "quiet", nil)
	if out, err := w.does("ingest", strings.TrimPrefix(film.GetUrl(), "file://"), "--title", "quiet", "--wait"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	does := func(want string, line ...string) {
		t.Helper()
		out, err := w.does(append([]string{"bins"}, line...)...)
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("bins %s: %v, want %q in\n%s", strings.Join(line, " "), err, want, out)
		}
	}
	does("storms", "new", "storms", "--notes", "for the trailer")
	does(" 1  quiet  ", "add", "storms", "--title", "quiet", "--from", "1s", "--to", "2.5s")
	does(" 2  quiet  ", "add", "storms", "--title", "quiet", "--from", "5s", "--to", "6s", "--colour", "red")
	does("the best", "note", "storms", "2", "the best")
	does("  mark at ", "mark", "storms", "1", "cut", "--at", "2s")
	does(" 1  quiet  00:00:05.000", "move", "storms", "2")
	does("00:00:05.500", "trim", "storms", "1", "--from", "5.5s", "--before", "1s")
	does("group:editors, who edits", "share", "storms", "group:editors", "--edit")
	does("secret ", "share", "storms", "link", "--for", "1h")
	does("storms, first cut", "name", "storms", "storms, first cut")
	does("2 clips", "list")
	does("", "remove", "storms, first cut", "2")
	does("remove", "history", "storms, first cut")
	does(" 2  quiet  ", "restore", "storms, first cut", "10")
	does("", "remove", "storms, first cut", "2")
	does("", "rerun", "storms, first cut")
	out, err := w.does("bins", "show", "storms, first cut", "--json")
	var shown struct {
		Notes string
		Clips []struct {
			Colour       string
			HandleBefore string `json:"handle_before"`
		}
	}
	if err == nil {
		err = json.Unmarshal([]byte(out), &shown)
	}
	if err != nil || shown.Notes != "for the trailer" || len(shown.Clips) != 1 || shown.Clips[0].HandleBefore != "705600000" {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := w.does("bins", "note", "storms, first cut", "7", "none"); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("a clip that is not there: %v", err)
	}
	does("", "delete", "storms, first cut")
	if _, err := w.does("bins", "show", "storms, first cut"); kindOf(err) != errkind.NotFound {
		t.Errorf("a deleted bin: %v", err)
	}
}
