package algotest

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// A Result is the output of an execution, in order.
type Result struct {
	Annotations []*pb.Annotation
	Embeddings  []*pb.Embedding
	Blobs       map[string][]byte // by name
	// Held is the most bytes of pictures that were held at the same time, as far as measured.
	Held int64
}

// bytes returns the result in a canonical form.
func (r *Result) bytes() []byte {
	var out []byte
	add := func(m proto.Message) {
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			panic(err) // only for strings that are not UTF-8, which Annotation and Embedding refuse
		}
		out = fmt.Appendf(out, "%d:", len(b))
		out = append(out, b...)
	}
	for _, a := range r.Annotations {
		add(a)
	}
	for _, e := range r.Embeddings {
		add(e)
	}
	for _, name := range sortedKeys(r.Blobs) {
		out = fmt.Appendf(out, "%s:%d:", name, len(r.Blobs[name]))
		out = append(out, r.Blobs[name]...)
	}
	return out
}

// Run executes the named algorithm over the clip, after the algorithms whose output the algorithm reads. Each algorithm of a registry is executed
// once over a clip: a later Run returns the result of an earlier Run or Check.
func Run(ctx context.Context, reg *algo.Registry, name string, clip *Clip) (*Result, error) {
	b := bench{reg: reg, clip: clip, results: clip.resultsOf(reg)}
	return b.result(ctx, name)
}

// bench executes algorithms over a clip. Without a trial, each algorithm is executed once.
type bench struct {
	reg     *algo.Registry
	clip    *Clip
	results map[string]*Result
	// lag is the time that the last execution continued after its context had ended.
	lag time.Duration
}

// take takes over the results of the inputs of an algorithm, and of their inputs.
func (b *bench) take(name string, from map[string]*Result) {
	for _, in := range b.reg.Inputs(name) {
		input := in.Spec().GetName()
		if r := from[input]; r != nil {
			b.results[input] = r
		}
		b.take(input, from)
	}
}

func (b *bench) result(ctx context.Context, name string) (*Result, error) {
	if r, ok := b.results[name]; ok {
		return r, nil
	}
	for _, in := range b.reg.Inputs(name) {
		if _, err := b.result(ctx, in.Spec().GetName()); err != nil {
			return nil, err
		}
	}
	r, err := b.try(ctx, name, trial{})
	if err != nil {
		return nil, fmt.Errorf("running algorithm %s over the clip: %w", name, err)
	}
	b.results[name] = r
	return r, nil
}

// A trial is the timing of an execution. The zero trial delivers everything without delay.
type trial struct {
	// late holds back the output of other algorithms until every frame has been taken.
	late bool
	// stop ends the context after so many frames, or, if the algorithm reads no frames, after so many blocks of sound and items of other algorithms.
	stop int
	// weigh measures the held pictures, now and then.
	weigh bool
}

// errStuck ends an execution that takes no frames while waiting for the output of another algorithm.
var errStuck = errors.New("the algorithm waits for the output of another algorithm without taking frames, although the other algorithm may wait for the same frames")

// errStopped ends an execution on behalf of a trial.
var errStopped = errors.New("the trial stopped the algorithm")

// patience is the time without taking a frame after which an execution counts as stuck.
const patience = 10 * time.Second

