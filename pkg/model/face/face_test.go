package face_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/face"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

func open(t *testing.T) (*face.Model, model.Cache) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := face.Open(cache, 1)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, cache
}

// The networks say what face-api.js says with the same weights, of a photograph: pkg/model/testdata/face.mjs has written the golden file.
func TestParity(t *testing.T) {
	m, cache := open(t)
	var golden []struct {
		Score  float64
		Box    [4]float64
		Vector []float64
	}
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	p := modeltest.Photo(t, cache, "photo-astronaut")
	found, err := m.Detect(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != len(golden) {
		t.Fatalf("found %d faces, want %d", len(found), len(golden))
	}
	for i, g := range golden {
		f := found[i]
		if math.Abs(float64(f.Score)-g.Score) > 1e-4 {
			t.Errorf("face %d has the score %.5f, want %.5f", i, f.Score, g.Score)
		}
		for k, v := range []float64{f.Box.X, f.Box.Y, f.Box.W, f.Box.H} {
			if math.Abs(v-g.Box[k]) > 0.05 {
				t.Errorf("face %d lies at %.2f, want %.2f", i, f.Box, g.Box)
				break
			}
		}
		v, err := m.Describe(t.Context(), p, f)
		if err != nil {
			t.Fatal(err)
		}
		var dot, length float64
		for k, x := range g.Vector {
			dot += x * float64(v[k])
			length += x * x
		}
		if c := dot / math.Sqrt(length); c < 0.9999 {
			t.Errorf("the vector of face %d has a cosine of %.6f with the vector of face-api.js", i, c)
		}
	}
}

// Photographs without people have no faces.
func TestNobody(t *testing.T) {
	m, cache := open(t)
	for _, id := range []string{"photo-coffee", "photo-rocket"} {
		found, err := m.Detect(t.Context(), modeltest.Photo(t, cache, id))
		if err != nil || len(found) > 0 {
			t.Errorf("%s: %v, %v", id, found, err)
		}
	}
}

// A vector tells the person through changes of size, light and crop.
func TestSamePerson(t *testing.T) {
	m, cache := open(t)
	p := modeltest.Photo(t, cache, "photo-astronaut")
	vector := func(p face.Picture) []float32 {
		t.Helper()
		found, err := m.Detect(t.Context(), p)
		if err != nil || len(found) != 1 {
			t.Fatalf("%d faces, %v", len(found), err)
		}
		v, err := m.Describe(t.Context(), p, found[0])
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	dark := face.Picture{Width: p.Width, Height: p.Height}
	for _, v := range p.Pix {
		dark.Pix = append(dark.Pix, byte(int(v)*6/10))
	}
	half := face.Picture{Width: p.Width / 2, Height: p.Height / 2}
	for y := range half.Height {
		for x := range half.Width {
			for c := range 3 {
				at := func(dx, dy int) int { return int(p.Pix[3*((2*y+dy)*p.Width+2*x+dx)+c]) }
				half.Pix = append(half.Pix, byte((at(0, 0)+at(1, 0)+at(0, 1)+at(1, 1))/4))
			}
		}
	}
	want := vector(p)
	for name, other := range map[string]face.Picture{"dark": dark, "half": half} {
		var c float64
		for i, v := range vector(other) {
			c += float64(v) * float64(want[i])
		}
		if c < 0.95 {
			t.Errorf("%s: a cosine of %.3f", name, c)
		}
	}
}
