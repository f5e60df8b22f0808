package algotest_test

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/byshot"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func openReader(t *testing.T) (*media.Reader, media.Tools) {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	var tools media.Tools
	tools.FFmpeg, tools.FFprobe = modeltest.Tools(t, cache)
	reader, err := media.NewReader(media.Default(), tools, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return reader, tools
}

func openClip(t *testing.T) *algotest.Clip {
	t.Helper()
	reader, tools := openReader(t)
	film := mediatest.Film{Name: "clip", Width: 320, Height: 180, Rate: schema.Rate{Num: 25, Den: 1},
		Scenes: []mediatest.Scene{{Frames: 90, Seed: 1}, {Frames: 60, Seed: 2}}}
	truth, err := film.Write(t.Context(), t.TempDir(), mediatest.Tools{FFmpeg: tools.FFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, truth.Path)
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

// faked is an algorithm of a single function.
type faked struct {
	spec     *pb.AlgorithmSpec
	size     int
	annotate func(context.Context, algo.Input, algo.Output) error
}

func (m *faked) Spec() *pb.AlgorithmSpec { return m.spec }
func (m *faked) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	return m.annotate(ctx, in, out)
}
func (m *faked) Frames(*pb.Asset) media.FrameSpec {
	return media.FrameSpec{Width: 16 * m.size, Height: 9 * m.size}
}

var space = &pb.Space{Name: "toy", Version: "1", Dimension: 2, Metric: "cosine"}

// upstream writes two shots.
var upstream = &faked{
	spec: &pb.AlgorithmSpec{Name: "halves", Version: "1", Summary: "s", Reads: []string{"video"}, Kinds: []string{"shot"}}, size: 2,
	annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
		for _, err := range in.Frames(ctx) {
			if err != nil {
				return err
			}
		}
		for i := range int64(2) {
			if _, err := out.Annotation(ctx, note(in, i*75, (i+1)*75)); err != nil {
				return err
			}
		}
		return nil
	},
}

func note(in algo.Input, first, end int64) *pb.Annotation {
	return &pb.Annotation{Kind: "shot", Start: int64(in.Clock().FrameStart(first)), End: int64(in.Clock().FrameStart(end)), Confidence: 1}
}

// eachFrame is a well-behaved algorithm, apart from step.
func eachFrame(step func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error) func(context.Context, algo.Input, algo.Output) error {
	return func(ctx context.Context, in algo.Input, out algo.Output) error {
		for f, err := range in.Frames(ctx) {
			if err != nil {
				return err
			}
			if err := step(ctx, in, out, f); err != nil {
				return err
			}
		}
		return nil
	}
}

func write(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
	a := note(in, f.N, f.N+1)
	a.Kind = "mark"
	_, err := out.Annotation(ctx, a)
	return err
}

