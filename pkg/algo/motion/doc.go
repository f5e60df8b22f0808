// Package motion is the algorithm that says how the camera moves: static, pan, tilt, zoom, handheld. The algorithm needs no model.
//
// Between two frames an eighth of a second apart, blocks of the picture are found again nearby, and a shift and a scale of the whole picture are fitted
// to the blocks, so that things that move by themselves do not count (block matching with a robust fit, as in coders of video). A picture without a
// common movement says nothing.
//
// The contract of an annotation:
//
//   - Kind "motion". The label is English: "pan left", "pan right", "tilt up", "tilt down", "zoom in", "zoom out", "static", "handheld". A stretch with
//     two movements has both, "pan right, zoom in".
//   - Interval: the stretch of the shot in which the camera moves so; the shot for "static" and "handheld".
//   - Attributes "pan", "tilt", "zoom": how far, in widths, heights and octaves; right, down and in are positive.
//   - Attribute "shot": the identity of the shot.
//   - The words are those of the camera: in a pan to the right, the picture's content goes to the left.
package motion
