// Package e5 turns sentences of some ninety languages into vectors of length 1, for the algorithm sentences and for searches by meaning. Sentences
// with the same meaning get close vectors in all languages. The model is multilingual-e5-small (Wang et al., arXiv:2402.05672) at four bits a weight.
//
// The contract:
//
//   - [Model.Query] is for the words of a search, and [Model.Passage] for searchable text. A query is compared with passages.
//   - A Model is safe for concurrent use. Close waits for running calls.
//   - A text without words is an error of kind Invalid. A processor without AVX2 and FMA is an error of kind Unavailable.
//   - A small C library, loaded without cgo, runs the model. The library trusts its input, and the package does not: every text is brought into a
//     form that the library handles, or refused.
package e5
