// Package mediatest makes films with every frame, scene, shown word and spoken word known. Tests of all packages
// compare their results with the known truth, and the demo shows a film of the package. The same Film gives the same
// frames on every machine; the encoded bytes may differ between versions of ffmpeg.
//
// The contract:
//
//   - [Film.Truth] returns the truth without making the film: the start of each frame, the changes of scene, the lines.
//   - [Film.Write] makes the film and the side-cars.
//   - Every frame carries its number, timecode and milliseconds, as figures for people and as a strip of light and dark cells for programs.
//   - [ReadStamp] reads the strip from any picture of the whole frame. The strip survives H.264 and a thumbnail of 320 x 180.
package mediatest
