package screentext

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/ocr"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "screen_text"

// Algorithm is the algorithm "screentext".
type Algorithm struct{ model algo.Model[*ocr.Model] }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "screentext", func() (*ocr.Model, error) { return ocr.Open(m.Cache, m.Threads) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*ocr.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "screentext", Version: "2", Summary: "Text in the picture: titles, signs, credits",
	Reads:  []string{schema.ReadsVideo},
	Kinds:  []string{Kind},
	Models: []string{"onnxruntime", "ocr-finder", "ocr-reader", "ocr-letters"},
	Frames: &pb.FramesSpec{Width: 960, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Regions: true, Quoted: true,
		Shown:      &pb.Shown{Label: "Text on screen", Hint: "Text in the picture", Lane: "screen_text", Icon: "text", Order: 4},
		Attributes: []*pb.AttributeSpec{{Name: "credits", Type: pb.AttributeType_ATTRIBUTE_TYPE_FLAG, Hint: "The line is of credits"}},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "screen_text", Aliases: []string{"text"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "no entry",
		Shown: &pb.Shown{Label: "Text on screen", Hint: "Words in the picture: titles, signs, credits", Icon: "text"},
	}},
	Answers: []*pb.AnswerSpec{{
		Leaves: []string{"screen_text"}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_TEXT,
	}},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (*Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	w := writer{clock: clock, out: out}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		out.Progress(f.N, clock.Frames())
		if !sampler.Pick(f) {
			continue
		}
		w.width, w.height = f.Picture.Width, f.Picture.Height
		read, err := model.Read(ctx, ocr.Picture{Width: f.Picture.Width, Height: f.Picture.Height, Pix: f.Picture.Pix})
		if err != nil {
			return err
		}
		w.follower.height = f.Picture.Height
		if err := w.write(ctx, w.follower.frame(f.N, read), f.N); err != nil {
			return err
		}
	}
	return w.write(ctx, w.follower.open, clock.Frames())
}

// A writer writes the lines that have ended.
type writer struct {
	clock         schema.Clock
	out           algo.Output
	width, height int
	follower      follower
}

// write writes lines that are not seen in frame n any more.
func (w *writer) write(ctx context.Context, lines []*line, n int64) error {
	for _, l := range lines {
		if !l.sure() {
			continue
		}
		text := strings.ToValidUTF8(l.best.Text, "\uFFFD")
		if utf8.RuneCountInString(text) > schema.MaxAnnotation {
			text = string([]rune(text)[:schema.MaxAnnotation])
		}
		b := l.best
		_, err := w.out.Annotation(ctx, &pb.Annotation{
			Kind: Kind, Text: text, Confidence: b.Confidence,
			Start: int64(w.clock.FrameStart(l.first)), End: int64(w.clock.FrameStart(n)),
			Region: &pb.Region{
				X: float32(b.X) / float32(w.width), Y: float32(b.Y) / float32(w.height),
				W: float32(b.W) / float32(w.width), H: float32(b.H) / float32(w.height),
			},
			Attributes: algo.Attributes{"credits": flag(l.credits()), "readings": algo.Integer(int64(l.readings))},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func flag(b bool) *pb.Value { return &pb.Value{Kind: &pb.Value_Flag{Flag: b}} }
