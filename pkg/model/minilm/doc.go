// Package minilm turns English sentences into vectors of meaning: all-MiniLM-L6-v2 with weights of 8 bits. Package picture places English words among
// pictures from the vectors.
//
// The contract:
//
//   - A vector has [Dim] numbers and length 1. The cosine of two vectors tells how near two sentences are in meaning.
//   - At most [MaxTokens] tokens of a text are read. A text of another language has a vector without meaning.
//   - The same text gives the same vector, to the last bit. A [Model] is safe for concurrent use.
package minilm
