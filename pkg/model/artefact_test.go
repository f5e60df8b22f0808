package model

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestManifestIsWhole(t *testing.T) {
	ids, files := map[string]bool{}, map[string]bool{}
	for _, a := range All() {
		if ids[a.ID] || files[a.File] {
			t.Errorf("%s: its id or file is taken", a.ID)
		}
		ids[a.ID], files[a.File] = true, true
		if a.Purpose == "" || a.License == "" || a.Credit == "" {
			t.Errorf("%s: purpose %q, licence %q, credit %q", a.ID, a.Purpose, a.License, a.Credit)
		}
		if !slices.Contains(Groups(), a.Group) && !slices.Contains(Extras(), a.Group) {
			t.Errorf("%s: no group is called %q", a.ID, a.Group)
		}
		if !filepath.IsLocal(a.File) {
			t.Errorf("%s: %q leaves the cache", a.ID, a.File)
		}
		switch p := a.Package; {
		case p == nil && len(a.From) == 0:
			t.Errorf("%s comes from nowhere", a.ID)
		case p != nil && (len(p.SHA256) != 64 || p.Size == 0 || len(a.SHA256) != 64 || a.Size == 0 || a.Member == ""):
			t.Errorf("%s is not pinned", a.ID)
		case p != nil && !strings.Contains(p.File, p.Version):
			t.Errorf("%s: %s is not version %s", a.ID, p.File, p.Version)
		}
		for _, from := range a.From {
			if !ids[from] {
				t.Errorf("%s is made from %s, which does not come before it", a.ID, from)
			}
		}
	}
}

func TestSelect(t *testing.T) {
	names := func(as []Artefact, err error) (out []string) {
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range as {
			out = append(out, a.ID)
		}
		return out
	}
	if got := names(Select("transnetv2")); !slices.Equal(got, []string{"transnetv2-weights", "transnetv2"}) {
		t.Errorf("what it is made from comes along: %v", got)
	}
	if got := names(Select("ffprobe")); !slices.Equal(got, []string{"ffprobe"}) {
		t.Errorf("a tool by name: %v", got)
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CINEDEX_FFMPEG", "")
	t.Setenv("CINEDEX_FFPROBE", "")
	if got := names(Select(Core)); !slices.Contains(got, "ffmpeg") || !slices.Contains(got, "ffprobe") {
		t.Errorf("a machine without ffmpeg: %v", got)
	}
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ffmpeg"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	if got := names(Select(Core)); slices.Contains(got, "ffmpeg") || !slices.Contains(got, "ffprobe") {
		t.Errorf("a machine with ffmpeg but no ffprobe: %v", got)
	}
	if _, err := Select("no-such"); errkind.Of(err) != errkind.NotFound {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestMissingArtefactSaysWhatToRun(t *testing.T) {
	cache, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_, err = cache.Require("transnetv2")
	if errkind.Of(err) != errkind.NotFound || !strings.Contains(err.Error(), "run: cinedex models fetch") {
		t.Errorf("%v", err)
	}
	a, _ := Find("imagenet-names")
	if err := os.MkdirAll(filepath.Dir(cache.Path(a)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cache.Path(a), []byte("cut short"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err = cache.Require(a.ID); errkind.Of(err) != errkind.NotFound {
		t.Errorf("a file cut short: %v", err)
	}
	if err := os.WriteFile(cache.Path(a), make([]byte, a.Size), 0o644); err != nil {
		t.Fatal(err)
	}
	if err = cache.Check(a); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a file of the right length but other content: %v", err)
	}
}

func TestTool(t *testing.T) {
	cache, err := OpenCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CINEDEX_FFMPEG", "")
	t.Setenv("PATH", t.TempDir())
	if _, err := cache.Tool("ffmpeg"); errkind.Of(err) != errkind.NotFound || !strings.Contains(err.Error(), "cinedex models fetch ffmpeg") {
		t.Errorf("none: %v", err)
	}
	a, _ := Find("ffmpeg")
	if err := os.MkdirAll(filepath.Dir(cache.Path(a)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cache.Path(a), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(cache.Path(a), a.Size); err != nil {
		t.Fatal(err)
	}
	if path, err := cache.Tool("ffmpeg"); err != nil || path != cache.Path(a) {
		t.Errorf("the cache's: %s %v", path, err)
	}
	own := filepath.Join(t.TempDir(), "mine")
	t.Setenv("CINEDEX_FFMPEG", own)
	if _, err := cache.Tool("ffmpeg"); errkind.Of(err) != errkind.NotFound {
		t.Errorf("a setting that names nothing: %v", err)
	}
	if err := os.WriteFile(own, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if path, err := cache.Tool("ffmpeg"); err != nil || path != own {
		t.Errorf("the setting's: %s %v", path, err)
	}
}
