// Package builtin puts together the algorithms that come with Cinedex, the models
// they run on, and the encoders of the spaces that they fill. To add an algorithm,
// make its folder under pkg/algo and add it to the list here.
package builtin

import (
	"context"
	"errors"
	"image"
	"io"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/labels"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/algo/thumbnails"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/picture"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Models are the models that algorithms and encoders share, each opened at its first need.
type Models struct {
	transnet     *algo.Opened[*transnet.Model]
	efficientnet *algo.Opened[*efficientnet.Model]
	sentences    *algo.Opened[*e5.Model]
	head         *algo.Opened[pictures.Head]
	words        *algo.Opened[words]
}

// head and words hold nothing but memory; closing them is nothing.
type head struct{ *picture.Head }
type words struct{ *picture.Words }

func (head) Close() error  { return nil }
func (words) Close() error { return nil }

// Open names the models in the cache. threads bounds the processors that one call of a model uses.
func Open(cache model.Cache, threads int) *Models {
	m := &Models{
		transnet:     algo.Lazily(func() (*transnet.Model, error) { return transnet.Open(cache, threads) }),
		efficientnet: algo.Lazily(func() (*efficientnet.Model, error) { return efficientnet.Open(cache, threads) }),
		sentences:    algo.Lazily(func() (*e5.Model, error) { return e5.Open(cache) }),
		head: algo.Lazily(func() (pictures.Head, error) {
			h, err := picture.OpenHead(cache)
			return head{h}, err
		}),
	}
	m.words = algo.Lazily(func() (words, error) {
		s, err := m.sentences.Get()
		if err != nil {
			return words{}, err
		}
		w, err := picture.OpenWords(cache, s)
		return words{w}, err
	})
	return m
}

// Close frees the models that were opened. Nobody may be using them.
func (m *Models) Close() error {
	var errs []error
	for _, c := range []io.Closer{m.words, m.head, m.sentences, m.efficientnet, m.transnet} {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Algorithms returns every algorithm that comes with Cinedex: the versions that arrivals get, and the candidates that a
// replay may ask for.
func (m *Models) Algorithms() (*algo.Registry, error) {
	current, err := algo.NewRegistry(
		shots.New(m.transnet),
		thumbnails.New(),
		pictures.New(m.efficientnet, m.head),
		labels.New(),
		dialogue.New(),
		sentences.New(m.sentences),
	)
	if err != nil {
		return nil, err
	}
	return current.WithCandidates(labels.NewPooled())
}

// Encoders returns the encoder of each space, by "name@version".
func (m *Models) Encoders() map[string]algo.Encoder {
	return map[string]algo.Encoder{
		schema.SpaceID(sentences.Space): {
			Text: func(ctx context.Context, text string) ([]float32, error) {
				model, err := m.sentences.Get()
				if err != nil {
					return nil, err
				}
				return model.Query(ctx, text)
			},
			Cost: e5.Cost,
		},
		schema.SpaceID(pictures.Space): {
			From: schema.SpaceID(sentences.Space),
			Place: func(vector []float32) ([]float32, error) {
				w, err := m.words.Get()
				if err != nil {
					return nil, err
				}
				return w.Place(vector)
			},
			Cost: e5.Cost,
			Text: func(ctx context.Context, text string) ([]float32, error) {
				w, err := m.words.Get()
				if err != nil {
					return nil, err
				}
				return w.Vector(ctx, text)
			},
			Picture: func(ctx context.Context, img image.Image) ([]float32, error) {
				model, err := m.efficientnet.Get()
				if err != nil {
					return nil, err
				}
				h, err := m.head.Get()
				if err != nil {
					return nil, err
				}
				d, err := model.Describe(ctx, efficientnet.Square(img))
				if err != nil {
					return nil, err
				}
				return h.Vector(d.Feature), nil
			},
		},
	}
}
