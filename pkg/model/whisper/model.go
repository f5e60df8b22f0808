package whisper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
)

const (
	layers = 6
	heads  = 8
	head   = 64
	times  = 1500 // positions of the encoder: 20 ms each
	// perTime is the number of samples of a position.
	perTime = Window / times
	// MaxTokens bounds the tokens of a window.
	MaxTokens = 224
	// Batch is the number of windows that are written at the same time. The weights of the decoder pass through the processor once for all.
	Batch = 4
)

// Model is the loaded model. A Model is safe for concurrent use.
type Model struct {
	encoder, decoder *onnx.Session
	texts            *texts
	suppressed       [vocabulary]bool
}

// names returns the names of an array of each layer: the keys' and the values' by turns.
func names(key, val string) []string {
	var out []string
	for i := range layers {
		out = append(out, fmt.Sprint(key, i), fmt.Sprint(val, i))
	}
	return out
}

// Open loads the model from the cache, to run on this many processors (0: all).
func Open(cache model.Cache, threads int) (*Model, error) {
	path, err := cache.Require("whisper-base-vocabulary")
	if err != nil {
		return nil, err
	}
	m := &Model{}
	if m.texts, err = readTexts(path); err != nil {
		return nil, err
	}
	for _, id := range notSpeech {
		m.suppressed[id] = true
	}
	for id := tokenStart; id < vocabulary; id++ { // languages, tasks and times
		m.suppressed[id] = true
	}
	cross := names("keys", "values")
	if m.encoder, err = onnx.Open(cache, "whisper-base-encoder", []string{"mel"}, cross, threads); err != nil {
		return nil, err
	}
	m.decoder, err = onnx.Open(cache, "whisper-base-decoder", append(append([]string{"tokens"}, cross...), names("past_keys", "past_values")...),
		append([]string{"logits", "heed"}, names("next_keys", "next_values")...), threads)
	if err != nil {
		return nil, errors.Join(err, m.encoder.Close())
	}
	return m, nil
}

// Close frees the model.
func (m *Model) Close() error { return errors.Join(m.encoder.Close(), m.decoder.Close()) }

// A Word is a word of a window.
type Word struct {
	// Text begins with the space before the word, if the script has spaces, and ends with the signs behind the word.
	Text string
	// Start and End are samples of the window.
	Start, End int
	// Probability is the mean probability of the word's tokens.
	Probability float32
}

// A Transcript is the speech of a window.
type Transcript struct {
	// Language is a tag of BCP 47, with the probability of the language.
	Language    string
	InLanguage  float32
	Words       []Word
	NoSpeech    float32 // the probability that nobody speaks
	Probability float32 // the geometric mean of the probabilities of the tokens
	// Repeats says that the model ran in circles, and that the words behind the first round were dropped.
	Repeats bool
}

// Text returns the words as a text.
func (t Transcript) Text() string {
	var b strings.Builder
	for _, w := range t.Words {
		b.WriteString(w.Text)
	}
	return strings.TrimSpace(b.String())
}

// Options narrow a transcription.
type Options struct {
	// Language is the language of the windows, by its code of whisper ("en"); "" detects the language of each window.
	Language string
}

// Transcribe writes the speech of at most Batch windows, which last at most 30 s each: samples from -1 to 1. The result depends on the windows of the
// call and on nothing else.
func (m *Model) Transcribe(ctx context.Context, windows [][]float32, o Options) ([]Transcript, error) {
	if len(windows) == 0 || len(windows) > Batch {
		return nil, errkind.New(errkind.Invalid, "%d windows; 1 to %d can be written at a time", len(windows), Batch)
	}
	language := -1
	if o.Language != "" {
		if language = slices.Index(m.texts.languages[:], o.Language); language < 0 {
			return nil, errkind.New(errkind.Invalid, "the speech model has no language %q", o.Language)
		}
	}
	w := &writing{model: m, windows: windows}
	defer w.close()
	if err := w.hear(ctx); err != nil {
		return nil, fmt.Errorf("hearing speech: %w", err)
	}
	if err := w.write(ctx, language); err != nil {
		return nil, fmt.Errorf("writing speech: %w", err)
	}
	out := make([]Transcript, len(windows))
	for i := range windows {
		out[i] = w.transcript(i)
	}
	return out, nil
}

