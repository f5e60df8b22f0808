package picture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
)

const (
	// ridge is the regularisation of the map's weights. Of 1, 3 and 10, 3 found the most labels that were left out of the fit.
	ridge = 3
	// described is the number of used words of a description. More words take more time to fit, and find hardly more.
	described = 12
)

// Words computes the positions of texts in the space.
type Words struct {
	sentences *e5.Model
	mean      []float32 // [e5.Dim] of the sentence vectors of the lessons
	weights   []float32 // [Dim,e5.Dim]
}

// OpenWords loads the map from the cache. The caller keeps ownership of the sentence model.
func OpenWords(cache model.Cache, sentences *e5.Model) (*Words, error) {
	path, err := cache.Require("words")
	if err != nil {
		return nil, err
	}
	w, err := readWords(path)
	if err != nil {
		return nil, err
	}
	w.sentences = sentences
	return w, nil
}

// Vector returns the position of a text, in any language, in the space.
func (w *Words) Vector(ctx context.Context, text string) ([]float32, error) {
	sentence, err := w.sentences.Query(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("placing words among pictures: %w", err)
	}
	return w.place(sentence), nil
}

// Place is Vector for a text whose sentence vector, as returned by e5's Query, is known.
func (w *Words) Place(sentence []float32) ([]float32, error) {
	if len(sentence) != e5.Dim {
		return nil, errkind.New(errkind.Invalid, "placing words among pictures: the sentence vector has %d numbers instead of %d", len(sentence), e5.Dim)
	}
	return w.place(sentence), nil
}

func (w *Words) place(sentence []float32) []float32 {
	centred := make([]float32, e5.Dim)
	for i, v := range sentence {
		centred[i] = v - w.mean[i]
	}
	unit(centred)
	out := make([]float32, Dim)
	for i := range out {
		out[i] = dot(w.weights[i*e5.Dim:][:e5.Dim], centred)
	}
	return unit(out)
}

// lesson is a text about a label.
type lesson struct {
	label    int
	text     string
	sentence []float32
}

// lessons returns the name of each label, and the beginning of its description.
func lessons(cache model.Cache) ([]lesson, error) {
	names, err := labelNames(cache)
	if err != nil {
		return nil, err
	}
	var descriptions map[string]struct{ Description string }
	if err := readJSON(cache, "imagenet-descriptions", &descriptions); err != nil {
		return nil, err
	}
	var out []lesson
	for label, name := range names {
		out = append(out, lesson{label: label, text: name})
		first, _, _ := strings.Cut(descriptions[strconv.Itoa(label)].Description, ". ")
		words := strings.Fields(first)
		if len(words) > 0 {
			out = append(out, lesson{label: label, text: strings.Join(words[:min(len(words), described)], " ")})
		}
	}
	return out, nil
}

// embed computes the sentence vectors of lessons on all processors.
func embed(ctx context.Context, sentences *e5.Model, all []lesson, progress func(done, total int64)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var finished atomic.Int64
	for i := range all {
		group.Go(func() (err error) {
			all[i].sentence, err = sentences.Query(ctx, all[i].text)
			finished.Add(1)
			return err
		})
		progress(finished.Load(), int64(len(all)))
	}
	return group.Wait()
}

// fit learns the map: ridge regression from sentence vectors, centred and of length 1, to the classifier's weights for the labels, centred and of
// length 1.
func fit(h *Head, taught []lesson) *Words {
	w := &Words{mean: make([]float32, e5.Dim), weights: make([]float32, Dim*e5.Dim)}
	for i := range w.mean {
		var sum float64
		for _, l := range taught {
			sum += float64(l.sentence[i])
		}
		w.mean[i] = float32(sum / float64(len(taught)))
	}
	targets := h.directions()
	x := mat.NewDense(len(taught), e5.Dim, nil)
	y := mat.NewDense(len(taught), Dim, nil)
	for row, l := range taught {
		centred := make([]float32, e5.Dim)
		for i, v := range l.sentence {
			centred[i] = v - w.mean[i]
		}
		for i, v := range unit(centred) {
			x.Set(row, i, float64(v))
		}
		for i, v := range targets[l.label] {
			y.Set(row, i, float64(v))
		}
	}
	var gram mat.SymDense
	gram.SymOuterK(1, x.T())
	for i := range e5.Dim {
		gram.SetSym(i, i, gram.At(i, i)+ridge)
	}
	var moments, solution mat.Dense
	moments.Mul(x.T(), y)
	var factors mat.Cholesky
	factors.Factorize(&gram) // positive definite, by the ridge
	if err := factors.SolveTo(&solution, &moments); err != nil {
		panic(err) // unit vectors and this ridge cannot give a condition number above 1e16
	}
	for i := range Dim {
		for j := range e5.Dim {
			w.weights[i*e5.Dim+j] = float32(solution.At(j, i))
		}
	}
	return w
}

