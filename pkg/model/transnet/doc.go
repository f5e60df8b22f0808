// Package transnet finds shot boundaries with TransNet V2 (Souček and Lokoč,
// arXiv:2008.04838): it gives every frame of a film the probability that a shot
// changes there.
//
// Frames go in one by one as they are decoded and probabilities come out fifty at a
// time; memory does not grow with the film. What comes out is what the published
// Python code computes with the same weights, which testdata/parity.py checks.
package transnet
