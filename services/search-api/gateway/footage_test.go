package gateway_test

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/fingerprint"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestSameFootage: a hit that the pictures call similar is called the same where the fingerprints say so. A shot without fingerprints, a question that
// nothing encodes, and a hit that is called the same already stay as they are.
func TestSameFootage(t *testing.T) {
	f := apitest.Film{Title: "palette", Name: "Palette"}
	for _, c := range []color.RGBA{apitest.Red, orange, yellow} {
		f.Shots = append(f.Shots, apitest.Shot{Seconds: 10, Colour: c, Label: "wall", LabelConfidence: 1})
	}
	l := apitest.New(t)
	a := l.Add(f)
	vector := func(directions ...int) []float32 {
		v := make([]float32, fingerprint.Space.GetDimension())
		for _, d := range directions {
			v[d] = 1
		}
		for i := range v {
			if len(directions) == 2 {
				v[i] *= 0.70710678
			}
		}
		return v
	}
	at := func(second int64, v []float32) *pb.Embedding {
		return &pb.Embedding{Space: schema.SpaceID(fingerprint.Space), Vector: v, Kind: schema.KindShot,
			Start: second * int64(schema.Second), End: (second + 10) * int64(schema.Second)}
	}
	// The first and the second shot are one footage, of which the first shot has another moment as well. The third is another.
	l.Embedded(a, "fingerprint", fingerprint.Space, at(0, vector(7)), at(0, vector(5)), at(10, vector(5)), at(20, vector(5, 9)))
	g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) {
		d.Frame = func(_ context.Context, _ *pb.Asset, clock schema.Clock, n int64) (image.Image, error) {
			return apitest.Still(f.Shots[clock.FrameStart(n)/(10*schema.Second)].Colour), nil
		}
	})
	for q, want := range map[string]string{
		"shot:ASSET@11s":                        "0 same, 1 same, 2 similar",
		"shot:ASSET@11s AND label:wall":         "0 same, 1 same, 2 similar",
		"shot:ASSET@21s":                        "1 similar, 2 same",
		"frame:ASSET@11s":                       "0 similar, 1 same, 2 similar", // nothing encodes a frame here
		"frame:ASSET@11s OR look:red":           "0 similar, 1 same, 2 similar",
		"look:red":                              "0 , 1 ",
		"shot[same=true]:ASSET@11s":             "1 same",
		`shot[like=shot:"ASSET@21s"]:ASSET@11s`: "1 , 2 ",
	} {
		var got []string
		for _, h := range ask(t, g, line(strings.ReplaceAll(q, "ASSET", a.GetId()))).GetHits() {
			if h.GetConfidence() >= 0.5 {
				got = append(got, fmt.Sprintf("%d %s", h.GetStart()/int64(10*schema.Second), h.GetLikeness()))
			}
		}
		slices.Sort(got)
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s: %q, want %q", q, s, want)
		}
	}
}
