package runner_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/remote/remotetest"
	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/modeltest"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
	"github.com/cinedex/cinedex/pkg/timedtext"
	"github.com/cinedex/cinedex/services/algo-runner/runner"
)

func TestMain(m *testing.M) {
	remotetest.Main()
	goleak.VerifyTestMain(m)
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// A world is everything around the runner, real but for the indexer, whose store half is done here.
type world struct {
	t      testing.TB
	dir    string
	log    *slog.Logger
	cache  model.Cache
	tools  media.Tools
	events *events.Client
	store  *pebblestore.Store
	blobs  *blob.Blobs
	reader *media.Reader
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: slog.New(slog.NewTextHandler(&lines{}, &slog.HandlerOptions{Level: slog.LevelInfo}))}
	w.cache = must[model.Cache](t)(model.OpenCache(""))
	for name, path := range map[string]*string{"ffmpeg": &w.tools.FFmpeg, "ffprobe": &w.tools.FFprobe} {
		var err error
		if *path, err = w.cache.Tool(name); err != nil {
			modeltest.Lacking(t, err)
		}
	}
	b := must[*broker.Broker](t)(broker.Open(broker.Config{Dir: filepath.Join(w.dir, "log")}))
	t.Cleanup(func() { _ = b.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	w.events = must[*events.Client](t)(events.New(cfg, events.Deps{Logger: w.log, Registerer: prometheus.NewRegistry()}))
	t.Cleanup(func() { _ = w.events.Close() })
	scfg := pebblestore.Default()
	scfg.Dir, scfg.MinFreeBytes = filepath.Join(w.dir, "store"), 0
	w.store = must[*pebblestore.Store](t)(pebblestore.Open(scfg, pebblestore.Deps{Log: w.log}))
	t.Cleanup(func() { _ = w.store.Close() })
	bcfg := blob.Default()
	bcfg.Bucket = (&url.URL{Scheme: "file", Path: filepath.Join(w.dir, "media")}).String()
	bcfg.Roots = []string{w.dir}
	w.blobs = must[*blob.Blobs](t)(blob.Open(t.Context(), bcfg, blob.Deps{}))
	t.Cleanup(func() { _ = w.blobs.Close() })
	w.reader = must[*media.Reader](t)(media.NewReader(media.Default(), w.tools, w.log))
	return w
}

// lines shows a log where the test is asked to be verbose.
type lines struct {
	mu sync.Mutex
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if testing.Verbose() {
		os.Stderr.Write(p)
	}
	return len(p), nil
}

// film makes a film and its asset, as an ingestor does.
func (w *world) film(f mediatest.Film) (*pb.Asset, mediatest.Truth) {
	w.t.Helper()
	espeak, _ := exec.LookPath("espeak-ng")
	truth := must[mediatest.Truth](w.t)(f.Write(w.t.Context(), w.dir, mediatest.Tools{FFmpeg: w.tools.FFmpeg, ESpeak: espeak}))
	return w.asset(truth.Path), truth
}

func (w *world) asset(path string) *pb.Asset {
	w.t.Helper()
	clip := must[*algotest.Clip](w.t)(algotest.OpenClip(w.t.Context(), w.reader, path))
	a := clip.Asset
	a.Media = must[*pb.MediaRef](w.t)(w.blobs.Resolve((&url.URL{Scheme: "file", Path: path}).String()))
	for _, track := range a.GetText() {
		text := must[*timedtext.Track](w.t)(w.reader.TextTrack(w.t.Context(), path, &media.Film{Asset: a}, track))
		var b bytes.Buffer
		if err := timedtext.WriteWebVTT(&b, text.Cues); err != nil {
			w.t.Fatal(err)
		}
		track.Media = must[*pb.MediaRef](w.t)(w.blobs.Put(w.t.Context(), fmt.Sprintf("text/%x.vtt", sha256.Sum256(b.Bytes())), "text/vtt", &b))
	}
	if a.GetVideo().GetVariableRate() {
		film := must[*media.Film](w.t)(w.reader.Probe(w.t.Context(), path))
		table := must[[]byte](w.t)(film.Frames.Encode())
		a.Video.FrameTable = must[*pb.MediaRef](w.t)(w.blobs.Put(w.t.Context(), "frames/"+a.GetId(), "application/octet-stream", bytes.NewReader(table)))
	}
	return a
}

// serve starts a runner, and an indexer's store half, until the returned function is called.
func (w *world) serve(reg *algo.Registry, change ...func(*runner.Config, *runner.Deps)) (stop func()) {
	w.t.Helper()
	cfg := runner.Default()
	cfg.Worker = "test"
	deps := runner.Deps{
		Events: w.events, Store: w.store, Registry: reg, Reader: w.reader, Blobs: w.blobs,
		Model: func(id string) error { _, err := w.cache.Require(id); return err },
		Log:   w.log, Registerer: prometheus.NewRegistry(),
	}
	for _, c := range change {
		c(&cfg, &deps)
	}
	s := must[*runner.Service](w.t)(runner.New(cfg, deps))
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Serve(ctx); err != nil {
			w.t.Errorf("serving: %v", err)
		}
	})
	wg.Go(func() {
		err := w.events.Subscribe(ctx, events.Subscription{
			Group: "indexer", Topics: []events.Topic{events.Annotations, events.Embeddings, events.RunsFinished},
		}, w.fold)
		if err != nil {
			w.t.Errorf("folding: %v", err)
		}
	})
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	w.t.Cleanup(stop)
	return stop
}

