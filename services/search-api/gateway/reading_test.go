package gateway_test

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// counted counts the reads that the gateway does for answers. A read that the gateway has not done so far MUST be added here.
type counted struct {
	store.Store
	mu    sync.Mutex
	calls map[string]int
}

func (c *counted) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calls == nil {
		c.calls = map[string]int{}
	}
	c.calls[name]++
}

// taken returns the calls since the last time, and how many they are.
func (c *counted) taken() (calls map[string]int, sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, c.calls = c.calls, nil
	for n := range maps.Values(calls) {
		sum += n
	}
	return calls, sum
}

func (c *counted) Version(ctx context.Context) (int64, error) {
	c.count("Version")
	return c.Store.Version(ctx)
}

func (c *counted) Changes(ctx context.Context, since string) (store.Changes, error) {
	c.count("Changes")
	return c.Store.Changes(ctx, since)
}

func (c *counted) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	c.count("Asset")
	return c.Store.Asset(ctx, id)
}

func (c *counted) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	c.count("AllAssets")
	return c.Store.AllAssets(ctx)
}

func (c *counted) AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error] {
	c.count("AllActive")
	return c.Store.AllActive(ctx)
}

func (c *counted) Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error) {
	c.count("Active")
	return c.Store.Active(ctx, asset)
}

func (c *counted) RunsOf(ctx context.Context, asset string) ([]*pb.Run, error) {
	c.count("RunsOf")
	return c.Store.RunsOf(ctx, asset)
}

func (c *counted) Run(ctx context.Context, asset, id string) (*pb.Run, error) {
	c.count("Run")
	return c.Store.Run(ctx, asset, id)
}

func (c *counted) Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error) {
	c.count("Annotation")
	return c.Store.Annotation(ctx, asset, run, ordinal)
}

func (c *counted) Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error) {
	c.count("Embedding")
	return c.Store.Embedding(ctx, asset, run, ordinal)
}

func (c *counted) AnnotationsOf(ctx context.Context, asset, run string, s store.Span) iter.Seq2[*pb.Annotation, error] {
	c.count("AnnotationsOf")
	return c.Store.AnnotationsOf(ctx, asset, run, s)
}

func (c *counted) EmbeddingsOf(ctx context.Context, asset, run string, s store.Span) iter.Seq2[*pb.Embedding, error] {
	c.count("EmbeddingsOf")
	return c.Store.EmbeddingsOf(ctx, asset, run, s)
}

func (c *counted) AnnotationsAt(ctx context.Context, refs []store.Ref) ([]*pb.Annotation, error) {
	c.count("AnnotationsAt")
	return c.Store.AnnotationsAt(ctx, refs)
}

func (c *counted) EmbeddingsAt(ctx context.Context, refs []store.Ref) ([]*pb.Embedding, error) {
	c.count("EmbeddingsAt")
	return c.Store.EmbeddingsAt(ctx, refs)
}

func (c *counted) Starting(ctx context.Context, ranges []store.Range) ([][]*pb.Annotation, error) {
	c.count("Starting")
	return c.Store.Starting(ctx, ranges)
}

func (c *counted) LastBefore(ctx context.Context, points []store.Point) ([]*pb.Annotation, error) {
	c.count("LastBefore")
	return c.Store.LastBefore(ctx, points)
}

// An answer of 100 hits over many assets, found by words, by meaning and by pictures, reads the store at most five times.
func TestReadsOfOneAnswer(t *testing.T) {
	l := apitest.New(t)
	const films = 110
	for i := range films {
		l.Add(apitest.Film{Title: fmt.Sprintf("film %03d", i), Name: "A film", StartTimecode: "01:00:00:00",
			Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Blue}, {Seconds: 2, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}},
			Lines: []apitest.Line{{From: 0, To: 1, Language: "en", Text: "The keeper lit the lamp."}}})
	}
	c := &counted{Store: l.Store}
	g := openWith(t, l, gateway.Default(), func(d *gateway.Deps) { d.Store = c })
	ask(t, g, line("dialogue:nothing")) // the library is read
	for _, order := range []string{"score", "time"} {
		c.taken()
		r := ask(t, g, &pb.SearchRequest{Q: `look:red OR dialogue:"the keeper lit the lamp" OR label:lighthouse`, Limit: 100, Order: order})
		calls, sum := c.taken()
		if len(r.GetHits()) != 100 || sum > 5 || sum < 1 {
			t.Errorf("by %s: %d hits with %d reads: %v; want 100 with at most 5", order, len(r.GetHits()), sum, calls)
		}
		by, assets := map[string]int{}, map[string]bool{}
		for _, h := range r.GetHits() {
			assets[h.GetAsset()] = true
			if h.GetThumbnail() == "" || h.GetEndTimecode() == "" {
				t.Fatalf("a hit says too little: %v", h)
			}
			for _, e := range h.GetEvidence() {
				by[e.GetBy()]++
				if e.GetBy() != "picture" && e.GetText()+e.GetLabel() == "" || e.GetKind() == "" {
					t.Fatalf("evidence says too little: %v", e)
				}
				if e.GetBy() == "picture" && h.GetText() == "" && schema.Time(h.GetEnd()-h.GetStart()) != 2*schema.Second {
					t.Fatalf("a picture does not stand for its shot: %v", h)
				}
			}
		}
		if kinds := slices.Sorted(maps.Keys(by)); len(assets) < 40 || len(kinds) != 3 {
			t.Errorf("by %s: %d assets, evidence %v", order, len(assets), by)
		}
	}
}
