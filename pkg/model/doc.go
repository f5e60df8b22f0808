// Package model describes every required file outside Cinedex's source: the weights of the models, the runtime of the models,
// ffmpeg for machines without ffmpeg, and the media of the demo and the benchmarks. Services ask the package for the path of a file, and the
// command `cinedex models` lists and fetches files. The package guarantees that a file is the pinned file, and that nothing is downloaded while
// serving.
//
// The contract:
//
//   - An [Artefact] names the file, the public package of the file, the size, the sha256, the licence, and the people to credit.
//   - A [Cache] returns the path of a file on this machine. A missing file is an error of kind NotFound that names the command to run.
//   - The package only reads the cache's folder. The child package fetch fills the folder; services do not import fetch.
//   - A Cache is safe for concurrent use, also by several processes.
//
// The children turn the files into functions:
//
//	onnx          sessions of ONNX Runtime; the only importer of onnxruntime_go
//	convert       reads PyTorch checkpoints and writes ONNX graphs, without Python
//	transnet      shot boundaries: frames in, a probability for each frame out
//	efficientnet  a picture's feature vector and its ImageNet labels
//	e5            sentences of some ninety languages as vectors
//	minilm        English sentences as vectors
//	clip          models of pictures and words: CLIP, and folders with a manifest
//	tokenizer     the tokens of a text
//	picture       the space efficientnet-lite2@1, where pictures and words meet
//	fetch         downloads, checks, unpacks and prepares artefacts
package model
