// Package e5 turns sentences of some ninety languages into vectors that lie close
// together when they mean the same: multilingual-e5-small (Wang et al.,
// arXiv:2402.05672) at four bits a weight.
//
// The model is run by a small C library, loaded without cgo. The library trusts its
// input, and this package does not: whatever text is given is brought into a form
// that the library handles, or refused.
package e5
