// Package credits is the algorithm that finds the credits of a film: many lines of text that roll, or that stand over a dark picture. The lines are
// those of the algorithm screentext, and the brightness is that of the algorithm palette.
//
// The contract of an annotation:
//
//   - Kind "credits": a stretch of at least four seconds and six lines, without a pause of more than four seconds. The label is "opening credits" for a
//     stretch that ends in the first fifth of the film, "closing credits" for a stretch that ends in the last fifth, and "credits" otherwise.
//   - Lines roll if some begin every second and a half or sooner. Lines that stand count only where the picture is dark, so that a page of a newspaper and a
//     street of signs are no credits.
//   - Attributes: "rolling" is true for lines that roll, and "lines" is the number of lines.
package credits
