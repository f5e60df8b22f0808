// Package modeltest finds what a test needs in the model cache. A test that lacks a file or a program is skipped, and fails where the environment
// has CINEDEX_REQUIRE_ALL: nothing may be missing there.
package modeltest

import (
	"encoding/binary"
	"image"
	_ "image/jpeg" // formats of photographs
	_ "image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/raster"
)

// Lacking skips a test, or fails the test where nothing may be missing.
func Lacking(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") != "" {
		t.Fatal(err)
	}
	t.Skip("lacking ", err)
}

// Tools returns the paths of ffmpeg and ffprobe. See Lacking for a test without the programs.
func Tools(t testing.TB, cache model.Cache) (ffmpeg, ffprobe string) {
	t.Helper()
	find := func(name string) string {
		path, err := cache.Tool(name)
		if err != nil {
			Lacking(t, err)
		}
		return path
	}
	return find("ffmpeg"), find("ffprobe")
}

// Photo returns a photograph of the cache.
func Photo(t testing.TB, cache model.Cache, id string) raster.Picture {
	t.Helper()
	path, err := cache.Require(id)
	if err != nil {
		Lacking(t, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return raster.Of(img)
}

// Reading returns the reading of a book as 16 kHz, from the sound of 48 kHz in the cache: the mean of three samples.
func Reading(t testing.TB) []int16 {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Require("two-cities")
	if err != nil {
		Lacking(t, err)
	}
	wav, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	const header = 44
	var out []int16
	for i := header; i+6 <= len(wav); i += 6 {
		sum := 0
		for k := range 3 {
			sum += int(int16(binary.LittleEndian.Uint16(wav[i+2*k:])))
		}
		out = append(out, int16(sum/3))
	}
	return out
}
