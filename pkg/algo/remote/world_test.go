package remote_test

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

func TestMain(m *testing.M) {
	remotetest.Main()
	goleak.VerifyTestMain(m)
}

// limit is how long a test waits for anything.
const limit = time.Minute

// film is an asset in memory: the input of runs.
type film struct {
	asset  *pb.Asset
	clock  schema.Clock
	frames []algo.Frame
	needs  map[string][]*pb.Annotation
	sound  []algo.Samples
	cues   []timedtext.Cue
}

// newFilm makes a film whose frames are grey: frame n has the value n.
func newFilm(t testing.TB, frames int) *film {
	t.Helper()
	a := &pb.Asset{Id: schema.AssetID("00000000000000000000000000000001"), Title: &pb.Title{Id: "grey"}, Duration: int64(frames) * int64(schema.Second) / 25,
		Video: &pb.VideoTrack{Width: 64, Height: 36, Rate: &pb.FrameRate{Num: 25, Den: 1}, Frames: int64(frames)}}
	clock, err := schema.ClockOf(a.GetVideo(), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &film{asset: a, clock: clock}
	for n := range frames {
		p := &media.Picture{Width: 32, Height: 18, Pix: make([]byte, 32*18*3)}
		for i := range p.Pix {
			p.Pix[i] = byte(n)
		}
		f.frames = append(f.frames, algo.Frame{N: int64(n), Picture: p})
	}
	return f
}

func (f *film) Asset() *pb.Asset    { return f.asset }
func (f *film) Clock() schema.Clock { return f.clock }

func (f *film) Frames(ctx context.Context) iter.Seq2[algo.Frame, error] { return all(ctx, f.frames) }
func (f *film) Sound(ctx context.Context, _ *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	return all(ctx, f.sound)
}
func (f *film) Cues(context.Context, *pb.TextTrack) ([]timedtext.Cue, error) { return f.cues, nil }
func (f *film) Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error] {
	return all(ctx, f.needs[kind])
}
func (f *film) Embeddings(ctx context.Context, _ string) iter.Seq2[*pb.Embedding, error] {
	return all(ctx, []*pb.Embedding(nil))
}

func all[T any](ctx context.Context, list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range list {
			if ctx.Err() != nil {
				yield(v, context.Cause(ctx))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// kept is the output of a run.
type kept struct {
	annotations []*pb.Annotation
	embeddings  []*pb.Embedding
	blobs       map[string][]byte
}

func (k *kept) Annotation(_ context.Context, a *pb.Annotation) (string, error) {
	a.Asset, a.Run, a.Ordinal = "00000000000000000000000000000001", "00000000000000000000000000000002", int64(len(k.annotations))
	if err := schema.Validate(a); err != nil {
		return "", err
	}
	k.annotations = append(k.annotations, a)
	return schema.ItemID(a.Run, a.Ordinal), nil
}

func (k *kept) Embedding(_ context.Context, e *pb.Embedding) error {
	k.embeddings = append(k.embeddings, e)
	return nil
}

func (k *kept) Blob(_ context.Context, name, _ string, data []byte) (*pb.MediaRef, error) {
	if k.blobs == nil {
		k.blobs = map[string][]byte{}
	}
	k.blobs[name] = data
	return &pb.MediaRef{Key: "runs/" + name}, nil
}

func (*kept) Progress(int64, int64) {}

// lines shows a log where the test is asked to be verbose.
type lines struct{ mu sync.Mutex }

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if testing.Verbose() {
		return os.Stderr.Write(p)
	}
	return len(p), nil
}

// host starts a host of the workers of a folder, which serves until the test ends.
func host(t testing.TB, folder string, change ...func(*remote.Config, *remote.Deps)) *remote.Host {
	t.Helper()
	cfg := remote.Default()
	cfg.Folder = folder
	deps := remote.Deps{Log: slog.New(slog.NewTextHandler(&lines{}, nil)), Registerer: prometheus.NewRegistry()}
	for _, c := range change {
		c(&cfg, &deps)
	}
	h, err := remote.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return h
}

// served waits until a version is served, and returns the algorithm.
func served(t testing.TB, h *remote.Host, name string) algo.Algorithm {
	t.Helper()
	var found algo.Algorithm
	until(t, h, name+" is served", func() bool {
		for _, a := range h.Algorithms() {
			if a.Spec().GetName() == name {
				found = a
				return true
			}
		}
		return false
	})
	return found
}

// until waits for a condition of the host.
func until(t testing.TB, h *remote.Host, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for {
		changed := h.Changed()
		if holds() {
			return
		}
		select {
		case <-changed:
		case <-time.After(50 * time.Millisecond): // the interval of polling; the condition decides
		case <-deadline:
			t.Fatalf("after %s, not: %s", limit, what)
		}
	}
}

// run executes a run over a film.
func run(t testing.TB, a algo.Algorithm, in algo.Input) (*kept, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	out := &kept{}
	err := a.Annotate(ctx, in, out)
	if ctx.Err() != nil {
		t.Fatalf("the run did not end: %v", err)
	}
	return out, err
}

func (k *kept) String() string {
	return fmt.Sprintf("%d annotations, %d embeddings", len(k.annotations), len(k.embeddings))
}
