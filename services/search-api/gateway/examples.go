package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"image"
	"math"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/query"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// Examples (ADR 105). A leaf with examples asks with a single vector, the mean of the leaf's own value and the wanted examples:
//
//   - Each value is encoded by the space's own encoder, and counts by its weight times the slope of its calibration. The log odds of the mean
//     are then the weighted mean of the log odds by each value, for every item. So the cut-off of the calibrations keeps its meaning.
//   - A shot counts by the mean of its stored vectors.
//   - An unwanted example takes away the items that are a match of the example, and no less surely than of the mean.

// A value is what a leaf or an example asks with.
type value interface {
	query.Place
	GetText() string
	GetImage() []byte
	GetCrop() *pb.Region
}

// An ownValue is the value of a part's leaf, with the words as the part asks the words.
type ownValue struct {
	*pb.Leaf
	words string
}

// GetText implements value.
func (v ownValue) GetText() string { return v.words }

func (pt *part) value() value { return ownValue{pt.leaf, pt.text} }

// exampleShape is the shape of the leaf that would ask with the example alone.
func exampleShape(x *pb.Example) pb.LeafShape {
	switch {
	case x.GetShot():
		return pb.LeafShape_LEAF_SHAPE_SHOT
	case x.GetAsset() != "":
		return pb.LeafShape_LEAF_SHAPE_FRAME
	case len(x.GetImage()) > 0:
		return pb.LeafShape_LEAF_SHAPE_PICTURE
	}
	return pb.LeafShape_LEAF_SHAPE_WORDS
}

// inputOf is the kind of input that a value of a shape is encoded from; false where stored vectors stand for the value.
func inputOf(s pb.LeafShape) (encode.Kind, bool) {
	switch s {
	case pb.LeafShape_LEAF_SHAPE_SHOT:
		return "", false
	case pb.LeafShape_LEAF_SHAPE_FRAME:
		return encode.Frame, true
	case pb.LeafShape_LEAF_SHAPE_PICTURE:
		return encode.Still, true
	}
	return encode.Words, true
}

// resembled reports whether a leaf asks for likeness alone: with examples, or for the same shot. Words of annotations are left out then.
func resembled(l *pb.Leaf) bool { return len(l.GetExamples()) > 0 || l.GetSame() }

// excludes reports whether a leaf has an unwanted example.
func excludes(l *pb.Leaf) bool {
	return slices.ContainsFunc(l.GetExamples(), func(x *pb.Example) bool { return x.GetWeight() < 0 })
}

// unresembled says why a source cannot answer the examples of a leaf, or tell the same shot; nil where the source can.
func unresembled(v *catalog.View, s *catalog.Source, l *pb.Leaf) error {
	if !resembled(l) {
		return nil
	}
	space := v.Space(s.GetSpace())
	if space == nil {
		return fmt.Errorf("%s is looked for by words alone; examples are for leaves of pictures and of meaning", l.GetKind())
	}
	if len(l.GetExamples()) > 0 && space.GetMetric() != "cosine" {
		return fmt.Errorf("%s takes no examples: vectors of the space %s have no mean", l.GetKind(), s.GetSpace())
	}
	for _, x := range l.GetExamples() {
		if in, encoded := inputOf(exampleShape(x)); encoded && !slices.Contains(space.GetEncoders(), string(in)) {
			return fmt.Errorf("the space %s of %s has no encoder for %s; leave the example out, and ask for it in a term of its own: TERM AND TERM", s.GetSpace(), l.GetKind(), in)
		}
	}
	if l.GetSame() && s.GetCalibration().GetSame() == 0 {
		return fmt.Errorf("the space %s cannot tell the same shot from a similar shot; leave same out of %s", s.GetSpace(), l.GetKind())
	}
	return nil
}

// sameFrom is the similarity from which a hit of the part is of the same shot; 0 where the part does not tell.
func sameFrom(s *catalog.Source, space string, shape pb.LeafShape, l *pb.Leaf) float64 {
	wanted := slices.ContainsFunc(l.GetExamples(), func(x *pb.Example) bool { return x.GetWeight() >= 0 })
	if shape == pb.LeafShape_LEAF_SHAPE_WORDS || wanted {
		return 0
	}
	if space == s.GetSpace() { // a fitted calibration does not say
		return s.GetCalibration().GetSame()
	}
	return s.CalibrationOf(space).GetSame()
}

