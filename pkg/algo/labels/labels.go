// Package labels is the algorithm that names what is seen in each shot, in English, by
// the thousand classes of ImageNet: animals, plants, food, vehicles, clothes, tools, places.
//
// It looks at no frames: pictures has asked the classifier already, and this reads its answers.
package labels

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// least is the probability below which the classifier is guessing: on Big Buck Bunny, about half of
	// what it says above this is so, and hardly anything below.
	least = 0.2
	// most is how many labels a shot gets.
	most = 3
)

// leastPooled is the mean probability over a shot's frames below which pooled labels are left out. Lower than least,
// since a thing need not be in sight all along; high enough that one frame's guess in a long shot is not enough.
const leastPooled = 0.1

// Algorithm is the algorithm "labels".
type Algorithm struct {
	spec   *pb.AlgorithmSpec
	pooled bool
}

// Versions returns the versions of the algorithm, the current one first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{New(), NewPooled()} }

// New returns version 1: a shot shows what its best frame shows.
func New() Algorithm {
	return Algorithm{spec: describe("1", "What is seen in each shot, by name")}
}

// NewPooled returns version 2: a shot shows what its frames show together, so that a
// single frame in which the classifier was sure of something wrong does not name the shot.
func NewPooled() Algorithm {
	return Algorithm{spec: describe("2", "What is seen in each shot, by name, over all of its frames"), pooled: true}
}

func describe(version, summary string) *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{
		Name: "labels", Version: version, Summary: summary,
		Needs: []string{schema.SpaceID(pictures.Space)},
		Kinds: []string{schema.KindLabel},
		KindSpecs: []*pb.KindSpec{{
			Kind:  schema.KindLabel,
			Shown: &pb.Shown{Label: "Label", Hint: "What is seen, by name", Lane: "labels", Icon: "tag"},
		}},
		Leaves: []*pb.LeafSpec{{
			Name: "label", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "butterfly",
		}},
		Answers: []*pb.AnswerSpec{{
			Leaves: []string{"label", "like_text"}, Bare: true, By: "words",
			Kind: schema.KindLabel, Field: pb.AnswerField_ANSWER_FIELD_LABEL,
		}},
	}
}

// Spec implements algo.Algorithm.
func (a Algorithm) Spec() *pb.AlgorithmSpec { return a.spec }

// shot gathers what is seen in the frames of one shot, which come one after the other.
type shot struct {
	of   string
	when schema.Interval
	best map[string]float64 // by name: of the best frame, or the sum over all
	// frames that were seen of it.
	frames int
}

// Annotate implements algo.Algorithm.
func (a Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	var s shot
	for e, err := range in.Embeddings(ctx, schema.SpaceID(pictures.Space)) {
		if err != nil {
			return err
		}
		if e.GetOf() != s.of {
			if err := s.write(ctx, out, a.pooled); err != nil {
				return err
			}
			s = shot{of: e.GetOf(), best: make(map[string]float64)}
		}
		s.when = s.when.Hull(schema.IntervalOf(e))
		classes, err := pictures.Classes(e)
		if err != nil {
			return err
		}
		for _, c := range classes {
			if a.pooled {
				s.best[c.Name] += c.Probability
			} else {
				s.best[c.Name] = max(s.best[c.Name], c.Probability)
			}
		}
		s.frames++
	}
	return s.write(ctx, out, a.pooled)
}

func (s *shot) write(ctx context.Context, out algo.Output, pooled bool) error {
	enough := least
	if pooled {
		enough = leastPooled
		for name := range s.best {
			s.best[name] /= float64(s.frames)
		}
	}
	classes := slices.SortedFunc(maps.Keys(s.best), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.best[b], s.best[a]), cmp.Compare(a, b))
	})
	for _, c := range classes[:min(len(classes), most)] {
		if s.best[c] < enough {
			break
		}
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: schema.KindLabel, Label: c, Language: "en", Confidence: float32(s.best[c]),
			Start: int64(s.when.Start), End: int64(s.when.End),
			Attributes: algo.Attributes{"shot": algo.Text(s.of)},
		})
		if err != nil {
			return fmt.Errorf("labelling the shot at %s: %w", s.when, err)
		}
	}
	return nil
}
