//go:build unix

package remote_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// measuredFrames is how many frames the model judges in a run.
const measuredFrames = 240

// python returns a Python with the requirements of the SDK and ONNX Runtime, in an environment of its own.
func python(ctx context.Context, home string) (string, error) {
	venv := filepath.Join(home, "venv")
	program := filepath.Join(venv, "bin", "python")
	if exec.CommandContext(ctx, program, "-c", "import grpc, numpy, onnxruntime").Run() == nil {
		return program, nil
	}
	if b, err := exec.CommandContext(ctx, "python3", "-m", "venv", venv).CombinedOutput(); err != nil {
		return "", fmt.Errorf("lacks python3 with venv: %w: %s", err, b)
	}
	if b, err := exec.CommandContext(ctx, program, "-m", "pip", "install", "-q", "grpcio", "protobuf", "numpy", "onnxruntime").CombinedOutput(); err != nil {
		return "", fmt.Errorf("lacks packages of PyPI: %w: %s", err, b)
	}
	return program, nil
}

// startPython serves testdata/figure.py by the SDK at a socket of a folder.
func startPython(t *testing.T, folder string) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	onnx, err := cache.Require("efficientnet-lite2")
	if err != nil {
		t.Skip(err)
	}
	program, err := python(t.Context(), filepath.Join(cache.Dir(), "bench", "workers"))
	if err != nil {
		t.Skip(err)
	}
	sdk, err := filepath.Abs("../../../sdk/python/src")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-m", "cinedex", "serve", "testdata/figure.py", "--address", "unix:"+filepath.Join(folder, "figure.sock"))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+sdk, "FIGURE_MODEL="+onnx)
	cmd.Stderr = &lines{}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
}

// plainFilm is a film of frames of a size, of a few pictures in turn.
func plainFilm(t *testing.T, width, height, frames int) *film {
	f := newFilm(t, 1)
	f.asset.Duration = int64(frames) * int64(schema.Second) / 25
	f.asset.Video = &pb.VideoTrack{Width: int32(width), Height: int32(height), Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: int64(frames)}
	clock, err := schema.ClockOf(f.asset.GetVideo(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.clock, f.frames = clock, nil
	var pictures []*media.Picture
	for i := range 4 {
		p := &media.Picture{Width: width, Height: height, Pix: make([]byte, width*height*3)}
		for j := range p.Pix {
			p.Pix[j] = byte(i + j)
		}
		pictures = append(pictures, p)
	}
	for n := range frames {
		f.frames = append(f.frames, algo.Frame{N: int64(n), Picture: pictures[n%len(pictures)]})
	}
	return f
}

// timed executes a run, and returns the seconds and the label of the only annotation.
func timed(t *testing.T, a algo.Algorithm, in algo.Input) (seconds float64, label string) {
	t.Helper()
	began := time.Now()
	out := &kept{}
	if err := a.Annotate(t.Context(), in, out); err != nil {
		t.Fatal(err)
	}
	seconds = time.Since(began).Seconds()
	if len(out.annotations) != 1 {
		t.Fatalf("written: %v", out)
	}
	return seconds, out.annotations[0].GetLabel()
}

// A model in a worker in Python costs as much as in a bare loop in the same process.
func TestFigureOverhead(t *testing.T) {
	figure.Begin(t, "remote/overhead")
	folder := remotetest.Folder(t)
	h := host(t, folder)
	startPython(t, folder)
	crossing, bare := served(t, h, "crossing"), served(t, h, "bare")
	in := plainFilm(t, 260, 260, measuredFrames)
	timed(t, crossing, in) // the first run fills caches
	var ratios, processors, remotely, barely []float64
	for range 9 {
		_, label := timed(t, bare, in)
		var loop, loopSpent, spent float64
		if _, err := fmt.Sscan(label, &loop, &loopSpent); err != nil {
			t.Fatal(err)
		}
		own := ownProcessors(t)
		s, label := timed(t, crossing, in)
		if _, err := fmt.Sscan(label, &spent); err != nil {
			t.Fatal(err)
		}
		ratios, processors = append(ratios, s/loop), append(processors, (spent+ownProcessors(t)-own)/loopSpent)
		remotely, barely = append(remotely, s), append(barely, loop)
	}
	ratio := figure.Median(ratios)
	figure.Report(t, false, figure.Result{Name: "remote/overhead", Claim: "a model in a worker in Python ÷ the same model in a bare loop ≤ 1.05", Ratio: ratio,
		Measured: fmt.Sprintf("%.3f by the clock: %.1f ms a frame and %.1f ms bare; %.3f by the time of processors, of platform and worker together (medians of 9 pairs of %d frames of 260 × 260)",
			ratio, 1000*figure.Median(remotely)/measuredFrames, 1000*figure.Median(barely)/measuredFrames, figure.Median(processors), measuredFrames),
		Pass: ratio <= 1.05 && figure.Median(processors) <= 1.05,
		Note: "EfficientNet-Lite2 by ONNX Runtime on one thread; SDK and grpcio; the run is timed in Go from the first message to the last"})
}

// ownProcessors is the time of processors that this process has spent, in seconds.
func ownProcessors(t *testing.T) float64 {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// Frames cross to a worker in Python at the speed of copying memory.
func TestFigureFrames(t *testing.T) {
	figure.Begin(t, "remote/frames")
	folder := remotetest.Folder(t)
	h := host(t, folder)
	startPython(t, folder)
	received := served(t, h, "received")
	const frames = 400
	in := plainFilm(t, 1920, 1080, frames)
	timed(t, received, in)
	var rates []float64
	for range 9 {
		s, label := timed(t, received, in)
		if label != strconv.Itoa(frames) {
			t.Fatalf("received %s frames of %d", label, frames)
		}
		rates = append(rates, float64(frames*1920*1080*3)/s/1e9)
	}
	rate := figure.Median(rates)
	figure.Report(t, false, figure.Result{Name: "remote/frames", Claim: "frames cross to a worker in Python at ≥ 4 GB/s",
		Measured: fmt.Sprintf("%.1f GB/s (median of 9 runs of %d frames of 1920 × 1080; each run makes its shared file)", rate, frames), Pass: rate >= 4,
		Note: "the worker has each frame as a NumPy array over the shared file, and reads a pixel"})
}
