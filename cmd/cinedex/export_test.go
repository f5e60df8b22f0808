package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Markers of Resolve come to a film, are found, and leave as an edit list with the same labels; a wrong file leaves nothing.
func TestImportAndExport(t *testing.T) {
	w := newWorld(t, t.TempDir(), t.TempDir())
	ffmpeg, err := w.Cache.Tool("ffmpeg")
	need(t, "ffmpeg", err)
	film := filepath.Join(w.cfg.Blobs.Roots[0], "short.mp4")
	if out, err := exec.CommandContext(t.Context(), ffmpeg, "-v", "error", "-f", "lavfi", "-i", "testsrc=d=2:s=160x90:r=25", "-c:v", "libx264", "-pix_fmt", "yuv420p", film).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, err := w.does("ingest", film, "--title", "short", "--wait"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	asset := onlyAsset(t, w)
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes.edl")
	if err := os.WriteFile(notes, []byte("TITLE: notes\nFCM: NON-DROP FRAME\n\n001  001      V     C        00:00:01:00 00:00:01:01 00:00:01:00 00:00:01:01  \nthe boom is in |C:ResolveColorRed |M:reshoot |D:10\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := w.does("import", notes, "--asset", asset, "--wait"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := w.does("search", "marker:reshoot"); err != nil || !strings.Contains(out, "00:00:01:00–00:00:01:10") {
		t.Errorf("%v: the search says\n%s", err, out)
	}
	file := filepath.Join(dir, "out.edl")
	if out, err := w.does("export", "--format", "edl", "--kind", "marker", "--asset", asset, "-o", file); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(b), " C        00:00:01:00 00:00:01:10 01:00:00:00 01:00:00:10\n") || !strings.Contains(string(b), "* COMMENT: reshoot\n") {
		t.Errorf("%v: the list is\n%s", err, b)
	}
	if _, err := w.does("export", "--format", "edl", "--kind", "chapter", "--asset", asset, "-o", filepath.Join(dir, "none.edl")); kindOf(err) != errkind.Invalid {
		t.Errorf("no chapters: %v", err)
	}
	if _, err := w.does("import", file, "--asset", asset, "--start-timecode", "09:00:00:00"); kindOf(err) != errkind.Invalid {
		t.Errorf("markers outside the film: %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%v: the folder has %v", err, left)
	}
}

// onlyAsset returns the id of the only asset.
func onlyAsset(t *testing.T, w *world) string {
	t.Helper()
	out, err := w.does("status", "--json")
	var status struct{ Assets []struct{ Asset string } }
	if err == nil {
		err = json.Unmarshal([]byte(out), &status)
	}
	if err != nil || len(status.Assets) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	return status.Assets[0].Asset
}
