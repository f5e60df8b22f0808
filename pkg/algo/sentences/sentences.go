// Package sentences is the algorithm that gives each line of dialogue a vector of
// its meaning, in the space e5-small@1, in which lines of some ninety languages that mean the same lie close together.
//
// Each line stands for itself: vectors over windows of neighbouring lines find the same moment in
// another language less often.
package sentences

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Space is where the vectors are compared.
var Space = &pb.Space{Name: "e5-small", Version: "1", Dimension: e5.Dim, Metric: "cosine", Encoders: []string{"text"}}

// Algorithm is the algorithm "sentences".
type Algorithm struct{ model algo.Model[*e5.Model] }

// New returns the algorithm; the model is opened when it is first needed.
func New(model algo.Model[*e5.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "sentences", Version: "1", Summary: "What lines of dialogue mean, across languages",
	Needs:  []string{schema.KindDialogue},
	Spaces: []*pb.Space{Space},
	Models: []string{"e5-engine", "e5-engine-libgomp", "e5-model"},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// atOnce is how many lines are under way; the model itself runs as many as there are processors.
const atOnce = 8

// line is one line of dialogue on its way: its vector is sent when it is known, nil where the line has no words.
type line struct {
	*pb.Annotation
	vector chan []float32
}

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	lines := make(chan line, atOnce) // in order
	g.Go(func() error {
		defer close(lines)
		for d, err := range in.Annotations(ctx, schema.KindDialogue) {
			if err != nil {
				return err
			}
			l := line{d, make(chan []float32, 1)}
			select {
			case lines <- l:
			case <-ctx.Done():
				return ctx.Err()
			}
			g.Go(func() error {
				v, err := model.Passage(ctx, d.GetText())
				if err != nil && !errkind.Is(err, errkind.Invalid) {
					return fmt.Errorf("embedding line %d: %w", d.GetOrdinal(), err)
				}
				l.vector <- v
				return nil
			})
		}
		return nil
	})
	g.Go(func() error {
		done := int64(0)
		for l := range lines {
			var v []float32
			select {
			case v = <-l.vector:
			case <-ctx.Done():
				return ctx.Err()
			}
			if done++; v == nil {
				continue
			}
			err := out.Embedding(ctx, &pb.Embedding{
				Space: schema.SpaceID(Space), Vector: v, Start: l.GetStart(), End: l.GetEnd(),
				Of:   schema.ItemID(l.GetRun(), l.GetOrdinal()),
				Kind: schema.KindDialogue, Language: l.GetLanguage(), Character: l.GetCharacter(),
			})
			if err != nil {
				return err
			}
			out.Progress(done, 0)
		}
		return nil
	})
	return g.Wait()
}
