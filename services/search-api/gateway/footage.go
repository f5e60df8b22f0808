package gateway

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A picture, a frame or a shot is asked for by what is seen, and the space of what is seen knows less of footage than a space for footage alone, such as
// the fingerprints. A hit that the asking space calls similar is called the same if the footage says so. Where the asset has no vector of footage, or
// nothing encodes the question, the asking space has the last word.

// sameFootage raises the likeness of hits from "similar" to "same". The hits are those of the moments.
func (g *Gateway) sameFootage(ctx context.Context, p *processed, ms []*moment, hits []*pb.Hit) error {
	told := p.footage()
	if told == nil {
		return nil
	}
	questions := map[*part][][]float32{}
	eg, each := errgroup.WithContext(ctx)
	eg.SetLimit(pictureReads)
	for i, h := range hits {
		if h.GetLikeness() != "similar" {
			continue
		}
		var asked [][]float32
		for _, pt := range ms[i].likened(told.space) {
			if _, known := questions[pt]; !known {
				vectors, err := g.question(ctx, p, pt, told.space)
				if err != nil {
					return err
				}
				questions[pt] = vectors
			}
			asked = append(asked, questions[pt]...)
		}
		if len(asked) == 0 {
			continue
		}
		eg.Go(func() error {
			best, err := g.nearestFootage(each, p, ms[i], told.space, asked)
			if err == nil && best >= told.same {
				h.Likeness = "same"
			}
			return err
		})
	}
	return eg.Wait()
}

// footage is the first space for footage alone that tells the same shot; nil where the library has none.
func (p *processed) footage() *telling {
	for _, t := range p.pictures() {
		if !slices.Contains(p.view.Space(t.space).GetEncoders(), "text") {
			return &t
		}
	}
	return nil
}

// likened are the parts that found a moment, and that tell the same shot by another space than the given.
func (m *moment) likened(space string) (out []*part) {
	for _, e := range m.evidence {
		if e.part.same > 0 && e.part.space != space && !slices.Contains(out, e.part) {
			out = append(out, e.part)
		}
	}
	return out
}

// question returns the vectors of footage of what a part asks with; none where the question has none.
func (g *Gateway) question(ctx context.Context, p *processed, pt *part, space string) ([][]float32, error) {
	vectors, err := g.vectorsOf(ctx, p, space, pt.shape, pt.value())
	switch {
	case ctx.Err() != nil:
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	case err != nil: // no encoder, or no vector of the shot yet
		return nil, nil
	}
	return vectors, nil
}

// nearestFootage returns the highest similarity of a moment's vectors of a space.
func (g *Gateway) nearestFootage(ctx context.Context, p *processed, m *moment, space string, asked [][]float32) (best float64, err error) {
	for of, err := range g.vectorsWithin(ctx, p, m, space) {
		if err != nil {
			return 0, fmt.Errorf("reading the footage of a hit: %w", err)
		}
		for _, v := range asked {
			best = max(best, similarity(v, of))
		}
	}
	return best, nil
}