// fold does the indexer's work over the store.
func (w *world) fold(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		var b store.Batch
		part := store.PartAnnotations
		switch m := d.Data.(type) {
		case *pb.RunFinished:
			if err := schema.Validate(m); err != nil {
				w.t.Errorf("an invalid end of a run: %v", err)
			}
			if err := w.store.CheckEpoch(ctx, store.RunLease(m.GetRun().GetId()), m.GetRun().GetEpoch()); err == nil {
				if err := w.store.FinishRun(ctx, m.GetRun()); err != nil && !errkind.Is(err, errkind.Conflict) {
					return err
				}
			}
			continue
		case *pb.AnnotationBatch:
			b = store.Batch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), First: m.GetFirst(), Annotations: m.GetAnnotations()}
		case *pb.EmbeddingBatch:
			part = store.PartEmbeddings
			b = store.Batch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), First: m.GetFirst(), Embeddings: m.GetEmbeddings()}
		}
		if err := schema.Validate(d.Data); err != nil {
			w.t.Errorf("an invalid batch: %v", err)
		}
		if err := w.store.CheckEpoch(ctx, store.RunLease(b.Run), b.Epoch); err != nil {
			continue
		}
		if err := w.store.WriteBatches(ctx, []store.Batch{b}); err != nil {
			return err
		}
		err := w.store.MarkIndexed(ctx, []store.Marker{{
			Asset: b.Asset, Run: b.Run, Epoch: b.Epoch, Part: part, First: b.First, Count: int64(len(b.Annotations) + len(b.Embeddings)),
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

// arrive publishes the events of the ingestor.
func (w *world) arrive(a *pb.Asset) {
	w.t.Helper()
	if err := w.events.Publish(w.t.Context(), events.MediaReady, events.Event{Subject: a.GetId(), Data: &pb.MediaReady{Asset: proto.CloneOf(a)}}); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a condition.
func (w *world) until(what string, limit time.Duration, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(limit)
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("after %s: not %s; runs: %v", limit, what, w.runs(""))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// runs returns the runs of an asset, or of all, by algorithm.
func (w *world) runs(asset string) map[string]*pb.Run {
	w.t.Helper()
	out := make(map[string]*pb.Run)
	for a, err := range w.store.AllAssets(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if asset != "" && a.GetId() != asset {
			continue
		}
		for _, r := range must[[]*pb.Run](w.t)(w.store.RunsOf(w.t.Context(), a.GetId())) {
			out[r.GetAlgorithm()] = r
		}
	}
	return out
}

// ended reports whether every algorithm's run has ended, with every item in the store.
func (w *world) ended(asset *pb.Asset, algorithms ...string) func() bool {
	return func() bool {
		runs := w.runs(asset.GetId())
		for _, name := range algorithms {
			r := runs[name]
			if s := r.GetState(); s != pb.RunState_RUN_STATE_FINISHED && s != pb.RunState_RUN_STATE_FAILED {
				return false
			}
			a, e, err := w.store.Indexed(w.t.Context(), asset.GetId(), r.GetId(), r.GetEpoch())
			if err != nil || a < r.GetAnnotations() || e < r.GetEmbeddings() {
				return false
			}
		}
		return true
	}
}

// annotations returns the items of a run from the store.
func (w *world) annotations(r *pb.Run) (out []*pb.Annotation) {
	for a, err := range w.store.AnnotationsOf(w.t.Context(), r.GetAsset(), r.GetId(), store.Span{}) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, a)
	}
	return out
}

// dump is the content of the store.
func (w *world) dump() string {
	var b bytes.Buffer
	if err := w.store.Dump(w.t.Context(), &b); err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}
