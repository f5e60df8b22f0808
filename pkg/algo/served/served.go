package served

import (
	"context"
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// framesPerSecond is the number of frames a second from which the frames of a shot are picked.
const framesPerSecond = byshot.PerSecond

// New returns the algorithm of a manifest. No server is asked.
func New(m *Manifest) algo.Algorithm {
	a := algorithm{m, newClient(m.Server)}
	if m.Frames != nil {
		return looker{a}
	}
	return a
}

// An algorithm listens to a film or reads its lines.
type algorithm struct {
	m      *Manifest
	client *client
}

// A looker is an algorithm that looks at frames.
type looker struct{ algorithm }

// Spec implements algo.Algorithm.
func (a algorithm) Spec() *pb.AlgorithmSpec { return a.m.spec }

// Frames implements algo.FrameReader.
func (a looker) Frames(asset *pb.Asset) media.FrameSpec { return algo.FramesOf(a.m.spec, asset) }

// Annotate implements algo.Algorithm.
func (a algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	defer a.client.http.CloseIdleConnections() // no goroutine outlives an execution
	if a.m.Sound != nil {
		return a.listen(ctx, in, out)
	}
	return a.read(ctx, in, out)
}

// Annotate implements algo.Algorithm.
func (a looker) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	defer a.client.http.CloseIdleConnections()
	return a.look(ctx, in, out)
}

func (a algorithm) outputs() []string {
	var names []string
	for _, o := range a.m.Outputs {
		names = append(names, o.Name)
	}
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// ask asks the model about rows of an input.
func (a algorithm) ask(ctx context.Context, in tensor, rows int) (map[string]result, error) {
	return a.client.infer(ctx, a.m.Server.Model, a.m.Server.Version, in, rows, a.outputs())
}

// An answer is the answer for a row of a batch. The result is there once the batch was asked.
type answer struct {
	picture *media.Picture // until then
	numbers map[string][]float64
	texts   map[string][]string
	whole   map[string]bool
}

// fill takes row i of a batch's results.
func (w *answer) fill(results map[string]result, i int) {
	w.picture, w.numbers, w.texts, w.whole = nil, map[string][]float64{}, map[string][]string{}, map[string]bool{}
	for name, r := range results {
		if r.texts != nil {
			w.texts[name] = r.texts[i]
		} else {
			w.numbers[name], w.whole[name] = r.numbers[i], r.whole
		}
	}
}

// look asks about frames of each shot, in batches that may span shots.
func (a looker) look(ctx context.Context, in algo.Input, out algo.Output) error {
	clock := in.Clock()
	sampler := byshot.NewSampler(clock)
	var pending []*answer
	flush := func(ctx context.Context) error {
		if len(pending) == 0 {
			return nil
		}
		results, err := a.ask(ctx, a.m.Frames.tensor(pending), len(pending))
		if err != nil {
			return err
		}
		for i, w := range pending {
			w.fill(results, i)
		}
		pending = pending[:0]
		return nil
	}
	pick := func(ctx context.Context, f algo.Frame) (*answer, bool, error) {
		if !sampler.Pick(f) {
			return nil, false, nil
		}
		w := &answer{picture: f.Picture}
		if pending = append(pending, w); len(pending) < a.m.Server.Batch {
			return w, true, nil
		}
		return w, true, flush(ctx)
	}
	write := func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[*answer]) error {
		if len(picks) == 0 {
			return nil // a shot of a few frames
		}
		if err := flush(ctx); err != nil {
			return err
		}
		var rows []*answer
		for _, p := range byshot.Clean(s, picks) {
			rows = append(rows, p.Value)
		}
		iv := schema.Interval{Start: clock.FrameStart(s.First), End: clock.FrameStart(s.End)}
		if err := a.write(ctx, out, place{Interval: iv, of: s.ID, kind: schema.KindShot}, rows); err != nil {
			return err
		}
		out.Progress(s.End, clock.Frames())
		return nil
	}
	return byshot.Walk(ctx, in, pick, write)
}

