package pictures

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Encoders implements encode.Provider. Words are placed in the space from their vector among sentences. A still and a frame
// of a video take the same way.
func (a *Algorithm) Encoders() []encode.Offer {
	return []encode.Offer{
		{Space: Space, Takes: []encode.Kind{encode.Words}, Encoder: placedWords{a}},
		{Space: Space, Takes: []encode.Kind{encode.Still, encode.Frame}, Encoder: encode.Func{Run: a.encodePicture, Price: func(encode.Input) float64 { return pictureCost }}},
	}
}

// pictureCost bounds the milliseconds of one processor that describing a picture takes.
const pictureCost = 40

func (a *Algorithm) encodePicture(ctx context.Context, in encode.Input) ([]float32, error) {
	model, err := a.model.Get()
	if err != nil {
		return nil, err
	}
	h, err := a.head.Get()
	if err != nil {
		return nil, err
	}
	d, err := model.Describe(ctx, efficientnet.Square(in.Picture))
	if err != nil {
		return nil, err
	}
	return h.Vector(d.Feature), nil
}

// placedWords encodes words by way of the space of sentences.
type placedWords struct{ a *Algorithm }

// Encode implements encode.Encoder.
func (p placedWords) Encode(ctx context.Context, in encode.Input) ([]float32, error) {
	w, err := p.a.words.Get()
	if err != nil {
		return nil, err
	}
	return w.Vector(ctx, in.Words)
}

// Cost implements encode.Encoder.
func (p placedWords) Cost(in encode.Input) float64 { return e5.Cost(in.Words) + englishCost }

// englishCost bounds the milliseconds of one processor that the English sentence model takes.
const englishCost = 10

// From implements encode.Placer.
func (p placedWords) From() string { return schema.SpaceID(sentences.Space) }

// Place implements encode.Placer.
func (p placedWords) Place(ctx context.Context, words string, vector []float32) ([]float32, error) {
	w, err := p.a.words.Get()
	if err != nil {
		return nil, err
	}
	return w.Place(ctx, words, vector)
}
