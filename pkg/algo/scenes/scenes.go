package scenes

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "scene"

// Algorithm is the algorithm "scenes".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "scenes", Version: "1", Summary: "Shots grouped into scenes",
	Needs: []string{schema.SpaceID(pictures.Space)},
	Kinds: []string{Kind},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en", Shown: &pb.Shown{Label: "Scene", Hint: "Scenes of the film", Lane: "scenes", Icon: "film", Order: 1},
		Attributes: []*pb.AttributeSpec{{Name: "shots", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many shots the scene has"}},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "scene", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "scene 3",
		Shown: &pb.Shown{Label: "Scene", Hint: "Scenes by number; scene[shots>=10]:scene finds long scenes", Icon: "film"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"scene"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

const (
	// window is the number of shots ahead among which a shot is looked for again.
	window = 8
	// alike is the similarity of two shots that are linked.
	alike = 0.55
	// most is the number of vectors of a shot that are compared.
	most = 4
)

// A shot is a shot's interval and the first vectors.
type shot struct {
	of       string
	interval schema.Interval
	vectors  [][]float32
}

// likeness is the highest similarity of the vectors of two shots.
func (s *shot) likeness(o *shot) float64 {
	best := -1.0
	for _, a := range s.vectors {
		for _, b := range o.vectors {
			var sum float64
			for i := range a {
				sum += float64(a[i]) * float64(b[i])
			}
			best = max(best, sum)
		}
	}
	return best
}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	g := grouping{out: out}
	for e, err := range in.Embeddings(ctx, schema.SpaceID(pictures.Space)) {
		if err != nil {
			return err
		}
		n := len(g.recent)
		if n == 0 || g.recent[n-1].of != e.GetOf() {
			if err := g.settle(ctx); err != nil {
				return err
			}
			g.recent = append(g.recent, &shot{of: e.GetOf(), interval: schema.IntervalOf(e)})
			n = len(g.recent)
		}
		s := g.recent[n-1]
		s.interval = s.interval.Hull(schema.IntervalOf(e))
		if len(s.vectors) < most {
			s.vectors = append(s.vectors, e.GetVector())
		}
	}
	for len(g.recent) > 0 {
		if err := g.first(ctx); err != nil {
			return err
		}
	}
	return g.end(ctx)
}

// A grouping holds the shots whose links are not all known, and the scene so far.
type grouping struct {
	out    algo.Output
	recent []*shot
	scene  schema.Interval
	shots  int
	// reach is how many shots ahead the links of the scene's shots go.
	reach  int
	scenes int
}

// settle takes the first shot when all shots that the first shot may be linked to are known.
func (g *grouping) settle(ctx context.Context) error {
	if len(g.recent) <= window {
		return nil
	}
	return g.first(ctx)
}

// first adds the first of the recent shots to the scene, and ends the scene if no link goes on.
func (g *grouping) first(ctx context.Context) error {
	s := g.recent[0]
	if g.shots == 0 {
		g.scene = s.interval
	}
	g.scene = g.scene.Hull(s.interval)
	g.shots++
	for i := 1; i < len(g.recent) && i <= window; i++ {
		if s.likeness(g.recent[i]) >= alike {
			g.reach = max(g.reach, i)
		}
	}
	g.recent = g.recent[1:]
	if g.reach > 0 {
		g.reach--
		return nil
	}
	return g.end(ctx)
}

// end writes the scene.
func (g *grouping) end(ctx context.Context) error {
	if g.shots == 0 {
		return nil
	}
	g.scenes++
	_, err := g.out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, Label: fmt.Sprintf("scene %d", g.scenes), Language: "en", Confidence: 1,
		Start: int64(g.scene.Start), End: int64(g.scene.End),
		Attributes: algo.Attributes{"shots": algo.Integer(int64(g.shots))},
	})
	g.shots = 0
	return err
}
