package credits

import (
	"cmp"
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/palette"
	"github.com/cinedex/cinedex/pkg/algo/screentext"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the annotations.
const Kind = "credits"

// Algorithm is the algorithm "credits".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "credits", Version: "1", Summary: "Where the credits of a film are",
	Needs: []string{screentext.Kind, palette.KindPalette},
	Kinds: []string{Kind},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en", Shown: &pb.Shown{Label: "Credits", Hint: "Opening and closing credits", Lane: "picture", Icon: "text", Order: 8},
		Attributes: []*pb.AttributeSpec{
			{Name: "rolling", Type: pb.AttributeType_ATTRIBUTE_TYPE_FLAG, Hint: "The lines roll"},
			{Name: "lines", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many lines there are"},
		},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "credits", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "closing credits",
		Shown: &pb.Shown{Label: "Credits", Hint: "Opening credits, closing credits", Icon: "text"},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"credits"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

const (
	// dark is the brightness of a dark picture, at most.
	dark = 0.25
	// pause is the longest time without a line, and shortest the shortest stretch.
	pause    = 4 * schema.Second
	shortest = 4 * schema.Second
	// fewest is the least number of lines.
	fewest = 6
	// together is the time within which lines begin together.
	together = schema.Second / 4
	// mostCards is the number of beginnings from which lines may roll, and quickest the mean time between beginnings of a roll, at most.
	mostCards = 5
	quickest  = 3 * schema.Second / 2
	// mostLines bounds the lines of a film that are looked at, and mostDark the dark stretches.
	mostLines, mostDark = 20_000, 20_000
)

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	var night []schema.Interval
	for a, err := range in.Annotations(ctx, palette.KindPalette) {
		if err != nil {
			return err
		}
		iv := schema.IntervalOf(a)
		if a.GetAttributes()["brightness"].GetNumber() > dark {
			continue
		}
		if n := len(night) - 1; n >= 0 && night[n].End >= iv.Start {
			night[n] = night[n].Hull(iv)
		} else if len(night) < mostDark {
			night = append(night, iv)
		}
	}
	var lines []schema.Interval
	for a, err := range in.Annotations(ctx, screentext.Kind) {
		if err != nil {
			return err
		}
		if len(lines) < mostLines && a.GetAttributes()["credits"].GetFlag() {
			lines = append(lines, schema.IntervalOf(a))
		}
	}
	slices.SortFunc(lines, func(a, b schema.Interval) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	length := schema.Time(in.Asset().GetDuration())
	for len(lines) > 0 {
		n, whole := stretch(lines)
		if err := write(ctx, out, lines[:n], whole, night, length); err != nil {
			return err
		}
		lines = lines[n:]
	}
	return ctx.Err()
}

// stretch returns how many of the first lines follow each other without a pause, and the interval of the lines.
func stretch(lines []schema.Interval) (n int, whole schema.Interval) {
	whole = lines[0]
	for n = 1; n < len(lines) && lines[n].Start <= whole.End+pause; n++ {
		whole = whole.Hull(lines[n])
	}
	return n, whole
}

// rolls reports whether lines begin all the time, as the lines of a roll do. The lines of a card begin together, and a card stays longer.
func rolls(lines []schema.Interval, whole schema.Interval) bool {
	begins := schema.Time(1)
	for i := 1; i < len(lines); i++ {
		if lines[i].Start-lines[i-1].Start > together {
			begins++
		}
	}
	return begins >= mostCards && (whole.End-whole.Start)/begins <= quickest
}

// share returns how much of an interval lies in sorted intervals.
func share(iv schema.Interval, in []schema.Interval) float64 {
	var sum schema.Time
	for _, d := range in {
		sum += max(0, min(iv.End, d.End)-max(iv.Start, d.Start))
	}
	return float64(sum) / float64(iv.End-iv.Start)
}

func write(ctx context.Context, out algo.Output, lines []schema.Interval, whole schema.Interval, night []schema.Interval, length schema.Time) error {
	rolling := rolls(lines, whole)
	if len(lines) < fewest || whole.End-whole.Start < shortest || !rolling && share(whole, night) < 0.5 {
		return nil
	}
	label := "credits"
	switch {
	case whole.End <= length/5:
		label = "opening credits"
	case whole.End >= length-length/5:
		label = "closing credits"
	}
	_, err := out.Annotation(ctx, &pb.Annotation{
		Kind: Kind, Label: label, Language: "en", Confidence: 1, Start: int64(whole.Start), End: int64(whole.End),
		Attributes: algo.Attributes{"rolling": &pb.Value{Kind: &pb.Value_Flag{Flag: rolling}}, "lines": algo.Integer(int64(len(lines)))},
	})
	return err
}
