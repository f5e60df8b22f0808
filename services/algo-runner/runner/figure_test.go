package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// bunny is the pictures of the first seconds of Big Buck Bunny; the whole film for 0.
func (w *world) bunny(seconds int) *pb.Asset { return w.bunnyWith(seconds, "0:v") }

// bunnyWith has the given streams.
func (w *world) bunnyWith(seconds int, streams ...string) *pb.Asset {
	w.t.Helper()
	whole, err := w.cache.Require("big-buck-bunny")
	if err != nil {
		modeltest.Lacking(w.t, err)
	}
	path := filepath.Join(w.dir, "bunny.mp4")
	args := []string{"-v", "error", "-i", whole}
	for _, s := range streams {
		args = append(args, "-map", s)
	}
	args = append(args, "-c", "copy", path)
	if seconds > 0 {
		args = append([]string{"-t", strconv.Itoa(seconds)}, args...)
	}
	if out, err := exec.CommandContext(w.t.Context(), w.tools.FFmpeg, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("cutting Big Buck Bunny: %v: %s", err, out)
	}
	return w.asset(path)
}

// again is the same pictures and sound in another file, which is another asset, with other runs.
func (w *world) again(n int) *pb.Asset {
	w.t.Helper()
	path := filepath.Join(w.dir, fmt.Sprintf("bunny-%d.mp4", n))
	args := []string{"-v", "error", "-i", filepath.Join(w.dir, "bunny.mp4"), "-map", "0", "-c", "copy", "-metadata", fmt.Sprintf("title=copy %d", n), path}
	if out, err := exec.CommandContext(w.t.Context(), w.tools.FFmpeg, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("copying Big Buck Bunny: %v: %s", err, out)
	}
	a := w.asset(path)
	if err := w.store.PutAsset(w.t.Context(), a); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// finished waits for runs, and fails the test if a run failed: the cost of a failure says nothing.
func (w *world) finished(asset *pb.Asset, limit time.Duration, algorithms ...string) {
	w.t.Helper()
	w.until("ended", limit, w.ended(asset, algorithms...))
	runs := w.runs(asset.GetId())
	for _, name := range algorithms {
		if r := runs[name]; r.GetState() != pb.RunState_RUN_STATE_FINISHED {
			w.t.Fatalf("%s: %s", name, r.GetError())
		}
	}
}

// cost is the cost of a piece of work; processor time is of this process and its children.
type cost struct{ wall, processor time.Duration }

func measure(work func()) cost {
	used := func() (sum time.Duration) {
		for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
			var u syscall.Rusage
			if err := syscall.Getrusage(who, &u); err == nil {
				sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
			}
		}
		return sum
	}
	before, start := used(), time.Now()
	work()
	return cost{time.Since(start), used() - before}
}

var filmAlgorithms = []string{"shots", "thumbnails", "pictures", "labels"}

// bare decodes the film in the sizes of the pipeline, and runs the two models over the frames that the pipeline's algorithms show to them: each model
// in a goroutine of its own, and nothing else.
func (w *world) bare(asset *pb.Asset, clock schema.Clock, specs []media.FrameSpec, shots *transnet.Model, pictures *efficientnet.Model) {
	w.t.Helper()
	ctx := w.t.Context()
	file, err := w.blobs.OpenAsset(ctx, asset)
	if err != nil {
		w.t.Fatal(err)
	}
	defer file.Close()
	stream := must[*media.Stream](w.t)(w.reader.Decode(ctx, media.Source{Path: file.Path(), Video: asset.GetVideo(), Clock: clock}, specs...))
	defer stream.Close()
	small, large := make(chan algo.Frame, 256), make(chan algo.Frame, 20)
	var wg sync.WaitGroup
	wg.Go(func() {
		d, err := shots.NewDetector()
		if err != nil {
			w.t.Error(err)
			return
		}
		defer d.Close()
		for f := range small {
			if _, err := d.Push(ctx, f.Picture.Pix); err != nil {
				w.t.Error(err)
			}
		}
		if _, err := d.Finish(ctx); err != nil {
			w.t.Error(err)
		}
	})
	wg.Go(func() {
		sampler := byshot.NewSampler(clock)
		for f := range large {
			if sampler.Pick(f) {
				if _, err := pictures.Describe(ctx, f.Picture.Pix); err != nil {
					w.t.Error(err)
				}
			}
		}
	})
	for {
		f, err := stream.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			w.t.Error(err)
			break
		}
		for i, to := range []chan algo.Frame{small, large} {
			if p := f.Pictures[i]; p != nil {
				to <- algo.Frame{N: f.N, Picture: p}
			}
		}
	}
	close(small)
	close(large)
	wg.Wait()
}