// likeness says how hits of a part are alike to the picture, frame or shot that the part asks with; "" where nothing tells.
func (pt *part) likeness(score float64) string {
	switch {
	case pt.same == 0:
		return ""
	case score >= pt.same:
		return "same"
	}
	return "similar"
}

// encode gives a part that asks a space the vectors to ask the space with, and the calibration of their similarities.
func (g *Gateway) encode(ctx context.Context, p *processed, pt *part) error {
	examples := pt.leaf.GetExamples()
	values := make([]aspect, 1+len(examples))
	eg, ctx := errgroup.WithContext(ctx)
	for i := range values {
		v, shape, weight := pt.value(), pt.shape, float32(1)
		if i > 0 {
			x := examples[i-1]
			v, shape = x, exampleShape(x)
			if x.GetWeight() != 0 {
				weight = x.GetWeight()
			}
		}
		eg.Go(func() (err error) {
			values[i] = aspect{weight: float64(weight), calibration: p.calibrationFor(pt, shape)}
			values[i].vectors, err = g.vectorsOf(ctx, p, pt.space, shape, v)
			return err
		})
	}
	if err := eg.Wait(); err != nil {
		return err
	}
	pt.vectors, pt.unlike = values[0].vectors, nil
	if len(examples) == 0 {
		return nil
	}
	var wanted []aspect
	for _, a := range values {
		if a.weight < 0 {
			a.weight = -a.weight
			pt.unlike = append(pt.unlike, a)
			continue
		}
		wanted = append(wanted, a)
	}
	mean, c, err := mixed(wanted)
	pt.vectors, pt.calibration = [][]float32{mean}, c
	return err
}

// An aspect is one of the values that a leaf asks with.
type aspect struct {
	vectors     [][]float32
	weight      float64 // above 0 when the part is asked
	calibration *calibration
}

// calibrationFor is the calibration of a value of a shape in the space of a part. Words and pictures have calibrations of their own: the
// calibration of the leaf that would ask with the value alone.
func (p *processed) calibrationFor(pt *part, shape pb.LeafShape) *calibration {
	words := shape == pb.LeafShape_LEAF_SHAPE_WORDS
	if words != (pt.shape == pb.LeafShape_LEAF_SHAPE_WORDS) {
		for _, l := range p.view.Leaves() {
			if words != (l.GetShape() == pb.LeafShape_LEAF_SHAPE_WORDS) {
				continue
			}
			for _, s := range l.Sources {
				if s.Algorithm == pt.Algorithm && spaceName(s.GetSpace()) == spaceName(pt.space) {
					return calibrationOf(s, pt.space)
				}
			}
		}
	}
	return calibrationOf(pt.Source, pt.space)
}

// mixed returns the mean of values, of length 1, and the calibration of similarities to the mean. Without a calibration of each value, the
// mean has none.
func mixed(values []aspect) ([]float32, *calibration, error) {
	calibrated := !slices.ContainsFunc(values, func(a aspect) bool { return a.calibration == nil })
	var sum []float64
	var weights, middles, matches float64
	c := &calibration{}
	for _, a := range values {
		factor := a.weight
		if calibrated {
			factor *= a.calibration.slope
			middles += factor * a.calibration.middle
			matches += a.weight * logit(a.calibration.match)
			c.cutoff = max(c.cutoff, a.calibration.cutoff)
		}
		weights += a.weight
		one := meanOf(a.vectors)
		if sum == nil {
			sum = make([]float64, len(one))
		}
		for i, x := range one {
			sum[i] += factor * x
		}
	}
	length := lengthOf(sum)
	// Vectors that point away from each other have a mean without a direction.
	if length < 1e-3*weights {
		return nil, nil, errkind.New(errkind.Invalid, "the examples are the opposite of each other, and nothing is like all of them; leave one out, or write OR")
	}
	out := make([]float32, len(sum))
	for i, x := range sum {
		out[i] = float32(x / length)
	}
	if !calibrated {
		return out, nil, nil
	}
	// The log odds of a similarity s: (length*s - middles) / weights.
	c.slope, c.middle = length/weights, middles/length
	c.match = float32(1 / (1 + math.Exp(-matches/weights)))
	return out, c, nil
}

