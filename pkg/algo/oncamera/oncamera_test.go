package oncamera_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/oncamera"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A lane is an annotation of a second for each digit, by the number; 0 is none. Equal digits in a row are one annotation.
type lane struct{ kind, digits string }

func (l lane) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: l.kind + "_lane", Version: "1", Summary: "Digits", Reads: []string{schema.ReadsText}, Kinds: []string{l.kind}}
}

func (l lane) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for i := 0; i < len(l.digits); {
		end := i + 1
		for end < len(l.digits) && l.digits[end] == l.digits[i] {
			end++
		}
		if l.digits[i] != '0' {
			_, err := out.Annotation(ctx, &pb.Annotation{
				Kind: l.kind, Label: l.kind, Start: int64(i) * int64(schema.Second), End: int64(end) * int64(schema.Second), Confidence: 1,
				Attributes: algo.Attributes{l.kind: algo.Integer(int64(l.digits[i] - '0'))},
			})
			if err != nil {
				return err
			}
		}
		i = end
	}
	return nil
}

// A voice has the face that is seen while the voice is heard, for most of the time.
func TestFaces(t *testing.T) {
	for name, c := range map[string]struct {
		voices, faces string
		want          []string
	}{
		"two people":          {"1111222211112222", "3333444433334444", []string{"0-4 on camera 1 3 1.00", "4-8 on camera 2 4 1.00", "8-12 on camera 1 3 1.00", "12-16 on camera 2 4 1.00"}},
		"a reaction":          {"11112222111122221111", "33334444333344444444", []string{"0-4 on camera 1 3 0.67", "4-8 on camera 2 4 1.00", "8-12 on camera 1 3 0.67", "12-16 on camera 2 4 1.00", "16-20 off camera 1 3 0.67"}},
		"half of a turn":      {"11110011110", "33000033330", []string{"0-4 on camera 1 3 0.75", "6-10 on camera 1 3 0.75"}},
		"nobody is seen":      {"11112222", "00000000", nil},
		"a second of a face":  {"1000000", "3000000", nil},
		"a narrator":          {"1111111122", "3003000344", []string{"8-10 on camera 2 4 1.00"}},
		"a listener":          {"11112222", "33333333", []string{"0-4 on camera 1 3 1.00", "4-8 on camera 2 3 1.00"}},
		"nobody speaks":       {"0000", "3333", nil},
		"seen more elsewhere": {"11112222", "33033333", []string{"4-8 on camera 2 3 1.00"}},
	} {
		t.Run(name, func(t *testing.T) {
			reg, err := algo.NewRegistry(lane{"speaker", c.voices}, lane{"person", c.faces}, oncamera.Algorithm{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := algotest.Run(t.Context(), reg, "oncamera", &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64))}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range r.Annotations {
				n := func(name string) int64 { return a.GetAttributes()[name].GetInteger() }
				got = append(got, fmt.Sprintf("%d-%d %s %d %d %.2f", a.GetStart()/int64(schema.Second), a.GetEnd()/int64(schema.Second), a.GetLabel(), n("speaker"), n("person"), a.GetConfidence()))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("turns differ (-want +got):\n%s", d)
			}
		})
	}
}
