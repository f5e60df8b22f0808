package served

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// maxText bounds a label or a text of a server.
const maxText = 4000

// A place is where an item belongs.
type place struct {
	schema.Interval
	of, kind            string // the item that an embedding stands for, and its kind
	language, character string // of a line
}

// write writes the items of each output.
func (a algorithm) write(ctx context.Context, out algo.Output, at place, rows []*answer) error {
	for _, o := range a.m.Outputs {
		if err := a.item(ctx, out, o, at, rows); err != nil {
			return fmt.Errorf("output %q at %s: %w", o.Name, at.Interval, err)
		}
	}
	return nil
}

func (a algorithm) item(ctx context.Context, out algo.Output, o Output, at place, rows []*answer) error {
	switch o.As {
	case asEmbedding:
		v, err := o.vector(rows, spaceOf(a.m.spec, o.Space))
		if err != nil {
			return err
		}
		return out.Embedding(ctx, &pb.Embedding{Space: o.Space, Vector: v, Start: int64(at.Start), End: int64(at.End), Of: at.of, Kind: at.kind,
			Language: at.language, Character: at.character})
	case asText:
		return o.writeTexts(ctx, out, at, rows)
	}
	found, err := o.labels(rows)
	if err != nil {
		return err
	}
	for _, f := range found {
		_, err := out.Annotation(ctx, &pb.Annotation{Kind: o.Kind, Label: f.label, Language: o.Language, Confidence: float32(f.confidence),
			Start: int64(at.Start), End: int64(at.End)})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTexts writes each text once, in the order of the rows.
func (o Output) writeTexts(ctx context.Context, out algo.Output, at place, rows []*answer) error {
	said := map[string]bool{}
	for _, w := range rows {
		lines, ok := w.texts[o.Name]
		if !ok {
			return errkind.New(errkind.Internal, "the tensor has numbers, and the manifest makes a text of it")
		}
		for _, text := range lines {
			if text == "" || said[text] {
				continue
			}
			if len(text) > maxText || len(said) >= o.Most {
				continue
			}
			said[text] = true
			if _, err := out.Annotation(ctx, &pb.Annotation{Kind: o.Kind, Text: text, Language: o.Language, Confidence: 1, Start: int64(at.Start), End: int64(at.End)}); err != nil {
				return err
			}
		}
	}
	return nil
}

// A found is a label with its confidence.
type found struct {
	label      string
	confidence float64
}

// labels returns the labels of rows together: the mean of the confidences of each class, or the share of the rows that name the class.
func (o Output) labels(rows []*answer) ([]found, error) {
	means := map[string]float64{}
	for _, w := range rows {
		scores, err := o.scores(w)
		if err != nil {
			return nil, err
		}
		for label, s := range scores {
			means[label] += s / float64(len(rows))
		}
	}
	var out []found
	for _, label := range slices.Sorted(maps.Keys(means)) {
		if c := means[label]; c >= o.Threshold && c > 0 {
			out = append(out, found{label, min(c, 1)})
		}
	}
	slices.SortStableFunc(out, func(a, b found) int { return cmp.Compare(b.confidence, a.confidence) })
	return out[:min(len(out), o.Most)], nil
}

// scores returns the confidence of each class for a row.
func (o Output) scores(w *answer) (map[string]float64, error) {
	if names, ok := w.texts[o.Name]; ok { // the model names the class itself
		out := map[string]float64{}
		for _, n := range names {
			if n != "" && len(n) <= maxText {
				out[n] = 1
			}
		}
		return out, nil
	}
	values := w.numbers[o.Name]
	if w.whole[o.Name] { // the number of the class
		n := int(values[0])
		if name, ok := o.nameOf(n); ok {
			return map[string]float64{name: 1}, nil
		}
		return nil, errkind.New(errkind.Internal, "class %d has no name: the manifest has %d", n, len(o.Names))
	}
	if len(o.Names) > 0 && len(values) != len(o.Names) {
		return nil, errkind.New(errkind.Internal, "the tensor has %d classes, and the manifest has %d names", len(values), len(o.Names))
	}
	out := make(map[string]float64, len(values))
	for i, c := range o.activated(values) {
		name, _ := o.nameOf(i)
		if c < 0 || c > 1 {
			return nil, errkind.New(errkind.Internal, "the confidence of class %d is %v, which is not from 0 to 1: set activation to softmax or sigmoid", i, c)
		}
		if name != "" { // a class without a name is no label, such as "background"
			out[name] = max(out[name], c)
		}
	}
	return out, nil
}

// nameOf returns the name of a class. Without names, the number is the name.
func (o Output) nameOf(n int) (string, bool) {
	if len(o.Names) == 0 {
		return strconv.Itoa(n), n >= 0
	}
	if n < 0 || n >= len(o.Names) {
		return "", false
	}
	return o.Names[n], true
}

func (o Output) activated(values []float64) []float64 {
	out := slices.Clone(values)
	switch o.Activation {
	case "sigmoid":
		for i, v := range out {
			out[i] = 1 / (1 + math.Exp(-v))
		}
	case "softmax":
		most, sum := slices.Max(out), 0.0
		for i, v := range out {
			out[i] = math.Exp(v - most)
			sum += out[i]
		}
		for i := range out {
			out[i] /= sum
		}
	}
	return out
}

// vector returns the mean of the vectors of rows; in a space of metric cosine, of length 1.
func (o Output) vector(rows []*answer, space *pb.Space) ([]float32, error) {
	sum := make([]float64, space.GetDimension())
	for _, w := range rows {
		values := w.numbers[o.Name]
		if len(values) != len(sum) {
			return nil, errkind.New(errkind.Internal, "the tensor has %d numbers a row, and the space %s has dimension %d", len(values), o.Space, len(sum))
		}
		for i, v := range unit(values, space) {
			sum[i] += v / float64(len(rows))
		}
	}
	sum = unit(sum, space)
	out := make([]float32, len(sum))
	for i, v := range sum {
		out[i] = float32(v)
		if math.IsNaN(v) || math.IsInf(float64(out[i]), 0) {
			return nil, errkind.New(errkind.Internal, "number %d of the vector is not finite in 32 bits", i)
		}
	}
	return out, nil
}

// unit brings a vector of a space of metric cosine to length 1. A vector of length 0 has no direction and stays.
func unit(values []float64, space *pb.Space) []float64 {
	if space.GetMetric() != "cosine" {
		return values
	}
	var sum float64
	for _, v := range values {
		sum += v * v
	}
	if sum == 0 {
		return values
	}
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = v / math.Sqrt(sum)
	}
	return out
}

func compareSpans(a, b *span) int {
	return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.output.Name, b.output.Name), cmp.Compare(a.label, b.label))
}

