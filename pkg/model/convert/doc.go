// Package convert turns published PyTorch checkpoints into ONNX graphs, in Go, so that users need no Python. Package fetch runs a conversion when the
// cache is filled. The same checkpoint gives the same bytes, whose digest the manifest pins.
//
// The contract:
//
//   - [TransNet] and [EfficientNet] write a model; [EfficientNetHead] writes the last layer of EfficientNet-Lite2.
//   - A checkpoint that cannot be read, or lacks a tensor, is an error of kind Invalid.
//
// A checkpoint holds tensors by name, and not the architecture. The architectures are written out after the papers and the published code, a file
// each: transnet.go and efficientnet.go. checkpoint.go reads the tensors, graph.go writes the graph.
package convert
