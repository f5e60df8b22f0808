// Package omnivad says for each hundredth of a second of a sound whether somebody speaks, whether somebody sings, and whether music plays. The model is
// OmniVAD's detector of events, a network of some 600,000 weights after FireRedVAD, for any language. The algorithm sounds uses the package.
//
// The contract:
//
//   - A [Stream] gets the samples of a track in blocks of any size, and returns the probabilities of a frame after another. The probabilities equal
//     those of the whole track in a single call: frames are judged in windows that hold all the context that the model looks at.
//   - A Stream holds half a minute of sound, and is for a single goroutine. A [Model] is safe for concurrent use.
//   - A small C library, loaded without cgo, runs the model.
package omnivad