// try executes an algorithm once.
func (b *bench) try(ctx context.Context, name string, t trial) (_ *Result, err error) {
	a, err := b.reg.Algorithm(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	in := &input{bench: b, trial: t, spec: a.Spec(), allTaken: make(chan struct{}), cancel: cancel}
	out := &output{result: &Result{Blobs: make(map[string][]byte)}, run: b.runOf(a), spec: a.Spec()}
	if f, ok := a.(algo.FrameReader); ok {
		spec := f.Frames(b.clip.Asset)
		in.reads = true
		if in.frames, err = b.clip.decoded(ctx, spec); err != nil {
			return nil, err
		}
		in.moved.Store(time.Now().UnixNano())
		watching := make(chan struct{})
		defer close(watching)
		go in.watch(watching)
	} else {
		close(in.allTaken)
	}
	defer func() {
		if p := recover(); p != nil {
			err = errkind.New(errkind.Internal, "the algorithm panicked: %v\n%s", p, debug.Stack())
		}
	}()
	b.lag = 0
	err = a.Annotate(ctx, in, out)
	if at := in.stopped.Load(); at > 0 {
		b.lag = time.Since(time.Unix(0, at))
	}
	if in.changed.Load() {
		return nil, errors.New("the algorithm changes pictures, which other algorithms share")
	}
	if cause := context.Cause(ctx); cause != nil {
		if err == nil {
			return nil, fmt.Errorf("the algorithm returned no error although its context had ended: %w", cause)
		}
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	out.result.Held = in.held.Load()
	return out.result, nil
}

// runOf returns the run of an algorithm over the clip.
func (b *bench) runOf(a algo.Algorithm) *pb.Run {
	runs, err := b.reg.Runs(b.clip.Asset)
	if err == nil {
		for _, r := range runs {
			if r.GetAlgorithm() == a.Spec().GetName() {
				return r
			}
		}
	}
	return &pb.Run{Asset: b.clip.Asset.GetId(), Algorithm: a.Spec().GetName(), Id: schema.AssetID("00000000000000000000000000000000")}
}

type input struct {
	bench   *bench
	trial   trial
	spec    *pb.AlgorithmSpec
	frames  []algo.Frame
	reads   bool       // frames
	hearing sync.Mutex // held while the clip's sound is decoded

	taken    atomic.Int64 // frames, or items
	stopped  atomic.Int64 // when the context was ended
	moved    atomic.Int64 // when the last frame was taken
	waiting  atomic.Int64 // goroutines that wait for another algorithm's output
	once     sync.Once
	allTaken chan struct{}
	cancel   context.CancelCauseFunc

	changed atomic.Bool
	live    atomic.Int64 // bytes of held pictures
	held    atomic.Int64
}

func (in *input) Asset() *pb.Asset    { return in.bench.clip.Asset }
func (in *input) Clock() schema.Clock { return in.bench.clip.Clock }

// watch ends a stuck execution.
func (in *input) watch(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-in.allTaken:
			return
		case <-tick.C:
			if in.waiting.Load() > 0 && time.Since(time.Unix(0, in.moved.Load())) > patience {
				in.cancel(errStuck)
				return
			}
		}
	}
}

var seed = maphash.MakeSeed()

func (in *input) Frames(ctx context.Context) iter.Seq2[algo.Frame, error] {
	return func(yield func(algo.Frame, error) bool) {
		if !in.reads {
			yield(algo.Frame{}, errors.New("the algorithm reads frames and declares no size: implement algo.FrameReader"))
			return
		}
		defer in.once.Do(func() { close(in.allTaken) })
		for i, f := range in.frames {
			if ctx.Err() != nil {
				yield(algo.Frame{}, context.Cause(ctx))
				return
			}
			// Each execution gets a copy of its own, which shows whether the algorithm keeps or changes pictures.
			p := &media.Picture{Width: f.Picture.Width, Height: f.Picture.Height, Pix: append([]byte(nil), f.Picture.Pix...)}
			if in.trial.weigh {
				in.weigh(p, i)
			}
			if !yield(algo.Frame{N: f.N, Picture: p}, nil) {
				return
			}
			if maphash.Bytes(seed, p.Pix) != maphash.Bytes(seed, f.Picture.Pix) {
				in.changed.Store(true)
			}
			in.moved.Store(time.Now().UnixNano())
			in.count()
		}
	}
}

// count ends the context when the trial asks for the end.
func (in *input) count() {
	if n := in.taken.Add(1); in.trial.stop > 0 && n == int64(in.trial.stop) {
		in.stopped.Store(time.Now().UnixNano())
		in.cancel(errStopped)
	}
}

// weigh counts the bytes of reachable pictures.
func (in *input) weigh(p *media.Picture, i int) {
	size := int64(len(p.Pix))
	in.live.Add(size)
	// The cleanup is on the pixels, since an algorithm may keep the pixels without the picture.
	runtime.AddCleanup(&p.Pix[0], func(size int64) { in.live.Add(-size) }, size)
	if i > 0 && i%100 == 0 {
		runtime.GC()
		for range 20 { // cleanups run a little later
			time.Sleep(time.Millisecond)
		}
		in.held.Store(max(in.held.Load(), in.live.Load()))
	}
}

