// Package black is the algorithm that finds stretches without a picture: black, and colour bars. The algorithm reads every frame, in the small size
// of the algorithm shots, so that the film is not scaled once more.
//
// The contract of an annotation:
//
//   - Kind "black", label "black": frames whose every part is black, at least a fifth of a second of them. The interval is exact to the frame.
//   - Kind "bars", label "colour bars": frames of colour bars, with seven bars (SMPTE) or eight (EBU), at least half a second of them. Attribute
//     "pattern": "SMPTE" or "EBU".
package black
