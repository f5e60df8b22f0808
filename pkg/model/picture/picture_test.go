package picture

import (
	"bytes"
	"context"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/minilm"
)

func openCache(t testing.TB) model.Cache {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func need[T any](t testing.TB, v T, err error) T {
	t.Helper()
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking something: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func openHead(t testing.TB) *Head {
	h, err := OpenHead(openCache(t))
	return need(t, h, err)
}

func openE5(t testing.TB) *e5.Model {
	m, err := e5.Open(openCache(t))
	need(t, m, err)
	t.Cleanup(func() { m.Close() })
	return m
}

func openMiniLM(t testing.TB) *minilm.Model {
	m, err := minilm.Open(openCache(t))
	need(t, m, err)
	t.Cleanup(func() { m.Close() })
	return m
}

var photos = []string{"astronaut", "cat", "coffee", "rocket", "camera"}

func describe(t testing.TB, photo string) efficientnet.Description {
	t.Helper()
	m, err := efficientnet.Open(openCache(t), 0)
	need(t, m, err)
	defer m.Close()
	path, err := openCache(t).Require("photo-" + photo)
	f, err := os.Open(need(t, path, err))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	d, err := m.Describe(context.Background(), efficientnet.Square(img))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLabels(t *testing.T) {
	h := openHead(t)
	for photo, want := range map[string][]string{
		"cat":    {"tabby cat", "tiger cat", "Egyptian Mau"},
		"coffee": {"espresso", "cup", "espresso machine"},
		"rocket": {"missile", "projectile"},
		"camera": {"tripod"},
	} {
		d := describe(t, photo)
		labels := h.Labels(d.Feature, 5)
		found := false
		var names []string
		for i, l := range labels {
			names = append(names, l.Name)
			found = found || slices.Contains(want, l.Name)
			if i > 0 && l.Confidence > labels[i-1].Confidence {
				t.Errorf("%s: not in order: %v", photo, labels)
			}
		}
		if !found {
			t.Errorf("%s is labelled %v", photo, names)
		}
		// The head is the classifier's own last layer.
		for i, v := range h.Logits(d.Feature) {
			if math.Abs(float64(v-d.Logits[i])) > 1e-4 {
				t.Fatalf("%s: logit %d is %v, and %v in the model", photo, i, v, d.Logits[i])
			}
		}
		var sum float64
		for _, l := range h.Labels(d.Feature, efficientnet.Labels) {
			sum += l.Confidence
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("confidences add up to %v", sum)
		}
	}
}

func TestWordsFindPictures(t *testing.T) {
	h := openHead(t)
	w, err := OpenWords(openCache(t), openE5(t), openMiniLM(t))
	need(t, w, err)
	vectors := make([][]float32, len(photos))
	for i, p := range photos {
		vectors[i] = h.Vector(describe(t, p).Feature)
		if n := dot(vectors[i], vectors[i]); math.Abs(float64(n)-1) > 1e-4 {
			t.Fatalf("a vector of length² %v", n)
		}
	}
	right, all := 0, 0
	for photo, captions := range map[string][]string{
		"astronaut": {"a smiling astronaut in an orange space suit", "un astronauta", "eine lächelnde Astronautin"},
		"cat":       {"a close-up of a cat", "un gato", "猫の顔"},
		"coffee":    {"a cup of espresso on a table", "una taza de café", "чашка кофе"},
		"rocket":    {"a rocket launch", "un cohete espacial", "火箭发射"},
		"camera":    {"a man with a camera on a tripod", "un fotógrafo con cámara", "Mann mit Kamera"},
	} {
		for _, caption := range captions {
			v, err := w.Vector(context.Background(), caption)
			if err != nil {
				t.Fatal(err)
			}
			best := 0
			for i := range vectors {
				if dot(v, vectors[i]) > dot(v, vectors[best]) {
					best = i
				}
			}
			all++
			if photos[best] == photo {
				right++
			} else {
				t.Logf("%q finds %s", caption, photos[best])
			}
		}
	}
	t.Logf("%d of %d captions find their photograph", right, all)
	if right < 13 {
		t.Errorf("%d of %d captions find their photograph", right, all)
	}
}

// heldOut is the share of labels whose own weights are the nearest of a hundred to the position of the label's name, over so many folds. The hundred
// labels of a fold are left out of the fit.
func heldOut(h *Head, all []lesson, folds int) float64 {
	targets := h.directions()
	order := rand.New(rand.NewPCG(1, 2)).Perm(efficientnet.Labels)
	hit := 0
	for fold := range folds {
		left := order[fold*100:][:100]
		var taught []lesson
		names := map[int][]float32{}
		for _, l := range all {
			if !slices.Contains(left, l.label) {
				taught = append(taught, l)
			} else if _, ok := names[l.label]; !ok {
				names[l.label] = l.sentence // the name is the first lesson of a label
			}
		}
		w := fit(h, taught)
		for label, sentence := range names {
			v := w.place(sentence)
			first := true
			for _, other := range left {
				first = first && dot(v, targets[other]) <= dot(v, targets[label])
			}
			if first {
				hit++
			}
		}
	}
	return float64(hit) / float64(100*folds)
}

// How often is the right label the first of a hundred labels that the map was not taught? Chance is 1 %. The map from e5 alone, of names and the
// beginnings of descriptions, had 44 %.
func TestHeldOut(t *testing.T) {
	h, english := openHead(t), openMiniLM(t)
	_, all, err := lessons(openCache(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := embed(context.Background(), english.Vector, all, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	first := heldOut(h, all, 3)
	t.Logf("%d lessons, first of a hundred: %.1f %%", len(all), 100*first)
	if first < 0.50 {
		t.Errorf("the right label of a hundred is the first for %.1f %%, want 50 %%", 100*first)
	}
}

// A machine learns the same map twice, and another machine learns almost the same map.
func TestFitIsReproducible(t *testing.T) {
	h := openHead(t)
	rng := rand.New(rand.NewPCG(3, 4))
	taught := make([]lesson, 600)
	for i := range taught {
		taught[i] = lesson{label: i, sentence: make([]float32, e5.Dim)}
		for j := range taught[i].sentence {
			taught[i].sentence[j] = float32(rng.NormFloat64())
		}
		unit(taught[i].sentence)
	}
	a, b := fit(h, taught), fit(h, taught)
	if one, two := (&Words{every: a, ofEnglish: a}), (&Words{every: b, ofEnglish: b}); !bytes.Equal(one.encode(), two.encode()) {
		t.Error("the same lessons give two maps")
	}
	// More random lessons than dimensions cannot be memorised. But the position of each lesson must be nearer to its own label than to another label.
	targets := h.directions()
	right := 0
	for i, l := range taught {
		v := a.place(l.sentence)
		if dot(v, targets[l.label]) > dot(v, targets[taught[(i+1)%len(taught)].label]) {
			right++
		}
	}
	if right < 550 {
		t.Errorf("%d of %d were learnt", right, len(taught))
	}
}

func TestDamagedMapIsRefused(t *testing.T) {
	path, err := openCache(t).Require("words")
	raw, err := os.ReadFile(need(t, path, err))
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"a bit":            func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut short":        func(b []byte) []byte { return b[:len(b)-1] },
		"empty":            func(b []byte) []byte { return nil },
		"of other lineage": func(b []byte) []byte { b[len(wordsMagic)] ^= 1; return b },
	} {
		file := filepath.Join(t.TempDir(), "words.map")
		if err := os.WriteFile(file, damage(bytes.Clone(raw)), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := CheckWords(file); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "cinedex models fetch") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckWords(path); err != nil {
		t.Error(err)
	}
}
