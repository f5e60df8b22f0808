package apertium_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate/apertium"
	"github.com/cinedex/cinedex/pkg/translate/translatetest"
)

func TestTranslate(t *testing.T) {
	program, err := exec.LookPath("apertium")
	if err != nil {
		t.Skip("lacks the program apertium")
	}
	tr := apertium.New(program, time.Minute)
	if _, err := tr.Translate(t.Context(), "gato", "es", "en"); errkind.Is(err, errkind.NotFound) {
		t.Skip("lacks apertium-eng-spa")
	}
	translatetest.Run(t, tr, translatetest.Pair{From: "es", To: "en", Text: "gato", Want: "Cat"}, translatetest.Pair{From: "es", To: "en", Text: "un barco rojo", Want: "A red ship"},
		translatetest.Pair{From: "en", To: "es", Text: "lighthouse", Want: "Faro"})
	for _, text := range []string{"xyzzyx", "un xyzzyx rojo"} {
		if got, err := tr.Translate(t.Context(), text, "es", "en"); !errkind.Is(err, errkind.NotFound) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestBounds: a program that never ends, and a program that writes without end, are ended.
func TestBounds(t *testing.T) {
	for name, script := range map[string]string{"endless": "sleep 1000", "chatty": "while :; do echo word word word; done", "missing": ""} {
		program := filepath.Join(t.TempDir(), "apertium")
		if script != "" {
			if err := os.WriteFile(program, []byte("#!/bin/sh\n[ \"$1\" = -l ] && echo eng-spa && exit\n"+script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		if got, err := apertium.New(program, 500*time.Millisecond).Translate(t.Context(), "cat", "en", "es"); !errkind.Is(err, errkind.Unavailable) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("%s took %s", name, took)
		}
	}
}
