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
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/e5"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/minilm"
	"github.com/cinedex/cinedex/pkg/translate/cldr"
)

const (
	// ridge is the regularisation of the map's weights. Of 1, 3 and 10, 3 found the most labels that were left out of the fit.
	ridge = 3
	// described is the number of words of a description that the map of every language is taught. More words take more time to fit, and find hardly more.
	described = 12
	// known is the share of a text's words from which the text is English, of words that the English map was taught by lessonsOfWord lessons.
	known         = 0.5
	lessonsOfWord = 3
	// covered is the share of a text's letters from which the names of things speak for the text. A name in a longer text misleads.
	covered = 0.45
	// second is the weight of the position by MiniLM beside the position by e5. Of 0.5, 0.75, 1 and 2, the first lists of judged queries gave 0.75 and 1
	// about the same.
	second = 0.75
)

// A mapping is a linear map from sentence vectors of one model to the space.
type mapping struct {
	mean    []float32 // [inputs] of the sentence vectors of the lessons
	weights []float32 // [Dim,inputs]
}

// inputs is the length of a sentence vector, of both models.
const inputs = e5.Dim

// Words computes the positions of texts in the space.
//
// Every text has a position by e5, which knows some ninety languages. An English text has a second position by MiniLM, which knows English alone, and
// better. Any other text has a second position by MiniLM of the things that CLDR finds in the text, by their English names: the less of the text the
// names cover, the less the second position counts. The position of the text is the weighted sum.
type Words struct {
	sentences *e5.Model
	english   *minilm.Model
	names     *cldr.Names
	every     mapping         // from e5
	ofEnglish mapping         // from MiniLM
	taught    map[string]bool // the words of ofEnglish
}

// OpenWords loads the maps from the cache. The caller keeps ownership of the sentence models.
func OpenWords(cache model.Cache, sentences *e5.Model, english *minilm.Model) (*Words, error) {
	path, err := cache.Require("words")
	if err != nil {
		return nil, err
	}
	w, err := readWords(path)
	if err != nil {
		return nil, err
	}
	_, lessons, err := lessons(cache)
	if err != nil {
		return nil, err
	}
	w.sentences, w.english, w.names, w.taught = sentences, english, cldr.New(), taughtWords(lessons)
	return w, nil
}

// Vector returns the position of a text, in any language, in the space.
func (w *Words) Vector(ctx context.Context, text string) ([]float32, error) {
	sentence, err := w.sentences.Query(ctx, text)
	if err != nil {
		return nil, fmt.Errorf("placing words among pictures: %w", err)
	}
	return w.Place(ctx, text, sentence)
}

// Place is Vector for a text whose sentence vector, as returned by e5's Query, is known.
func (w *Words) Place(ctx context.Context, text string, sentence []float32) ([]float32, error) {
	if len(sentence) != inputs {
		return nil, errkind.New(errkind.Invalid, "placing words among pictures: the sentence vector has %d numbers instead of %d", len(sentence), inputs)
	}
	position := w.every.place(sentence)
	english, weight := text, second
	if !w.isEnglish(text) {
		things, share := w.names.Named(text)
		if share < covered {
			return position, nil
		}
		english, weight = strings.Join(things, " "), second*math.Sqrt(share)
	}
	sentence, err := w.english.Vector(ctx, english)
	if err != nil {
		return nil, fmt.Errorf("placing words among pictures: %w", err)
	}
	for i, v := range w.ofEnglish.place(sentence) {
		position[i] += float32(weight) * v
	}
	return unit(position), nil
}

// isEnglish reports whether the English map was taught enough words of a text.
func (w *Words) isEnglish(text string) bool {
	all := wordsOf(text)
	n := 0
	for _, word := range all {
		if w.taught[word] {
			n++
		}
	}
	return n > 0 && float64(n) >= known*float64(len(all))
}

// taughtWords returns the words that enough lessons have.
func taughtWords(lessons []lesson) map[string]bool {
	count := map[string]int{}
	for _, l := range lessons {
		seen := wordsOf(l.text)
		slices.Sort(seen)
		for _, word := range slices.Compact(seen) {
			count[word]++
		}
	}
	out := map[string]bool{}
	for word, n := range count {
		if n >= lessonsOfWord {
			out[word] = true
		}
	}
	return out
}

// wordsOf returns the words of an English text, in the singular.
func wordsOf(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) })
	for i, word := range words {
		switch {
		case len(word) > 4 && strings.HasSuffix(word, "ies"):
			words[i] = word[:len(word)-3] + "y"
		case len(word) > 3 && strings.HasSuffix(word, "s") && !strings.HasSuffix(word, "ss"):
			words[i] = word[:len(word)-1]
		}
	}
	return words
}

func (m mapping) place(sentence []float32) []float32 {
	centred := make([]float32, inputs)
	for i, v := range sentence {
		centred[i] = v - m.mean[i]
	}
	unit(centred)
	out := make([]float32, Dim)
	for i := range out {
		out[i] = dot(m.weights[i*inputs:][:inputs], centred)
	}
	return unit(out)
}

