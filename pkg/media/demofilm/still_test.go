package demofilm

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestStills writes stills into the folder STILLS, to look at.
func TestStills(t *testing.T) {
	dir := os.Getenv("STILLS")
	if dir == "" {
		t.Skip("STILLS names no folder")
	}
	only := os.Getenv("SHOT")
	for i, s := range script() {
		if only != "" && only != s.name {
			continue
		}
		began := time.Now()
		st := s.stage()
		plate := time.Since(began)
		c := newCanvas(Width, Height, 1)
		for j, share := range []float64{0.3, 0.75} {
			began = time.Now()
			st.frame(c, s.seconds*share)
			t.Logf("%s: plate %v, frame %v", s.name, plate, time.Since(began))
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%02d-%d.png", i, j)))
			if err != nil {
				t.Fatal(err)
			}
			if err := png.Encode(f, c.img); err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
	}
}

// TestWrite makes the film in the folder FILM, to watch.
func TestWrite(t *testing.T) {
	dir := os.Getenv("FILM")
	if dir == "" {
		t.Skip("FILM names no folder")
	}
	espeak, _ := exec.LookPath("espeak-ng")
	began := time.Now()
	if err := Write(t.Context(), dir, Tools{FFmpeg: "ffmpeg", ESpeak: espeak}); err != nil {
		t.Fatal(err)
	}
	t.Logf("made in %v", time.Since(began))
	began = time.Now()
	if err := WriteStandIn(t.Context(), "ffmpeg", filepath.Join(dir, "stand-in.mp4"), 654); err != nil {
		t.Fatal(err)
	}
	t.Logf("the stand-in made in %v", time.Since(began))
}
