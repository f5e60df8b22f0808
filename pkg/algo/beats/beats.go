package beats

import (
	"context"
	"fmt"
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/mel"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The kinds of the algorithm.
const (
	KindBeat  = "beat"
	KindTempo = "tempo"
)

// Algorithm is the algorithm "beats".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var trackAttribute = &pb.AttributeSpec{Name: "track", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The index of the sound track"}

var spec = &pb.AlgorithmSpec{
	Name: "beats", Version: "1", Summary: "The beats of music, and how fast the music is",
	Reads: []string{schema.ReadsAudio},
	Needs: []string{sounds.Kind},
	Kinds: []string{KindBeat, KindTempo},
	Sound: &pb.SoundSpec{Rate: mel.Rate},
	KindSpecs: []*pb.KindSpec{
		{
			Kind: KindBeat, LabelLanguage: "en",
			Shown: &pb.Shown{Label: "Beat", Hint: "The beats of music", Lane: "beats", Icon: "sound"},
			Attributes: []*pb.AttributeSpec{
				{Name: "strength", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The strength of the beat, 0 to 1"},
				{Name: "bpm", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Beats a minute"},
				trackAttribute,
			},
		},
		{
			Kind: KindTempo, LabelLanguage: "en",
			Shown: &pb.Shown{Label: "Tempo", Hint: "How fast music is", Lane: "tempo", Icon: "sound"},
			Attributes: []*pb.AttributeSpec{
				{Name: "bpm", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Beats a minute"},
				{Name: "beats", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many beats the stretch has"},
				trackAttribute,
			},
		},
	},
	Leaves: []*pb.LeafSpec{
		{
			Name: "beat", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "strong beat",
			Shown: &pb.Shown{Label: "Beat", Hint: "The beats of music: beat, or strong beat", Icon: "sound"},
		},
		{
			Name: "tempo", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "fast",
			Shown: &pb.Shown{Label: "Tempo", Hint: "How fast music is: slow, moderate, fast, very fast; tempo[bpm=118..122]:bpm", Icon: "sound"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"beat"}, By: "words", Kind: KindBeat, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{Leaves: []string{"tempo"}, By: "words", Kind: KindTempo, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
	},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

const (
	// leastMusic is the shortest music that is heard, in samples, and mostMusic the longest at a time. Longer music is cut.
	leastMusic = 5 * mel.Rate
	mostMusic  = 600 * mel.Rate
	// lasting is how long the annotation of a beat lasts.
	lasting = schema.Second / 25
)

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	if len(in.Asset().GetAudio()) == 0 {
		return nil
	}
	track := in.Asset().GetAudio()[0]
	stretches, err := sounds.Stretches(ctx, in, track, sounds.Music, mel.Rate, leastMusic, mostMusic)
	if err != nil {
		return err
	}
	return sounds.Walk(ctx, in, out, track, stretches, func(ctx context.Context, s sounds.Stretch, sound []float32) error {
		w := writer{out: out, track: track, stretch: s}
		for _, p := range pulses(onsets(sound)) {
			if err := w.write(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// A writer writes the pulses of a stretch of music.
type writer struct {
	out     algo.Output
	track   *pb.AudioTrack
	stretch sounds.Stretch
}

// at returns the time of a frame.
func (w writer) at(frame int) schema.Time {
	return schema.FromSamples(min(w.stretch.From+int64(frame)*mel.Hop, w.stretch.To), mel.Rate)
}

func (w writer) write(ctx context.Context, p pulse) error {
	index := algo.Integer(int64(w.track.GetIndex()))
	start, end := w.at(p.beats[0].frame), w.at(p.beats[len(p.beats)-1].frame+p.period())
	bpm := p.bpm()
	_, err := w.out.Annotation(ctx, &pb.Annotation{
		Kind: KindTempo, Label: fmt.Sprintf("%.0f bpm, %s", bpm, pace(bpm)), Language: "en", Confidence: p.clearness,
		Start: int64(start), End: int64(end),
		Attributes: algo.Attributes{"bpm": algo.Number(math.Round(10*bpm) / 10), "beats": algo.Integer(int64(len(p.beats))), "track": index},
	})
	if err != nil {
		return fmt.Errorf("writing a tempo: %w", err)
	}
	for _, b := range p.beats {
		start := w.at(b.frame)
		end := min(start+lasting, schema.FromSamples(w.stretch.To, mel.Rate))
		if end <= start {
			continue
		}
		label := "beat"
		if b.strong {
			label = "strong beat"
		}
		_, err := w.out.Annotation(ctx, &pb.Annotation{
			Kind: KindBeat, Label: label, Language: "en", Confidence: p.clearness, Start: int64(start), End: int64(end),
			Attributes: algo.Attributes{"strength": algo.Number(b.strength), "bpm": algo.Number(math.Round(10*bpm) / 10), "track": index},
		})
		if err != nil {
			return fmt.Errorf("writing a beat: %w", err)
		}
	}
	return nil
}

// pace names a tempo.
func pace(bpm float64) string {
	switch {
	case bpm < 76:
		return "slow"
	case bpm < 120:
		return "moderate"
	case bpm < 168:
		return "fast"
	}
	return "very fast"
}
