package things

import (
	"cmp"
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/centernet"
	"github.com/cinedex/cinedex/pkg/model/raster"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "thing"

// Algorithm is the algorithm "things".
type Algorithm struct{ model algo.Model[*centernet.Model] }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "things", func() (*centernet.Model, error) { return centernet.Open(m.Cache, m.Threads) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*centernet.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "things", Version: "1", Summary: "Which things a shot shows, and how many of each",
	Reads:  []string{schema.ReadsVideo},
	Needs:  []string{schema.KindShot},
	Kinds:  []string{Kind},
	Models: []string{"onnxruntime", "things"},
	// The frames of persons, so that the film is not scaled once more.
	Frames: &pb.FramesSpec{Width: 640, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Regions: true, LabelLanguage: "en",
		Shown: &pb.Shown{Label: "Things", Hint: "Things by name, and how many of each", Lane: "things", Icon: "tag", Order: 3},
		Attributes: []*pb.AttributeSpec{
			{Name: "count", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many of the things are in the picture"},
			{Name: "class", Type: pb.AttributeType_ATTRIBUTE_TYPE_TEXT, Hint: "The sort of thing: person, cup, car, animal"},
		},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "thing", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "two people",
		Shown: &pb.Shown{Label: "Things", Hint: "Things and how many of each: two people, a cup, many cars; thing[count>=2]:cups", Icon: "tag"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"thing", "like_text"}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
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
	pick := func(ctx context.Context, f algo.Frame) ([]sighting, bool, error) {
		if !sampler.Pick(f) {
			return nil, false, nil
		}
		seen, err := sightings(ctx, model, raster.Picture{Width: f.Picture.Width, Height: f.Picture.Height, Pix: f.Picture.Pix})
		return seen, true, err
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[]sighting]) error {
		out.Progress(s.End, clock.Frames())
		for _, f := range found(byshot.Clean(s, picks)) {
			_, err := out.Annotation(ctx, &pb.Annotation{
				Kind: Kind, Label: words(f.sort, f.count), Language: "en", Confidence: f.best.score, Region: f.best.region,
				Start: int64(clock.FrameStart(s.First)), End: int64(clock.FrameStart(s.End)),
				Attributes: algo.Attributes{"count": algo.Integer(int64(f.count)), "class": algo.Text(f.sort), "shot": algo.Text(s.ID)},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

// A sighting is a thing of a frame, by the name of the sort.
type sighting struct {
	sort   string
	score  float32
	region *pb.Region
}

// sightings returns the told things of a frame, the surest first.
func sightings(ctx context.Context, model *centernet.Model, p raster.Picture) ([]sighting, error) {
	things, err := model.Detect(ctx, p, least)
	if err != nil {
		return nil, err
	}
	var out []sighting
	var told []centernet.Thing
	for _, t := range things {
		name, from := sortOf(centernet.Classes[t.Class])
		size := t.Box.W * t.Box.H / float64(p.Width*p.Height)
		covered := func(o centernet.Thing) bool {
			return o.Class != t.Class && o.Box.Overlap(t.Box) > same || o.Class == t.Class && inside(o.Box, t.Box) > part
		}
		if t.Score < from || size < smallest || slices.ContainsFunc(told, covered) {
			continue
		}
		told = append(told, t)
		w, h := float64(p.Width), float64(p.Height)
		b := t.Box
		out = append(out, sighting{name, t.Score, &pb.Region{X: float32(b.X / w), Y: float32(b.Y / h), W: float32(b.W / w), H: float32(b.H / h)}})
	}
	return out, nil
}

// inside returns how much of the smaller of two boxes lies in the larger.
func inside(a, b raster.Box) float64 {
	w := max(0, min(a.X+a.W, b.X+b.W)-max(a.X, b.X))
	h := max(0, min(a.Y+a.H, b.Y+b.H)-max(a.Y, b.Y))
	return w * h / min(a.W*a.H, b.W*b.H)
}

// A finding is a sort of things of a shot.
type finding struct {
	sort  string
	count int
	best  sighting
}

// most is the number of sorts of a shot that are told.
const most = 12

// found returns the sorts of the frames of a shot, the surest first.
func found(picks []byshot.Pick[[]sighting]) []finding {
	counts := map[string][]int{} // of the frames that show the sort
	best := map[string]sighting{}
	for _, p := range picks {
		here := map[string]int{}
		for _, s := range p.Value {
			here[s.sort]++
			if b, ok := best[s.sort]; !ok || s.score > b.score {
				best[s.sort] = s
			}
		}
		for name, n := range here {
			counts[name] = append(counts[name], n)
		}
	}
	var out []finding
	for name, n := range counts {
		slices.Sort(n)
		switch {
		case len(n) > 1:
			out = append(out, finding{name, n[len(n)-2], best[name]})
		case len(picks) == 1 || best[name].score >= certain:
			out = append(out, finding{name, n[0], best[name]})
		}
	}
	slices.SortFunc(out, func(a, b finding) int {
		return cmp.Or(cmp.Compare(b.best.score, a.best.score), cmp.Compare(a.sort, b.sort))
	})
	return out[:min(len(out), most)]
}
