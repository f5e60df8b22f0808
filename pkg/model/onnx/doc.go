// Package onnx runs ONNX models for the packages of the single models, and knows no model's meaning. It is the only importer of onnxruntime_go. With
// the same number of threads, the same input gives the same output, bit for bit, on the same type of processor.
//
// The contract:
//
//   - A [Session] holds a model's weights. Any number of goroutines may share a Session.
//   - A [Call] holds the arrays of a single caller at a time, and is reused from run to run.
//   - Callers MUST close every Call. Session.Close waits for running calls; a later Run is an error of kind Unavailable.
//   - A missing model or library is an error of kind NotFound; a damaged model is an error of kind Invalid that names the command to run.
package onnx
