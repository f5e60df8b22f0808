package algo

import (
	"context"
	"image"
)

// An Encoder turns what somebody asks with into a vector of one space. It comes from
// the same models as the algorithm that fills the space. Either function may be nil:
// a space need not take words, or pictures.
type Encoder struct {
	Text    func(ctx context.Context, text string) ([]float32, error)
	Picture func(ctx context.Context, img image.Image) ([]float32, error)
}
