package encodetest

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Subject is an encoder to be held to the contract.
type Subject struct {
	encode.Offer
	// From is the encoder of words of the space from which a Placer starts; without From, Place is not tried.
	From encode.Encoder
	// Inputs are tried in place of the suite's own, for an encoder that refuses pictures without what the encoder describes.
	Inputs []encode.Input
	// Refuses are inputs for which the encoder returns Invalid. Wordless adds an input without words.
	Refuses  []encode.Input
	Wordless bool
}

// Limits of the suite.
const (
	// slack is how much dearer than its cost an input may be, in the better of two tries: machines differ.
	slack = 8
	// least is a number of milliseconds too small to be measured.
	least    = 20
	callers  = 3
	patience = 30 * time.Second // after the end of a context
)

// Run holds a subject to the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for _, finding := range Check(t.Context(), s) {
		t.Error(finding)
	}
}

// Check returns the faults of a subject, in sentences.
func Check(ctx context.Context, s Subject) []string {
	c := &checking{ctx: ctx, Subject: s}
	for _, kind := range s.Takes {
		tried := s.Inputs
		if tried == nil {
			tried = inputs(kind)
		}
		for _, in := range tried {
			c.input(in) //nolint:contextcheck // the context is the subject's
		}
	}
	for _, in := range s.Refuses {
		c.refused(in)
	}
	if s.Wordless {
		c.refused(encode.Input{Kind: encode.Words})
	}
	return c.findings
}

// inputs are a few inputs of a kind.
func inputs(kind encode.Kind) (out []encode.Input) {
	switch kind {
	case encode.Words:
		for _, w := range []string{"rain", "Où est le phare, la nuit ?", "今朝、港には誰もいない。"} {
			out = append(out, encode.Input{Kind: kind, Words: w})
		}
	case encode.Still, encode.Frame:
		for _, size := range []image.Point{{64, 36}, {300, 500}, {1, 1}} {
			out = append(out, encode.Input{Kind: kind, Picture: painted(size)})
		}
	case encode.Sound:
		tone := make([]float32, 16_000)
		for i := range tone {
			tone[i] = float32(math.Sin(float64(i) / 16_000 * 440 * 2 * math.Pi))
		}
		out = append(out, encode.Input{Kind: kind, Samples: &encode.Samples{Rate: 16_000, Values: tone}})
	}
	return out
}

// painted is a picture of colours that change over it.
func painted(size image.Point) *image.RGBA {
	img := image.NewRGBA(image.Rectangle{Max: size})
	for y := range size.Y {
		for x := range size.X {
			img.Set(x, y, color.RGBA{uint8(200 * x / size.X), uint8(40 + 200*y/size.Y), uint8(x ^ y), 255})
		}
	}
	return img
}

type checking struct {
	Subject
	ctx      context.Context
	findings []string
}

func (c *checking) find(in encode.Input, format string, args ...any) {
	c.findings = append(c.findings, fmt.Sprintf("%s@%s, %s %.40q: ", c.Space.GetName(), c.Space.GetVersion(), in.Kind, in.Words)+fmt.Sprintf(format, args...))
}

// input holds the encoding of one input to the contract.
func (c *checking) input(in encode.Input) {
	before := state(in)
	want, err := c.Encoder.Encode(c.ctx, in)
	if err != nil {
		c.find(in, "it cannot be encoded: %v", err)
		return
	}
	c.shape(in, want)
	c.concurrent(in, want)
	if !slices.Equal(before, state(in)) {
		c.find(in, "the input was changed")
	}
	c.cancelled(in)
	c.cost(in)
	c.placed(in, want)
}

// state is the part of an input which an encoder could change.
func state(in encode.Input) []float32 {
	var out []float32
	if img, ok := in.Picture.(*image.RGBA); ok {
		for _, b := range img.Pix {
			out = append(out, float32(b))
		}
	}
	if in.Samples != nil {
		out = append(out, in.Samples.Values...)
	}
	return out
}

func (c *checking) shape(in encode.Input, v []float32) {
	if len(v) != int(c.Space.GetDimension()) {
		c.find(in, "the vector has %d dimensions, and the space has %d", len(v), c.Space.GetDimension())
		return
	}
	var sum float64
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	switch {
	case math.IsNaN(sum) || math.IsInf(sum, 0):
		c.find(in, "the vector has numbers that are not finite")
	case c.Space.GetMetric() == "cosine" && math.Abs(math.Sqrt(sum)-1) > 1e-3:
		c.find(in, "the vector has length %.4f, and 1 is wanted in a space of metric cosine", math.Sqrt(sum))
	}
}

// concurrent encodes one input for several callers at once, who all want the same bits.
func (c *checking) concurrent(in encode.Input, want []float32) {
	var wg sync.WaitGroup
	vectors, errs := make([][]float32, callers), make([]error, callers)
	for i := range callers {
		wg.Go(func() { vectors[i], errs[i] = c.Encoder.Encode(c.ctx, in) })
	}
	wg.Wait()
	for i := range callers {
		switch {
		case errs[i] != nil:
			c.find(in, "of %d callers at once, one got: %v", callers, errs[i])
			return
		case !slices.Equal(vectors[i], want):
			c.find(in, "equal inputs have different vectors")
			return
		}
	}
}

func (c *checking) cancelled(in encode.Input) {
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	began := time.Now()
	_, err := c.Encoder.Encode(ctx, in)
	switch took := time.Since(began); {
	case !errkind.Is(err, errkind.Cancelled):
		c.find(in, "where the context had ended, the error is of kind %s: %v", errkind.Of(err), err)
	case took > patience:
		c.find(in, "where the context had ended, the encoder went on for %s", took)
	}
}

func (c *checking) cost(in encode.Input) {
	cost := c.Encoder.Cost(in)
	if !(cost > 0) || math.IsInf(cost, 0) {
		c.find(in, "the cost is %v", cost)
		return
	}
	if again := c.Encoder.Cost(in); again != cost {
		c.find(in, "the cost is %v, and then %v", cost, again)
	}
	best := math.Inf(1)
	for range 2 {
		before := processorTime()
		if _, err := c.Encoder.Encode(c.ctx, in); err != nil {
			return
		}
		best = min(best, float64(processorTime()-before)/float64(time.Millisecond))
	}
	if best > least && best > slack*cost {
		c.find(in, "%.0f ms of a processor were needed, and the cost is %.0f", best, cost)
	}
}

func (c *checking) placed(in encode.Input, want []float32) {
	p, ok := c.Encoder.(encode.Placer)
	if !ok || c.From == nil || in.Kind != encode.Words {
		return
	}
	from, err := c.From.Encode(c.ctx, in)
	if err != nil {
		c.find(in, "the space %s cannot encode it: %v", p.From(), err)
		return
	}
	if got, err := p.Place(c.ctx, in.Words, from); err != nil || !slices.Equal(got, want) {
		c.find(in, "placed from %s, the vector is another than the encoder's own (%v)", p.From(), err)
	}
	if _, err := p.Place(c.ctx, in.Words, from[1:]); !errkind.Is(err, errkind.Invalid) {
		c.find(in, "a vector of another dimension than that of %s is placed: %v", p.From(), err)
	}
}

func (c *checking) refused(in encode.Input) {
	if _, err := c.Encoder.Encode(c.ctx, in); !errkind.Is(err, errkind.Invalid) {
		c.find(in, "an input that cannot be encoded is answered with kind %s: %v", errkind.Of(err), err)
	}
}
