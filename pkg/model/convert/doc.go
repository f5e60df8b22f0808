// Package convert turns published PyTorch checkpoints into ONNX graphs, in Go, so that users need no Python. Package fetch runs a conversion when the
// cache is filled. The same checkpoint gives the same bytes, whose digest the manifest pins.
//
// The contract:
//
//   - [TransNet] and [EfficientNet] write a model; [EfficientNetHead] writes the last layer of EfficientNet-Lite2. [ClipImage] and [ClipText] write the
//     two sides of a CLIP; [GE2E] the network that tells voices apart.
//   - Numbers of 16 bits stay numbers of 16 bits in the file, and are computed with as float32.
//   - A checkpoint that cannot be read, or lacks a tensor, is an error of kind Invalid.
//
// A checkpoint holds tensors by name, and not the architecture. The architectures are written out after the papers and the published code, a file
// each, such as transnet.go, efficientnet.go and clip.go. checkpoint.go and script.go read the tensors, graph.go writes the graph.
package convert
