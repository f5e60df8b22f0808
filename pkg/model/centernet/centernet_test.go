package centernet_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/centernet"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

func open(t *testing.T) (*centernet.Model, model.Cache) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := centernet.Open(cache, 1)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, cache
}

// The network says what the published graph says in TensorFlow.js, of photographs: pkg/model/testdata/things.mjs has written the golden files. Boxes of
// a class that cover each other are a single thing here, and several in the graph.
func TestParity(t *testing.T) {
	m, cache := open(t)
	for _, name := range []string{"astronaut", "coffee"} {
		b, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var golden [][6]float64
		if err := json.Unmarshal(b, &golden); err != nil {
			t.Fatal(err)
		}
		p := modeltest.Photo(t, cache, "photo-"+name)
		found, err := m.Detect(t.Context(), p, 0.2)
		if err != nil {
			t.Fatal(err)
		}
		sx, sy := float64(p.Width)/centernet.Square, float64(p.Height)/centernet.Square
		near := func(f centernet.Thing, g [6]float64) bool {
			x0, y0 := max(0, g[0]*sx), max(0, g[1]*sy)
			x1, y1 := min(float64(p.Width), g[2]*sx), min(float64(p.Height), g[3]*sy)
			return f.Class == int(g[5]) && math.Abs(float64(f.Score)-g[4]) < 1e-3 && math.Abs(f.Box.X-x0) < 0.5 && math.Abs(f.Box.Y-y0) < 0.5 &&
				math.Abs(f.Box.X+f.Box.W-x1) < 0.5 && math.Abs(f.Box.Y+f.Box.H-y1) < 0.5
		}
		if len(found) == 0 || !near(found[0], golden[0]) {
			t.Errorf("%s: %+v comes first, want %v", name, found, golden[0])
		}
		for _, f := range found {
			told := false
			for _, g := range golden {
				told = told || near(f, g)
			}
			if !told {
				t.Errorf("%s: the graph has no %s of %.3f at %v", name, centernet.Classes[f.Class], f.Score, f.Box)
			}
		}
	}
}
