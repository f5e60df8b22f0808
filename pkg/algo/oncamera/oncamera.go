package oncamera

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/persons"
	"github.com/cinedex/cinedex/pkg/algo/speakers"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the algorithm.
const Kind = "on_camera"

// Algorithm is the algorithm "oncamera".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "oncamera", Version: "1", Summary: "Whether a speaker is seen while speaking",
	Needs: []string{speakers.Kind, persons.KindPerson},
	Kinds: []string{Kind},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en",
		Shown: &pb.Shown{Label: "On camera", Hint: "Whether a speaker is seen while speaking", Lane: "on_camera", Icon: "person"},
		Attributes: []*pb.AttributeSpec{
			{Name: "speaker", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The number of the speaker in the title"},
			{Name: "person", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The number of the person in the title"},
			{Name: "seen", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How much of the turn the face is seen, 0 to 1"},
		},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "on_camera", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "off camera",
		Shown: &pb.Shown{Label: "On camera", Hint: "Turns of speakers whose face is seen, on camera, or not, off camera", Icon: "person"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"on_camera"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

const (
	// leastSeen is the least common time of a voice and a face.
	leastSeen = 2 * schema.Second
	// leastShare is the least share of a voice's time in which the face of the voice is seen.
	leastShare = 0.5
	// onCamera is the share of a turn from which the speaker is on camera.
	onCamera = 0.5
)

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	turns, err := read(ctx, in, speakers.Kind, "speaker")
	if err != nil {
		return err
	}
	faces, err := read(ctx, in, persons.KindPerson, "person")
	if err != nil {
		return err
	}
	all := together(turns, faces)
	for i, t := range turns {
		person, share := all.face(t.number)
		if person == 0 {
			continue
		}
		seen, label := float64(all.turns[i][person])/float64(t.Duration()), "off camera"
		if seen >= onCamera {
			label = "on camera"
		}
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: Kind, Label: label, Language: "en", Confidence: float32(share), Start: int64(t.Start), End: int64(t.End),
			Attributes: algo.Attributes{"speaker": algo.Integer(t.number), "person": algo.Integer(person), "seen": algo.Number(math.Round(100*seen) / 100)},
		})
		if err != nil {
			return fmt.Errorf("writing a turn: %w", err)
		}
	}
	return ctx.Err() // nothing may have been written
}

// A stretch is when a voice is heard, or a face is seen.
type stretch struct {
	schema.Interval
	number int64
}

// read returns the stretches of a kind, by their start. A face without a number is left out.
func read(ctx context.Context, in algo.Input, kind, number string) ([]stretch, error) {
	var out []stretch
	for a, err := range in.Annotations(ctx, kind) {
		if err != nil {
			return nil, fmt.Errorf("reading each %s: %w", kind, err)
		}
		if n := a.GetAttributes()[number].GetInteger(); n > 0 {
			out = append(out, stretch{schema.IntervalOf(a), n})
		}
	}
	slices.SortStableFunc(out, func(a, b stretch) int { return a.Compare(b.Interval) })
	return out, nil
}

// times are how long voices are heard and faces are seen together, by numbers.
type times struct {
	turns  []map[int64]schema.Time // of each turn, by person
	voices map[int64]schema.Time
	pairs  map[int64]map[int64]schema.Time // by voice and person
	speech schema.Time
	faces  map[int64]schema.Time // while anybody speaks
}

// together counts the common times. Faces of a person that overlap count once.
func together(turns, faces []stretch) times {
	out := times{voices: map[int64]schema.Time{}, pairs: map[int64]map[int64]schema.Time{}, faces: map[int64]schema.Time{}}
	for _, t := range turns {
		for len(faces) > 0 && faces[0].End <= t.Start {
			faces = faces[1:]
		}
		both, until := map[int64]schema.Time{}, map[int64]schema.Time{}
		for _, f := range faces {
			if f.Start >= t.End {
				break
			}
			common := t.Intersect(schema.Interval{Start: max(f.Start, until[f.number]), End: f.End})
			both[f.number] += common.Duration()
			until[f.number] = max(until[f.number], f.End)
		}
		out.turns = append(out.turns, both)
		out.voices[t.number] += t.Duration()
		out.speech += t.Duration()
		if out.pairs[t.number] == nil {
			out.pairs[t.number] = map[int64]schema.Time{}
		}
		for person, time := range both {
			out.pairs[t.number][person] += time
			out.faces[person] += time
		}
	}
	return out
}

// face returns the person of a voice, and the share of the voice's time in which the person is seen; 0 for a voice without a face.
func (t times) face(voice int64) (person int64, share float64) {
	var most schema.Time
	for _, p := range slices.Sorted(maps.Keys(t.pairs[voice])) {
		if time := t.pairs[voice][p]; time > most {
			person, most = p, time
		}
	}
	if most < leastSeen {
		return 0, 0
	}
	share = float64(most) / float64(t.voices[voice])
	if usual := float64(t.faces[person]) / float64(t.speech); share < leastShare || share < usual {
		return 0, 0
	}
	return person, share
}
