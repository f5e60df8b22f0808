package tints_test

import (
	"image"
	"image/color"
	"slices"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/algo/tints"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/encode/encodetest"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestAddition has the space in the catalogue, the leaf asked with a picture, and the encoder in the set that the gateway asks.
func TestAddition(t *testing.T) {
	c, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.View().Spaces(), func(s *pb.Space) bool { return s.GetName() == "tints" }) || c.View().Leaf("tint") == nil {
		t.Errorf("the catalogue has the leaves %v", c.View().LeafNames())
	}
	models := builtin.Open(model.Cache{}, 1)
	encoders, err := models.Encoders()
	if err != nil {
		t.Fatal(err)
	}
	e, err := encoders.Encoder("tints@1", encode.Still)
	if err != nil {
		t.Fatal(err)
	}
	blue := image.NewUniform(color.RGBA{B: 255, A: 255})
	v, err := e.Encode(t.Context(), encode.Input{Kind: encode.Still, Picture: clipped{blue}})
	if err != nil || len(v) != 3 || v[2] < 0.99 {
		t.Errorf("blue is %v, %v", v, err)
	}
	for _, offer := range (tints.Algorithm{}).Encoders() {
		encodetest.Run(t, encodetest.Subject{Offer: offer})
	}
}

type clipped struct{ image.Image }

func (clipped) Bounds() image.Rectangle { return image.Rect(0, 0, 4, 4) }
