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
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/efficientnet"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

// bunny is the first seconds of Big Buck Bunny; the whole film for 0.
func (w *world) bunny(seconds int) *pb.Asset {
	w.t.Helper()
	whole, err := w.cache.Require("big-buck-bunny")
	if err != nil {
		lacking(w.t, err)
	}
	path := filepath.Join(w.dir, "bunny.mp4")
	args := []string{"-v", "error", "-i", whole, "-map", "0:v", "-c", "copy", path}
	if seconds > 0 {
		args = append([]string{"-t", strconv.Itoa(seconds)}, args...)
	}
	if out, err := exec.CommandContext(w.t.Context(), w.tools.FFmpeg, args...).CombinedOutput(); err != nil {
		w.t.Fatalf("cutting Big Buck Bunny: %v: %s", err, out)
	}
	return w.asset(path)
}

// again is the same film as another asset, with other runs.
func again(a *pb.Asset, n int) *pb.Asset {
	a = proto.CloneOf(a)
	a.Sha256 = fmt.Sprintf("%032x%032x", n, n)
	a.Id = fmt.Sprintf("%032x", n)
	return a
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
	w.until("ended", 5*time.Minute, w.ended(warm, filmAlgorithms...))

	const rounds = 5
	// Ratios of two works that ran one after the other: the machine's own speed changes from minute to minute, up as well as down.
	var wall, processor, took []float64
	for n := range rounds {
		film := again(asset, n+1)
		alone := measure(func() { w.bare(film, clock, specs, shots, pictures) })
		piped := measure(func() {
			w.arrive(film)
			w.until("ended", 20*time.Minute, w.ended(film, filmAlgorithms...))
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
		lacking(t, err)
	}
	return n
}

func resetPeak(t testing.TB) {
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0o200); err != nil {
		lacking(t, err)
	}
}

// Time and peak memory of the whole of Big Buck Bunny: each algorithm by itself, and then all together.
func TestFigureAlgorithms(t *testing.T) {
	figure.Begin(t, "pipeline/algorithms")
	w := newWorld(t)
	seconds := 0
	if s := os.Getenv("FIGURE_SECONDS"); s != "" {
		seconds = must[int](t)(strconv.Atoi(s))
	}
	asset := w.bunny(seconds)
	film := time.Duration(float64(asset.GetDuration()) / float64(schema.Second) * float64(time.Second))
	models := builtin.Open(w.cache, 0)
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
	for _, r := range runs {
		_ = models.Close() // opened again at the next need, so that each work has only its own
		resetPeak(t)
		c := measure(func() {
			request(t.Context(), w, asset, r)
			w.until("ended", time.Hour, w.ended(asset, r.GetAlgorithm()))
		})
		report(r.GetAlgorithm(), c)
	}
	_ = models.Close()
	resetPeak(t)
	other := again(asset, 99)
	if err := w.store.PutAsset(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	report("all together", measure(func() {
		request(t.Context(), w, other, must[[]*pb.Run](t)(reg.Runs(other))...)
		w.until("ended", time.Hour, w.ended(other, filmAlgorithms...))
	}))
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
