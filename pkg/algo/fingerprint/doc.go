// Package fingerprint is the algorithm that finds the same footage again: in another title, in a trailer, in another cut of a film. The copy may be
// encoded anew, made smaller, cropped, given bars, graded, made brown or grey, and written over. The algorithm needs no model.
//
// A fingerprint describes where the edges of a picture are and which way the edges run: oriented gradients in 6 x 6 cells (Dalal and Triggs, CVPR
// 2005), and the brightness of the cells against each other. A cell counts by its directions alone, so light, contrast and colour of the whole picture
// change little, and a title spoils only the cells that the title covers. Bars are cut away first. A frame has a fingerprint for the whole picture
// and a fingerprint for each part that a cropped copy would keep.
//
// The contract of an embedding:
//
//   - Space: fingerprint@1, cosine.
//   - Interval: the part of the shot that the fingerprint stands for. Frames similar to the frame before in the same shot have no fingerprint.
//   - Attribute "frame": the number of the described frame.
//   - A frame without edges (black, a plain colour) has no fingerprint: such frames are the same in every film.
//   - A similarity of the calibration's Same and above means the same footage. A lower similarity above the cut-off means a similar shot, often of
//     the same camera position.
//
// A mirrored copy is not found.
package fingerprint