// The kit finds no fault in correct algorithms, and names the broken rule of faulty algorithms.
func TestFindings(t *testing.T) {
	clip := openClip(t)
	var kept [][]byte
	leak := make(chan struct{})
	t.Cleanup(func() { close(leak) })
	calls := 0
	for name, c := range map[string]struct {
		annotate func(context.Context, algo.Input, algo.Output) error
		change   func(*pb.AlgorithmSpec)
		size     int
		rule     string // "" for no finding
	}{
		"right": {annotate: eachFrame(write)},
		"right, by shot": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			sampler := byshot.NewSampler(in.Clock())
			return byshot.Walk(ctx, in, func(_ context.Context, f algo.Frame) (int, bool, error) { return int(f.N), sampler.Pick(f), nil },
				func(ctx context.Context, s byshot.Shot, picks []byshot.Pick[int]) error {
					for _, p := range picks {
						if err := write(ctx, in, out, algo.Frame{N: p.Frame}); err != nil {
							return err
						}
					}
					return nil
				})
		}},
		"no summary": {annotate: eachFrame(write), change: func(s *pb.AlgorithmSpec) { s.Summary = "" }, rule: "spec"},
		"an error":   {annotate: func(context.Context, algo.Input, algo.Output) error { return os.ErrInvalid }, rule: "runs"},
		"a panic":    {annotate: func(context.Context, algo.Input, algo.Output) error { panic("a bug") }, rule: "runs"},
		"other kinds": {annotate: eachFrame(func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
			_, err := out.Annotation(ctx, note(in, f.N, f.N+1))
			return err
		}), rule: "kinds"},
		"undeclared input": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			for _, err := range in.Embeddings(ctx, "toy@1") {
				return err
			}
			return nil
		}, rule: "runs"},
		"an empty interval": {annotate: eachFrame(func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
			return write(ctx, in, out, algo.Frame{N: 1000})
		}), rule: "intervals"},
		"after the end": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			_, err := out.Annotation(ctx, &pb.Annotation{Kind: "mark", Start: 0, End: int64(schema.Hour)})
			return err
		}, rule: "intervals"},
		"a vector of the wrong length": {annotate: vector(1), rule: "vectors"},
		"a vector that is no unit":     {annotate: vector(3, 4), rule: "vectors"},
		"a right vector":               {annotate: vector(0.6, 0.8)},
		"chance": {annotate: eachFrame(func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
			a := note(in, f.N, f.N+1)
			a.Kind, a.Confidence = "mark", rand.Float32()
			_, err := out.Annotation(ctx, a)
			return err
		}), rule: "same twice"},
		"timing": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			seen := make(chan struct{})
			go func() {
				defer close(seen)
				for range in.Annotations(ctx, "shot") {
				}
			}()
			known := false
			err := eachFrame(func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
				if f.N == 100 && !known {
					select {
					case <-seen:
						known = true
						return write(ctx, in, out, f)
					case <-time.After(300 * time.Millisecond):
					}
				}
				return nil
			})(ctx, in, out)
			<-seen
			return err
		}, rule: "same late"},
		"waits for shots before frames": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			for _, err := range in.Annotations(ctx, "shot") {
				if err != nil {
					return err
				}
			}
			return eachFrame(write)(ctx, in, out)
		}, rule: "same late"},
		"changes pictures": {annotate: eachFrame(func(_ context.Context, _ algo.Input, _ algo.Output, f algo.Frame) error {
			f.Picture.Pix[0]++
			return nil
		}), rule: "runs"},
		"keeps pictures": {annotate: eachFrame(func(_ context.Context, _ algo.Input, _ algo.Output, f algo.Frame) error {
			kept = append(kept, f.Picture.Pix)
			return nil
		}), size: 60, rule: "memory"},
		"does not end": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			for f, err := range in.Frames(context.WithoutCancel(ctx)) {
				if err != nil {
					return err
				}
				_ = f
			}
			return nil
		}, rule: "cancels"},
		"leaks": {annotate: func(ctx context.Context, in algo.Input, out algo.Output) error {
			if calls++; calls > 1 {
				go func() { <-leak }()
			}
			return eachFrame(write)(ctx, in, out)
		}, rule: "leaks"},
	} {
		t.Run(name, func(t *testing.T) {
			kept = nil
			a := &faked{annotate: c.annotate, size: max(c.size, 2), spec: &pb.AlgorithmSpec{Name: "made", Version: "1", Summary: "For a test",
				Reads: []string{"video"}, Needs: []string{"shot"}, Kinds: []string{"mark"}, Spaces: []*pb.Space{space}}}
			if c.change != nil {
				c.change(a.spec)
			}
			reg, err := algo.NewRegistry(upstream, a)
			if err != nil {
				t.Fatal(err)
			}
			findings, err := algotest.Check(t.Context(), reg, "made", clip)
			if err != nil {
				t.Fatal(err)
			}
			var rules []string
			for _, f := range findings {
				t.Log(f)
				if len(rules) == 0 || rules[len(rules)-1] != f.Rule {
					rules = append(rules, f.Rule)
				}
			}
			if got := strings.Join(rules, ", "); got != c.rule {
				t.Errorf("found %q, want %q", got, c.rule)
			}
		})
	}
}

