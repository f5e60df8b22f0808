package transcript

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/model/whisper"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the algorithm.
const Kind = "transcript"

// Algorithm is the algorithm "transcript".
type Algorithm struct {
	model algo.Model[*whisper.Model]
}

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "whisper-base", func() (*whisper.Model, error) { return whisper.Open(m.Cache, m.Threads) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*whisper.Model]) *Algorithm { return &Algorithm{model} }

// trust is what a line as heard counts beside a line of subtitles with the same words: the share of words that the model hears right.
const trust = 0.9

var spec = &pb.AlgorithmSpec{
	Name: "transcript", Version: "1", Summary: "What is said, as heard",
	Reads:  []string{schema.ReadsAudio},
	Needs:  []string{sounds.Kind},
	Kinds:  []string{Kind},
	Models: []string{"whisper-base-encoder", "whisper-base-decoder", "whisper-base-vocabulary", "onnxruntime"},
	Sound:  &pb.SoundSpec{Rate: whisper.Rate},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Quoted: true, InLanguage: true,
		Shown: &pb.Shown{Label: "Heard", Hint: "Lines of speech, as heard", Lane: "transcript", Icon: "speech"},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "heard", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "we have to go",
		Shown: &pb.Shown{Label: "Heard", Hint: "Words that are spoken, as heard", Icon: "speech"},
	}},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"heard"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_TEXT},
		// Speech is dialogue: where subtitles say a line as well, the subtitles have the text.
		{Leaves: []string{"dialogue"}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_TEXT, SecondTo: schema.KindDialogue, Trust: trust},
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
	windows, err := windowsOf(ctx, in, track)
	if err != nil {
		return err
	}
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	w := &writer{model: model, out: out, track: track, total: len(windows)}
	cut := cutter{windows: windows}
	for s, err := range in.Sound(ctx, track) {
		if err != nil {
			return fmt.Errorf("hearing track %d: %w", track.GetIndex(), err)
		}
		for _, c := range cut.push(s) {
			if err := w.add(ctx, c); err != nil {
				return err
			}
		}
		if cut.done() {
			break
		}
	}
	for _, c := range cut.end() {
		if err := w.add(ctx, c); err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// A writer writes the lines of windows, some windows at a time.
type writer struct {
	model   *whisper.Model
	out     algo.Output
	track   *pb.AudioTrack
	pending []clip
	done    int
	total   int
}

func (w *writer) add(ctx context.Context, c clip) error {
	if w.pending = append(w.pending, c); len(w.pending) < whisper.Batch {
		return nil
	}
	return w.flush(ctx)
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.pending) == 0 {
		return nil
	}
	var sound [][]float32
	for _, c := range w.pending {
		sound = append(sound, c.sound)
	}
	transcripts, err := w.model.Transcribe(ctx, sound, whisper.Options{})
	if err != nil {
		return err
	}
	for i, t := range transcripts {
		if guessed(t) {
			continue
		}
		for _, l := range lines(t.Words) {
			if err := w.line(ctx, w.pending[i].from, t.Language, l); err != nil {
				return fmt.Errorf("writing a line: %w", err)
			}
		}
	}
	w.done += len(w.pending)
	w.out.Progress(int64(w.done), int64(w.total))
	w.pending = w.pending[:0]
	return nil
}

// The limits of openai/whisper for speech that is none.
const (
	nobody  = 0.6
	unsure  = 0.3679 // a mean logarithm of -1
	looping = 0.5
)

// guessed reports whether a transcript is not to be trusted.
func guessed(t whisper.Transcript) bool {
	return t.NoSpeech > nobody && t.Probability < unsure || t.Repeats && t.Probability < looping
}

// line writes a line. from is the first sample of the window.
func (w *writer) line(ctx context.Context, from int64, language string, words []whisper.Word) error {
	at := func(sample int) schema.Time { return schema.FromSamples(from+int64(sample), whisper.Rate) }
	start, end := at(words[0].Start), at(words[len(words)-1].End)
	if end <= start {
		end = at(words[0].Start + whisper.Rate/10)
	}
	var text strings.Builder
	var all, starts []string
	sum := float32(0)
	for _, word := range words {
		text.WriteString(word.Text)
		all = append(all, strings.TrimSpace(word.Text))
		starts = append(starts, strconv.FormatInt(at(word.Start).Millis(), 10))
		sum += word.Probability
	}
	if strings.TrimSpace(text.String()) == "" {
		return nil
	}
	_, err := w.out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, Start: int64(start), End: int64(end), Text: strings.TrimSpace(text.String()), Language: tag(language),
		Confidence: min(sum/float32(len(words)), 1),
		Attributes: algo.Attributes{"track": algo.Integer(int64(w.track.GetIndex())), "words": algo.Texts(all), "word_starts": algo.Texts(starts)},
	})
	return err
}

// tag returns the BCP 47 tag of a language of whisper.
func tag(language string) string {
	switch language {
	case "jw": // Javanese, under a code that was withdrawn
		return "jv"
	}
	return language
}

// When a line ends.
const (
	pause    = whisper.Rate * 7 / 10
	maxLine  = 12 * whisper.Rate
	minWords = 2 // of a sentence that is a line by itself
)

// lines groups words.
func lines(words []whisper.Word) (out [][]whisper.Word) {
	from := 0
	for i := range words {
		last := i == len(words)-1
		ends := strings.HasSuffix(words[i].Text, ".") || strings.HasSuffix(words[i].Text, "?") || strings.HasSuffix(words[i].Text, "!") ||
			strings.HasSuffix(words[i].Text, "。") || strings.HasSuffix(words[i].Text, "？")
		if last || ends && i-from+1 >= minWords || words[i+1].Start-words[i].End >= pause || words[i+1].End-words[from].Start > maxLine {
			out = append(out, words[from:i+1])
			from = i + 1
		}
	}
	return out
}
