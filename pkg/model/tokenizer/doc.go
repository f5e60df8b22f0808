// Package tokenizer turns a text into the numbers that a text model reads. Packages minilm and clip use the tokenizers.
//
// The contract:
//
//   - [Clip] is the tokenizer of CLIP, read from the published list of merges.
//   - [File] is a tokenizer read from a tokenizer.json, the format of Hugging Face's tokenizers: models of the types WordPiece, BPE and Unigram (the
//     two models of SentencePiece). A tokenizer.json that needs something else is an error of kind Invalid that names the thing.
//   - A text is cut to so many tokens. The tokens that begin and end a text stay.
//   - The same text gives the same tokens as the Python packages. The tests hold texts of many scripts to the tokens of the Python packages.
//   - At most [MaxRunes] characters of a text are read, so the time is bounded. Any string is a text.
//   - A tokenizer is safe for concurrent use.
package tokenizer
