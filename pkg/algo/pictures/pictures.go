// Package pictures is the algorithm that describes shots by vectors of several frames, in the space efficientnet-lite2@1. A vector is compared with a
// picture, with another shot or, less reliably, with words. The vectors of a shot cover the shot, and depend only on the film.
//
// The contract of an embedding:
//
//   - Interval: the part of the shot that the vector stands for. Frames similar to the picked frame before in the same shot have no vector.
//   - Attribute "frame": the number of the described frame.
//   - Attribute "classes": the classifier's classes of the frame, most probable first, each as a probability and a name. The algorithm
//     labels reads the classes, so that the model runs once per frame.
package pictures

import (
	"context"
	"io"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/minilm"
	"github.com/cinedex/cinedex/pkg/model/picture"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Space is the space of the vectors.
var Space = &pb.Space{
	Name: "efficientnet-lite2", Version: "1", Dimension: efficientnet.FeatureDim, Metric: "cosine",
	Encoders: []string{"text", "picture", "frame"},
}

const (
	// alike is the cosine above which two frames of a shot look the same.
	alike = 0.95
	// classes is the number of labels stored for a frame.
	classes = 8
)

type Algorithm struct {
	model algo.Model[*efficientnet.Model]
	head  algo.Model[Head]
	words algo.Model[words] // of the encoder of words
}

// head and words hold only memory, so Close has nothing to free.
type head struct{ *picture.Head }
type words struct{ *picture.Words }

func (head) Close() error  { return nil }
func (words) Close() error { return nil }

// A Head computes the stored vector and labels from a feature of the model: picture.Head.
type Head interface {
	io.Closer
	Vector(feature []float32) []float32
	Labels(feature []float32, n int) []picture.Label
}

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	a := New(algo.Shared(m, "efficientnet-lite2", func() (*efficientnet.Model, error) { return efficientnet.Open(m.Cache, m.Threads) }),
		algo.Shared(m, "efficientnet-lite2-head", func() (Head, error) {
			h, err := picture.OpenHead(m.Cache)
			return head{h}, err
		}))
	e5 := sentences.Model(m)
	english := algo.Shared(m, "minilm", func() (*minilm.Model, error) { return minilm.Open(m.Cache) })
	a.words = algo.Shared(m, "picture-words", func() (words, error) {
		s, err := e5.Get()
		if err != nil {
			return words{}, err
		}
		en, err := english.Get()
		if err != nil {
			return words{}, err
		}
		w, err := picture.OpenWords(m.Cache, s, en)
		return words{w}, err
	})
	return []algo.Algorithm{a}
}

// New returns the algorithm. The models are opened on first use.
func New(model algo.Model[*efficientnet.Model], head algo.Model[Head]) *Algorithm {
	return &Algorithm{model: model, head: head}
}

