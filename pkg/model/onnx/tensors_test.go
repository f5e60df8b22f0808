package onnx

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
)

func TestTensors(t *testing.T) {
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.Require("transnetv2")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	tensors, err := Tensors(path)
	if err != nil {
		t.Fatal(err)
	}
	if w := tensors["fc1.weight"]; !slices.Equal(w.Shape, []int{4864, 1024}) || len(w.Data) != 4864*1024 {
		t.Errorf("fc1.weight has the shape %v and %d numbers", w.Shape, len(w.Data))
	}
	if w := tensors["SDDCNN.2.DDCNN.1.Conv3D_8.layers.1.weight"]; !slices.Equal(w.Shape, []int{64, 128, 3, 1, 1}) {
		t.Errorf("a convolution over time has the shape %v", w.Shape)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.onnx")
	if err := os.WriteFile(cut, file[:len(file)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Tensors(cut); errkind.Of(err) != errkind.Invalid {
		t.Errorf("half of a model: %v", err)
	}
	if _, err := Tensors(filepath.Join(t.TempDir(), "none")); errkind.Of(err) != errkind.NotFound {
		t.Errorf("no file: %v", err)
	}
}
