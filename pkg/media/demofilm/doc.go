// Package demofilm draws the film of the demo, "The Harbour", and tells everything that the film shows and says.
//
//   - Write MUST make the same pictures on every machine. The voices are espeak-ng's, and differ between its versions.
//   - TruthOf MUST tell the shots, the lines, the signs and the faces of each frame without drawing.
//   - The film is drawn by the code of this package alone: no picture, sound or text of somebody else is in the film, but the letters of the
//     Go fonts.
package demofilm
