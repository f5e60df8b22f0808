// Package transnet finds shot boundaries with TransNet V2 (Souček and Lokoč, arXiv:2008.04838), for the algorithm shots. Every frame of a film gets
// the probability that a shot changes at the frame. The probabilities equal the output of the published network with the same weights, which
// testdata/parity.py checks.
//
// The published code shows the network windows of 100 frames and keeps the middle 50. Package transnet shows windows of 200 frames and keeps the middle 150,
// which takes two thirds of the computation. Windows that lie side by side are computed at the same time where the processor has the matrix units of
// package tiles. ONNX Runtime computes the network elsewhere. The probabilities of both differ by less than 1e-4.
//
// The contract:
//
//   - A [Model] may be shared by any number of detectors.
//   - A [Detector] watches a single film, in a single goroutine. The caller pushes frames one by one, as they are decoded.
//   - Probabilities are returned 150 at a time, or a multiple, in frame order. Memory does not grow with the film.
//   - The caller MUST close the Detector.
package transnet