func (in *input) Sound(ctx context.Context, track *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	return func(yield func(algo.Samples, error) bool) {
		if in.spec.GetSound() == nil {
			yield(algo.Samples{}, errors.New("the algorithm reads sound and declares no rate: set AlgorithmSpec.sound"))
			return
		}
		in.hearing.Lock()
		blocks, err := in.bench.clip.heard(ctx, track, algo.SoundOf(in.spec))
		in.hearing.Unlock()
		if err != nil {
			yield(algo.Samples{}, err)
			return
		}
		for _, b := range blocks {
			if ctx.Err() != nil {
				yield(algo.Samples{}, context.Cause(ctx))
				return
			}
			b.Data = slices.Clone(b.Data)
			if !yield(b, nil) {
				return
			}
			if !in.reads {
				in.count()
			}
		}
	}
}

func (in *input) Cues(_ context.Context, track *pb.TextTrack) ([]timedtext.Cue, error) {
	cues, ok := in.bench.clip.cues[track.GetSha256()]
	if !ok {
		return nil, errkind.New(errkind.NotFound, "the clip has no such track")
	}
	return cues, nil
}

func (in *input) Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error] {
	return others(ctx, in, kind, func(r *Result) []*pb.Annotation { return r.Annotations },
		func(a *pb.Annotation) bool { return a.GetKind() == kind })
}

func (in *input) Embeddings(ctx context.Context, space string) iter.Seq2[*pb.Embedding, error] {
	return others(ctx, in, space, func(r *Result) []*pb.Embedding { return r.Embeddings },
		func(e *pb.Embedding) bool { return e.GetSpace() == space })
}

// others yields the output of another algorithm.
func others[T proto.Message](ctx context.Context, in *input, need string, items func(*Result) []T, want func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		from := in.bench.reg.Producer(need)
		if from == nil || in.bench.results[from.Spec().GetName()] == nil {
			yield(none, fmt.Errorf("the algorithm reads %q and does not declare that it needs %q", need, need))
			return
		}
		if in.trial.late {
			in.waiting.Add(1)
			select {
			case <-in.allTaken:
			case <-ctx.Done():
				yield(none, context.Cause(ctx))
				return
			}
			in.waiting.Add(-1)
		}
		for _, m := range items(in.bench.results[from.Spec().GetName()]) {
			if !want(m) {
				continue
			}
			if ctx.Err() != nil {
				yield(none, context.Cause(ctx))
				return
			}
			if !yield(proto.CloneOf(m), nil) {
				return
			}
			if !in.reads {
				in.count()
			}
		}
	}
}

type output struct {
	result *Result
	run    *pb.Run
	spec   *pb.AlgorithmSpec
	busy   atomic.Bool
}

// alone reports an error if two goroutines write at the same time.
func (o *output) alone() (func(), error) {
	if !o.busy.CompareAndSwap(false, true) {
		return nil, errors.New("the algorithm writes from two goroutines at the same time")
	}
	return func() { o.busy.Store(false) }, nil
}

func (o *output) Annotation(ctx context.Context, a *pb.Annotation) (string, error) {
	done, err := o.alone()
	if err != nil {
		return "", err
	}
	defer done()
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	a.Asset, a.Run, a.Ordinal = o.run.GetAsset(), o.run.GetId(), int64(len(o.result.Annotations))
	if err := schema.Validate(a); err != nil {
		return "", fmt.Errorf("annotation %d: %w", a.Ordinal, err)
	}
	o.result.Annotations = append(o.result.Annotations, a)
	return schema.ItemID(a.Run, a.Ordinal), nil
}

func (o *output) Embedding(ctx context.Context, e *pb.Embedding) error {
	done, err := o.alone()
	if err != nil {
		return err
	}
	defer done()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e.Asset, e.Run, e.Ordinal = o.run.GetAsset(), o.run.GetId(), int64(len(o.result.Embeddings))
	if err := schema.Validate(e); err != nil {
		return fmt.Errorf("embedding %d: %w", e.Ordinal, err)
	}
	o.result.Embeddings = append(o.result.Embeddings, e)
	return nil
}

func (o *output) Blob(ctx context.Context, name, _ string, data []byte) (*pb.MediaRef, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	o.result.Blobs[name] = append([]byte(nil), data...)
	return &pb.MediaRef{Key: "runs/" + o.run.GetAsset() + "/" + o.run.GetId() + "/" + name}, nil
}

func (*output) Progress(int64, int64) {}