// A writing is the state of a call.
type writing struct {
	model   *Model
	windows [][]float32
	cross   []*onnx.Array // keys and values of the windows, by layer
	past    []*onnx.Array // keys and values of the tokens so far, by layer
	rows    []row
	arrays  []*onnx.Array // to be closed at the end
}

// A row is a window that is being written.
type row struct {
	language    int
	inLanguage  float32
	noSpeech    float32
	tokens      []int
	probability []float64 // logarithms, with the end's
	heed        [][]float32
	ended       bool
}

func (w *writing) close() {
	_ = onnx.CloseAll(w.past...)
	_ = onnx.CloseAll(w.arrays...)
}

// keep closes an array at the end.
func (w *writing) keep(a *onnx.Array, err error) (*onnx.Array, error) {
	if err == nil {
		w.arrays = append(w.arrays, a)
	}
	return a, err
}

// hear runs the encoder over each window. The outputs of all windows lie behind each other, as the decoder reads the outputs.
func (w *writing) hear(ctx context.Context) error {
	n, size := int64(len(w.windows)), heads*head*times
	data := make([][]float32, 2*layers)
	shape := func(i int) []int64 {
		if i%2 == 0 {
			return []int64{heads, head, times}
		}
		return []int64{heads, times, head}
	}
	for i := range data {
		data[i] = make([]float32, int(n)*size)
		a, err := w.keep(onnx.Floats(data[i], append([]int64{n}, shape(i)...)...))
		if err != nil {
			return err
		}
		w.cross = append(w.cross, a)
	}
	mel := make([]float32, mels*frames)
	in, err := w.keep(onnx.Floats(mel, 1, mels, frames))
	if err != nil {
		return err
	}
	for r, sound := range w.windows {
		spectrogram(sound, mel)
		out := make([]*onnx.Array, 2*layers)
		for i := range out {
			if out[i], err = w.keep(onnx.Floats(data[i][r*size:(r+1)*size], append([]int64{1}, shape(i)...)...)); err != nil {
				return err
			}
		}
		if err := w.model.encoder.Run(ctx, []*onnx.Array{in}, out); err != nil {
			return err
		}
	}
	return nil
}

// step runs the decoder over the next tokens of each window, and returns the logits and the attention of the last token.
func (w *writing) step(ctx context.Context, tokens []int64) (logits, heed *onnx.Array, err error) {
	n := int64(len(w.windows))
	in, err := onnx.Integers(tokens, n, int64(len(tokens))/n)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	inputs := append(append([]*onnx.Array{in}, w.cross...), w.past...)
	out := make([]*onnx.Array, 2+2*layers)
	if err := w.model.decoder.Run(ctx, inputs, out); err != nil {
		return nil, nil, err
	}
	_ = onnx.CloseAll(w.past...)
	w.past = out[2:]
	return out[0], out[1], nil
}

// write writes all windows, a token of each at a time.
func (w *writing) write(ctx context.Context, language int) error {
	n := int64(len(w.windows))
	for range 2 * layers {
		a, err := onnx.Floats(nil, n, heads, 0, head)
		if err != nil {
			return err
		}
		w.past = append(w.past, a)
	}
	w.rows = make([]row, n)
	start := make([]int64, n)
	for i := range start {
		start[i] = tokenStart
	}
	logits, heed, err := w.step(ctx, start)
	if err != nil {
		return err
	}
	var tokens []int64
	for i := range w.rows {
		w.rows[i].begin(logits.Data()[i*vocabulary:(i+1)*vocabulary], language)
		tokens = append(tokens, int64(firstLanguage+w.rows[i].language), tokenTranscribe, tokenNoTimestamps)
	}
	if err := onnx.CloseAll(logits, heed); err != nil {
		return err
	}
	for written := 0; ; written++ {
		if logits, heed, err = w.step(ctx, tokens); err != nil {
			return err
		}
		tokens = tokens[:0]
		going := false
		for i := range w.rows {
			r := &w.rows[i]
			next := int64(tokenEnd)
			if !r.ended {
				next = r.next(w.model, logits.Data()[i*vocabulary:(i+1)*vocabulary], heed.Data()[i*heads*times:(i+1)*heads*times], len(w.windows[i]))
				going = going || !r.ended
			}
			tokens = append(tokens, next)
		}
		if err := onnx.CloseAll(logits, heed); err != nil {
			return err
		}
		if !going || written+1 == MaxTokens {
			return nil
		}
	}
}

