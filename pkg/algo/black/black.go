package black

import (
	"context"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The kinds of the algorithm.
const (
	KindBlack = "black"
	KindBars  = "bars"
)

// Algorithm is the algorithm "black".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "black", Version: "1", Summary: "Where a film is black, and where colour bars are",
	Reads: []string{schema.ReadsVideo},
	Kinds: []string{KindBlack, KindBars},
	// The frames of shots.
	Frames: &pb.FramesSpec{Width: 48, Height: 27},
	KindSpecs: []*pb.KindSpec{
		{Kind: KindBlack, LabelLanguage: "en", Shown: &pb.Shown{Label: "Black", Hint: "Stretches of black", Lane: "picture", Icon: "square", Order: 8}},
		{
			Kind: KindBars, LabelLanguage: "en", Shown: &pb.Shown{Label: "Colour bars", Hint: "Stretches of colour bars", Lane: "picture", Icon: "square", Order: 8},
			Attributes: []*pb.AttributeSpec{{Name: "pattern", Type: pb.AttributeType_ATTRIBUTE_TYPE_TEXT, Hint: "SMPTE or EBU"}},
		},
	},
	Leaves: []*pb.LeafSpec{{
		Name: "blank", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "black",
		Shown: &pb.Shown{Label: "Blank", Hint: "Stretches without a picture: black, colour bars", Icon: "square"},
	}},
	Answers: []*pb.AnswerSpec{
		{Leaves: []string{"blank"}, By: "words", Kind: KindBlack, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		{Leaves: []string{"blank"}, By: "words", Kind: KindBars, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
	},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

// What a frame shows.
const (
	picture = ""
	nothing = "black"
	smpte   = "SMPTE"
	ebu     = "EBU"
)

// least is the shortest stretch that is told.
var least = map[string]schema.Time{nothing: schema.Second / 5, smpte: schema.Second / 2, ebu: schema.Second / 2}

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	shows, first := picture, int64(0)
	end := func(n int64) error {
		start, until := clock.FrameStart(first), clock.FrameStart(n)
		if shows == picture || until-start < least[shows] {
			return nil
		}
		a := &pb.Annotation{Kind: KindBlack, Label: "black", Language: "en", Confidence: 1, Start: int64(start), End: int64(until)}
		if shows != nothing {
			a.Kind, a.Label, a.Attributes = KindBars, "colour bars", algo.Attributes{"pattern": algo.Text(shows)}
		}
		_, err := out.Annotation(ctx, a)
		return err
	}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		if now := shown(f.Picture); now != shows {
			if err := end(f.N); err != nil {
				return err
			}
			shows, first = now, f.N
		}
		out.Progress(f.N, clock.Frames())
	}
	return end(clock.Frames())
}

const (
	// blackest is the mean brightness of a black picture, at most, and the brightness of a point of the small picture, at most. A line of small
	// white words is brighter.
	blackest, point = 8, 24
)

// shown returns what a frame shows.
func shown(p *media.Picture) string {
	sum, most := 0, 0
	for i := 0; i+2 < len(p.Pix); i += 3 {
		v := (77*int(p.Pix[i]) + 150*int(p.Pix[i+1]) + 29*int(p.Pix[i+2])) >> 8
		sum, most = sum+v, max(most, v)
	}
	switch n := p.Width * p.Height; {
	case n == 0:
		return picture
	case sum <= blackest*n && most <= point:
		return nothing
	case barred(p, bars[:7]):
		return smpte
	case barred(p, bars[:]):
		return ebu
	}
	return picture
}

// bars are the colours of the bars from the left, as which of red, green and blue are lit. SMPTE's bars have no black bar.
var bars = [...][3]bool{{true, true, true}, {true, true, false}, {false, true, true}, {false, true, false}, {true, false, true}, {true, false, false}, {false, false, true}, {false, false, false}}

// barred reports whether the upper half of a picture is bars of these colours. The points near the borders of two bars do not count.
func barred(p *media.Picture, want [][3]bool) bool {
	const lit, unlit, worst = 140, 70, 40
	for b, w := range want {
		x0, x1 := b*p.Width/len(want)+2, (b+1)*p.Width/len(want)-2
		var sum [3]int
		low, high := [3]int{255, 255, 255}, [3]int{}
		n := 0
		for y := 1; y < p.Height/2; y++ {
			for x := x0; x < x1; x++ {
				for c := range 3 {
					v := int(p.Pix[3*(y*p.Width+x)+c])
					sum[c], low[c], high[c] = sum[c]+v, min(low[c], v), max(high[c], v)
				}
				n++
			}
		}
		if n == 0 {
			return false
		}
		for c := range 3 {
			mean := sum[c] / n
			if high[c]-low[c] > worst || w[c] && mean < lit || !w[c] && mean > unlit {
				return false
			}
		}
	}
	return true
}
