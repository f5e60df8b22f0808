package sentences

import (
	"context"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/model/e5"
)

// Encoders implements encode.Provider: words become a question in the space.
func (a *Algorithm) Encoders() []encode.Offer {
	return []encode.Offer{{
		Space: Space, Takes: []encode.Kind{encode.Words},
		Encoder: encode.Func{
			Run: func(ctx context.Context, in encode.Input) ([]float32, error) {
				model, err := a.model.Get()
				if err != nil {
					return nil, err
				}
				return model.Query(ctx, in.Words)
			},
			Price: func(in encode.Input) float64 { return e5.Cost(in.Words) },
		},
	}}
}
