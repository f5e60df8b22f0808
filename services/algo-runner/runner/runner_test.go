package runner_test

import (
	"context"
	"fmt"
	"image"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

var small = mediatest.Film{
	Name: "small", Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1},
	Scenes: []mediatest.Scene{{Frames: 40, Seed: 3}, {Frames: 35, Seed: 8}, {Frames: 45, Seed: 13}},
	Texts: []mediatest.Text{{Language: "en", Format: "srt", Inside: true, Lines: []mediatest.Line{
		{Start: 5, End: 35, Text: "The harbour is empty."}, {Start: 50, End: 100, Text: "Nobody sails before the storm."}}}},
}

// A ready asset ends with every run finished, each once. Dependents read their inputs while the inputs are written. The same event again requests
// nothing.
func TestFilm(t *testing.T) {
	w := newWorld(t)
	models := builtin.Open(w.cache, 0)
	reg := must[*algo.Registry](t)(models.Algorithms())
	for _, a := range reg.All() {
		for _, id := range a.Spec().GetModels() {
			if _, err := w.cache.Require(id); err != nil {
				modeltest.Lacking(t, err)
			}
		}
	}
	asset, truth := w.film(small)
	stop := w.serve(reg)
	defer func() { stop(); _ = models.Close() }()
	w.arrive(asset)
	all := []string{"shots", "thumbnails", "pictures", "labels", "dialogue", "sentences"}
	w.until("ended", 3*time.Minute, w.ended(asset, all...))

	runs := w.runs("")
	for _, name := range all {
		if r := runs[name]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetEpoch() != 1 {
			t.Errorf("%s: %v", name, r)
		}
	}
	var cuts []int64
	for _, a := range w.annotations(runs["shots"])[1:] {
		start, _ := schema.FrameSpan(truth.Clock, schema.IntervalOf(a))
		cuts = append(cuts, start)
	}
	if fmt.Sprint(cuts) != fmt.Sprint(truth.Cuts) {
		t.Errorf("shots begin at frames %v, want %v", cuts, truth.Cuts)
	}
	if n := len(w.annotations(runs["dialogue"])); n != 2 || runs["sentences"].GetEmbeddings() != 2 || runs["pictures"].GetEmbeddings() < 3 {
		t.Errorf("%d lines; runs: %v", n, runs)
	}
	for _, a := range w.annotations(runs["thumbnails"]) {
		ref := &pb.MediaRef{Bucket: a.GetAttributes()["bucket"].GetText(), Key: a.GetAttributes()["blob"].GetText()}
		b := must[[]byte](t)(w.blobs.Read(t.Context(), ref, 1<<20))
		img := must[image.Image](t)(media.DecodeImage(b, media.DefaultImageLimits()))
		if got, want := int64(img.Bounds().Dx()), a.GetAttributes()["width"].GetInteger(); got != want {
			t.Errorf("a thumbnail is %d wide and says %d", got, want)
		}
	}

	before := w.dump()
	w.arrive(asset)
	other := small
	other.Name, other.Scenes = "other", []mediatest.Scene{{Frames: 40, Seed: 21}}
	second, _ := w.film(other)
	w.arrive(second) // behind the first: the end of this asset comes after the first was planned
	w.until("ended", 3*time.Minute, w.ended(second, all...))
	for name, r := range w.runs(asset.GetId()) {
		if r.GetEpoch() != 1 {
			t.Errorf("%s was executed again: %v", name, r)
		}
	}
	if after := w.dump(); !strings.Contains(after, strings.SplitN(before, "\n", 2)[0]) {
		t.Error("the first asset's rows changed")
	}
}

// fake is an algorithm of a test.
type fake struct {
	spec     *pb.AlgorithmSpec
	annotate func(ctx context.Context, in algo.Input, out algo.Output) error
	calls    atomic.Int64
}

func (f *fake) Spec() *pb.AlgorithmSpec { return f.spec }
func (f *fake) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	f.calls.Add(1)
	return f.annotate(ctx, in, out)
}

// watching is a fake that reads frames.
type watching struct{ *fake }

