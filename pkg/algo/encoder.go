package algo

import (
	"context"
	"image"
)

// An Encoder turns what somebody asks with into a vector of one space. It comes from
// the same models as the algorithm that fills the space. Each function may be nil:
// a space need not take words, or pictures.
type Encoder struct {
	Text    func(ctx context.Context, text string) ([]float32, error)
	Picture func(ctx context.Context, img image.Image) ([]float32, error)
	// Cost is how long Text takes for a text, in milliseconds of one processor and as a rough bound from above. It looks
	// at the text alone, and takes no time itself. Where it is nil, every text costs 1.
	Cost func(text string) float64
	// Place, where it is set, makes of a text's vector in the space From the text's vector in this space, as Text would.
	// It takes no time to speak of.
	Place func(vector []float32) ([]float32, error)
	From  string
}
