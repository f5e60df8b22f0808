package ocr_test

import (
	"encoding/json"
	"image/png"
	"math"
	"os"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/ocr"
	"github.com/cinedex/cinedex/pkg/model/raster"
)

// The networks read what RapidOCR reads with the same weights, of a picture with six lines: pkg/model/testdata/ocr.py has written the golden file. Every
// letter is equal, probabilities are within 0.05, and the rectangles share three quarters.
func TestParity(t *testing.T) {
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ocr.Open(cache, 1)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	var golden []struct {
		Text  string
		Score float64
		Box   [4]float64
	}
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/page.png")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	p := raster.Of(img)
	lines, err := m.Read(t.Context(), ocr.Picture{Width: p.Width, Height: p.Height, Pix: p.Pix})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(golden) {
		t.Fatalf("read %d lines, want %d: %+v", len(lines), len(golden), lines)
	}
	for _, g := range golden {
		want := raster.Box{X: g.Box[0], Y: g.Box[1], W: g.Box[2], H: g.Box[3]}
		found := false
		for _, l := range lines {
			shared := want.Overlap(raster.Box{X: float64(l.X), Y: float64(l.Y), W: float64(l.W), H: float64(l.H)})
			if l.Text != g.Text {
				continue
			}
			found = true
			if shared < 0.75 || math.Abs(float64(l.Confidence)-g.Score) > 0.05 {
				t.Errorf("%q lies at %d %d %d %d with %.3f, want %v with %.3f (%.2f shared)", l.Text, l.X, l.Y, l.W, l.H, l.Confidence, g.Box, g.Score, shared)
			}
		}
		if !found {
			t.Errorf("no line is %q: %+v", g.Text, lines)
		}
	}
}