func (watching) Frames(*pb.Asset) media.FrameSpec { return media.FrameSpec{Width: 32, Height: 18} }

// tally writes an annotation of a kind for every frame.
func tally(kind string) func(context.Context, algo.Input, algo.Output) error { return paced(kind, 0) }

// paced reads frames as a slow model does.
func paced(kind string, pace time.Duration) func(context.Context, algo.Input, algo.Output) error {
	return func(ctx context.Context, in algo.Input, out algo.Output) error {
		for f, err := range in.Frames(ctx) {
			if err != nil {
				return err
			}
			time.Sleep(pace)
			if err := note(ctx, in, out, kind, f.N); err != nil {
				return err
			}
		}
		return nil
	}
}

func note(ctx context.Context, in algo.Input, out algo.Output, kind string, frame int64) error {
	_, err := out.Annotation(ctx, &pb.Annotation{Kind: kind, Confidence: 1,
		Start: int64(in.Clock().FrameStart(frame)), End: int64(in.Clock().FrameStart(frame + 1))})
	return err
}

// echo writes an annotation for each annotation of its input.
func echo(from, kind string) func(context.Context, algo.Input, algo.Output) error {
	return func(ctx context.Context, in algo.Input, out algo.Output) error {
		for a, err := range in.Annotations(ctx, from) {
			if err != nil {
				return err
			}
			if _, err := out.Annotation(ctx, &pb.Annotation{Kind: kind, Start: a.GetStart(), End: a.GetEnd()}); err != nil {
				return err
			}
		}
		return nil
	}
}

func spec(name string, reads []string, needs ...string) *pb.AlgorithmSpec {
	return &pb.AlgorithmSpec{Name: name, Version: "1", Summary: "For a test", Reads: reads, Needs: needs, Kinds: []string{name}}
}

var video = []string{schema.ReadsVideo}

// The crash of an algorithm is the failure of its run, and of the runs that read the run.
func TestPanicIsTheAlgorithmsOwn(t *testing.T) {
	w := newWorld(t)
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	crashing := watching{&fake{spec: spec("crashing", video), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
		for f, err := range in.Frames(ctx) {
			if err != nil {
				return err
			}
			if f.N == 30 {
				panic("a bug")
			}
			if err := note(ctx, in, out, "crashing", f.N); err != nil {
				return err
			}
		}
		return nil
	}}}
	reader := &fake{spec: spec("reader", nil, "crashing"), annotate: echo("crashing", "reader")}
	happy := &fake{spec: spec("happy", nil, "steady"), annotate: echo("steady", "happy")}
	asset, truth := w.film(small)
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(reader, happy, crashing, steady)))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady", "crashing", "reader", "happy"))
	runs := w.runs("")
	for _, name := range []string{"steady", "happy"} {
		if r := runs[name]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetAnnotations() != truth.Frames() || r.GetEpoch() != 1 {
			t.Errorf("%v", r)
		}
	}
	for _, name := range []string{"crashing", "reader"} {
		if r := runs[name]; r.GetState() != pb.RunState_RUN_STATE_FAILED || r.GetErrorKind() != "internal" || !strings.Contains(r.GetError(), "a bug") || r.GetEpoch() != 3 {
			t.Errorf("%v", r)
		}
	}
	if n := steady.calls.Load(); n != 1 {
		t.Errorf("steady was executed %d times", n)
	}
}