// meanOf is the mean direction of vectors.
func meanOf(vs [][]float32) []float64 {
	out := make([]float64, len(vs[0]))
	for _, v := range vs {
		for i, x := range v {
			out[i] += float64(x)
		}
	}
	if l := lengthOf(out); l > 0 {
		for i := range out {
			out[i] /= l
		}
	}
	return out
}

func lengthOf(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x * x
	}
	return math.Sqrt(sum)
}

// odds are the log odds of a similarity, above the log odds of a match.
func (c *calibration) odds(score float64) float64 {
	return c.slope*(score-c.middle) - logit(c.match)
}

// logit is the log odds of a confidence.
func logit(confidence float32) float64 {
	return math.Log(float64(confidence) / (1 - float64(confidence)))
}

// least is the similarity from which on an unwanted example may take an item away: a match of the example.
func (a aspect) least() float64 {
	if a.calibration == nil {
		return -1
	}
	return a.calibration.middle + logit(a.calibration.match)/a.calibration.slope
}

// outweighs reports whether an item that is so similar to an unwanted example falls away from a part. A weight of 2 doubles the log odds of
// the example, and so takes away more.
func (a aspect) outweighs(unwanted float64, pt *part, wanted float64) bool {
	if a.calibration == nil || pt.calibration == nil {
		return a.weight*unwanted >= wanted
	}
	const rounding = 1e-9
	odds := a.calibration.odds(unwanted)
	return odds >= -rounding && a.weight*odds >= pt.calibration.odds(wanted)
}

// without returns the hits of a part that no unwanted example takes away. Whoever calls has a slot of the engine.
func (g *Gateway) without(ctx context.Context, p *processed, pt *part, hits []search.Hit) ([]search.Hit, error) {
	gone, err := g.takenAway(ctx, p, pt, hits)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(hits), func(h search.Hit) bool { return gone[itemID{h.Run, h.Ordinal}] }), nil
}

// takenAway returns the hits of a part that an unwanted example takes away. The engine compares the items inside the windows of the hits.
func (g *Gateway) takenAway(ctx context.Context, p *processed, pt *part, hits []search.Hit) (map[itemID]bool, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	windows := make([]search.Window, len(hits))
	scores := make(map[itemID]float64, len(hits))
	for i, h := range hits {
		iv := h.Interval
		iv.End = max(iv.End, iv.Start+1)
		windows[i] = search.Window{Asset: h.Asset, Interval: iv}
		scores[itemID{h.Run, h.Ordinal}] = h.Score
	}
	windows = unite(windows)
	gone := map[itemID]bool{}
	for _, a := range pt.unlike {
		for _, v := range a.vectors {
			q := search.SetQuery{Scored: true, MinScore: a.least(), Where: windows, Vector: &search.VectorQuery{Scope: p.scope.Scope, Filter: pt.filter, Space: pt.space, Vector: v}}
			for h, err := range g.deps.Engine.Set(ctx, q) {
				if err != nil {
					return nil, fmt.Errorf("comparing with an unwanted example: %w", err)
				}
				id := itemID{h.Run, h.Ordinal}
				if wanted, ok := scores[id]; ok && a.outweighs(h.Score, pt, wanted) {
					gone[id] = true
				}
			}
		}
	}
	return gone, nil
}

