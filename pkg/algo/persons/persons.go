package persons

import (
	"cmp"
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/face"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The kinds of the algorithm.
const (
	KindPerson = "person"
	KindPeople = "people"
)

// Leaf is the leaf of persons by number, and by the name that another algorithm gives.
const Leaf = "person"

// Space is the space of the faces.
var Space = &pb.Space{Name: "face", Version: "1", Dimension: face.Dim, Metric: "cosine", Encoders: []string{"picture", "frame"}}

// Algorithm is the algorithm "persons".
type Algorithm struct{ model algo.Model[*face.Model] }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(Model(m))}
}

// Model returns the networks for faces, shared by all algorithms that use them.
func Model(m *algo.Models) algo.Model[*face.Model] {
	return algo.Shared(m, "face", func() (*face.Model, error) { return face.Open(m.Cache, m.Threads) })
}

// Calibration turns a likeness of two faces into the confidence that both are of a person.
var Calibration = &pb.Calibration{Middle: samePerson, Slope: 120, Cutoff: 0.3}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*face.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "persons", Version: "1", Summary: "Who is seen: faces, grouped by person, and how many people a shot shows",
	Reads:  []string{schema.ReadsVideo},
	Needs:  []string{schema.KindShot},
	Kinds:  []string{KindPerson, KindPeople},
	Spaces: []*pb.Space{Space},
	Models: []string{"onnxruntime", "face-detector", "face-landmarks", "face-recogniser"},
	Frames: &pb.FramesSpec{Width: 640, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{
		{
			Kind: KindPerson, Regions: true, LabelLanguage: "en",
			Shown:      &pb.Shown{Label: "Person", Hint: "Faces, by person", Lane: "persons", Icon: "person", Order: 4},
			Attributes: []*pb.AttributeSpec{{Name: "person", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The number of the person in the title"}},
		},
		{
			Kind: KindPeople, LabelLanguage: "en",
			Shown: &pb.Shown{Label: "People", Hint: "How many people, and how near", Lane: "people", Icon: "people", Order: 4},
			Attributes: []*pb.AttributeSpec{
				{Name: "count", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many faces are in the picture"},
				{Name: "size", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Height of the largest face, 0 to 1 of the picture"},
			},
		},
	},
	Leaves: []*pb.LeafSpec{
		{
			Name: "people", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "two people, close-up",
			Shown: &pb.Shown{Label: "People", Hint: "How many people, and how near: one person, crowd, close-up, long shot", Icon: "people"},
		},
		{
			Name: Leaf, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "person 1",
			Shown: &pb.Shown{Label: "Person", Hint: "A person by the number in the title, or by the name in the studio's gallery", Icon: "person"},
		},
		{
			Name: "same_person", Shape: pb.LeafShape_LEAF_SHAPE_SHOT, Example: "4f2a@01:02:03:04",
			Shown: &pb.Shown{Label: "The same person", Hint: "Shots of the people of the shot around a place, in any title", Icon: "person"},
		},
		{
			Name: "portrait", Shape: pb.LeafShape_LEAF_SHAPE_PICTURE,
			Shown: &pb.Shown{Label: "Portrait", Hint: "Shots of the person of a picture", Icon: "person"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"people", "like_text"}, Bare: true, By: "words", Kind: KindPeople, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{Leaves: []string{Leaf}, By: "words", Kind: KindPerson, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{
			Leaves: []string{"same_person", "portrait"}, By: "face", Kind: KindPerson, Space: schema.SpaceID(Space), Span: pb.AnswerSpan_ANSWER_SPAN_SHOT,
			Calibration: Calibration,
		},
	},
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
	w := writer{clock: in.Clock(), out: out}
	sampler := byshot.NewSampler(w.clock)
	pick := func(ctx context.Context, f algo.Frame) ([]sighting, bool, error) {
		if !sampler.Pick(f) {
			return nil, false, nil
		}
		seen, err := sightings(ctx, model, face.Picture{Width: f.Picture.Width, Height: f.Picture.Height, Pix: f.Picture.Pix})
		return seen, true, err
	}
	return byshot.Walk(ctx, in, pick, w.shot)
}

// sightings returns the faces of a frame.
func sightings(ctx context.Context, model *face.Model, p face.Picture) ([]sighting, error) {
	found, err := model.Detect(ctx, p)
	if err != nil {
		return nil, err
	}
	var out []sighting
	for _, f := range found {
		v, err := model.Describe(ctx, p, f)
		if err != nil {
			return nil, err
		}
		w, h := float64(p.Width), float64(p.Height)
		out = append(out, sighting{face.Box{X: f.Box.X / w, Y: f.Box.Y / h, W: f.Box.W / w, H: f.Box.H / h}, f.Score, v})
	}
	return out, nil
}

// A writer writes the faces of shots.
type writer struct {
	clock  schema.Clock
	out    algo.Output
	people people
}

// certain is the number of frames, and the score, one of which a face needs to be told.
const (
	certainFrames = 2
	certainScore  = 0.75
)

func (w *writer) shot(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[]sighting]) error {
	w.out.Progress(s.End, w.clock.Frames())
	clean := byshot.Clean(s, picks)
	tracks := follow(clean)
	kept := tracks[:0]
	for _, t := range tracks {
		if t.seen >= certainFrames || t.score >= certainScore {
			kept = append(kept, t)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	if err := w.peopleOf(ctx, s, clean, kept); err != nil {
		return err
	}
	for _, t := range kept {
		if err := w.face(ctx, s, clean, t); err != nil {
			return err
		}
	}
	return nil
}

// peopleOf writes how many people the shot shows, and how near.
func (w *writer) peopleOf(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[]sighting], tracks []*track) error {
	count, size, score := 0, 0.0, float32(0)
	for _, p := range picks {
		n := 0
		for _, t := range tracks {
			if t.first <= p.Frame && p.Frame <= t.last {
				n++
			}
		}
		count = max(count, n)
	}
	for _, t := range tracks {
		size, score = max(size, t.largest.box.H), max(score, t.score)
	}
	_, err := w.out.Annotation(ctx, &pb.Annotation{
		Kind: KindPeople, Label: counted(count) + ", " + sized(size), Language: "en", Confidence: score,
		Start: int64(w.clock.FrameStart(s.First)), End: int64(w.clock.FrameStart(s.End)),
		Attributes: algo.Attributes{"count": algo.Integer(int64(count)), "size": algo.Number(float64(float32(size))), "shot": algo.Text(s.ID)},
	})
	return err
}

func counted(n int) string {
	switch n {
	case 1:
		return "one person"
	case 2:
		return "two people"
	case 3:
		return "three people"
	}
	return "crowd of people"
}

func sized(height float64) string {
	switch {
	case height >= 0.6:
		return "extreme close-up"
	case height >= 0.3:
		return "close-up"
	case height >= 0.12:
		return "medium shot"
	}
	return "long shot"
}

// face writes a face with its vector. The stretch of the face goes half way to the described frames beside, where the face is not seen.
func (w *writer) face(ctx context.Context, s byshot.Shot, picks []byshot.Pick[[]sighting], t *track) error {
	first, end := s.First, s.End
	for _, p := range picks {
		if p.Frame < t.first {
			first = (p.Frame + t.first + 1) / 2
		}
		if p.Frame > t.last {
			end = (p.Frame + t.last + 1) / 2
			break
		}
	}
	a := &pb.Annotation{
		Kind: KindPerson, Language: "en", Confidence: t.score, Region: region(t.largest.box),
		Start: int64(w.clock.FrameStart(first)), End: int64(w.clock.FrameStart(end)),
		Attributes: algo.Attributes{"seen": algo.Integer(int64(t.seen)), "shot": algo.Text(s.ID)},
	}
	if n := w.people.number(t); n > 0 {
		a.Label = fmt.Sprintf("person %d", n)
		a.Attributes["person"] = algo.Integer(int64(n))
	}
	id, err := w.out.Annotation(ctx, a)
	if err != nil {
		return err
	}
	return w.out.Embedding(ctx, &pb.Embedding{
		Space: schema.SpaceID(Space), Vector: t.vector(), Start: a.GetStart(), End: a.GetEnd(), Region: region(t.largest.box), Of: id, Kind: KindPerson,
	})
}

func region(b face.Box) *pb.Region {
	x, y := float32(max(0, b.X)), float32(max(0, b.Y))
	return &pb.Region{X: x, Y: y, W: min(float32(b.W), 1-x), H: min(float32(b.H), 1-y)}
}

// Encoders implements encode.Provider. The person of a picture is the person with the largest face.
func (a *Algorithm) Encoders() []encode.Offer {
	return []encode.Offer{{Space: Space, Takes: []encode.Kind{encode.Still, encode.Frame}, Encoder: encode.Func{
		Run: a.encode,
		Price: func(in encode.Input) float64 {
			return 80 + 40e-6*float64(in.Picture.Bounds().Dx()*in.Picture.Bounds().Dy())
		},
	}}}
}

func (a *Algorithm) encode(ctx context.Context, in encode.Input) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", err)
	}
	model, err := a.model.Get()
	if err != nil {
		return nil, err
	}
	return Describe(ctx, model, in.Picture, false)
}

// outsize is how much larger than all other faces the face of a portrait is.
const outsize = 4

// Describe returns the vector of the largest face of a picture. Invalid: the picture shows no face, or, if the face must be alone, shows a further face
// that is not much smaller.
func Describe(ctx context.Context, model *face.Model, img image.Image, alone bool) ([]float32, error) {
	p := packed(img)
	found, err := model.Detect(ctx, p)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errkind.New(errkind.Invalid, "no face is found in the picture; take a picture in which the face is larger, upright and seen from the front")
	}
	size := func(f face.Face) float64 { return f.Box.W * f.Box.H }
	slices.SortStableFunc(found, func(a, b face.Face) int { return cmp.Compare(size(b), size(a)) })
	if alone && len(found) > 1 && size(found[0]) < outsize*size(found[1]) {
		return nil, errkind.New(errkind.Invalid, "the picture shows %d faces; cut the picture to a single face", len(found))
	}
	return model.Describe(ctx, p, found[0])
}

// sharp is the longest side of a picture that is looked at.
const sharp = 1280

// packed returns the points of a picture as packed RGB, made smaller by the mean of points where the picture is large.
func packed(img image.Image) face.Picture {
	b := img.Bounds()
	by := max(1, (max(b.Dx(), b.Dy())+sharp-1)/sharp)
	p := face.Picture{Width: max(1, b.Dx()/by), Height: max(1, b.Dy()/by)}
	p.Pix = make([]byte, 0, 3*p.Width*p.Height)
	for y := range p.Height {
		for x := range p.Width {
			var sum [3]uint32
			n := uint32(0)
			for j := y * by; j < min((y+1)*by, b.Dy()); j++ {
				for i := x * by; i < min((x+1)*by, b.Dx()); i++ {
					r, g, bl, _ := img.At(b.Min.X+i, b.Min.Y+j).RGBA()
					sum[0], sum[1], sum[2], n = sum[0]+r>>8, sum[1]+g>>8, sum[2]+bl>>8, n+1
				}
			}
			for _, v := range sum {
				p.Pix = append(p.Pix, byte(v/max(n, 1)))
			}
		}
	}
	return p
}
