package credits_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/credits"
	"github.com/cinedex/cinedex/pkg/algo/palette"
	"github.com/cinedex/cinedex/pkg/algo/screentext"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A roll is the lines and the shots of a film, as other algorithms write them.
type roll struct {
	lines [][2]float64 // seconds
	plain [][2]float64 // lines that are no credits
	dark  [][2]float64
	light [][2]float64
}

func (*roll) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "roll", Version: "1", Summary: "Lines", Reads: []string{schema.ReadsText}, Kinds: []string{screentext.Kind, palette.KindPalette}}
}

func (r *roll) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for _, set := range []struct {
		all  [][2]float64
		kind string
		of   algo.Attributes
	}{
		{r.dark, palette.KindPalette, algo.Attributes{"brightness": algo.Number(0.05)}},
		{r.light, palette.KindPalette, algo.Attributes{"brightness": algo.Number(0.6)}},
		{r.lines, screentext.Kind, algo.Attributes{"credits": {Kind: &pb.Value_Flag{Flag: true}}}},
		{r.plain, screentext.Kind, algo.Attributes{"credits": {Kind: &pb.Value_Flag{}}}},
	} {
		for _, iv := range set.all {
			_, err := out.Annotation(ctx, &pb.Annotation{Kind: set.kind, Text: "a line", Confidence: 1, Attributes: set.of,
				Start: int64(iv[0] * float64(schema.Second)), End: int64(iv[1] * float64(schema.Second))})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// lines are n lines from a second on, each later than the line before, and each seen for some seconds.
func lines(n int, from, later, seen float64) (out [][2]float64) {
	for i := range n {
		at := from + float64(i)*later
		out = append(out, [2]float64{at, at + seen})
	}
	return out
}

func TestCredits(t *testing.T) {
	whole := [][2]float64{{0, 100}}
	for name, c := range map[string]struct {
		film roll
		want []string
	}{
		"a roll":                    {roll{lines: lines(20, 70, 1, 5), light: whole}, []string{"70-94 closing credits true 20"}},
		"cards over black":          {roll{lines: append(lines(5, 2, 0, 4), lines(5, 7, 0, 4)...), dark: whole}, []string{"2-11 opening credits false 10"}},
		"cards in the middle":       {roll{lines: append(lines(5, 42, 0, 4), lines(5, 47, 0, 4)...), dark: whole}, []string{"42-51 credits false 10"}},
		"a newspaper":               {roll{lines: lines(12, 40, 0, 6), light: whole}, nil},
		"a card of two lines":       {roll{lines: lines(2, 90, 0, 6), dark: whole}, nil},
		"signs in a dark street":    {roll{plain: lines(12, 40, 0, 6), dark: whole}, nil},
		"a flash":                   {roll{lines: lines(12, 90, 0, 1), dark: whole}, nil},
		"both ends":                 {roll{lines: append(lines(8, 1, 1, 3), lines(30, 60, 1, 4)...), light: whole}, []string{"1-11 opening credits true 8", "60-93 closing credits true 30"}},
		"nothing":                   {roll{}, nil},
		"cards, half over a window": {roll{lines: lines(8, 90, 0, 8), dark: [][2]float64{{90, 93}}, light: [][2]float64{{93, 98}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			reg, err := algo.NewRegistry(&c.film, credits.Algorithm{})
			if err != nil {
				t.Fatal(err)
			}
			clip := &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64)), Duration: int64(100 * schema.Second)}}
			r, err := algotest.Run(t.Context(), reg, "credits", clip)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range r.Annotations {
				iv := schema.IntervalOf(a)
				got = append(got, fmt.Sprintf("%v-%v %s %v %d", iv.Start.Seconds(), iv.End.Seconds(), a.GetLabel(), a.GetAttributes()["rolling"].GetFlag(), a.GetAttributes()["lines"].GetInteger()))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("credits differ (-want +got):\n%s", d)
			}
		})
	}
}