// The time of a run is its own: without the waiting for a slow run over the same film, or for a slow input.
func TestTookIsTheRunsOwn(t *testing.T) {
	w := newWorld(t)
	quick := watching{&fake{spec: spec("quick", video), annotate: tally("quick")}}
	slow := watching{&fake{spec: spec("slow", video), annotate: paced("slow", 4*time.Millisecond)}}
	reader := &fake{spec: spec("reader", nil, "slow"), annotate: echo("slow", "reader")}
	// This run takes time as well, and reads the slow run beside the film, as algorithms over shots do.
	both := watching{&fake{spec: spec("both", video, "slow"), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
		read := make(chan error, 1)
		go func() {
			for _, err := range in.Annotations(ctx, "slow") {
				if err != nil {
					read <- err
					return
				}
			}
			read <- nil
		}()
		if err := paced("both", 2*time.Millisecond)(ctx, in, out); err != nil {
			return err
		}
		return <-read
	}}}
	film := small
	film.Scenes = []mediatest.Scene{{Frames: 900, Seed: 5}} // more than a queue holds
	asset, _ := w.film(film)
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(quick, slow, reader, both)))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "quick", "slow", "reader", "both"))
	runs := w.runs("")
	if took := runs["slow"].GetTookMs(); took < 3600 {
		t.Errorf("slow took %d ms", took)
	}
	if took := runs["both"].GetTookMs(); took < 1800 {
		t.Errorf("both took %d ms", took)
	}
	for _, name := range []string{"quick", "reader"} {
		if took := runs[name].GetTookMs(); took < 1 || took > 1800 {
			t.Errorf("%s took %d ms", name, took)
		}
	}
}

// A passing error is tried again, for unfinished runs only; any other error is reported.
func TestErrorsByKind(t *testing.T) {
	w := newWorld(t)
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	var tries atomic.Int64
	shaky := watching{&fake{spec: spec("shaky", video), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
		if tries.Add(1) < 3 {
			return errkind.New(errkind.Unavailable, "the model server is away")
		}
		return tally("shaky")(ctx, in, out)
	}}}
	refusing := &fake{spec: spec("refusing", video), annotate: func(context.Context, algo.Input, algo.Output) error {
		return errkind.New(errkind.Invalid, "only films in colour")
	}}
	asset, _ := w.film(small)
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(steady, shaky, refusing)))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady", "shaky", "refusing"))
	runs := w.runs("")
	if r := runs["shaky"]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetEpoch() != 3 {
		t.Errorf("%v", r)
	}
	if n := steady.calls.Load(); n != 1 {
		t.Errorf("steady was executed %d times", n)
	}
	if r := runs["refusing"]; r.GetState() != pb.RunState_RUN_STATE_FAILED || r.GetErrorKind() != "invalid" || refusing.calls.Load() != 1 {
		t.Errorf("%v after %d executions", r, refusing.calls.Load())
	}
}

// A run whose model file is missing waits for the file; runs without models are executed meanwhile.
func TestMissingModel(t *testing.T) {
	w := newWorld(t)
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	modelled := &fake{spec: spec("modelled", nil, "steady"), annotate: echo("steady", "modelled")}
	modelled.spec.Models = []string{"weights"}
	var fetched atomic.Bool
	asset, _ := w.film(small)
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(steady, modelled)), func(_ *runner.Config, d *runner.Deps) {
		d.Model = func(id string) error {
			if !fetched.Load() {
				return errkind.New(errkind.NotFound, "%s is not in the cache", id)
			}
			return nil
		}
	})
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady"))
	if r := w.runs("")["modelled"]; r.GetState() != pb.RunState_RUN_STATE_REQUESTED {
		t.Errorf("%v", r)
	}
	fetched.Store(true)
	w.until("ended", time.Minute, w.ended(asset, "modelled"))
	if r := w.runs("")["modelled"]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || steady.calls.Load() != 1 {
		t.Errorf("%v; steady was executed %d times", r, steady.calls.Load())
	}
}

// A worker that lost the lease writes nothing more, and the run is executed all the same.
func TestLostLease(t *testing.T) {
	w := newWorld(t)
	asset, truth := w.film(small)
	stolen := make(chan struct{})
	var once sync.Once
	slow := watching{&fake{spec: spec("slow", video)}}
	slow.annotate = func(ctx context.Context, in algo.Input, out algo.Output) error {
		for f, err := range in.Frames(ctx) {
			if err != nil {
				return err
			}
			if f.N == 20 {
				once.Do(func() {
					r := w.runs("")["slow"] //nolint:contextcheck // the world's own context, which is the test's
					if _, err := w.store.Acquire(ctx, store.RunLease(r.GetId()), "test", time.Millisecond); err != nil {
						t.Error(err)
					}
					close(stolen)
					<-ctx.Done() // until the loss is noticed
				})
			}
			if err := note(ctx, in, out, "slow", f.N); err != nil {
				return err
			}
		}
		return nil
	}
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(slow)), func(c *runner.Config, _ *runner.Deps) { c.LeaseTTL = time.Second })
	w.arrive(asset)
	<-stolen
	w.until("ended", time.Minute, w.ended(asset, "slow"))
	if r := w.runs("")["slow"]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetEpoch() != 3 || r.GetAnnotations() != truth.Frames() {
		t.Errorf("%v", r)
	}
}

