// Package tiles computes TransNet V2 with the matrix units of recent processors of Intel (AMX), for package transnet. The unit multiplies tiles of
// bfloat16, eight times as fast as the vector units multiply float32.
//
// A bfloat16 has 8 of the 24 binary digits of a float32. Package tiles therefore splits every weight and every value into two bfloat16, and adds three of
// the four products. The result has 16 digits: the probabilities differ from those of the float32 network by less than 1e-4, and a boundary does not
// depend on the processor.
//
// The contract:
//
//   - [Available] says whether the processor and the system have the unit. Without the unit, callers use ONNX Runtime.
//   - A [Network] holds the weights. Any number of goroutines MAY share a Network.
//   - A [Lane] computes one window at a time, in the goroutine of the caller, and on one processor.
//   - The caller MUST close every Lane before the Network.
//
// The layers are written in C, because Go's assembler has no instructions for tiles. A chunk of eight frames goes through all layers before the next chunk
// begins, so that most of the data stay in the caches.
package tiles
