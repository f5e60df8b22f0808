// Package encode is the contract of encoders. An [Encoder] turns words, a picture, a frame or sound into a vector of one
// space; the gateway asks engines with the vector. The vector is fit for its own space and for no other.
//
// Encoders come from where a space is written: an algorithm with a space is a [Provider] of the encoders, since both
// share a model. A process collects the offers in a [Set]. Package encodetest holds every encoder to the contract.
//
// # The contract
//
// An implementation of Encoder:
//
//   - MUST return a vector of the space's dimension, of finite numbers; in a space of metric cosine, of length 1.
//   - MUST return equal vectors for equal inputs, to the last bit.
//   - MUST return soon after the context has ended, with an error of kind Cancelled.
//   - MUST allow concurrent calls.
//   - MUST NOT keep or change the input.
//   - MAY open a model at its first call.
//   - MAY take one kind of input or several. A still and a frame of a video MAY have different encoders.
//
// # Errors
//
//   - Invalid: nothing can be encoded from this input, and trying again changes nothing.
//   - Unavailable: the model cannot be opened, or does not answer, now.
//   - Cancelled: the context ended.
package encode