// begin reads the language of a window, and whether anybody speaks.
func (r *row) begin(logits []float32, language int) {
	r.noSpeech = float32(math.Exp(logOf(logits, tokenNoSpeech, nil)))
	spoken := logits[firstLanguage : firstLanguage+languages]
	if r.language = language; language < 0 {
		r.language = greatest(spoken, nil)
	}
	r.inLanguage = float32(math.Exp(logOf(spoken, r.language, nil)))
}

// next chooses the most probable token.
func (r *row) next(m *Model, logits, heed []float32, samples int) int64 {
	leave := &m.suppressed
	if len(r.tokens) == 0 { // a text does not begin with a space or with its end
		own := m.suppressed
		own[tokenSpace], own[tokenEnd] = true, true
		leave = &own
	}
	token := greatest(logits, leave)
	r.probability = append(r.probability, logOf(logits, token, leave))
	// The attention beyond the sound is of no use.
	used := min((samples+perTime-1)/perTime, times)
	for h := range heads {
		r.heed = append(r.heed, slices.Clone(heed[h*times:h*times+used]))
	}
	if token == tokenEnd || len(r.tokens)+1 == MaxTokens {
		r.ended = true
	}
	if token != tokenEnd {
		r.tokens = append(r.tokens, token)
		if loop(r.tokens) > 0 {
			r.ended = true
		}
	}
	return int64(token)
}

// greatest returns the greatest logit that is not to be left out.
func greatest(logits []float32, leave *[vocabulary]bool) int {
	best := -1
	for i, v := range logits {
		if (leave == nil || !leave[i]) && (best < 0 || v > logits[best]) {
			best = i
		}
	}
	return best
}

// logOf returns the logarithm of the probability of an index.
func logOf(logits []float32, index int, leave *[vocabulary]bool) float64 {
	top := logits[greatest(logits, leave)]
	sum := 0.0
	for i, v := range logits {
		if leave == nil || !leave[i] {
			sum += math.Exp(float64(v - top))
		}
	}
	return float64(logits[index]-top) - math.Log(sum)
}

// Rounds of a loop.
const (
	minRounds = 4  // rounds that make a loop
	maxRound  = 16 // tokens of a round
	minLooped = 12 // tokens of all rounds
)

// loop returns the length of the round in which the last tokens run, 0 for no loop.
func loop(tokens []int) int {
	for length := 1; length <= maxRound; length++ {
		rounds := max(minRounds, (minLooped+length-1)/length)
		if len(tokens) < rounds*length {
			break
		}
		tail := tokens[len(tokens)-rounds*length:]
		if slices.Equal(tail[length:], tail[:len(tail)-length]) {
			return length
		}
	}
	return 0
}

// transcript turns the tokens of a window into words.
func (w *writing) transcript(i int) Transcript {
	r := &w.rows[i]
	t := Transcript{Language: w.model.texts.languages[r.language], InLanguage: r.inLanguage, NoSpeech: r.noSpeech}
	mean := 0.0
	for _, p := range r.probability {
		mean += p
	}
	t.Probability = float32(math.Exp(mean / float64(max(len(r.probability), 1))))
	if length := loop(r.tokens); length > 0 {
		t.Repeats = true
		keep := len(r.tokens) - (max(minRounds, (minLooped+length-1)/length)-1)*length
		r.tokens, r.heed = r.tokens[:keep], r.heed[:min((keep+1)*heads, len(r.heed))]
	}
	spans := w.model.texts.words(r.tokens, spaced(t.Language))
	at := align(r.heed, len(r.tokens))
	for _, s := range spans {
		word := Word{Text: s.text, Start: at[s.from] * perTime, End: at[s.to] * perTime}
		sum := 0.0
		for k := s.from; k < s.to; k++ {
			sum += math.Exp(r.probability[k])
		}
		word.Probability = float32(sum / float64(s.to-s.from))
		t.Words = append(t.Words, word)
	}
	shorten(t.Words, len(w.windows[i]))
	return t
}

// spaced reports whether a language is written with spaces between words.
func spaced(language string) bool {
	return !slices.Contains([]string{"zh", "ja", "th", "lo", "my", "yue"}, language)
}
