package builtin_test

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/encode/encodetest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
)

// Every encoder that comes with Cinedex keeps the contract. Each space has an encoder of every kind that it declares.
func TestEncoders(t *testing.T) {
	reg, _, _ := setUp(t)
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	models := builtin.Open(cache, 0)
	t.Cleanup(func() { _ = models.Close() })
	set, err := models.Encoders()
	if err != nil {
		t.Fatal(err)
	}
	for _, space := range reg.Spaces() {
		for _, kind := range space.GetEncoders() {
			t.Run(schema.SpaceID(space)+"/"+kind, func(t *testing.T) {
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
				encodetest.Run(t, s)
			})
		}
	}
}