// The whole way of a film through log, leases, algorithms and store, against the decoding and the inference of the models alone, by turns in the same
// run.
func TestFigurePipeline(t *testing.T) {
	figure.Begin(t, "pipeline/overhead")
	w := newWorld(t)
	models := builtin.Open(w.cache, 0)
	reg := must[*algo.Registry](t)(models.Algorithms())
	shots := must[*transnet.Model](t)(transnet.Open(w.cache, 0))
	defer shots.Close()
	pictures := must[*efficientnet.Model](t)(efficientnet.Open(w.cache, 0))
	defer pictures.Close()
	asset := w.bunny(60)
	probed := must[*media.Film](t)(w.reader.Probe(t.Context(), filepath.Join(w.dir, "bunny.mp4")))
	clock := must[schema.Clock](t)(probed.Clock())
	var specs []media.FrameSpec
	for _, name := range []string{"shots", "pictures", "thumbnails"} {
		a := must[algo.Algorithm](t)(reg.Algorithm(name))
		specs = append(specs, a.(algo.FrameReader).Frames(asset))
	}
	stop := w.serve(reg)
	defer func() { stop(); _ = models.Close() }()
	warm, _ := w.film(small)
	w.arrive(warm)
	w.finished(warm, 5*time.Minute, filmAlgorithms...)

	const rounds = 5
	// Ratios of two works that ran one after the other: the machine's own speed changes from minute to minute, up as well as down.
	var wall, processor, took []float64
	for n := range rounds {
		film := w.again(n + 1)
		alone := measure(func() { w.bare(film, clock, specs, shots, pictures) })
		piped := measure(func() {
			w.arrive(film)
			w.finished(film, 20*time.Minute, filmAlgorithms...)
		})
		t.Logf("turn %d: alone %v, pipeline %v", n+1, alone, piped)
		wall = append(wall, piped.wall.Seconds()/alone.wall.Seconds())
		processor = append(processor, piped.processor.Seconds()/alone.processor.Seconds())
		took = append(took, piped.wall.Seconds())
	}
	ratio := max(figure.Median(wall), figure.Median(processor))
	figure.Report(t, false, figure.Result{
		Name:  "pipeline/overhead",
		Claim: "the pipeline over a film costs ≤ 1.05 of decoding and inference alone, in time and in processor time",
		Measured: fmt.Sprintf("%.3f of the time (%.3f to %.3f), %.3f of the processor time (%.3f to %.3f); the pipeline took %.1f s", figure.Median(wall), slices.Min(wall), slices.Max(wall),
			figure.Median(processor), slices.Min(processor), slices.Max(processor), figure.Median(took)),
		Ratio: ratio, Pass: ratio <= 1.05,
		Note: fmt.Sprintf("60 s of Big Buck Bunny at 720p, medians of %d turns of both; %d processors; the pipeline also makes thumbnails and labels, and writes log and store", rounds, runtime.NumCPU()),
	})
}

// peak is the most memory of this process since resetPeak.
func peak(t testing.TB) int64 {
	n, err := figure.Peak(os.Getpid())
	if err != nil {
		modeltest.Lacking(t, err)
	}
	return n
}

func resetPeak(t testing.TB) {
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
		modeltest.Lacking(t, err)
	}
}

