package clip

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"image"
	"image/color"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/convert"
)

func openCache(t testing.TB) model.Cache {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func required(t testing.TB, id string) string {
	t.Helper()
	path, err := openCache(t).Require(id)
	if errkind.Of(err) == errkind.NotFound && os.Getenv("CINEDEX_REQUIRE_ALL") == "" {
		t.Skip("lacking a file: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tinyManifest describes the tiny model of ../testdata/clip.py.
//
//go:embed testdata/manifest.yaml
var tinyManifest string

// tinyFolder converts the tiny checkpoint into a folder with a manifest.
func tinyFolder(t testing.TB, manifest string) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	packed, err := os.Open(filepath.Join("testdata", "tiny.pt.gz"))
	must(err)
	defer packed.Close()
	z, err := gzip.NewReader(packed)
	must(err)
	raw, err := io.ReadAll(z)
	must(err)
	checkpoint := filepath.Join(dir, "tiny.pt")
	must(os.WriteFile(checkpoint, raw, 0o644))
	must(convert.ClipImage(checkpoint, filepath.Join(dir, "image.onnx")))
	must(convert.ClipText(checkpoint, filepath.Join(dir, "text.onnx")))
	must(os.Symlink(required(t, "clip-vocabulary"), filepath.Join(dir, "merges.txt.gz")))
	must(os.WriteFile(filepath.Join(dir, manifestFile), []byte(manifest), 0o644))
	return dir
}

// drawn is the picture of the same number in ../testdata/clip.py.
func drawn(i, width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			var rgb [3]uint8
			for c := range 3 {
				wave := (x*(i+3+c) + y*(2*i+5)) % 256
				block := ((x/(7+i%5) + y/(11+c)) % 2) * 120
				noise := ((x*7919 + y*104729 + (i+c)*1299709) * 2654435761 % 4294967296) >> 27
				rgb[c] = uint8((wave + block + noise) / 2 % 256)
			}
			img.SetNRGBA(x, y, color.NRGBA{rgb[0], rgb[1], rgb[2], 255})
		}
	}
	return img
}

func cosine(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// A CLIP with random weights, saved as the published CLIPs are saved and converted in Go, has the vectors of torch; prepared pictures have the bytes
// of Pillow. The figure clip/parity compares a model of the size of ViT-B/32.
func TestGolden(t *testing.T) {
	m, err := OpenFolder(openCache(t), tinyFolder(t, tinyManifest), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var golden struct {
		Pictures []struct {
			Width, Height int
			SHA256        string
			SHA256At224   string `json:"sha256_224"`
			Vector        []float32
		}
		Texts []struct {
			Text   string
			Vector []float32
		}
	}
	b, err := os.ReadFile(filepath.Join("testdata", "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &golden); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for i, p := range golden.Pictures {
		img := drawn(i, p.Width, p.Height)
		for side, want := range map[int]string{64: p.SHA256, 224: p.SHA256At224} {
			im := Image{Side: side, Fit: fitCrop, Filter: Bicubic}
			sum := sha256.Sum256(im.Filter.resize(img, im.window(p.Width, p.Height)))
			if got := hex.EncodeToString(sum[:]); got != want {
				t.Errorf("%d x %d prepared for %d is not Pillow's", p.Width, p.Height, side)
			}
		}
		v, err := m.Picture(ctx, img)
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(v, p.Vector); c < 0.9999 {
			t.Errorf("picture %d: cosine %v", i, c)
		}
	}
	for _, x := range golden.Texts {
		v, err := m.Words(ctx, x.Text)
		if err != nil {
			t.Fatal(err)
		}
		if c := cosine(v, x.Vector); c < 0.9999 {
			t.Errorf("%q: cosine %v", x.Text, c)
		}
	}
	if _, err := m.Words(ctx, " \n"); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no words: %v", err)
	}
	if _, err := m.Picture(ctx, image.NewRGBA(image.Rect(0, 0, 0, 9))); errkind.Of(err) != errkind.Invalid {
		t.Errorf("no pixels: %v", err)
	}
}

// A picture of an odd shape is prepared from its middle, and takes no more memory than its middle.
func TestOddShapes(t *testing.T) {
	m, err := OpenFolder(openCache(t), tinyFolder(t, tinyManifest), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, size := range [][2]int{{1, 1}, {1, 20000}, {20000, 1}, {3, 2}, {4000, 30}} {
		if _, err := m.Picture(context.Background(), image.NewGray(image.Rect(-5, 7, size[0]-5, size[1]+7))); err != nil && errkind.Of(err) != errkind.Internal {
			t.Errorf("%v: %v", size, err)
		}
	}
}

func TestManifest(t *testing.T) {
	dir := tinyFolder(t, tinyManifest)
	for says, change := range map[string][2]string{
		"name":                {"name: tiny", "name: Tiny Model"},
		"version":             {`version: "1"`, "version: ''"},
		"dimension":           {"dimension: 24", "dimension: 1"},
		"image.side":          {"side: 64", "side: 100000"},
		"image.fit":           {"fit: crop", "fit: stretch"},
		"image.filter":        {"filter: bicubic", "filter: lanczos"},
		"image.std":           {"std: [0.26862954", "std: [0"},
		"text.tokens":         {"tokens: 77", "tokens: 1"},
		"image.file":          {"file: image.onnx", "file: ../image.onnx"},
		"image.input":         {"input: x", "input: ''"},
		"cannot be read":      {"file: text.onnx", "file: words.onnx"},
		"field colour not":    {"dimension: 24", "dimension: 24\ncolour: red"},
		"words":               {"slope: 10}\npictures", "slope: -1}\npictures"},
		"mapping values are":  {"dimension: 24", "dimension: : 24"},
		"models-and-media.md": {"", ""},
	} {
		path := filepath.Join(dir, manifestFile)
		err := os.WriteFile(path, []byte(strings.Replace(tinyManifest, change[0], change[1], 1)), 0o644)
		if says == "models-and-media.md" {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFolder(dir); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	for _, m := range Published() {
		if err := m.validate(); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
}

// A file that is not a whole checkpoint is an error, and no panic.
func TestDamagedCheckpoint(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join(tinyFolder(t, tinyManifest), "tiny.pt"))
	if err != nil {
		t.Fatal(err)
	}
	zipped := func(files map[string]string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, content := range files {
			w, err := z.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, content); err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, raw := range map[string][]byte{
		"cut short":            whole[:len(whole)/2],
		"empty":                {},
		"no data":              zipped(map[string]string{"a/constants.pkl": ""}),
		"a number":             zipped(map[string]string{"a/constants.pkl": "", "a/data.pkl": "\x80\x02K\x07."}),
		"no module":            zipped(map[string]string{"a/constants.pkl": "", "a/data.pkl": "\x80\x02cos\nsystem\n."}),
		"no storage":           zipped(map[string]string{"a/constants.pkl": "", "a/data.pkl": "\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ."}),
		"an empty storage":     zipped(map[string]string{"a/constants.pkl": "", "a/data/0": "", "a/data.pkl": "\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ."}),
		"modules of something": zipped(map[string]string{"a/constants.pkl": "", "a/data.pkl": "\x80\x02c__torch__\nNet\n)\x81}b."}),
	} {
		file := filepath.Join(t.TempDir(), "x.pt")
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := convert.ClipText(file, file+".onnx"); errkind.Of(err) != errkind.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}
