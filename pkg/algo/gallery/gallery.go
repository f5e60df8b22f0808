package gallery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/algo/persons"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/face"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations, and Name the name of the algorithm.
const (
	Kind = "named_person"
	Name = "gallery"
)

// Algorithm is the algorithm "gallery".
type Algorithm struct {
	model  algo.Model[*face.Model]
	folder Folder
	spec   *pb.AlgorithmSpec

	mu    sync.Mutex
	known []known // nil until the portraits are described
}

// A known is a described portrait.
type known struct {
	name   string
	vector []float32
}

// Versions returns the versions of the algorithm, without a gallery.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(persons.Model(m), Folder{})}
}

// New returns the algorithm over a gallery. The model is opened, and the portraits are described, on first use.
func New(model algo.Model[*face.Model], folder Folder) *Algorithm {
	s := &pb.AlgorithmSpec{
		Name: Name, Version: "1", Summary: "Who is seen by name, by the portraits of the studio's gallery",
		Needs: []string{schema.SpaceID(persons.Space)},
		Kinds: []string{Kind},
		// The networks describe the portraits.
		Models: []string{"onnxruntime", "face-detector", "face-landmarks", "face-recogniser"},
		KindSpecs: []*pb.KindSpec{{
			Kind: Kind, Regions: true,
			Shown:      &pb.Shown{Label: "Named person", Hint: "Faces that are like a portrait of the gallery", Lane: "names", Icon: "person", Order: 4},
			Attributes: []*pb.AttributeSpec{{Name: "likeness", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Cosine of the face and the nearest portrait"}},
		}},
		Answers: []*pb.AnswerSpec{{Leaves: []string{persons.Leaf}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
	}
	if len(folder.portraits) > 0 {
		s.Parameters = map[string]string{"gallery": folder.digest()}
	}
	return &Algorithm{model: model, folder: folder, spec: s}
}

// Spec implements algo.Algorithm.
func (a *Algorithm) Spec() *pb.AlgorithmSpec { return a.spec }

const (
	// named is the cosine from which a face is of the person of a portrait. Of photographs in packages, five pairs of a person are at 0.952 and above, and
	// no two of 33 strangers are above 0.938. A half of a face is at 0.92 to 0.94 of the person, and gets no name.
	named = 0.95
	// apart is how much nearer the portraits of the name must be than those of any other name.
	apart = 0.01
)

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	if len(a.folder.portraits) == 0 {
		return ctx.Err()
	}
	known, err := a.portraits(ctx)
	if err != nil {
		return err
	}
	for e, err := range in.Embeddings(ctx, schema.SpaceID(persons.Space)) {
		if err != nil {
			return err
		}
		name, likeness := nearest(known, e.GetVector())
		if name == "" {
			continue
		}
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: Kind, Label: name, Confidence: confidence(likeness), Region: e.GetRegion(), Start: e.GetStart(), End: e.GetEnd(),
			Attributes: algo.Attributes{"likeness": algo.Number(float64(float32(likeness))), "face": algo.Text(e.GetOf())},
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// confidence is that of two pictures of a person in the space of the faces.
func confidence(likeness float64) float32 {
	c := persons.Calibration
	return float32(1 / (1 + math.Exp(-c.GetSlope()*(likeness-c.GetMiddle()))))
}

// nearest returns the name whose portrait a face is like; "" for a stranger, and for a face that is like portraits of two names.
func nearest(all []known, face []float32) (string, float64) {
	best, second, name := -1.0, -1.0, ""
	for _, k := range all {
		c := byshot.Cosine(k.vector, face)
		switch {
		case k.name == name:
			best = max(best, c)
		case c > best:
			best, second, name = c, best, k.name
		default:
			second = max(second, c)
		}
	}
	if best < named || best-second < apart {
		return "", best
	}
	return name, best
}

// portraits describes the gallery, once.
func (a *Algorithm) portraits(ctx context.Context) ([]known, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known != nil {
		return a.known, nil
	}
	model, err := a.model.Get()
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(a.folder.dir)
	if err != nil {
		return nil, errkind.New(errkind.Unavailable, "opening the gallery: %w", err)
	}
	defer func() { _ = root.Close() }()
	var all []known
	for _, p := range a.folder.portraits {
		v, err := describe(ctx, model, root, p)
		if err != nil {
			return nil, err
		}
		all = append(all, known{p.name, v})
	}
	a.known = all
	return all, nil
}

// describe returns the vector of a portrait.
func describe(ctx context.Context, model *face.Model, root *os.Root, p portrait) ([]float32, error) {
	raw, err := load(root, p.path)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != p.digest {
		return nil, errkind.New(errkind.Unavailable, "the gallery's portrait %q has changed since the start: start the program again", p.path)
	}
	img, err := media.DecodeImage(raw, limits)
	if err != nil {
		return nil, fmt.Errorf("the gallery's portrait %q: %w", p.path, err)
	}
	v, err := persons.Describe(ctx, model, img, true)
	if err != nil {
		return nil, fmt.Errorf("the gallery's portrait %q: %w", p.path, err)
	}
	return v, nil
}
