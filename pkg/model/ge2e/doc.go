// Package ge2e describes voices by vectors: the voice encoder of Resemblyzer, after GE2E (Wan et al., arXiv:1710.10467), on ONNX Runtime. Vectors of a
// voice are alike whatever is said in whatever language. The algorithm speakers uses the package.
//
// The contract:
//
//   - The sound is speech at 16 kHz, from -1 to 1, of one voice, without long pauses. [Loud] makes quiet speech as loud as the network was taught.
//   - [Spectrogram] gives the frames of the sound, 10 ms apart, and [Model.Vectors] a vector for each window of [Frames] frames, which are 1.6 s.
//   - Vectors have length 1, and no negative numbers. A window of silence MAY have the zero vector.
//   - The same windows in the same call give the same vectors, to the bit. A Model is safe for concurrent use.
package ge2e