// A runner that is stopped in the middle and started again leaves the rows of an undisturbed runner.
func TestStoppedAndStartedAgain(t *testing.T) {
	film := small
	film.Scenes = []mediatest.Scene{{Frames: 900, Seed: 5}}
	film.Texts = nil
	dumps := make([]string, 2)
	for i := range dumps {
		w := newWorld(t)
		asset, _ := w.film(film)
		reached := make(chan struct{}, 100)
		hold := make(chan struct{})
		steady := watching{&fake{spec: spec("steady", video)}}
		steady.annotate = func(ctx context.Context, in algo.Input, out algo.Output) error {
			for f, err := range in.Frames(ctx) {
				if err != nil {
					return err
				}
				if f.N == 700 {
					reached <- struct{}{}
					select {
					case <-hold:
					case <-ctx.Done():
					}
				}
				if err := note(ctx, in, out, "steady", f.N); err != nil {
					return err
				}
			}
			return nil
		}
		after := &fake{spec: spec("after", nil, "steady"), annotate: echo("steady", "after")}
		reg := must[*algo.Registry](t)(algo.NewRegistry(steady, after))
		if i == 0 {
			close(hold)
		}
		stop := w.serve(reg)
		w.arrive(asset)
		if i == 1 {
			<-reached
			stop()
			if r := w.runs("")["steady"]; r.GetState() != pb.RunState_RUN_STATE_REQUESTED {
				t.Errorf("after the stop: %v", r)
			}
			close(hold)
			stop = w.serve(reg)
		}
		w.until("ended", time.Minute, w.ended(asset, "steady", "after"))
		stop()
		dumps[i] = strings.ReplaceAll(w.dump(), w.dir, "")
	}
	if dumps[0] != dumps[1] {
		t.Errorf("undisturbed:\n%.2000s\nstopped:\n%.2000s", dumps[0], dumps[1])
	}
}

// A run that reads two other runs is requested once both have finished, wherever they were executed.
func TestRunThatWaitsForTwo(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	text := []string{schema.ReadsText}
	one := &fake{spec: spec("one", text), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error { return note(ctx, in, out, "one", 1) }}
	two := watching{&fake{spec: spec("two", video), annotate: tally("two")}}
	both := &fake{spec: spec("both", nil, "one", "two"), annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
		if err := echo("one", "both")(ctx, in, out); err != nil {
			return err
		}
		return echo("two", "both")(ctx, in, out)
	}}
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(both, one, two)))
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "one", "two", "both"))
	runs := w.runs("")
	if r := runs["both"]; r.GetState() != pb.RunState_RUN_STATE_FINISHED || r.GetAnnotations() != 1+runs["two"].GetAnnotations() || both.calls.Load() != 1 {
		t.Errorf("%v after %d executions", r, both.calls.Load())
	}
}

// A request without runs, or for unknown algorithms, goes to the dead letters; the requests behind are executed.
func TestBadRequests(t *testing.T) {
	w := newWorld(t)
	asset, _ := w.film(small)
	steady := watching{&fake{spec: spec("steady", video), annotate: tally("steady")}}
	w.serve(must[*algo.Registry](t)(algo.NewRegistry(steady)))
	ask := func(m *pb.RunsRequested) {
		t.Helper()
		if err := w.events.Publish(t.Context(), events.RunsRequested, events.Event{Subject: asset.GetId(), Data: m}); err != nil {
			t.Fatal(err)
		}
	}
	ask(&pb.RunsRequested{Asset: "no such asset"})
	ask(&pb.RunsRequested{Asset: asset.GetId(), Runs: []*pb.Run{{Id: "x", Asset: asset.GetId(), Algorithm: "unknown", Version: "1"}}})
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "steady"))
}

