package picture

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/convert"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
)

const (
	// Space is the name of the space, with its version.
	Space = "efficientnet-lite2@1"
	// Dim is the length of the space's vectors.
	Dim = efficientnet.FeatureDim
)

// Head is the last layer of the classifier. A Head is safe for concurrent use.
type Head struct {
	weights []float32 // [Labels,Dim]
	bias    []float32
	mean    []float32
	names   []string
}

// OpenHead loads the head and the names of the labels from the cache.
func OpenHead(cache model.Cache) (*Head, error) {
	path, err := cache.Require("efficientnet-lite2-head")
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the picture model's head: %w", err)
	}
	const count = efficientnet.Labels*Dim + efficientnet.Labels + Dim
	body, ok := strings.CutPrefix(string(raw), convert.HeadMagic)
	if !ok || len(body) != 4*count {
		return nil, errkind.New(errkind.Invalid, "%s is not a head of the picture model; run: cinedex models verify", path)
	}
	values := floats(raw[len(convert.HeadMagic):])
	h := &Head{
		weights: values[:efficientnet.Labels*Dim],
		bias:    values[efficientnet.Labels*Dim:][:efficientnet.Labels],
		mean:    values[count-Dim:],
	}
	if h.names, err = labelNames(cache); err != nil {
		return nil, err
	}
	return h, nil
}

func labelNames(cache model.Cache) ([]string, error) {
	var names []string
	if err := readJSON(cache, "imagenet-names", &names); err != nil {
		return nil, err
	}
	if len(names) != efficientnet.Labels {
		return nil, errkind.New(errkind.Invalid, "the model has %d names for %d labels; run: cinedex models verify", len(names), efficientnet.Labels)
	}
	return names, nil
}

func readJSON(cache model.Cache, id string, into any) error {
	path, err := cache.Require(id)
	if err != nil {
		return err
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading %s: %w", id, err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return errkind.New(errkind.Invalid, "reading %s: %w", path, err)
	}
	return nil
}

// Vector returns the position of a picture in the space, from the picture's feature vector.
func (h *Head) Vector(feature []float32) []float32 {
	out := make([]float32, Dim)
	for i, v := range feature[:Dim] {
		out[i] = v - h.mean[i]
	}
	return unit(out)
}

// Label is a label of ImageNet's thousand.
type Label struct {
	Index      int
	Name       string
	Confidence float64 // the classifier's probability; all labels together have 1
}

// Labels returns the n most probable labels of a picture, the most probable first. feature is the picture's feature vector, or the average of
// several.
func (h *Head) Labels(feature []float32, n int) []Label {
	logits := h.Logits(feature)
	top := slices.Max(logits)
	all := make([]Label, len(logits))
	var sum float64
	for i, v := range logits {
		all[i] = Label{i, h.names[i], math.Exp(float64(v - top))}
		sum += all[i].Confidence
	}
	slices.SortStableFunc(all, func(a, b Label) int { return cmp.Compare(b.Confidence, a.Confidence) })
	all = all[:min(n, len(all))]
	for i := range all {
		all[i].Confidence /= sum
	}
	return all
}

// Logits returns the score of each label, before softmax.
func (h *Head) Logits(feature []float32) []float32 {
	out := slices.Clone(h.bias)
	for label := range out {
		out[label] += dot(h.weights[label*Dim:][:Dim], feature)
	}
	return out
}

func dot(a, b []float32) float32 {
	var s [4]float32 // four sums at a time keep the processor busy
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s[0] += a[i] * b[i]
		s[1] += a[i+1] * b[i+1]
		s[2] += a[i+2] * b[i+2]
		s[3] += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s[0] += a[i] * b[i]
	}
	return s[0] + s[1] + s[2] + s[3]
}

// unit scales v, in place, to length 1. A zero vector stays unchanged.
func unit(v []float32) []float32 {
	var squares float64
	for _, x := range v {
		squares += float64(x) * float64(x)
	}
	if squares == 0 {
		return v
	}
	scale := float32(1 / math.Sqrt(squares))
	for i := range v {
		v[i] *= scale
	}
	return v
}

func floats(raw []byte) []float32 {
	out := make([]float32, len(raw)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return out
}