// liked returns the items of a part that no unwanted example takes away.
func (w *whole) liked(pt *part, some []assetItems) ([]assetItems, error) {
	if len(pt.unlike) == 0 {
		return some, nil
	}
	var hits []search.Hit
	for _, a := range some {
		for _, items := range a.parts {
			for i := range items.List {
				hits = append(hits, items.Hit(i))
			}
		}
	}
	gone, err := w.g.takenAway(w.ctx, w.p, pt, hits)
	if err != nil || len(gone) == 0 {
		return some, err
	}
	out := make([]assetItems, len(some))
	at := 0 // in hits
	for i, a := range some {
		out[i].asset = a.asset
		for _, items := range a.parts {
			kept := items
			kept.List = nil
			for k := range items.List {
				if !gone[itemID{hits[at].Run, hits[at].Ordinal}] {
					kept.List = append(kept.List, items.List[k])
				}
				at++
			}
			out[i].parts, out[i].count = append(out[i].parts, kept), out[i].count+len(kept.List)
		}
	}
	return out, nil
}

// An itemID names an annotation or an embedding.
type itemID struct {
	run     string
	ordinal int64
}

// vectorsOf encodes a value: what is stored for a shot, a frame of a film, a picture, or words.
func (g *Gateway) vectorsOf(ctx context.Context, p *processed, space string, shape pb.LeafShape, v value) ([][]float32, error) {
	var one []float32
	var err error
	switch {
	case shape == pb.LeafShape_LEAF_SHAPE_SHOT:
		return g.shotVectors(ctx, p, space, v)
	case shape == pb.LeafShape_LEAF_SHAPE_FRAME:
		one, err = g.frameVector(ctx, p, space, v)
	case len(v.GetImage()) > 0:
		sum := sha256.Sum256(v.GetImage())
		one, err = g.pictureVector(ctx, p, encode.Still, encodeKey{space, "image:" + string(sum[:]) + cropKey(v.GetCrop())}, func(context.Context) (*picture, error) {
			n, err := g.deps.ImageMemory(v.GetImage())
			return &picture{n + encoderMemory, func() (image.Image, error) {
				img, err := g.deps.Image(v.GetImage())
				return cropped(img, v.GetCrop()), err
			}}, err
		})
	default:
		one, err = g.textVector(ctx, p, space, v.GetText())
	}
	return [][]float32{one}, err
}

func (g *Gateway) frameVector(ctx context.Context, p *processed, space string, v value) ([]float32, error) {
	e, n, err := p.place(v)
	if err != nil {
		return nil, err
	}
	k := encodeKey{space, fmt.Sprintf("frame:%s#%d%s", e.id, n, cropKey(v.GetCrop()))}
	return g.pictureVector(ctx, p, encode.Frame, k, func(ctx context.Context) (*picture, error) {
		pic, err := g.frame(ctx, p, e, n)
		if err != nil {
			return nil, err
		}
		return &picture{pic.memory, func() (image.Image, error) {
			img, err := pic.decode()
			return cropped(img, v.GetCrop()), err
		}}, nil
	})
}

func cropKey(g *pb.Region) string {
	if g == nil {
		return ""
	}
	return fmt.Sprintf("/%v,%v,%v,%v", g.GetX(), g.GetY(), g.GetW(), g.GetH())
}

// A detail is a part of a picture of a type that cannot be cut.
type detail struct {
	image.Image
	bounds image.Rectangle
}

// Bounds implements image.Image.
func (d detail) Bounds() image.Rectangle { return d.bounds }

// cropped returns a part of a picture: at least a pixel, whatever the region. Without a region, the whole picture is the part.
func cropped(img image.Image, g *pb.Region) image.Image {
	if img == nil || g == nil {
		return img
	}
	b := img.Bounds()
	across := func(from, size int, at, length float32) (int, int) {
		start := from + min(int(math.Round(float64(at)*float64(size))), size-1)
		end := from + min(int(math.Round(float64(at+length)*float64(size))), size)
		return start, max(end, start+1)
	}
	var r image.Rectangle
	r.Min.X, r.Max.X = across(b.Min.X, b.Dx(), g.GetX(), g.GetW())
	r.Min.Y, r.Max.Y = across(b.Min.Y, b.Dy(), g.GetY(), g.GetH())
	if s, ok := img.(interface {
		SubImage(image.Rectangle) image.Image
	}); ok {
		return s.SubImage(r)
	}
	return detail{img, r}
}
