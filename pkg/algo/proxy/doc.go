// Package proxy is the algorithm that makes a film playable in browsers: a small film in H.264 and AAC, in pieces. search-api serves the pieces as a
// fragmented MP4.
//
// The contract:
//
//   - Frame n of the proxy shows frame n of the asset: the algorithm encodes the frames of the input, a picture for each frame.
//   - Frame n begins at the time of frame n of the asset, rounded to a tick where the rate is variable. For a constant rate the ticks are exact.
//   - There are no B-frames and no edit lists. Every KeyEvery-th frame is a key picture, and begins a fragment.
//   - A film that browsers play as the film is gets no annotations, and is not decoded.
//   - The sound is the first track. Two mono tracks of one language are left and right.
//
// The annotations are of kind "proxy" and cover the film, a piece each. The attributes:
//
//   - "bucket" and "blob": the reference of the piece, which is whole fragments.
//   - "fragments": the fragments of the piece, as pairs of varints: bytes, and the length in ticks.
//   - The first annotation has "init" (the codecs: see [Codecs]), "width", "height" and "timescale".
package proxy