func vector(v ...float32) func(context.Context, algo.Input, algo.Output) error {
	return eachFrame(func(ctx context.Context, in algo.Input, out algo.Output, f algo.Frame) error {
		if f.N > 0 {
			return nil
		}
		if err := write(ctx, in, out, f); err != nil {
			return err
		}
		return out.Embedding(ctx, &pb.Embedding{Space: "toy@1", Vector: append([]float32(nil), v...), End: 10})
	})
}

// hearing writes a mark for each block of the clip's sound. The context ctx goes to Sound.
func hearing(ctx, heard context.Context, in algo.Input, out algo.Output) error {
	for b, err := range in.Sound(heard, in.Asset().GetAudio()[0]) {
		if err != nil {
			return err
		}
		b.Data[0]++ // a block belongs to the algorithm
		iv := b.Interval()
		a := &pb.Annotation{Kind: "mark", Start: int64(iv.Start), End: int64(iv.End), Confidence: 1}
		if _, err := out.Annotation(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// The kit tries algorithms that hear, over a clip without pictures.
func TestSoundFindings(t *testing.T) {
	reader, tools := openReader(t)
	path := filepath.Join(t.TempDir(), "clip.wav")
	if out, err := exec.CommandContext(t.Context(), tools.FFmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=5.5:r=8000", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	clip, err := algotest.OpenClip(t.Context(), reader, path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		annotate func(context.Context, algo.Input, algo.Output) error
		sound    *pb.SoundSpec
		rule     string
	}{
		"right":      {func(ctx context.Context, in algo.Input, out algo.Output) error { return hearing(ctx, ctx, in, out) }, &pb.SoundSpec{Rate: 16000}, ""},
		"undeclared": {func(ctx context.Context, in algo.Input, out algo.Output) error { return hearing(ctx, ctx, in, out) }, nil, "runs"},
		"does not end": {func(ctx context.Context, in algo.Input, out algo.Output) error {
			own := context.WithoutCancel(ctx)
			for range in.Sound(own, in.Asset().GetAudio()[0]) {
				continue
			}
			return nil
		}, &pb.SoundSpec{Rate: 16000}, "cancels"},
	} {
		t.Run(name, func(t *testing.T) {
			reg, err := algo.NewRegistry(listener{&faked{annotate: c.annotate, spec: &pb.AlgorithmSpec{Name: "made", Version: "1", Summary: "For a test",
				Reads: []string{"audio"}, Sound: c.sound, Kinds: []string{"mark"}}}})
			if err != nil {
				t.Fatal(err)
			}
			findings, err := algotest.Check(t.Context(), reg, "made", clip)
			if err != nil {
				t.Fatal(err)
			}
			if len(findings) == 0 && c.rule != "" || len(findings) > 0 && (c.rule == "" || findings[0].Rule != c.rule) {
				t.Errorf("found %v, want %q", findings, c.rule)
			}
		})
	}
	r, err := algotest.Run(t.Context(), must(algo.NewRegistry(listener{&faked{spec: &pb.AlgorithmSpec{Name: "made", Version: "1", Summary: "s",
		Reads: []string{"audio"}, Sound: &pb.SoundSpec{Rate: 16000}, Kinds: []string{"mark"}},
		annotate: func(ctx context.Context, in algo.Input, out algo.Output) error { return hearing(ctx, ctx, in, out) }}})), "made", clip)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.Annotations); n != 6 || r.Annotations[5].GetEnd() != int64(schema.Second)*11/2 {
		t.Errorf("a sound of 5.5 s came in %d blocks: %v", n, r.Annotations)
	}
}

// listener hides that faked reads frames.
type listener struct{ algo.Algorithm }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
