package minilm

import (
	"context"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/model/tokenizer"
)

const (
	// Dim is the length of a vector.
	Dim = 384
	// MaxTokens is the number of tokens that are read of a text, as the tokenizer was published.
	MaxTokens = 128
)

// Model is the loaded model.
type Model struct {
	session *onnx.Session
	words   *tokenizer.File
}

// Open loads the model from the cache.
func Open(cache model.Cache) (*Model, error) {
	path, err := cache.Require("minilm-tokenizer")
	if err != nil {
		return nil, err
	}
	words, err := tokenizer.OpenFile(path)
	if err != nil {
		return nil, err
	}
	// A sentence takes few milliseconds, and one processor gives the same bits on every machine.
	s, err := onnx.Open(cache, "minilm-model", []string{"input_ids", "attention_mask", "token_type_ids"}, []string{"last_hidden_state"}, 1)
	if err != nil {
		return nil, err
	}
	return &Model{s, words}, nil
}

// Close frees the model, after running calls have ended.
func (m *Model) Close() error { return m.session.Close() }

// Vector returns the vector of a text.
func (m *Model) Vector(ctx context.Context, text string) ([]float32, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errkind.New(errkind.Invalid, "the text has no words")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tokens := m.words.Encode(text, MaxTokens)
	n := int64(len(tokens))
	call, err := m.session.NewMixedCall(3, []int64{1, n}, []int64{1, n}, []int64{1, n}, []int64{1, n, Dim})
	if err != nil {
		return nil, err
	}
	defer call.Close()
	for i, t := range tokens {
		call.Ints(0)[i], call.Ints(1)[i] = t, 1
	}
	if err := call.Run(ctx); err != nil {
		return nil, err
	}
	// The vector of a sentence is the mean of the vectors of the tokens.
	sum := make([]float64, Dim)
	for i, v := range call.Out(0) {
		sum[i%Dim] += float64(v)
	}
	var squares float64
	for _, v := range sum {
		squares += v * v
	}
	out := make([]float32, Dim)
	for i, v := range sum {
		out[i] = float32(v / math.Sqrt(squares))
	}
	return out, nil
}

// Known reports whether a word is one token: a frequent word of English.
func (m *Model) Known(word string) bool {
	return len(m.words.Encode(word, MaxTokens)) == 3
}