// Time and peak memory of the whole of Big Buck Bunny: each algorithm by itself, and then all together.
func TestFigureAlgorithms(t *testing.T) {
	figure.Begin(t, "pipeline/algorithms")
	w := newWorld(t)
	asset := w.bunnyWith(figure.Size(t, "FIGURE_SECONDS", 0), "0:v", "0:a")
	film := time.Duration(float64(asset.GetDuration()) / float64(schema.Second) * float64(time.Second))
	models := builtin.Open(w.cache, 0)
	if err := models.Enable(builtin.Default, builtin.Suite); err != nil {
		t.Fatal(err)
	}
	reg := must[*algo.Registry](t)(models.Algorithms())
	if err := w.store.PutAsset(t.Context(), asset); err != nil {
		t.Fatal(err)
	}
	stop := w.serve(reg, func(_ *runner.Config, d *runner.Deps) { d.Events = unplanned{w.events} })
	defer func() { stop(); _ = models.Close() }()
	runs := must[[]*pb.Run](t)(reg.Runs(asset))
	report := func(name string, c cost) {
		figure.Report(t, false, figure.Result{
			Name: "pipeline/algorithms", Claim: "time and peak memory of " + name + " over Big Buck Bunny, told",
			Measured: fmt.Sprintf("%.0f s for a film of %.0f s (%.2f of its length), %.0f s of processor, peak memory %d MiB",
				c.wall.Seconds(), film.Seconds(), c.wall.Seconds()/film.Seconds(), c.processor.Seconds(), peak(t)>>20),
			Pass: true,
			Note: fmt.Sprintf("%d processors; memory of the process with log and store, without ffmpeg's", runtime.NumCPU()),
		})
	}
	ended := map[string]bool{}
	for _, r := range runs {
		if why := w.unready(reg, r, ended); why != nil {
			t.Logf("%s is left out: %v", r.GetAlgorithm(), why)
			continue
		}
		ended[r.GetId()] = true
		_ = models.Close() // opened again at the next need, so that each work has only its own
		resetPeak(t)
		c := measure(func() {
			request(t.Context(), w, asset, r)
			w.finished(asset, time.Hour, r.GetAlgorithm())
		})
		report(r.GetAlgorithm()+" ("+models.Group(r.GetAlgorithm())+")", c)
	}
	_ = models.Close()
	resetPeak(t)
	other := w.again(99)
	report("the four that look at frames, together", measure(func() { w.together(other, reg, filmAlgorithms) }))
}

// unready says why a run cannot be made: a model is missing, or an input was left out.
func (w *world) unready(reg *algo.Registry, r *pb.Run, ended map[string]bool) error {
	w.t.Helper()
	for name, in := range r.GetInputs() {
		if !ended[in] {
			return fmt.Errorf("%s was left out", name)
		}
	}
	a := must[algo.Algorithm](w.t)(reg.Algorithm(r.GetAlgorithm()))
	for _, id := range a.Spec().GetModels() {
		if _, err := w.cache.Require(id); err != nil {
			return err
		}
	}
	return nil
}

// together executes the runs of some algorithms over an asset, in a request for the runs that share the film, as the planner requests them.
func (w *world) together(asset *pb.Asset, reg *algo.Registry, names []string) {
	w.t.Helper()
	plan := reg.Plan()
	var film, other []*pb.Run
	var applying []string
	for _, r := range must[[]*pb.Run](w.t)(reg.Runs(asset)) {
		switch {
		case !slices.Contains(names, r.GetAlgorithm()):
			continue
		case plan.WithFrames(r.GetAlgorithm() + "@" + r.GetVersion()):
			film = append(film, r)
		default:
			other = append(other, r)
		}
		applying = append(applying, r.GetAlgorithm())
	}
	for _, runs := range [][]*pb.Run{other, film} {
		if len(runs) > 0 {
			request(w.t.Context(), w, asset, runs...)
		}
	}
	w.finished(asset, time.Hour, applying...)
}

// serveDefault serves the default algorithms until the test ends. The test requests the runs.
func (w *world) serveDefault() *algo.Registry {
	models := builtin.Open(w.cache, 0)
	reg := must[*algo.Registry](w.t)(models.Algorithms())
	stop := w.serve(reg, func(_ *runner.Config, d *runner.Deps) { d.Events = unplanned{w.events} })
	w.t.Cleanup(func() { stop(); _ = models.Close() })
	return reg
}