// read asks about the texts of a kind of annotation.
func (a algorithm) read(ctx context.Context, in algo.Input, out algo.Output) error {
	var batch []*pb.Annotation
	done := int64(0)
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		lines := make([]string, len(batch))
		for i, l := range batch {
			lines[i] = l.GetText()
		}
		results, err := a.ask(ctx, textTensor(a.m.Lines.Input, lines), len(lines))
		if err != nil {
			return err
		}
		for i, l := range batch {
			w := &answer{}
			w.fill(results, i)
			at := place{Interval: schema.IntervalOf(l), of: schema.ItemID(l.GetRun(), l.GetOrdinal()), kind: a.m.Lines.Kind, language: l.GetLanguage(), character: l.GetCharacter()}
			if err := a.write(ctx, out, at, []*answer{w}); err != nil {
				return err
			}
		}
		done += int64(len(batch))
		out.Progress(done, 0)
		batch = batch[:0]
		return nil
	}
	for l, err := range in.Annotations(ctx, a.m.Lines.Kind) {
		if err != nil {
			return err
		}
		if l.GetText() == "" {
			continue
		}
		if batch = append(batch, l); len(batch) == a.m.Server.Batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

func textTensor(name string, lines []string) tensor {
	return tensor{Name: name, Shape: []int{len(lines), 1}, Datatype: texts, Parameters: map[string]string{"content_type": "str"}, Data: lines}
}

// listen asks about windows of the first sound track. Windows that follow each other with the same label become an annotation.
func (a algorithm) listen(ctx context.Context, in algo.Input, out algo.Output) error {
	tracks := in.Asset().GetAudio()
	if len(tracks) == 0 {
		return errkind.New(errkind.Invalid, "the asset has no sound")
	}
	l := listening{algorithm: a, out: out, open: map[string]*span{}}
	rate := a.m.Sound.Rate
	window, step := int(a.m.Sound.Window*float64(rate)), int(a.m.Sound.Step*float64(rate))
	var held []float32
	first := int64(0) // the number of the first held sample
	for block, err := range in.Sound(ctx, tracks[0]) {
		if err != nil {
			return err
		}
		if len(held) == 0 {
			first = block.First
		}
		held = append(held, block.Mono()...)
		for len(held) >= window {
			if err := l.add(ctx, first, held[:window]); err != nil {
				return err
			}
			held, first = held[step:], first+int64(step)
		}
		out.Progress(int64(schema.FromSamples(first, rate)), in.Asset().GetDuration())
		held = slices.Clone(held) // earlier samples can be freed
	}
	if len(held) >= window/2 { // the last window is filled up with silence
		rest := make([]float32, window)
		copy(rest, held)
		if err := l.add(ctx, first, rest); err != nil {
			return err
		}
	}
	return l.end(ctx, schema.Time(in.Asset().GetDuration()))
}

// listening gathers windows into batches, and labels into spans.
type listening struct {
	algorithm
	out     algo.Output
	firsts  []int64
	samples []float32
	open    map[string]*span // by output and label
}

// A span is windows that follow each other with the same label.
type span struct {
	output Output
	label  string
	schema.Interval
	sum float64
	n   int
}

func (l *listening) add(ctx context.Context, first int64, window []float32) error {
	l.firsts, l.samples = append(l.firsts, first), append(l.samples, window...)
	if len(l.firsts) < l.m.Server.Batch {
		return nil
	}
	return l.flush(ctx)
}

func (l *listening) flush(ctx context.Context) error {
	if len(l.firsts) == 0 {
		return nil
	}
	n := len(l.firsts)
	in := tensor{Name: l.m.Sound.Input, Shape: []int{n, len(l.samples) / n}, Datatype: fp32, Data: l.samples}
	results, err := l.ask(ctx, in, n)
	if err != nil {
		return err
	}
	for i, first := range l.firsts {
		w := &answer{}
		w.fill(results, i)
		if err := l.window(ctx, first, w); err != nil {
			return err
		}
	}
	l.firsts, l.samples = l.firsts[:0], l.samples[:0]
	return nil
}

// window writes the embeddings of a window, and goes on with the spans of its labels.
func (l *listening) window(ctx context.Context, first int64, w *answer) error {
	rate := l.m.Sound.Rate
	iv := schema.Interval{Start: schema.FromSamples(first, rate), End: schema.FromSamples(first+int64(l.m.Sound.Window*float64(rate)), rate)}
	step := schema.Interval{Start: iv.Start, End: schema.FromSamples(first+int64(l.m.Sound.Step*float64(rate)), rate)}
	heard := map[string]bool{}
	for _, o := range l.m.Outputs {
		if o.As != asLabel {
			if err := l.item(ctx, l.out, o, place{Interval: iv}, []*answer{w}); err != nil {
				return err
			}
			continue
		}
		found, err := o.labels([]*answer{w})
		if err != nil {
			return err
		}
		for _, f := range found {
			key := o.Name + "\x00" + f.label
			heard[key] = true
			if l.open[key] == nil {
				l.open[key] = &span{output: o, label: f.label, Interval: step}
			}
			s := l.open[key]
			s.End, s.sum, s.n = step.End, s.sum+f.confidence, s.n+1
		}
	}
	return l.close(ctx, func(key string) bool { return !heard[key] })
}

// close writes the open spans that have ended, in the order of their starts.
func (l *listening) close(ctx context.Context, ended func(key string) bool) error {
	var done []*span
	for key, s := range l.open {
		if ended(key) {
			done = append(done, s)
			delete(l.open, key)
		}
	}
	slices.SortFunc(done, compareSpans)
	for _, s := range done {
		_, err := l.out.Annotation(ctx, &pb.Annotation{Kind: s.output.Kind, Label: s.label, Language: s.output.Language,
			Confidence: float32(s.sum / float64(s.n)), Start: int64(s.Start), End: int64(s.End)})
		if err != nil {
			return fmt.Errorf("writing the label %q at %s: %w", s.label, s.Interval, err)
		}
	}
	return nil
}

// end writes what is left. No span goes beyond the film.
func (l *listening) end(ctx context.Context, film schema.Time) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	for key, s := range l.open {
		if film > 0 {
			s.End = min(s.End, film)
		}
		if s.End <= s.Start {
			delete(l.open, key)
		}
	}
	return l.close(ctx, func(string) bool { return true })
}
