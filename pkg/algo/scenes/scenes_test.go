package scenes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/scenes"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A montage writes a shot of a second for each letter: shots of the same letter look alike, and the others do not.
type montage string

func (montage) Spec() *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: "montage", Version: "1", Summary: "Shots", Reads: []string{schema.ReadsText}, Spaces: []*pb.Space{pictures.Space}}
}

func (m montage) Annotate(ctx context.Context, _ algo.Input, out algo.Output) error {
	for i, letter := range m {
		v := make([]float32, pictures.Space.GetDimension())
		v[letter] = 1
		start := schema.Time(i) * schema.Second
		for part := range schema.Time(2) { // two vectors a shot
			err := out.Embedding(ctx, &pb.Embedding{
				Space: schema.SpaceID(pictures.Space), Vector: v, Of: schema.ItemID(strings.Repeat("0", 32), int64(i)), Kind: schema.KindShot,
				Start: int64(start + part*schema.Second/2), End: int64(start + (part+1)*schema.Second/2),
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// Shots that come back hold a scene together, across the shots in between, up to eight shots.
func TestScenes(t *testing.T) {
	for shots, want := range map[string][]string{
		"ABAB":                   {"0-4 scene 1 4"},
		"ABABCDCE":               {"0-4 scene 1 4", "4-7 scene 2 3", "7-8 scene 3 1"},
		"ABCADEFD":               {"0-4 scene 1 4", "4-8 scene 2 4"},
		"ABCBADEADE":             {"0-10 scene 1 10"},
		"ABCDEFGHA":              {"0-9 scene 1 9"},
		"ABCDEFGHIA":             {"0-1 scene 1 1", "1-2 scene 2 1", "2-3 scene 3 1", "3-4 scene 4 1", "4-5 scene 5 1", "5-6 scene 6 1", "6-7 scene 7 1", "7-8 scene 8 1", "8-9 scene 9 1", "9-10 scene 10 1"},
		"A":                      {"0-1 scene 1 1"},
		"":                       nil,
		"AAAAAAAAAAAAAAAAAAAAAB": {"0-21 scene 1 21", "21-22 scene 2 1"},
	} {
		t.Run(shots, func(t *testing.T) {
			reg, err := algo.NewRegistry(montage(shots), scenes.Algorithm{})
			if err != nil {
				t.Fatal(err)
			}
			r, err := algotest.Run(t.Context(), reg, "scenes", &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64))}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, a := range r.Annotations {
				got = append(got, fmt.Sprintf("%d-%d %s %d", a.GetStart()/int64(schema.Second), a.GetEnd()/int64(schema.Second), a.GetLabel(), a.GetAttributes()["shots"].GetInteger()))
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("scenes differ (-want +got):\n%s", d)
			}
		})
	}
}