// directions returns each label's weights, minus the weights that all labels share.
func (h *Head) directions() [][]float32 {
	mean := make([]float64, Dim)
	for label := range efficientnet.Labels {
		for i, v := range h.weights[label*Dim:][:Dim] {
			mean[i] += float64(v) / efficientnet.Labels
		}
	}
	out := make([][]float32, efficientnet.Labels)
	for label := range out {
		out[label] = make([]float32, Dim)
		for i, v := range h.weights[label*Dim:][:Dim] {
			out[label][i] = v - float32(mean[i])
		}
		unit(out[label])
	}
	return out
}

// FitWords learns the map from the cache's artefacts and writes the map to dst. The computation of some 2,000 sentence vectors takes most of the
// time.
func FitWords(ctx context.Context, cache model.Cache, dst string, progress func(done, total int64)) error {
	head, err := OpenHead(cache)
	if err != nil {
		return err
	}
	sentences, err := e5.Open(cache)
	if err != nil {
		return err
	}
	defer sentences.Close()
	taught, err := lessons(cache)
	if err != nil {
		return err
	}
	if err := embed(ctx, sentences, taught, progress); err != nil {
		return err
	}
	return os.WriteFile(dst, fit(head, taught).encode(), 0o644)
}

// A words file is this line, a digest of the sources and the method of the learning, the numbers as little-endian float32, and the sha256 of all
// bytes before.
const wordsMagic = "cinedex words 1\n"

func (w *Words) encode() []byte {
	b := append([]byte(wordsMagic), lineage()...)
	for _, values := range [][]float32{w.mean, w.weights} {
		for _, v := range values {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

// lineage returns a digest that changes with the sources and with the method of the learning.
func lineage() []byte {
	h := sha256.New()
	a, err := model.Find("words")
	if err != nil {
		panic(err)
	}
	for _, id := range a.From {
		from, err := model.Find(id)
		if err != nil {
			panic(err)
		}
		fmt.Fprintln(h, id, from.SHA256)
	}
	fmt.Fprintln(h, "ridge", ridge, "described", described)
	return h.Sum(nil)
}

// CheckWords checks that the file at path is complete, and was learnt from the artefacts of the manifest.
func CheckWords(path string) error {
	_, err := readWords(path)
	return err
}

func readWords(path string) (*Words, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the map from words to pictures: %w", err)
	}
	const remedy = "run: cinedex models fetch"
	head := len(wordsMagic) + sha256.Size
	if len(raw) != head+4*(e5.Dim+Dim*e5.Dim)+sha256.Size || !bytes.HasPrefix(raw, []byte(wordsMagic)) {
		return nil, errkind.New(errkind.Invalid, "%s is not a map from words to pictures; %s", path, remedy)
	}
	body, sum := raw[:len(raw)-sha256.Size], raw[len(raw)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return nil, errkind.New(errkind.Invalid, "%s is damaged; %s", path, remedy)
	}
	if !bytes.Equal(body[len(wordsMagic):head], lineage()) {
		return nil, errkind.New(errkind.Invalid, "%s was learnt from other files than the current files; %s", path, remedy)
	}
	values := floats(body[head:])
	return &Words{mean: values[:e5.Dim], weights: values[e5.Dim:]}, nil
}
