// Package convert turns published PyTorch checkpoints into ONNX graphs, in Go
// alone: no Python is needed on a user's machine. Package fetch runs it once, when
// the cache is filled.
//
// A checkpoint holds tensors by name and says nothing of how they are applied, so
// the architectures are written out here, one file each, after the papers and the
// published code: transnet.go and efficientnet.go. checkpoint.go reads the tensors,
// graph.go writes the graph.
//
// The same checkpoint gives the same bytes, whose digest the manifest pins.
package convert
