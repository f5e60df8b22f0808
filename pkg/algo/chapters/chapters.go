package chapters

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The kinds of the algorithm.
const (
	KindChapter     = "chapter"
	KindDescription = "description"
	KindMarker      = "marker"
)

// Algorithm is the algorithm "chapters".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "chapters", Version: "2", Summary: "Chapters, what audio descriptions tell, and markers of editing programs",
	Reads: []string{schema.ReadsText},
	Kinds: []string{KindChapter, KindDescription, KindMarker},
	KindSpecs: []*pb.KindSpec{
		{
			Kind: KindChapter, Quoted: true, InLanguage: true,
			Shown: &pb.Shown{Label: "Chapter", Hint: "Chapters of the film", Lane: "chapters", Icon: "bookmark", Order: 1},
		},
		{
			Kind: KindDescription, Quoted: true, InLanguage: true,
			Shown: &pb.Shown{Label: "Described", Hint: "What an audio description tells", Lane: "descriptions", Icon: "eye", Order: 3},
		},
		{
			Kind: KindMarker, Quoted: true, InLanguage: true,
			Shown: &pb.Shown{Label: "Marker", Hint: "Markers and events of editing programs", Lane: "markers", Icon: "bookmark", Order: 4},
		},
	},
	Leaves: []*pb.LeafSpec{
		{
			Name: "chapter", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "prologue",
			Shown: &pb.Shown{Label: "Chapter", Hint: "Chapters by name", Icon: "bookmark"},
		},
		{
			Name: "description", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "a small bridge",
			Shown: &pb.Shown{Label: "Described", Hint: "What audio descriptions tell of the picture", Icon: "eye"},
		},
		{
			Name: "marker", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "reshoot",
			Shown: &pb.Shown{Label: "Marker", Hint: "Markers of editing programs, by name, note and colour", Icon: "bookmark"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"chapter"}, Bare: true, By: "words", Kind: KindChapter, Field: pb.AnswerField_ANSWER_FIELD_TEXT},
		{Leaves: []string{"description", "like_text"}, Bare: true, By: "words", Kind: KindDescription, Field: pb.AnswerField_ANSWER_FIELD_TEXT},
		{Leaves: []string{"marker"}, By: "words", Kind: KindMarker, Field: pb.AnswerField_ANSWER_FIELD_TEXT},
	},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for _, of := range []struct{ role, kind string }{{"chapters", KindChapter}, {"descriptions", KindDescription}, {schema.RoleMarkers, KindMarker}} {
		for _, track := range dialogue.Tracks(in.Asset(), of.role) {
			cues, err := in.Cues(ctx, track)
			if err != nil {
				return fmt.Errorf("reading the %s %s: %w", track.GetLanguage(), of.role, err)
			}
			for _, cue := range cues {
				for _, a := range dialogue.Lines(in.Asset(), track, cue) {
					a.Kind, a.Character = of.kind, ""
					if of.kind == KindMarker {
						mark(a, track)
					}
					if _, err := out.Annotation(ctx, a); err != nil {
						return fmt.Errorf("writing the %s %s: %w", track.GetLanguage(), of.role, err)
					}
				}
			}
		}
	}
	return nil
}

// mark tells the colour of a marker, and the name of the marker's file. The colour stays a word of the text, so that words find the colour.
func mark(a *pb.Annotation, track *pb.TextTrack) {
	name, note, colour := handoff.MarkerOf(a.GetText())
	a.Text = strings.Join(slices.DeleteFunc([]string{name, note, colour.String()}, func(s string) bool { return s == "" }), "\n")
	a.Attributes["name"] = algo.Text(name)
	if colour != handoff.NoColour {
		a.Attributes["colour"] = algo.Text(colour.String())
	}
	if track.GetName() != "" {
		a.Attributes["file"] = algo.Text(track.GetName())
	}
}
