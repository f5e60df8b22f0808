package cast_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/cast"
	"github.com/cinedex/cinedex/pkg/algo/speakers"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// voices speak a second for each digit, by the number of the voice; 0 is silence.
type voices string

func (voices) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "voices", Version: "1", Summary: "Turns", Reads: []string{schema.ReadsText}, Kinds: []string{speakers.Kind}}
}

func (v voices) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for i, digit := range v {
		if digit == '0' {
			continue
		}
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: speakers.Kind, Label: "speaker " + string(digit), Language: "en", Confidence: 0.5,
			Start: int64(i) * int64(schema.Second), End: int64(i+1) * int64(schema.Second),
			Attributes: algo.Attributes{"speaker": algo.Integer(int64(digit - '0'))},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// said is a cue of a second for each word, by the name of the speaker; "-" is a cue without a name.
func said(names string) (out []timedtext.Cue) {
	for i, name := range strings.Fields(names) {
		c := timedtext.Cue{Start: schema.Time(i) * schema.Second, End: schema.Time(i+1) * schema.Second, Text: "words"}
		if name != "-" {
			c.Speaker = name
		}
		out = append(out, c)
	}
	return out
}

// A voice takes the name of the majority of its named time, in the spelling with small letters, and unnamed turns of the voice have the name, too.
func TestNames(t *testing.T) {
	for name, c := range map[string]struct {
		voices    string
		subtitles []string
		want      []string
	}{
		"two voices":           {"121211", []string{"Mara Jonas Mara Jonas - -"}, []string{"0 Mara 1.00", "1 Jonas 1.00", "2 Mara 1.00", "3 Jonas 1.00", "4 Mara 1.00", "5 Mara 1.00"}},
		"a cue of another":     {"1111", []string{"Mara Mara Jonas -"}, []string{"0 Mara 0.67", "1 Mara 0.67", "2 Mara 0.67", "3 Mara 0.67"}},
		"no majority":          {"1111", []string{"Mara Mara Jonas Jonas"}, nil},
		"a second of a name":   {"1111", []string{"Mara - - -"}, nil},
		"capitals":             {"1111", []string{"MARA MARA MARA -", "- - - Mara"}, []string{"0 Mara 1.00", "1 Mara 1.00", "2 Mara 1.00", "3 Mara 1.00"}},
		"capitals alone":       {"11", []string{"MARA MARA"}, []string{"0 MARA 1.00", "1 MARA 1.00"}},
		"silence between":      {"1001", []string{"Mara Jonas Jonas Mara"}, []string{"0 Mara 1.00", "3 Mara 1.00"}},
		"one name, two voices": {"1122", []string{"Mara Mara Mara Mara"}, []string{"0 Mara 1.00", "1 Mara 1.00", "2 Mara 1.00", "3 Mara 1.00"}},
		"no name":              {"1212", []string{"- - - -"}, nil},
		"nobody":               {"0000", []string{"Mara Mara Mara Mara"}, nil},
		"names in two scripts": {"1111", []string{"Mara Mara Mara -", "マラ マラ - -"}, []string{"0 Mara 0.60", "1 Mara 0.60", "2 Mara 0.60", "3 Mara 0.60"}},
	} {
		t.Run(name, func(t *testing.T) {
			reg, err := algo.NewRegistry(voices(c.voices), cast.Algorithm{})
			if err != nil {
				t.Fatal(err)
			}
			clip := &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64))}}
			for i, names := range c.subtitles {
				clip.AddText([]string{"en", "ja"}[i], said(names))
			}
			r, err := algotest.Run(t.Context(), reg, "cast", clip)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range r.Annotations {
				share := a.GetAttributes()["share"].GetNumber()
				got = append(got, fmt.Sprintf("%d %s %.2f", a.GetStart()/int64(schema.Second), a.GetLabel(), share))
				if a.GetCharacter() != a.GetLabel() || a.GetConfidence() != 0.5*float32(share) || a.GetEnd()-a.GetStart() != int64(schema.Second) {
					t.Errorf("turn %v", a)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("the cast differs (-want +got):\n%s", d)
			}
		})
	}
}
