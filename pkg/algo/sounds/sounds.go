package sounds

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/model/omnivad"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the algorithm.
const Kind = "sound"

// The labels of stretches.
const (
	Speech  = "speech"
	Singing = "singing"
	Music   = "music"
)

// Algorithm is the algorithm "sounds".
type Algorithm struct {
	model algo.Model[*omnivad.Model]
}

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "omnivad", func() (*omnivad.Model, error) { return omnivad.Open(m.Cache) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*omnivad.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "sounds", Version: "1", Summary: "Where somebody speaks or sings, and where music plays",
	Reads:  []string{schema.ReadsAudio},
	Kinds:  []string{Kind},
	Models: []string{"omnivad-engine", "omnivad-model"},
	Sound:  &pb.SoundSpec{Rate: omnivad.Rate},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en", Shown: &pb.Shown{Label: "Sound", Hint: "Where somebody speaks or sings, and where music plays", Lane: "sounds", Icon: "sound"},
		Attributes: []*pb.AttributeSpec{{Name: "track", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The index of the sound track"}},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "sound", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "music",
		Shown: &pb.Shown{Label: "Sound", Hint: "Where somebody speaks or sings, and where music plays: speech, singing or music", Icon: "sound"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"sound"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// maxTracks is the number of sound tracks that are judged. A film in many languages has a track for each.
const maxTracks = 32

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	tracks := in.Asset().GetAudio()
	tracks = tracks[:min(len(tracks), maxTracks)]
	for i, t := range tracks {
		if err := track(ctx, model, in, out, t); err != nil {
			return fmt.Errorf("judging sound track %d: %w", t.GetIndex(), err)
		}
		out.Progress(int64(i+1), int64(len(tracks)))
	}
	return nil
}

// track judges a track, and writes each stretch as soon as the stretch has ended.
func track(ctx context.Context, model *omnivad.Model, in algo.Input, out algo.Output, t *pb.AudioTrack) error {
	stream := model.NewStream()
	speech, singing, music := finder{label: Speech, rule: speechRule}, finder{label: Singing, rule: singingRule}, finder{label: Music, rule: musicRule}
	w := writer{out: out, track: t}
	put := func(probs []omnivad.Probability) error {
		for _, p := range probs {
			err := w.write(ctx, speech.push(p.Speech), singing.push(p.Singing), music.push(p.Music))
			if err != nil {
				return err
			}
		}
		return nil
	}
	for s, err := range in.Sound(ctx, t) {
		if err != nil {
			return err
		}
		w.end = s.Interval().End
		probs, err := stream.Push(ctx, s.Data)
		if err != nil {
			return err
		}
		if err := put(probs); err != nil {
			return err
		}
	}
	probs, err := stream.Finish(ctx)
	if err != nil {
		return err
	}
	if err := put(probs); err != nil {
		return err
	}
	return w.write(ctx, speech.finish(), singing.finish(), music.finish())
}

// A writer writes the stretches of a track.
type writer struct {
	out   algo.Output
	track *pb.AudioTrack
	end   schema.Time // of the sound
}

func (w writer) write(ctx context.Context, stretches ...*stretch) error {
	for _, s := range stretches {
		if s == nil {
			continue
		}
		start, end := schema.FromSamples(s.from*omnivad.Hop, omnivad.Rate), schema.FromSamples(s.to*omnivad.Hop, omnivad.Rate)
		_, err := w.out.Annotation(ctx, &pb.Annotation{
			Kind: Kind, Label: s.label, Language: w.track.GetLanguage(), Confidence: s.confidence,
			Start: int64(start), End: int64(min(end, w.end)),
			Attributes: algo.Attributes{"track": algo.Integer(int64(w.track.GetIndex()))},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
