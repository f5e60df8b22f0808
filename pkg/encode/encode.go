package encode

import (
	"context"
	"image"
)

// Kind is a kind of input, by its name in Space.encoders.
type Kind string

// The kinds of input.
const (
	Words Kind = "text"
	Still Kind = "picture"
	Frame Kind = "frame" // of a video
	Sound Kind = "sound"
)

// String returns the kind as errors call the input.
func (k Kind) String() string {
	switch k {
	case Words:
		return "words"
	case Still:
		return "pictures"
	case Frame:
		return "frames"
	}
	return string(k)
}

// An Input is the content of a question. The field that belongs to Kind is set, and every other field is zero.
type Input struct {
	Kind    Kind
	Words   string
	Picture image.Image // a Still or a Frame
	Samples *Samples    // a Sound
}

// Samples are sound of one channel.
type Samples struct {
	Rate   int // a second
	Values []float32
}

// An Encoder turns inputs into vectors of one space. The package comment is the contract.
type Encoder interface {
	Encode(ctx context.Context, in Input) ([]float32, error)
	// Cost bounds the milliseconds of one processor that Encode takes for an input. The suite allows eight times the cost, because
	// machines differ. A cost MUST be finite and above 0. Cost reads the input alone, so equal inputs have equal costs. Cost
	// itself takes no time.
	Cost(in Input) float64
}

// A Placer is an encoder of words that can start from the vector of the same words in another space, in place of the words.
type Placer interface {
	Encoder
	// From names the other space, "name@version".
	From() string
	// Place takes some words with their vector in the space From, and returns the vector that Encode returns for the same words.
	// Place costs little compared with Encode. Invalid: the vector has another dimension than the space From.
	Place(ctx context.Context, words string, vector []float32) ([]float32, error)
}

// A Func is an Encoder made of functions.
type Func struct {
	Run func(ctx context.Context, in Input) ([]float32, error)
	// Price is Cost; without it every input costs 1.
	Price func(in Input) float64
}

// Encode implements Encoder.
func (f Func) Encode(ctx context.Context, in Input) ([]float32, error) { return f.Run(ctx, in) }

// Cost implements Encoder.
func (f Func) Cost(in Input) float64 {
	if f.Price == nil {
		return 1
	}
	return f.Price(in)
}
