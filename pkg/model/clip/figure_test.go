package clip

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/model/convert"
)

// TestFigureParity compares a CLIP of the size of ViT-B/32, with random weights, with torch: 200 pictures and 500 texts of many scripts.
// CINEDEX_TEST_PYTHON names a Python with torch, clip-anytorch, pillow before 13, regex and ftfy; CINEDEX_CLIP_PARITY names a folder that clip.py
// has filled before, in place of a Python.
func TestFigureParity(t *testing.T) {
	figure.Begin(t, "clip/parity")
	dir := os.Getenv("CINEDEX_CLIP_PARITY")
	if dir == "" {
		python := os.Getenv("CINEDEX_TEST_PYTHON")
		if python == "" {
			t.Skip("lacks CINEDEX_TEST_PYTHON, a Python with torch")
		}
		dir = t.TempDir()
		if b, err := exec.CommandContext(t.Context(), python, filepath.Join("..", "testdata", "clip.py"), "full", dir).CombinedOutput(); err != nil {
			t.Fatalf("running torch: %v: %s", err, b)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	m := Published()[0]
	folder := t.TempDir()
	m.Image.File, m.Text.File, m.Text.Tokenizer, m.Text.Template = filepath.Join(folder, "image.onnx"), filepath.Join(folder, "text.onnx"), required(t, "clip-vocabulary"), ""
	must(convert.ClipImage(filepath.Join(dir, "ViT-B-32.pt"), m.Image.File))
	must(convert.ClipText(filepath.Join(dir, "ViT-B-32.pt"), m.Text.File))
	model, err := open(openCache(t), m, func(file string) (string, error) { return file, nil }, 0)
	must(err)
	defer model.Close()
	pictures, texts := readVectors(t, filepath.Join(dir, "pictures.f32"), m.Dimension), readVectors(t, filepath.Join(dir, "texts.f32"), m.Dimension)
	worstPicture, worstText, tokens := 1.0, 1.0, 0
	for i, want := range pictures {
		f, err := os.Open(filepath.Join(dir, fmt.Sprintf("%03d.png", i)))
		must(err)
		img, err := png.Decode(f)
		must(err)
		must(f.Close())
		v, err := model.Picture(context.Background(), img)
		must(err)
		worstPicture = min(worstPicture, cosine(v, want))
	}
	var asked []struct {
		Text   string
		Tokens []int64
	}
	b, err := os.ReadFile(filepath.Join(dir, "texts.json"))
	must(err)
	must(json.Unmarshal(b, &asked))
	for i, want := range texts {
		if slices.Equal(model.words.Encode(asked[i].Text, m.Text.Tokens), asked[i].Tokens) {
			tokens++
		}
		v, err := model.Words(context.Background(), asked[i].Text)
		must(err)
		worstText = min(worstText, cosine(v, want))
	}
	figure.Report(t, true, figure.Result{Name: "clip/parity",
		Claim:    "a CLIP of the size of ViT-B/32 with random weights, saved as the published file is, converted in Go: vectors of 200 pictures and 500 texts as torch's, cosine ≥ 0.9999",
		Measured: fmt.Sprintf("least cosine of %d pictures %.7f, of %d texts %.7f; tokens equal for %d of %d texts", len(pictures), worstPicture, len(texts), worstText, tokens, len(texts)),
		Pass:     worstPicture >= 0.9999 && worstText >= 0.9999 && len(pictures) == 200 && len(texts) == 500})
}

func readVectors(t *testing.T, path string, dimension int) (out [][]float32) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(b) >= 4*dimension {
		v := make([]float32, dimension)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		}
		out, b = append(out, v), b[4*dimension:]
	}
	return out
}