// The whole of Big Buck Bunny with its sound, with the default algorithms at once.
func TestFigureDefault(t *testing.T) {
	figure.Begin(t, "pipeline/default")
	w := newWorld(t)
	asset := w.bunnyWith(figure.Size(t, "FIGURE_SECONDS", 0), "0:v", "0:a")
	film := float64(asset.GetDuration()) / float64(schema.Second)
	reg := w.serveDefault()
	var all []string
	for _, a := range reg.All() {
		all = append(all, a.Spec().GetName())
	}
	other := w.again(1)
	resetPeak(t)
	c := measure(func() { w.together(other, reg, all) })
	figure.Report(t, false, figure.Result{
		Name: "pipeline/default", Claim: "the default algorithms over the whole of Big Buck Bunny with its sound ≤ 100 s on two processors",
		Measured: fmt.Sprintf("%.0f s for a film of %.0f s, %.0f s of processor, peak memory %d MiB", c.wall.Seconds(), film, c.processor.Seconds(), peak(t)>>20),
		Pass:     c.wall.Seconds() <= 100*film/596,
		Note:     fmt.Sprintf("%d algorithms, %d processors; memory of the process with log and store, without ffmpeg's; load %s", len(all), runtime.NumCPU(), figure.Load()),
	})
}

// before are the default algorithms of the commit a012b87, which the cost of today's default algorithms is held against.
var before = []string{"shots", "thumbnails", "pictures", "labels", "dialogue", "sentences"}

// The default algorithms cost at most 1.3 of the default algorithms of the commit a012b87, over Big Buck Bunny with its sound. Each new algorithm is told
// by itself.
func TestFigureDefaultCost(t *testing.T) {
	figure.Begin(t, "versions/cost")
	w := newWorld(t)
	asset := w.bunnyWith(figure.Size(t, "FIGURE_SECONDS", 120), "0:v", "0:a")
	reg := w.serveDefault()
	var all, added []string
	for _, a := range reg.All() {
		name := a.Spec().GetName()
		all = append(all, name)
		if !slices.Contains(before, name) {
			added = append(added, name)
		}
	}
	number := 0
	of := func(names []string) float64 {
		t.Helper()
		number++
		film := w.again(number)
		return measure(func() { w.together(film, reg, names) }).processor.Seconds()
	}
	of(all) // opens the models
	var ratios []float64
	was, now := 0.0, 0.0
	for range 3 { // in turns, as the machine gets slower and faster
		a, b := of(before), of(all)
		ratios = append(ratios, b/a)
		was, now = was+a/3, now+b/3
	}
	minutes := schema.Time(asset.GetDuration()).Seconds() / 60
	parts := []string{}
	for _, name := range added {
		parts = append(parts, fmt.Sprintf("%s %+.1f", name, (of(append(slices.Clone(before), name))-was)/minutes))
	}
	ratio := figure.Median(ratios)
	figure.Report(t, false, figure.Result{
		Name: "versions/cost", Claim: "processor time of the default algorithms over a film ≤ 1.3x of the default algorithms of the commit a012b87",
		Measured: fmt.Sprintf("%.1f s a minute of film, before %.1f; %d algorithms added, with s a minute: %s", now/minutes, was/minutes, len(added), strings.Join(parts, ", ")),
		Ratio:    ratio, Pass: ratio <= 1.3,
	})
}

// unplanned is a log without a planner: the test requests the runs.
type unplanned struct{ *events.Client }

func (u unplanned) Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error {
	if slices.Contains(sub.Topics, events.MediaReady) {
		<-ctx.Done()
		return nil
	}
	return u.Client.Subscribe(ctx, sub, handle)
}

func request(ctx context.Context, w *world, asset *pb.Asset, runs ...*pb.Run) {
	w.t.Helper()
	for _, r := range runs {
		if _, err := w.store.CreateRun(ctx, r); err != nil {
			w.t.Fatal(err)
		}
	}
	m := &pb.RunsRequested{Asset: asset.GetId(), Runs: runs, Reason: "batch"}
	if err := w.events.Publish(ctx, events.RunsRequested, events.Event{Subject: asset.GetId(), Data: m}); err != nil {
		w.t.Fatal(err)
	}
}
