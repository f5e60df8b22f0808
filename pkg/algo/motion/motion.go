package motion

import (
	"context"
	"math"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "motion"

// Algorithm is the algorithm "motion".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "motion", Version: "1", Summary: "How the camera moves",
	Reads: []string{schema.ReadsVideo},
	Needs: []string{schema.KindShot},
	Kinds: []string{Kind},
	// The frames of thumbnails, so that the film is not scaled once more.
	Frames: &pb.FramesSpec{Width: 320, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en",
		Shown: &pb.Shown{Label: "Camera", Hint: "How the camera moves", Lane: "motion", Icon: "camera", Order: 6},
		Attributes: []*pb.AttributeSpec{
			{Name: "pan", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How far to the right, in widths of the picture"},
			{Name: "tilt", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How far down, in heights of the picture"},
			{Name: "zoom", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How far in, in octaves: 1 is twice as large"},
		},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "motion", Aliases: []string{"camera"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "pan left",
		Shown: &pb.Shown{Label: "Camera", Hint: "How the camera moves: static, pan, tilt, zoom, handheld", Icon: "camera"},
	}},
	Answers: []*pb.AnswerSpec{{
		Leaves: []string{"motion", "like_text"}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL,
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	var last *small
	pick := func(_ context.Context, f algo.Frame) (move, bool, error) {
		now := smallOf(f.Picture)
		var m move
		if last != nil {
			m = moved(last, now)
		}
		last = now
		return m, true, nil
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[move]) error {
		out.Progress(s.End, clock.Frames())
		clean := byshot.Clean(s, picks)
		if len(clean) < 2 {
			return nil
		}
		clean = clean[1:] // the first movement is from the shot before
		for _, st := range stretches(s, clean) {
			_, err := out.Annotation(ctx, &pb.Annotation{
				Kind: Kind, Label: st.label, Language: "en", Confidence: st.confidence,
				Start: int64(clock.FrameStart(st.first)), End: int64(clock.FrameStart(st.end)),
				Attributes: algo.Attributes{
					"pan": algo.Number(round(st.pan)), "tilt": algo.Number(round(st.tilt)), "zoom": algo.Number(round(st.zoom)), "shot": algo.Text(s.ID),
				},
			})
			if err != nil {
				return err
			}
		}
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

func round(x float64) float64 { return math.Round(x*1000) / 1000 }

// A stretch is the frames [first, end) of a shot with a movement.
type stretch struct {
	label           string
	confidence      float32
	first, end      int64
	pan, tilt, zoom float64
}

const (
	// slowest is the movement from a frame to the next, in widths, from which the camera moves. A fiftieth of a width in a second.
	slowest = 0.0025
	// slowestZoom is the same of the growth.
	slowestZoom = 0.003
	// far and farZoom are the movements of a whole stretch from which the movement has a name.
	far, farZoom = 0.08, 0.10
	// straight is the share of a movement that must go one way.
	straight = 0.8
	// shaky is the mean change of the movement from a frame to the next, in widths, above which a camera is in a hand.
	shaky = 0.0035
	// gap is how many frames a movement may pause.
	gap = 2
)

// stretches returns the named movements of a shot, in the order of their starts.
func stretches(s byshot.Shot, picks []byshot.Pick[move]) []stretch {
	var known int
	for _, p := range picks {
		if p.Value.known {
			known++
		}
	}
	if 2*known < len(picks) {
		return nil // the picture has no common movement
	}
	var out []stretch
	at := 0
	for at < len(picks) {
		end := at + 1
		if !moving(picks[at].Value) {
			at = end
			continue
		}
		still := 0
		for n := end; n < len(picks) && still <= gap; n++ {
			if moving(picks[n].Value) {
				end, still = n+1, 0
				continue
			}
			still++
		}
		if st, ok := name(picks[at:end]); ok {
			st.end = picks[end-1].Frame
			st.first = s.First
			if at > 0 {
				st.first = picks[at-1].Frame
			}
			if end == len(picks) {
				st.end = s.End
			}
			out = append(out, st)
		}
		at = end
	}
	if len(out) == 0 {
		label, confidence := whole(picks)
		return []stretch{{label: label, confidence: confidence, first: s.First, end: s.End}}
	}
	return out
}

func moving(m move) bool {
	return m.known && (math.Hypot(m.dx, m.dy)/width >= slowest || math.Abs(m.scale) >= slowestZoom)
}

// name returns the named movement of a stretch of moving frames.
func name(picks []byshot.Pick[move]) (stretch, bool) {
	var x, y, z, ax, ay, az float64
	for _, p := range picks {
		m := p.Value
		dx, dy, dz := m.dx/width, m.dy/height, math.Log2(1+m.scale)
		x, y, z = x+dx, y+dy, z+dz
		ax, ay, az = ax+math.Abs(dx), ay+math.Abs(dy), az+math.Abs(dz)
	}
	var labels []string
	say := func(by, all, least float64, negative, positive string) {
		if math.Abs(by) < least || math.Abs(by) < straight*all {
			return
		}
		if by < 0 {
			labels = append(labels, negative)
			return
		}
		labels = append(labels, positive)
	}
	// The content goes against the camera. A movement much smaller than another movement beside is left out.
	most := max(math.Abs(x), math.Abs(y))
	say(-x, ax, max(far, most/3), "pan left", "pan right")
	say(-y, ay, max(far, most/3), "tilt up", "tilt down")
	say(z, az, farZoom, "zoom out", "zoom in")
	if len(labels) == 0 {
		return stretch{}, false
	}
	confidence := max(math.Abs(x)/max(ax, 1e-9), math.Abs(y)/max(ay, 1e-9), math.Abs(z)/max(az, 1e-9))
	return stretch{label: strings.Join(labels, ", "), confidence: float32(min(1, confidence)), pan: -x, tilt: -y, zoom: z}, true
}

// whole names a shot without a movement that goes one way.
func whole(picks []byshot.Pick[move]) (string, float32) {
	var jerks []float64
	for i := 1; i < len(picks); i++ {
		a, b := picks[i-1].Value, picks[i].Value
		if a.known && b.known {
			jerks = append(jerks, math.Hypot(a.dx-b.dx, a.dy-b.dy)/width)
		}
	}
	if j := middle(jerks); j > shaky {
		return "handheld", float32(min(1, j/(2*shaky)))
	}
	return "static", 1
}
