// Package labels is the algorithm that names visible things in each shot, in English, for search by words. The names are the thousand classes of
// ImageNet: animals, plants, food, vehicles, clothes, tools, places. The algorithm reads the classes that the algorithm pictures has stored with its
// vectors, and decodes no frames.
//
// The contract:
//
//   - A shot gets at most three labels, the most probable first, each as an annotation of the shot's interval with the probability as confidence.
//   - Attribute "shot": the identity of the shot.
//   - Version 1 ([New]) uses the best frame of a shot. Version 2 ([NewPooled]) uses the mean over all of the shot's frames.
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
	// least is the probability below which the classifier guesses. On Big Buck Bunny, about half of the labels above are right, and hardly any label
	// below.
	least = 0.2
	// most is the largest number of labels of a shot.
	most = 3
)

// leastPooled is the mean probability over a shot's frames below which pooled labels are left out. leastPooled is lower than least, since a thing may
// be visible in some frames only, and high enough that a guess in a single frame of a long shot does not suffice.
const leastPooled = 0.1

type Algorithm struct {
	spec   *pb.AlgorithmSpec
	pooled bool
}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{New(), NewPooled()} }

// New returns version 1: the best frame names a shot.
func New() Algorithm {
	return Algorithm{spec: describe("1", "What is seen in each shot, by name")}
}

// NewPooled returns version 2: all frames of a shot name the shot together, so that a single wrong frame with a high probability does not.
func NewPooled() Algorithm {
	return Algorithm{spec: describe("2", "What is seen in each shot, by name, over all of its frames"), pooled: true}
}

func describe(version, summary string) *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{
		Name: "labels", Version: version, Summary: summary,
		Needs: []string{schema.SpaceID(pictures.Space)},
		Kinds: []string{schema.KindLabel},
		KindSpecs: []*pb.KindSpec{{
			Kind: schema.KindLabel, LabelLanguage: "en",
			Shown: &pb.Shown{Label: "Label", Hint: "What is seen, by name", Lane: "labels", Icon: "tag", Order: 3},
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

// shot gathers the classes of a shot's frames. The frames of a shot arrive one after another.
type shot struct {
	of       string
	interval schema.Interval
	best     map[string]float64 // by name: the best probability, or the sum
	// frames counts the shot's frames.
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
		s.interval = s.interval.Hull(schema.IntervalOf(e))
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
			Start: int64(s.interval.Start), End: int64(s.interval.End),
			Attributes: algo.Attributes{"shot": algo.Text(s.of)},
		})
		if err != nil {
			return fmt.Errorf("labelling the shot at %s: %w", s.interval, err)
		}
	}
	return nil
}
