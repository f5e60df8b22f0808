package ge2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/ge2e"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

func open(t testing.TB) *ge2e.Model {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	m, err := ge2e.Open(cache, 1)
	if errkind.Of(err) == errkind.NotFound {
		modeltest.Lacking(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func reading(t testing.TB) []float32 {
	var out []float32
	for _, v := range modeltest.Reading(t) {
		out = append(out, float32(v)/32768)
	}
	return out
}

// Spectrogram and vectors of a reading equal those of Resemblyzer in Python, with the same weights: see pkg/model/testdata/ge2e.py.
func TestParity(t *testing.T) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden []struct {
		Frame       int
		Mel, Vector []float32
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	m := open(t)
	frames := ge2e.Spectrogram(reading(t))
	var windows [][]float32
	for _, g := range golden {
		w := frames[g.Frame*ge2e.Bands : (g.Frame+ge2e.Frames)*ge2e.Bands]
		windows = append(windows, w)
		for i, want := range g.Mel {
			// Every fortieth frame. Python transforms in 32 bits.
			got := w[i/ge2e.Bands*40*ge2e.Bands+i%ge2e.Bands]
			if math.Abs(float64(got-want)) > 1e-4*math.Abs(float64(want))+1e-7 {
				t.Errorf("frame %d, band %d: %g, want %g", g.Frame+i/ge2e.Bands*40, i%ge2e.Bands, got, want)
			}
		}
	}
	vectors, err := m.Vectors(t.Context(), windows)
	if err != nil {
		t.Fatal(err)
	}
	if len(golden) < 10 {
		t.Errorf("%d golden vectors", len(golden))
	}
	least := 1.0
	for i, g := range golden {
		least = min(least, cosine(vectors[i], g.Vector))
	}
	t.Logf("the least cosine of %d vectors is %.7f", len(golden), least)
	if least < 0.9999 {
		t.Errorf("the least cosine is %.7f", least)
	}
}

func cosine(a, b []float32) float64 {
	var sum, aa, bb float64
	for i := range a {
		sum, aa, bb = sum+float64(a[i])*float64(b[i]), aa+float64(a[i])*float64(a[i]), bb+float64(b[i])*float64(b[i])
	}
	return sum / math.Sqrt(aa*bb)
}

// A window alone has the vector that the window has among others, and wrong calls are refused.
func TestVectors(t *testing.T) {
	m := open(t)
	frames := ge2e.Spectrogram(ge2e.Loud(reading(t)[:10*ge2e.Rate]))
	var windows [][]float32
	for at := 0; at+ge2e.Frames <= len(frames)/ge2e.Bands; at += 20 {
		windows = append(windows, frames[at*ge2e.Bands:(at+ge2e.Frames)*ge2e.Bands])
	}
	all, err := m.Vectors(t.Context(), windows)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, len(windows) / 2, len(windows) - 1} {
		alone, err := m.Vectors(t.Context(), windows[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(alone[0], all[i]); c < 0.999999 {
			t.Errorf("window %d: cosine %.7f", i, c)
		}
		length := 0.0
		for _, v := range all[i] {
			length += float64(v) * float64(v)
		}
		if math.Abs(length-1) > 1e-5 {
			t.Errorf("window %d has length %f", i, math.Sqrt(length))
		}
	}
	if _, err := m.Vectors(t.Context(), [][]float32{frames[:ge2e.Bands]}); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a short window: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Vectors(ctx, windows); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
}

// Quiet speech becomes as loud as the training's, loud speech and silence stay.
func TestLoud(t *testing.T) {
	level := func(s []float32) float64 {
		sum := 0.0
		for _, v := range s {
			sum += float64(v) * float64(v)
		}
		return math.Round(1000*10*math.Log10(sum/float64(len(s)))) / 1000
	}
	for amplitude, want := range map[float32]float64{0.001: -30, 0.01: -30, 0.1: -20, 1: 0} {
		s := []float32{amplitude, -amplitude, amplitude, -amplitude}
		if got := level(ge2e.Loud(s)); got != want {
			t.Errorf("an amplitude of %g: %g dB, want %g", amplitude, got, want)
		}
	}
	if got := ge2e.Loud(make([]float32, 3)); got[0] != 0 || len(got) != 3 {
		t.Errorf("silence: %v", got)
	}
}
