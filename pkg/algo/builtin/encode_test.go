package builtin_test

import (
	"image"
	"image/draw"
	_ "image/png"
	"os"
	"testing"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/encode/encodetest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Every encoder that comes with Cinedex keeps the contract. Each space has an encoder of every kind that it declares.
func TestEncoders(t *testing.T) {
	cache, reg, _, _ := setUp(t)
	set, err := everything(t, cache).Encoders()
	if err != nil {
		t.Fatal(err)
	}
	for _, space := range reg.Spaces() {
		for _, kind := range space.GetEncoders() {
			t.Run(schema.SpaceID(space)+"/"+kind, func(t *testing.T) {
				if a := reg.Producer(schema.SpaceID(space)); a != nil {
					needModels(t, cache, reg, a)
				}
				e, err := set.Encoder(schema.SpaceID(space), encode.Kind(kind))
				if err != nil {
					t.Fatal(err)
				}
				s := encodetest.Subject{Offer: encode.Offer{Space: space, Takes: []encode.Kind{encode.Kind(kind)}, Encoder: e}, Wordless: kind == string(encode.Words)}
				if p, ok := e.(encode.Placer); ok {
					if s.From, err = set.Encoder(p.From(), encode.Words); err != nil {
						t.Fatal(err)
					}
				}
				if space.GetName() == "face" { // a picture without a face has no vector
					s.Inputs = []encode.Input{{Kind: encode.Kind(kind), Picture: photo(t, cache, "photo-astronaut")}}
					s.Refuses = []encode.Input{{Kind: encode.Kind(kind), Picture: photo(t, cache, "photo-coffee")}}
				}
				encodetest.Run(t, s)
			})
		}
	}
}

func photo(t *testing.T, cache model.Cache, id string) image.Image {
	t.Helper()
	path, err := cache.Require(id)
	if err != nil {
		modeltest.Lacking(t, err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	// The suite changes the points of its inputs.
	out := image.NewRGBA(img.Bounds())
	draw.Draw(out, out.Bounds(), img, img.Bounds().Min, draw.Src)
	return out
}
