package palette

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The kinds of the algorithm.
const (
	KindPalette = "palette"
	KindLight   = "light"
)

// Algorithm is the algorithm "palette".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "palette", Version: "1", Summary: "The colours and the light of each shot, by name",
	Reads: []string{schema.ReadsVideo},
	Needs: []string{schema.KindShot},
	Kinds: []string{KindPalette, KindLight},
	// The frames of thumbnails, so that the film is not scaled once more.
	Frames: &pb.FramesSpec{Width: 320, PerSecond: byshot.PerSecond},
	KindSpecs: []*pb.KindSpec{
		{
			Kind: KindPalette, LabelLanguage: "en", Shown: &pb.Shown{Label: "Colours", Hint: "Which colours are seen", Lane: "palette", Icon: "palette", Order: 5},
			Attributes: []*pb.AttributeSpec{
				{Name: "brightness", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Mean lightness, 0 to 1"},
				{Name: "chroma", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Mean chroma, 0 to 1"},
			},
		},
		{Kind: KindLight, LabelLanguage: "en", Shown: &pb.Shown{Label: "Light", Hint: "Day, dusk or night", Lane: "palette", Icon: "sun", Order: 5}},
	},
	Leaves: []*pb.LeafSpec{
		{
			Name: "palette", Aliases: []string{"colour"}, Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "dark blue",
			Shown: &pb.Shown{Label: "Colours", Hint: "Which colours are seen: green, dark blue, sepia, black and white", Icon: "palette"},
		},
		{
			Name: "light", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "night",
			Shown: &pb.Shown{Label: "Light", Hint: "Day, dusk or night", Icon: "sun"},
		},
	},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"palette", "like_text"}, Bare: true, By: "words", Kind: KindPalette, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{Leaves: []string{"light", "like_text"}, Bare: true, By: "words", Kind: KindLight, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
	},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

// A tally counts the points of frames.
type tally struct {
	points int
	of     [count]int
	// lightness and chroma are sums; light counts the points by lightness.
	lightness, chroma float64
	light             [101]int
	// cos and sin are the sum of the colours as vectors: long where all colours have one hue.
	cos, sin float64
}

// every is the distance of the counted points.
const every = 3

func (t *tally) add(p *media.Picture) {
	colours := table()
	for y := 0; y < p.Height; y += every {
		for x := 0; x < p.Width; x += every {
			c := p.Pix[3*(y*p.Width+x):]
			e := &colours[int(c[0])>>(8-bits)<<(2*bits)|int(c[1])>>(8-bits)<<bits|int(c[2])>>(8-bits)]
			t.points++
			t.of[e.name]++
			t.lightness += e.lightness
			t.chroma += e.chroma
			t.light[int(max(0, min(100, e.lightness)))]++
			t.cos += float64(e.cos)
			t.sin += float64(e.sin)
		}
	}
}

func (t *tally) join(o *tally) {
	t.points += o.points
	for i, n := range o.of {
		t.of[i] += n
	}
	for i, n := range o.light {
		t.light[i] += n
	}
	t.lightness, t.chroma, t.cos, t.sin = t.lightness+o.lightness, t.chroma+o.chroma, t.cos+o.cos, t.sin+o.sin
}

// above is the lightness that a share of the points is above.
func (t *tally) above(share float64) float64 {
	n := 0
	for l := len(t.light) - 1; l >= 0; l-- {
		if n += t.light[l]; float64(n) >= share*float64(t.points) {
			return float64(l)
		}
	}
	return 0
}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	pick := func(_ context.Context, f algo.Frame) (*tally, bool, error) {
		if !sampler.Pick(f) {
			return nil, false, nil
		}
		var t tally
		t.add(f.Picture)
		return &t, true, nil
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[*tally]) error {
		out.Progress(s.End, clock.Frames())
		var t tally
		for _, p := range byshot.Clean(s, picks) {
			t.join(p.Value)
		}
		if t.points == 0 {
			return nil // a shot of a few frames
		}
		for _, a := range []*pb.Annotation{t.palette(), t.lit()} {
			if a == nil {
				continue
			}
			a.Language = "en"
			a.Start, a.End = int64(clock.FrameStart(s.First)), int64(clock.FrameStart(s.End))
			a.Attributes["shot"] = algo.Text(s.ID)
			if _, err := out.Annotation(ctx, a); err != nil {
				return err
			}
		}
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

const (
	// share is the share of the points from which a colour is named.
	share = 0.10
	// most is the number of named colours.
	most = 4
	// colourless is the mean chroma below which a shot is black and white.
	colourless = 5
	// toned is the share of the chroma that lies in one direction in a shot of one tone.
	toned = 0.97
)

// palette names the colours.
func (t *tally) palette() *pb.Annotation {
	n := float64(t.points)
	brightness, chroma := t.lightness/n/100, t.chroma/n
	a := &pb.Annotation{Kind: KindPalette, Confidence: 1, Attributes: algo.Attributes{
		"brightness": algo.Number(rounded(brightness)), "chroma": algo.Number(rounded(min(1, chroma/100))),
	}}
	hue := math.Atan2(t.sin, t.cos) * 180 / math.Pi
	switch {
	case chroma < colourless && t.above(0.02)-t.above(0.98) > 15:
		a.Label = "black and white"
		return a
	case chroma < 40 && hue > 55 && hue < 95 && math.Hypot(t.cos, t.sin) > toned*t.chroma:
		a.Label = "sepia"
		return a
	}
	order := make([]int, count)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(cmp.Compare(t.of[y], t.of[x]), cmp.Compare(x, y)) })
	var label, shares []string
	var named float64
	for i, c := range order[:most] {
		s := float64(t.of[c]) / n
		if i > 0 && s < share {
			break
		}
		named += s
		label, shares = append(label, names[c]), append(shares, fmt.Sprintf("%.2f %s", s, names[c]))
	}
	a.Label, a.Confidence = strings.Join(label, ", "), float32(named)
	a.Attributes["shares"] = algo.Texts(shares)
	return a
}

func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

// lit says whether the shot is of the day, of dusk or of the night; nil for a shot that is black, or nothing but light.
func (t *tally) lit() *pb.Annotation {
	mean, bright := t.lightness/float64(t.points), t.above(0.05)
	a := &pb.Annotation{Kind: KindLight, Attributes: algo.Attributes{}}
	hue := math.Atan2(t.sin, t.cos) * 180 / math.Pi
	warm := hue > 20 && hue < 95 && math.Hypot(t.cos, t.sin) > 0.6*t.chroma && t.chroma/float64(t.points) > 18
	switch {
	case bright < 6:
		return nil
	case mean < nightly:
		a.Label, a.Confidence = "night", sure((nightly-mean)/nightly)
	case mean < dusky && warm:
		a.Label, a.Confidence = "dusk", 0.5
	case mean < dusky:
		return nil
	default:
		a.Label, a.Confidence = "day", sure((mean-dusky)/dusky)
	}
	return a
}

const (
	// nightly and dusky are the mean lightness below which a picture is of the night, or perhaps of dusk.
	nightly, dusky = 24, 38
)

// sure is a confidence from a half at a border to nearly one far from the border.
func sure(distance float64) float32 { return float32(rounded(0.5 + 0.45*min(1, distance))) }