// An asset without pictures and text asks for nothing.
func TestNothingApplies(t *testing.T) {
	reg, err := algo.NewRegistry(watching{&fake{spec: spec("steady", video)}}, &fake{spec: spec("said", []string{schema.ReadsText})}, &fake{spec: spec("after", nil, "said")})
	if err != nil {
		t.Fatal(err)
	}
	runs, err := reg.Runs(&pb.Asset{Id: "a", Audio: []*pb.AudioTrack{{}}})
	if err != nil || len(runs) != 0 {
		t.Errorf("%v, %v", runs, err)
	}
}

// hears writes an annotation of a kind for each block of the film's sound.
func hears(kind string, during func(block int)) func(context.Context, algo.Input, algo.Output) error {
	return func(ctx context.Context, in algo.Input, out algo.Output) error {
		n := 0
		for b, err := range in.Sound(ctx, in.Asset().GetAudio()[0]) {
			if err != nil {
				return err
			}
			during(n)
			loudest := int16(0)
			for _, v := range b.Data {
				loudest = max(loudest, v)
			}
			iv := b.Interval()
			_, err := out.Annotation(ctx, &pb.Annotation{Kind: kind, Start: int64(iv.Start), End: int64(iv.End), Label: fmt.Sprint(loudest > 1000), Confidence: 1})
			if err != nil {
				return err
			}
			n++
		}
		return nil
	}
}

func listening(name string, rate int32) *pb.AlgorithmSpec {
	s := spec(name, []string{schema.ReadsAudio})
	s.Sound = &pb.SoundSpec{Rate: rate}
	return s
}

// An algorithm hears the film from the first picture to the end of the film, at the rate of its declaration. Sound that is not declared is refused.
func TestSound(t *testing.T) {
	w := newWorld(t)
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		modeltest.Lacking(t, err)
	}
	asset, truth := w.film(spokenFilm)
	quiet := func(int) {}
	reg := must[*algo.Registry](t)(algo.NewRegistry(
		&fake{spec: listening("low", 16000), annotate: hears("low", quiet)}, &fake{spec: listening("high", 48000), annotate: hears("high", quiet)},
		&fake{spec: spec("silent", []string{schema.ReadsAudio}), annotate: hears("silent", quiet)}))
	w.serve(reg)
	w.arrive(asset)
	w.until("ended", time.Minute, w.ended(asset, "low", "high", "silent"))
	end := truth.Clock.FrameStart(truth.Frames())
	for _, name := range []string{"low", "high"} {
		blocks := w.annotations(w.runs("")[name])
		if len(blocks) != 4 {
			t.Fatalf("%s heard %d blocks of a film of %s", name, len(blocks), end)
		}
		for i, b := range blocks {
			if b.GetStart() != int64(i)*int64(schema.Second) || schema.Time(b.GetEnd()) > end+schema.Millisecond {
				t.Errorf("%s: block %d lies at %s to %s", name, i, schema.Time(b.GetStart()), schema.Time(b.GetEnd()))
			}
		}
		// The line is spoken from the second second on.
		if got := blocks[0].GetLabel() + blocks[2].GetLabel(); got != "falsetrue" {
			t.Errorf("%s heard speech in the first and the third second: %s", name, got)
		}
	}
	if r := w.runs("")["silent"]; r.GetErrorKind() != "invalid" || !strings.Contains(r.GetError(), "undeclared input: sound") {
		t.Errorf("an algorithm that declares no sound ended as %v", r)
	}
}

// spokenFilm is a film of four seconds, in which a line is spoken after two seconds.
var spokenFilm = mediatest.Film{
	Name: "spoken", Width: 160, Height: 90, Rate: schema.Rate{Num: 25, Den: 1}, Speak: "en",
	Scenes: []mediatest.Scene{{Frames: 100, Seed: 5}},
	Texts:  []mediatest.Text{{Language: "en", Format: "srt", Lines: []mediatest.Line{{Start: 50, End: 100, Text: "Nobody sails before the storm."}}}},
}