// tensor is the frames of a batch as the model takes them.
func (f *Frames) tensor(batch []*answer) tensor {
	c, area := f.channels(), f.Width*f.Height
	t := tensor{Name: f.Input, Datatype: f.Datatype}
	switch f.Layout {
	case "NCHW":
		t.Shape = []int{len(batch), c, f.Height, f.Width}
	case "NHWC":
		t.Shape = []int{len(batch), f.Height, f.Width, c}
	default:
		t.Shape = []int{len(batch), area * c}
	}
	numbers := make([]float32, 0, len(batch)*area*c)
	var whole []uint16 // a slice of bytes would be base64 in JSON
	for _, w := range batch {
		p := planes(w.picture, f)
		if f.Datatype == uint8s {
			for _, v := range p {
				whole = append(whole, uint16(v))
			}
			continue
		}
		for i, v := range p {
			channel := i % c
			if f.Layout == "NCHW" {
				channel = i / area
			}
			numbers = append(numbers, f.scaled(v, channel))
		}
	}
	if t.Data = numbers; f.Datatype == uint8s {
		t.Data = whole
	}
	return t
}

func (f *Frames) scaled(v byte, channel int) float32 {
	x := float64(v) / f.Divide
	if len(f.Mean) > 0 {
		x -= f.Mean[channel]
	}
	if len(f.Std) > 0 {
		x /= f.Std[channel]
	}
	return float32(x)
}

// planes returns the bytes of a picture in the order of the layout.
func planes(p *media.Picture, f *Frames) []byte {
	c, area := f.channels(), f.Width*f.Height
	out := make([]byte, area*c)
	for i := range area {
		r, g, b := p.Pix[3*i], p.Pix[3*i+1], p.Pix[3*i+2]
		var values [3]byte
		switch f.Colours {
		case "rgb":
			values = [3]byte{r, g, b}
		case "bgr":
			values = [3]byte{b, g, r}
		default:
			values[0] = byte((299*int(r) + 587*int(g) + 114*int(b) + 500) / 1000) // ITU-R BT.601
		}
		for k := range c {
			if f.Layout == "NCHW" {
				out[k*area+i] = values[k]
			} else {
				out[i*c+k] = values[k]
			}
		}
	}
	return out
}