// lesson is a text about a label.
type lesson struct {
	label    int
	text     string
	sentence []float32
}

// lessons returns two lists of texts about the labels. every has the name of each label, and the beginning of its description. english has all names
// and every sentence of the description: MiniLM is fast enough.
func lessons(cache model.Cache) (every, english []lesson, err error) {
	names, err := labelNames(cache)
	if err != nil {
		return nil, nil, err
	}
	var descriptions map[string]struct {
		Name        []string
		Description string
	}
	if err := readJSON(cache, "imagenet-descriptions", &descriptions); err != nil {
		return nil, nil, err
	}
	for label, name := range names {
		d := descriptions[strconv.Itoa(label)]
		every = append(every, lesson{label: label, text: name})
		first, _, _ := strings.Cut(d.Description, ". ")
		if words := strings.Fields(first); len(words) > 0 {
			every = append(every, lesson{label: label, text: strings.Join(words[:min(len(words), described)], " ")})
		}
		english = append(english, lesson{label: label, text: name})
		for _, other := range d.Name {
			if other != name && other != "" {
				english = append(english, lesson{label: label, text: other})
			}
		}
		for sentence := range strings.SplitSeq(d.Description, ". ") {
			if sentence = strings.TrimSpace(sentence); sentence != "" {
				english = append(english, lesson{label: label, text: sentence})
			}
		}
	}
	return every, english, nil
}

// embed computes the sentence vectors of lessons on all processors.
func embed(ctx context.Context, vector func(context.Context, string) ([]float32, error), all []lesson, progress func(done int64)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	var finished atomic.Int64
	for i := range all {
		group.Go(func() (err error) {
			all[i].sentence, err = vector(ctx, all[i].text)
			finished.Add(1)
			return err
		})
		progress(finished.Load())
	}
	return group.Wait()
}

// fit learns the map: ridge regression from sentence vectors, centred and of length 1, to the classifier's weights for the labels, centred and of
// length 1.
func fit(h *Head, taught []lesson) mapping {
	w := mapping{mean: make([]float32, inputs), weights: make([]float32, Dim*inputs)}
	for i := range w.mean {
		var sum float64
		for _, l := range taught {
			sum += float64(l.sentence[i])
		}
		w.mean[i] = float32(sum / float64(len(taught)))
	}
	targets := h.directions()
	x := mat.NewDense(len(taught), inputs, nil)
	y := mat.NewDense(len(taught), Dim, nil)
	for row, l := range taught {
		centred := make([]float32, inputs)
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
	for i := range inputs {
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
		for j := range inputs {
			w.weights[i*inputs+j] = float32(solution.At(j, i))
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

// FitWords learns the maps from the cache's artefacts and writes the maps to dst. The computation of some 6,000 sentence vectors takes most of the time.
func FitWords(ctx context.Context, cache model.Cache, dst string, progress func(done, total int64)) error {
	w, err := learn(ctx, cache, progress)
	if err != nil {
		return err
	}
	return os.WriteFile(dst, w.encode(), 0o644)
}

func learn(ctx context.Context, cache model.Cache, progress func(done, total int64)) (*Words, error) {
	head, err := OpenHead(cache)
	if err != nil {
		return nil, err
	}
	sentences, err := e5.Open(cache)
	if err != nil {
		return nil, err
	}
	defer sentences.Close()
	english, err := minilm.Open(cache)
	if err != nil {
		return nil, err
	}
	defer english.Close()
	forEvery, forEnglish, err := lessons(cache)
	if err != nil {
		return nil, err
	}
	all := int64(len(forEvery) + len(forEnglish))
	if err := embed(ctx, sentences.Query, forEvery, func(done int64) { progress(done, all) }); err != nil {
		return nil, err
	}
	if err := embed(ctx, english.Vector, forEnglish, func(done int64) { progress(int64(len(forEvery))+done, all) }); err != nil {
		return nil, err
	}
	return &Words{every: fit(head, forEvery), ofEnglish: fit(head, forEnglish)}, nil
}

// A words file is this line, a digest of the sources and the method of the learning, the numbers of both maps as little-endian float32, and the
// sha256 of all bytes before.
const wordsMagic = "cinedex words 2\n"

func (w *Words) encode() []byte {
	b := append([]byte(wordsMagic), lineage()...)
	for _, values := range [][]float32{w.every.mean, w.every.weights, w.ofEnglish.mean, w.ofEnglish.weights} {
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
	if len(raw) != head+4*2*(inputs+Dim*inputs)+sha256.Size || !bytes.HasPrefix(raw, []byte(wordsMagic)) {
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
	one := func(values []float32) mapping { return mapping{values[:inputs], values[inputs:]} }
	return &Words{every: one(values[:len(values)/2]), ofEnglish: one(values[len(values)/2:])}, nil
}
