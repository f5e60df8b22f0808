// Package transnet finds shot boundaries with TransNet V2 (Souček and Lokoč, arXiv:2008.04838), for the algorithm shots. Every frame of a film gets
// the probability that a shot changes at the frame. The probabilities equal the output of the published Python code with the same weights, which
// testdata/parity.py checks.
//
// The contract:
//
//   - A [Model] may be shared by any number of detectors.
//   - A [Detector] watches a single film, in a single goroutine. The caller pushes frames one by one, as they are decoded.
//   - Probabilities are returned fifty at a time, in frame order. Memory does not grow with the film.
//   - The caller MUST close the Detector.
package transnet
