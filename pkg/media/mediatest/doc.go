// Package mediatest makes films of which everything is known: where each frame
// starts, where scenes change and how, which words are shown and spoken when.
//
// Tests of all packages use it as their truth, and the demo shows one of its
// films. Every frame carries its number, its timecode and its milliseconds, as
// figures for people and as a strip of light and dark cells ([ReadStamp]) for
// programs, so that a picture that came out of the other end of the platform
// says by itself which frame it is. The strip survives H.264 and a thumbnail
// of 320 x 180.
//
// The same Film gives the same frames on every machine; what the encoder makes
// of them may differ between versions of ffmpeg.
package mediatest
