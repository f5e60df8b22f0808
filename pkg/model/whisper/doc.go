// Package whisper writes down speech: whisper-base (Radford et al., arXiv:2212.04356), a model of a hundred languages, on ONNX Runtime. The algorithm
// transcript uses the package.
//
// The contract:
//
//   - [Model.Transcribe] takes some windows of 30 s at most, and writes all of them at the same time: most of the time of a decoder is the reading of
//     its weights, which are read once for all windows.
//   - Tokens are chosen greedily, as by openai/whisper at temperature 0 without timestamps, and no window sees the text of another. A text that runs
//     in circles is cut after the first round.
//   - Words have times: the decoder's attention to the sound is aligned with the tokens, as openai/whisper does for word timestamps.
//   - The same windows give the same transcripts, to the bit. A Model is safe for concurrent use.
package whisper
