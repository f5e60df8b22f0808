// Package clip is the algorithms that describe shots by vectors of models that put pictures and words into one space: OpenAI's CLIP, and models of an
// operator's own folders. The algorithms answer the leaves of the algorithm pictures, and far better by words: a query finds actions, scenes and
// styles as well as things.
//
// The contract:
//
//   - Each model is an algorithm with a space of its own. [Versions] and [LargeVersions] are OpenAI's models, and [Folder] is the model of a folder.
//   - The vectors of a shot are of several frames, as in package pictures. Attribute "frame": the number of the described frame.
//   - Where every title has a run of the algorithm, words and pictures are looked for in its space alone (AnswerSpec.instead_of).
package clip

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/clip"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const (
	// name is the name of the algorithm of OpenAI's smaller model.
	name = "clip"
	// packaged is the algorithm that comes in packages, with the leaves.
	packaged = "pictures"
	// alike is the cosine from which two frames of a shot look the same.
	alike = 0.95
	// width is the width of the decoded frames: films of any shape up to 16:9 have 224 lines and more.
	width = 400
)

// Algorithm describes shots by a model.
type Algorithm struct {
	spec  *pb.AlgorithmSpec
	space *pb.Space
	model algo.Model[*clip.Model]
}

// Versions returns the algorithm "clip", of ViT-B/32.
func Versions(m *algo.Models) []algo.Algorithm { return published(m, name, 0, packaged) }

// LargeVersions returns the algorithm "clip-l14", of ViT-L/14.
func LargeVersions(m *algo.Models) []algo.Algorithm {
	return published(m, name+"-l14", 1, packaged, name)
}

func published(m *algo.Models, called string, i int, insteadOf ...string) []algo.Algorithm {
	manifest := clip.Published()[i]
	model := algo.Shared(m, manifest.Name, func() (*clip.Model, error) { return clip.Open(m.Cache, manifest, m.Threads) })
	files := []string{"onnxruntime", manifest.Image.File, manifest.Text.File, manifest.Text.Tokenizer}
	return []algo.Algorithm{newAlgorithm(called, manifest.Version, manifest, model, insteadOf, files)}
}

// Folder returns the algorithm of the model in a folder. The manifest's name and version are the algorithm's.
func Folder(m *algo.Models, folder string) (algo.Algorithm, error) {
	manifest, err := clip.ReadFolder(folder)
	if err != nil {
		return nil, err
	}
	model := algo.Shared(m, "folder "+folder, func() (*clip.Model, error) { return clip.OpenFolder(m.Cache, folder, m.Threads) })
	return newAlgorithm(manifest.Name, manifest.Version, manifest, model, []string{packaged, name, name + "-l14"}, []string{"onnxruntime"}), nil
}

func newAlgorithm(name, version string, m clip.Manifest, model algo.Model[*clip.Model], insteadOf, files []string) *Algorithm {
	space := &pb.Space{Name: m.Name, Version: m.Version, Dimension: int32(m.Dimension), Metric: "cosine", Encoders: []string{"text", "picture", "frame"}, Languages: m.Languages}
	answer := func(c clip.Curve, bare bool, leaves ...string) *pb.AnswerSpec {
		a := &pb.AnswerSpec{Leaves: leaves, Bare: bare, By: "picture", Kind: schema.KindShot, Space: schema.SpaceID(space), Span: pb.AnswerSpan_ANSWER_SPAN_SHOT,
			InsteadOf: insteadOf}
		if c.Slope > 0 {
			a.Calibration = &pb.Calibration{Middle: c.Middle, Slope: c.Slope, Cutoff: c.Cutoff, Match: c.Match, Same: c.Same}
		}
		return a
	}
	return &Algorithm{model: model, space: space, spec: &pb.AlgorithmSpec{
		Name: name, Version: version, Summary: "What each shot looks like, by a model of pictures and words: " + m.Name,
		Reads: []string{schema.ReadsVideo}, Needs: []string{schema.KindShot}, Spaces: []*pb.Space{space}, Models: files,
		Frames:  &pb.FramesSpec{Width: width, PerSecond: byshot.PerSecond},
		Answers: []*pb.AnswerSpec{answer(m.Words, true, "like_text"), answer(m.Pictures, false, "like_image", "like_frame", "like_shot")},
	}}
}

// Spec implements algo.Algorithm.
func (a *Algorithm) Spec() *pb.AlgorithmSpec { return a.spec }

// Frames implements algo.FrameReader.
func (a *Algorithm) Frames(asset *pb.Asset) media.FrameSpec { return algo.FramesOf(a.spec, asset) }

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	pick := func(ctx context.Context, f algo.Frame) ([]float32, bool, error) {
		if !sampler.Pick(f) {
			return nil, false, nil
		}
		v, err := model.Picture(ctx, f.Picture.Image())
		return v, true, err
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[]float32]) error {
		for _, p := range byshot.Parts(s, byshot.Clean(s, picks), similar) {
			err := out.Embedding(ctx, &pb.Embedding{
				Space: schema.SpaceID(a.space), Vector: p.Value, Start: int64(clock.FrameStart(p.First)), End: int64(clock.FrameStart(p.End)),
				Of: s.ID, Kind: schema.KindShot, Attributes: algo.Attributes{"frame": algo.Integer(p.Frame)},
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

func similar(a, b []float32) bool { return byshot.Cosine(a, b) >= alike }

// The milliseconds of one processor that the encoders take, at most, with a model of the size of ViT-L/14.
const (
	pictureCost = 400
	wordsCost   = 100
)

// Encoders implements encode.Provider.
func (a *Algorithm) Encoders() []encode.Offer {
	words := func(ctx context.Context, in encode.Input) ([]float32, error) {
		model, err := a.model.Get()
		if err != nil {
			return nil, err
		}
		return model.Words(ctx, in.Words)
	}
	picture := func(ctx context.Context, in encode.Input) ([]float32, error) {
		model, err := a.model.Get()
		if err != nil {
			return nil, err
		}
		return model.Picture(ctx, in.Picture)
	}
	return []encode.Offer{
		{Space: a.space, Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{Run: words, Price: func(encode.Input) float64 { return wordsCost }}},
		{Space: a.space, Takes: []encode.Kind{encode.Still, encode.Frame}, Encoder: encode.Func{Run: picture, Price: func(encode.Input) float64 { return pictureCost }}},
	}
}
