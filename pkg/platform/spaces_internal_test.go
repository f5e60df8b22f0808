package platform

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/embedded"
)

// tones is a declaration with a space.
func tones(dimension int32) *pb.AlgorithmAnnounced {
	return &pb.AlgorithmAnnounced{Algorithm: &pb.AlgorithmSpec{Name: "tones", Version: "1", Summary: "Tones", Reads: []string{"audio"},
		Spaces: []*pb.Space{{Name: "tones", Version: "1", Dimension: dimension, Metric: "cosine"}}}}
}

// a spaceWorld is an engine whose spaces follow a catalogue.
type spaceWorld struct {
	*Spaces
	engine  *embedded.Engine
	catalog *catalog.Catalog
	mu      sync.Mutex
	read    error
	at      time.Time
}

func newSpaceWorld(t *testing.T) *spaceWorld {
	t.Helper()
	e, err := embedded.Open(t.TempDir(), embedded.Config{}, embedded.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	c, err := catalog.New()
	if err != nil {
		t.Fatal(err)
	}
	w := &spaceWorld{engine: e, catalog: c, at: time.Unix(1e9, 0)}
	w.Spaces = newSpaces(e, nil, c, func() error { w.mu.Lock(); defer w.mu.Unlock(); return w.read }, slog.New(slog.DiscardHandler))
	w.now = func() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.at }
	return w
}

func (w *spaceWorld) set(read error, later time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read, w.at = read, w.at.Add(later)
}

// An embedding waits for the announcement of its space: without limit while the catalogue is not read, and for a while afterwards.
func TestEmbeddingsAwaitTheirSpace(t *testing.T) {
	w := newSpaceWorld(t)
	await := func(want errkind.Kind, says string) {
		t.Helper()
		if err := w.Await(t.Context(), "tones@1"); errkind.Of(err) != want || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, of kind %v, want %v with %q", err, errkind.Of(err), want, says)
		}
	}
	w.set(errkind.New(errkind.Unavailable, "not read"), 0)
	await(errkind.Unavailable, "was not read to its end yet")
	w.set(errkind.New(errkind.Unavailable, "not read"), time.Hour)
	await(errkind.Unavailable, "was not read to its end yet")
	w.set(nil, 0)
	await(errkind.Unavailable, "is not announced yet")
	w.set(nil, spacePatience-time.Millisecond)
	await(errkind.Unavailable, "is not announced yet")
	w.set(nil, 2*time.Millisecond)
	await(errkind.Invalid, "no algorithm in the catalogue declares the space tones@1")
	if err := w.catalog.Put(tones(4)); err != nil {
		t.Fatal(err)
	}
	if err := w.Await(t.Context(), "tones@1"); err != nil {
		t.Errorf("announced after all: %v", err)
	}
	if err := w.Ready(); err != nil {
		t.Error(err)
	}
	e := &pb.Embedding{Run: "r", Asset: "a", Space: "tones@1", Vector: []float32{1, 0, 0, 0}, End: 1}
	if err := w.engine.Write(t.Context(), search.Batch{Embeddings: []*pb.Embedding{e}}); err != nil {
		t.Error(err)
	}
}

// The spaces of the catalogue are added as the catalogue changes. A space that cannot be added holds nothing up.
func TestSpacesFollowTheCatalogue(t *testing.T) {
	w := newSpaceWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	served := make(chan error, 1)
	serving, stop := context.WithCancel(ctx)
	go func() { served <- w.Serve(serving) }()
	defer func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		cancel()
	}()
	if err := w.engine.AddSpace(ctx, &pb.Space{Name: "tones", Version: "1", Dimension: 9, Metric: "cosine"}); err != nil {
		t.Fatal(err)
	}
	if err := w.catalog.Put(tones(4)); err != nil { // with another dimension
		t.Fatal(err)
	}
	other := tones(4)
	other.Algorithm.Name, other.Algorithm.Spaces[0].Name = "other", "other"
	if err := w.catalog.Put(other); err != nil {
		t.Fatal(err)
	}
	for w.Ready() != nil {
		select {
		case <-ctx.Done():
			t.Fatal(w.Ready())
		case <-time.After(5 * time.Millisecond): // the interval of polling; the condition decides
		}
	}
	if err := w.Await(ctx, "tones@1"); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "give the space a new version") {
		t.Errorf("a space of another dimension: %v", err)
	}
	if _, err := w.engine.Vector(ctx, search.VectorQuery{Scope: search.NewScope([]string{"r"}), Space: "other@1", Vector: make([]float32, 4), Limit: 1}); err != nil && !strings.Contains(err.Error(), "zero") {
		t.Errorf("the other space: %v", err)
	}
}
