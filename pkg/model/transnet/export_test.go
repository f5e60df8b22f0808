package transnet

import (
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

// OpenPublished loads a model file of windows of 100 frames, as the authors' code shows them to the network.
func OpenPublished(cache model.Cache, path string, threads int) (*Model, error) {
	s, err := onnx.OpenFile(cache, "transnetv2 with windows of 100 frames", path, []string{"frames", "hist"}, []string{"single", "many"}, threads)
	if err != nil {
		return nil, err
	}
	return &Model{session: s, lanes: 1, window: 100}, nil
}

// OpenSession loads the model for any processor.
var OpenSession = openSession
