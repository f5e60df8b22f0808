package tiles

import (
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

func TestWeightsAreMissing(t *testing.T) {
	if !Available() {
		t.Skip("lacking a processor with tiles")
	}
	for name, tensors := range map[string]map[string]onnx.Tensor{
		"no tensor":     nil,
		"another shape": {"SDDCNN.0.DDCNN.0.Conv3D_1.layers.0.weight": {Shape: []int{64, 3, 1, 3, 3}, Data: make([]float32, 64*27)}},
		"too few":       {"SDDCNN.0.DDCNN.0.Conv3D_1.layers.0.weight": {Shape: []int{32, 3, 1, 3, 3}, Data: make([]float32, 5)}},
	} {
		_, err := New(tensors)
		if errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "no tensor SDDCNN.0.DDCNN.0.Conv3D_1.layers.0.weight of the shape [32 3 1 3 3]") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
