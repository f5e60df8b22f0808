package gateway

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/fair"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Costs are about milliseconds of one processor, so that what callers are given can be compared.
const (
	quickCost   = 40 // a picture, or a text of some hundred letters; what costs more never has every slot
	pictureCost = 40 // decoding and encoding
	frameCost   = 150
	vectorCost  = 2
	textCost    = 1 // of a question of few words
)

// frameSlots is how many frames of films are fetched at once: each is a process, or a download.
const frameSlots = 4

// shares are the queues in which callers wait for what is scarce.
type shares struct {
	// processors are for encoding, and for the engine where it runs in this process.
	processors *fair.Queue
	// engine is for questions to the engine.
	engine *fair.Queue
	// frames is for fetching frames of films.
	frames *fair.Queue
}

func newShares(cfg Config, m *fair.Metrics) shares {
	s := shares{
		processors: fair.NewQueue(fair.Config{Name: "processors", Slots: runtime.GOMAXPROCS(0), Quick: quickCost, Metrics: m}),
		frames:     fair.NewQueue(fair.Config{Name: "frames", Slots: frameSlots, Each: frameSlots - 1, Metrics: m}),
	}
	if s.engine = s.processors; cfg.Searches > 0 {
		s.engine = fair.NewQueue(fair.Config{Name: "engine", Slots: cfg.Searches, Metrics: m})
	}
	return s
}

// costOfWords is the cost of one question of words to an engine.
func (g *Gateway) costOfWords(words string) float64 {
	n := 1 + strings.Count(words, " ")
	return (textCost + float64(n)/10) * float64(g.cfg.Candidates) / 500
}

func (g *Gateway) costOfVector() float64 { return vectorCost * float64(g.cfg.Candidates) / 500 }

// cost is what all parts of a query cost together, before anything is known to be remembered.
func (g *Gateway) cost(parts []*part) (sum float64) {
	encoded := map[encodeKey]bool{}
	for _, pt := range parts {
		sum += g.costOfPart(pt, encoded)
	}
	return sum
}

// costOfPart counts words and pictures once that several parts ask with.
func (g *Gateway) costOfPart(pt *part, encoded map[encodeKey]bool) float64 {
	if pt.space == "" {
		return 2 * g.costOfWords(pt.text)
	}
	sum := g.costOfValue(pt.space, pt.shape, pt.value(), encoded)
	for _, x := range pt.leaf.GetExamples() {
		sum += g.costOfValue(pt.space, exampleShape(x), x, encoded)
	}
	return sum
}

// costOfValue is the cost of asking a space with a value.
func (g *Gateway) costOfValue(space string, shape pb.LeafShape, v value, encoded map[encodeKey]bool) float64 {
	if shape == pb.LeafShape_LEAF_SHAPE_SHOT {
		return maxShotVectors * g.costOfVector()
	}
	cost := pictureCost + 0.0
	switch {
	case shape == pb.LeafShape_LEAF_SHAPE_FRAME:
		cost += frameCost
	case len(v.GetImage()) == 0:
		space, cost = g.costOfText(space, v.GetText())
	}
	k := encodeKey{space, shape.String() + "\x00" + string(v.GetImage()) + fmt.Sprint(v.GetAsset(), "@", v.GetTimecode(), v.GetTime()) + cropKey(v.GetCrop())}
	if len(v.GetText()) > 0 {
		k.what = v.GetText()
	}
	if encoded[k] {
		cost = 0
	}
	encoded[k] = true
	return cost + g.costOfVector()
}

// costOfText is the cost of encoding words into a space, and the space whose encoder does it.
func (g *Gateway) costOfText(space, text string) (string, float64) {
	enc, err := g.deps.Encoders.Encoder(space, encode.Words)
	if err != nil {
		return space, textCost
	}
	if placer, ok := enc.(encode.Placer); ok {
		if from, err := g.deps.Encoders.Encoder(placer.From(), encode.Words); err == nil {
			space, enc = placer.From(), from
		}
	}
	return space, enc.Cost(encode.Input{Kind: encode.Words, Words: text})
}
