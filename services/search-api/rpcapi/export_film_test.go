package rpcapi_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// The exports that read the film: a contact sheet, the clips themselves, and a bundle with the film.
func TestExportOfTheFilm(t *testing.T) {
	l := apitest.New(t)
	a := l.Add(l.Shoot(apitest.Film{Title: "harbour", Name: "The Harbour", StartTimecode: "10:00:00:00",
		Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}, {Seconds: 3, Colour: apitest.Blue, Label: "boat", LabelConfidence: 0.9}}}))
	reader := newExporter(l.Serve(map[string][]string{"reader": {"harbour"}}), "reader")
	sheet := &pb.ExportRequest{Format: "pdf", Asset: a.GetId(), Kinds: []string{"shot"}, Name: "Häfen Ωμέγα \u0378\u0379"} // no font has the last two: there are no such letters
	_, pdf, notes, err := reader.export(t, sheet)
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) || bytes.Count(pdf, []byte("/Subtype /Image")) != 2 || !strings.Contains(strings.Join(notes, " "), "2 letters are shown as ?") {
		t.Errorf("%v: a sheet of %d bytes, %q", err, len(pdf), notes)
	}
	if _, again, _, err := reader.export(t, sheet); err != nil || !bytes.Equal(pdf, again) {
		t.Errorf("%v: the same sheet has other bytes", err)
	}
	_, archive, _, err := reader.export(t, &pb.ExportRequest{Format: "clips", Asset: a.GetId(), Kinds: []string{"shot"}, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	clips := unzip(t, archive)
	name := "002_The-Harbour_10-00-02-00.mp4"
	if len(clips) != 3 || clips["clips.csv"] == nil || clips[name] == nil {
		t.Fatalf("the archive has %d files: %.300s", len(clips), clips["clips.csv"])
	}
	path := filepath.Join(t.TempDir(), "clip.mp4")
	if err := os.WriteFile(path, clips[name], 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), apitest.Need(t, "ffprobe"), "-v", "error", "-select_streams", "v:0", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", path).Output()
	if got := strings.Trim(string(out), ",\n"); err != nil || got != "75" {
		t.Errorf("%v: ffprobe counts %q frames of a clip of 75", err, got)
	}
	_, bundle, _, err := reader.export(t, &pb.ExportRequest{Format: "otioz", Asset: a.GetId(), Kinds: []string{"shot"}, Media: true})
	if err != nil {
		t.Fatal(err)
	}
	files, film := unzip(t, bundle), int64(0)
	for name, b := range files {
		if strings.HasPrefix(name, "media/") {
			film = int64(len(b))
			if !bytes.Contains(files["content.otio"], []byte(`"target_url":"`+name+`"`)) {
				t.Errorf("the timeline does not name %s: %.600s", name, files["content.otio"])
			}
		}
	}
	if film != a.GetSizeBytes() || string(files["version.txt"]) != "1.0.0" {
		t.Errorf("the bundle has %d bytes of the film, want %d", film, a.GetSizeBytes())
	}
}

func unzip(t *testing.T, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}