var spec = &pb.AlgorithmSpec{
	Name: "pictures", Version: "1", Summary: "What each shot looks like",
	Reads:  []string{schema.ReadsVideo},
	Needs:  []string{schema.KindShot},
	Spaces: []*pb.Space{Space},
	Models: []string{"onnxruntime", "efficientnet-lite2", "efficientnet-lite2-head", "imagenet-names"},
	Frames: &pb.FramesSpec{Width: efficientnet.Side, Height: efficientnet.Side, PerSecond: byshot.PerSecond},
	Leaves: []*pb.LeafSpec{
		{
			Name: "like_text", Aliases: []string{"look"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "a butterfly on a flower",
			Shown: &pb.Shown{Label: "Seen", Hint: "What is in the picture, in plain words", Icon: "eye", Order: 2},
		},
		{
			Name: "like_image", Aliases: []string{"image"}, Shape: pb.LeafShape_LEAF_SHAPE_PICTURE,
			Shown: &pb.Shown{Label: "Picture", Hint: "Shots like a picture", Icon: "picture"},
		},
		{
			Name: "like_frame", Aliases: []string{"frame"}, Shape: pb.LeafShape_LEAF_SHAPE_FRAME, Example: "4f2a@01:02:03:04",
			Shown: &pb.Shown{Label: "Like this frame", Hint: "Shots that look like one frame of a film", Icon: "frame"},
		},
		{
			Name: "like_shot", Aliases: []string{"shot"}, Shape: pb.LeafShape_LEAF_SHAPE_SHOT, Example: "4f2a@01:02:03:04",
			Shown: &pb.Shown{Label: "Like this shot", Hint: "Shots that look like the shot around a place", Icon: "shot"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{
			// Words against pictures: similarities are small and close together. Things that a film shows reach 0.13 to 0.30, others
			// 0.08 to 0.32. The curve was fitted to the judged queries of cmd/cinedex/testdata/judged, and is honest in its flatness:
			// hardly a hit is more sure than a third. Hits are called matches from a similarity of 0.17 on.
			Leaves: []string{"like_text"}, Bare: true, By: "picture", Kind: schema.KindShot, Space: schema.SpaceID(Space),
			Span: pb.AnswerSpan_ANSWER_SPAN_SHOT, Calibration: &pb.Calibration{Middle: 0.355, Slope: 11.4, Match: 0.108},
		},
		{
			// A picture against pictures: the same shot altered (0.67 and above in 99 of 100) against strangers (0.45 and below).
			Leaves: []string{"like_image", "like_frame", "like_shot"}, By: "picture", Kind: schema.KindShot, Space: schema.SpaceID(Space),
			Span: pb.AnswerSpan_ANSWER_SPAN_SHOT, Calibration: &pb.Calibration{Middle: 0.60, Slope: 18, Cutoff: 0.5, Same: 0.80},
		},
	},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (*Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

type seen struct {
	vector  []float32
	classes []string
}

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	head, err := a.head.Get()
	if err != nil {
		return err
	}
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	pick := func(ctx context.Context, f algo.Frame) (seen, bool, error) {
		if !sampler.Pick(f) {
			return seen{}, false, nil
		}
		d, err := model.Describe(ctx, f.Picture.Pix)
		if err != nil {
			return seen{}, false, err
		}
		return seen{head.Vector(d.Feature), top(head.Labels(d.Feature, classes))}, true, nil
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[seen]) error {
		for _, p := range byshot.Parts(s, byshot.Clean(s, picks), similar) {
			err := out.Embedding(ctx, &pb.Embedding{
				Space: schema.SpaceID(Space), Vector: p.Value.vector,
				Start: int64(clock.FrameStart(p.First)), End: int64(clock.FrameStart(p.End)),
				Of: s.ID, Kind: schema.KindShot,
				Attributes: algo.Attributes{"frame": algo.Integer(p.Frame), "classes": algo.Texts(p.Value.classes)},
			})
			if err != nil {
				return err
			}
		}
		out.Progress(s.End, clock.Frames())
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

// similar reports whether two frames of a shot look the same.
func similar(a, b seen) bool { return byshot.Cosine(a.vector, b.vector) >= alike }

// top returns the classes of a frame, in the form of the attribute "classes".
func top(labels []picture.Label) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = strconv.FormatFloat(l.Confidence, 'f', 4, 64) + " " + l.Name
	}
	return out
}

// A Class is an entry of the attribute "classes".
type Class struct {
	Name        string
	Probability float64
}

// Classes reads the attribute "classes" of an embedding.
func Classes(e *pb.Embedding) ([]Class, error) {
	var out []Class
	for _, s := range e.GetAttributes()["classes"].GetTexts().GetValues() {
		probability, name, _ := strings.Cut(s, " ")
		p, err := strconv.ParseFloat(probability, 64)
		if err != nil || name == "" {
			return nil, errkind.New(errkind.Invalid, "reading class %q of embedding %d", s, e.GetOrdinal())
		}
		out = append(out, Class{name, p})
	}
	return out, nil
}
