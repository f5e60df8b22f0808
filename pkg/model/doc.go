// Package model knows every file that Cinedex needs but does not hold in its
// source: the weights of its models, the runtime that executes them, ffmpeg for
// machines that lack it, and the media of the demo and the benchmarks.
//
// Each is an Artefact: which file of which public package it is, its size and
// sha256, its licence and whom to credit. Cache says where they lie on this
// machine. The package only ever reads that folder. Filling it is the business of
// its child fetch, which services do not import: a model that is missing while
// serving is an error that names the command to run, never a download.
//
// The children turn the files into functions:
//
//	onnx          sessions of ONNX Runtime; the only importer of onnxruntime_go
//	convert       reads PyTorch checkpoints and writes ONNX graphs, without Python
//	transnet      shot boundaries: frames in, a probability for each frame out
//	efficientnet  a picture's feature vector and its ImageNet labels
//	e5            sentences of some ninety languages as vectors
//	picture       the space efficientnet-lite2@1, where pictures and words meet
//	fetch         downloads, checks, unpacks and prepares artefacts
package model
