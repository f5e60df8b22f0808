package speakers

import (
	"context"
	"fmt"
	"strconv"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/ge2e"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the algorithm.
const Kind = "speaker"

// Space is the space of voices.
var Space = &pb.Space{Name: "voice", Version: "1", Dimension: ge2e.Dim, Metric: "cosine"}

// Algorithm is the algorithm "speakers".
type Algorithm struct{ model algo.Model[*ge2e.Model] }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "ge2e", func() (*ge2e.Model, error) { return ge2e.Open(m.Cache, m.Threads) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*ge2e.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "speakers", Version: "1", Summary: "Who speaks when: voices, grouped by speaker",
	Reads:      []string{schema.ReadsAudio},
	Needs:      []string{sounds.Kind},
	Kinds:      []string{Kind},
	Spaces:     []*pb.Space{Space},
	Models:     []string{"onnxruntime", "ge2e"},
	Parameters: map[string]string{"same_voice": strconv.FormatFloat(sameVoice, 'g', -1, 64), "change": strconv.FormatFloat(change, 'g', -1, 64)},
	Sound:      &pb.SoundSpec{Rate: ge2e.Rate},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en",
		Shown: &pb.Shown{Label: "Speaker", Hint: "Who speaks, by voice", Lane: "speakers", Icon: "speech"},
		Attributes: []*pb.AttributeSpec{
			{Name: "speaker", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The number of the speaker in the title"},
			{Name: "track", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The index of the sound track"},
		},
	}},
	Leaves: []*pb.LeafSpec{
		{
			Name: "speaker", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "speaker 2",
			Shown: &pb.Shown{Label: "Speaker", Hint: "Who speaks: speaker 1, speaker 2, or the name that subtitles give", Icon: "speech"},
		},
		{
			Name: "same_voice", Shape: pb.LeafShape_LEAF_SHAPE_SHOT, Example: "4f2a@01:02:03:04",
			Shown: &pb.Shown{Label: "The same voice", Hint: "Speech of the voices of the shot around a place, in any title", Icon: "speech"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"speaker"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{
			Leaves: []string{"same_voice"}, By: "voice", Kind: Kind, Space: schema.SpaceID(Space),
			Calibration: &pb.Calibration{Middle: sameSpeaker, Slope: 40, Cutoff: 0.3},
		},
	},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	if len(in.Asset().GetAudio()) == 0 {
		return nil
	}
	track := in.Asset().GetAudio()[0]
	stretches, err := sounds.Stretches(ctx, in, track, sounds.Speech, ge2e.Rate, leastSpeech, mostSpeech)
	if err != nil || len(stretches) == 0 {
		return err
	}
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	d := &describer{model: model}
	if err := sounds.Walk(ctx, in, out, track, stretches, d.describe); err != nil {
		return err
	}
	for _, t := range turns(d.passages) {
		if err := write(ctx, out, track, t); err != nil {
			return err
		}
	}
	return nil
}

// write writes a turn and the vector of the turn.
func write(ctx context.Context, out algo.Output, track *pb.AudioTrack, t turn) error {
	a := &pb.Annotation{
		Kind: Kind, Label: fmt.Sprintf("speaker %d", t.speaker), Language: "en", Confidence: t.confidence,
		Start: int64(schema.FromSamples(t.From, ge2e.Rate)), End: int64(schema.FromSamples(t.To, ge2e.Rate)),
		Attributes: algo.Attributes{"speaker": algo.Integer(int64(t.speaker)), "track": algo.Integer(int64(track.GetIndex()))},
	}
	id, err := out.Annotation(ctx, a)
	if err != nil {
		return fmt.Errorf("writing a turn: %w", err)
	}
	return out.Embedding(ctx, &pb.Embedding{
		Space: schema.SpaceID(Space), Vector: t.vector, Start: a.GetStart(), End: a.GetEnd(), Of: id, Kind: Kind,
	})
}
