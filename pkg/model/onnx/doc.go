// Package onnx runs ONNX models. It is the only importer of onnxruntime_go, and
// knows nothing of what the models mean.
//
// A Session holds a model's weights and may be shared by any number of goroutines.
// A Call holds the arrays of one caller at a time, and reuses them from one run to
// the next.
//
// With the same number of threads, the same input gives the same output, bit for
// bit, on the same kind of processor.
package onnx
