// Package weather is an algorithm that reads the weather of a film off the lines that speak of it.
package weather

import (
	"context"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

var spec = &pb.AlgorithmSpec{
	Name: "weather", Version: "1", Summary: "The weather that lines speak of",
	Needs: []string{schema.KindDialogue}, Kinds: []string{"weather"},
	KindSpecs: []*pb.KindSpec{{Kind: "weather", Shown: &pb.Shown{Label: "Weather", Hint: "The weather that is spoken of", Lane: "weather", Icon: "cloud"}}},
	Leaves: []*pb.LeafSpec{{
		Name: "weather", Aliases: []string{"sky"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "rain",
		Shown: &pb.Shown{Label: "Weather", Hint: "The weather that is spoken of", Icon: "cloud"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"weather"}, By: "words", Kind: "weather", Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Algorithm is the algorithm "weather".
type Algorithm struct{}

// Versions returns the versions of the algorithm.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for line, err := range in.Annotations(ctx, schema.KindDialogue) {
		if err != nil {
			return err
		}
		for _, word := range []string{"rain", "snow", "storm", "sun"} {
			if !strings.Contains(strings.ToLower(line.GetText()), word) {
				continue
			}
			if _, err := out.Annotation(ctx, &pb.Annotation{Kind: "weather", Label: word, Start: line.GetStart(), End: line.GetEnd(), Confidence: 1}); err != nil {
				return err
			}
		}
	}
	return nil
}
