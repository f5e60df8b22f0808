package encode_test

import (
	"context"
	"hash/fnv"
	"math"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/encode/encodetest"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

const dimension = 16

func space(name string) *pb.Space {
	return &pb.Space{Name: name, Version: "1", Dimension: dimension, Metric: "cosine", Encoders: []string{"text", "picture"}}
}

// hashed is the bag of words, hashed.
func hashed(ctx context.Context, in encode.Input) ([]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	words := strings.Fields(in.Words)
	if len(words) == 0 {
		return nil, errkind.New(errkind.Invalid, "there are no words")
	}
	v := make([]float32, dimension)
	for _, w := range words {
		h := fnv.New32a()
		_, _ = h.Write([]byte(w))
		v[h.Sum32()%dimension]++
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	for i := range v {
		v[i] /= float32(math.Sqrt(sum))
	}
	return v, nil
}

func words(run func(context.Context, encode.Input) ([]float32, error)) encode.Offer {
	return encode.Offer{Space: space("words"), Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{Run: run}}
}

// mirrored is a space whose vectors are those of words from back to front.
type mirrored struct{ encode.Func }

func (mirrored) From() string { return "words@1" }

func (mirrored) Place(_ context.Context, _ string, v []float32) ([]float32, error) {
	if len(v) != dimension {
		return nil, errkind.New(errkind.Invalid, "%d dimensions", len(v))
	}
	out := make([]float32, len(v))
	for i := range v {
		out[len(v)-1-i] = v[i]
	}
	return out, nil
}

// An encoder is found where a member of Several learns of the space later.
func TestSeveral(t *testing.T) {
	own, err := encode.NewSet(words(hashed))
	if err != nil {
		t.Fatal(err)
	}
	late := &grown{}
	late.set, err = encode.NewSet()
	if err != nil {
		t.Fatal(err)
	}
	s := encode.Several{own, late}
	if _, err := s.Encoder("words@1", encode.Words); err != nil {
		t.Errorf("the first member: %v", err)
	}
	if _, err := s.Encoder("words@1", encode.Still); errkind.Of(err) != errkind.Invalid {
		t.Errorf("a kind that the space does not have: %v", err)
	}
	if _, err := s.Encoder("later@1", encode.Words); errkind.Of(err) != errkind.Unavailable || !strings.Contains(err.Error(), "later@1") {
		t.Errorf("a space that nobody knows: %v", err)
	}
	if late.set, err = encode.NewSet(encode.Offer{Space: space("later"), Takes: []encode.Kind{encode.Words}, Encoder: encode.Func{Run: hashed}}); err != nil {
		t.Fatal(err)
	}
	e, err := s.Encoder("later@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "a bird"}); err != nil || len(v) != dimension {
		t.Errorf("encoded %v, %v", v, err)
	}
	if _, err := (encode.Several{}).Encoder("words@1", encode.Words); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("no members: %v", err)
	}
}

// grown is encoders that change.
type grown struct{ set *encode.Set }

func (g *grown) Encoder(space string, kind encode.Kind) (encode.Encoder, error) {
	return g.set.Encoder(space, kind)
}

func TestContract(t *testing.T) {
	encodetest.Run(t, encodetest.Subject{Offer: words(hashed), Wordless: true})
	m := mirrored{encode.Func{Run: func(ctx context.Context, in encode.Input) ([]float32, error) {
		v, err := hashed(ctx, in)
		if err != nil {
			return nil, err
		}
		return mirrored{}.Place(ctx, in.Words, v)
	}}}
	encodetest.Run(t, encodetest.Subject{Offer: encode.Offer{Space: space("mirror"), Takes: []encode.Kind{encode.Words}, Encoder: m}, From: encode.Func{Run: hashed}})
}

// The suite finds breaches of the contract.
func TestFaultsAreFound(t *testing.T) {
	var calls atomic.Int64
	with := func(change func([]float32) []float32) func(context.Context, encode.Input) ([]float32, error) {
		return func(ctx context.Context, in encode.Input) ([]float32, error) {
			v, err := hashed(ctx, in)
			if err != nil {
				return nil, err
			}
			return change(v), nil
		}
	}
	for says, run := range map[string]func(context.Context, encode.Input) ([]float32, error){
		"dimensions": with(func(v []float32) []float32 { return v[1:] }),
		"not finite": with(func(v []float32) []float32 { v[0] = float32(math.NaN()); return v }),
		"has length 2.0000": with(func(v []float32) []float32 {
			for i := range v {
				v[i] *= 2
			}
			return v
		}),
		"have different vectors": with(func(v []float32) []float32 { v[0] += float32(calls.Add(1)) * 1e-6; return v }),
		"where the context had": func(ctx context.Context, in encode.Input) ([]float32, error) {
			return hashed(context.WithoutCancel(ctx), in)
		},
		"answered with kind": func(ctx context.Context, in encode.Input) ([]float32, error) {
			v, err := hashed(ctx, in)
			if errkind.Is(err, errkind.Invalid) {
				return make([]float32, dimension), nil
			}
			return v, err
		},
	} {
		found := encodetest.Check(t.Context(), encodetest.Subject{Offer: words(run), Wordless: true})
		if !strings.Contains(strings.Join(found, "\n"), says) {
			t.Errorf("%s: the suite found %q", says, found)
		}
	}
	costly := words(hashed)
	costly.Encoder = encode.Func{Run: hashed, Price: func(encode.Input) float64 { return 0 }}
	if found := encodetest.Check(t.Context(), encodetest.Subject{Offer: costly}); len(found) == 0 {
		t.Error("a cost of nothing is not found")
	}
}

func TestSet(t *testing.T) {
	set, err := encode.NewSet(words(hashed))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Encoder("words@1", encode.Words); err != nil {
		t.Error(err)
	}
	if _, err := set.Encoder("words@1", encode.Still); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), "no encoder for pictures") {
		t.Errorf("a kind that is not offered: %v", err)
	}
	if _, err := set.Encoder("words@2", encode.Words); !errkind.Is(err, errkind.Unavailable) {
		t.Errorf("a space that is not offered: %v", err)
	}
	if _, err := encode.NewSet(words(hashed), words(hashed)); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("two of one kind: %v", err)
	}
	frames := words(hashed)
	frames.Takes = []encode.Kind{encode.Frame}
	if _, err := encode.NewSet(frames); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a kind that the space does not declare: %v", err)
	}
	short, err := set.With(words(func(context.Context, encode.Input) ([]float32, error) { return make([]float32, 3), nil })).Encoder("words@1", encode.Words)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := short.Encode(t.Context(), encode.Input{Kind: encode.Words, Words: "rain"}); !errkind.Is(err, errkind.Internal) {
		t.Errorf("a vector of another dimension: %v", err)
	}
}
