package gateway_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// A clocked engine notes how long its slowest call took, and counts the calls of Text.
type clocked struct {
	search.Engine

	mu      sync.Mutex
	slowest time.Duration
	asked   int
}

func (c *clocked) Unwrap() search.Searcher { return c.Engine }

func (c *clocked) note(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, took)
}

// take returns the slowest call and the number of calls of Text since the last take.
func (c *clocked) take() (slowest time.Duration, asked int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slowest, asked = c.slowest, c.asked
	c.slowest, c.asked = 0, 0
	return slowest, asked
}

func (c *clocked) Text(ctx context.Context, q search.TextQuery) ([]search.Hit, error) {
	began := time.Now()
	defer func() {
		c.note(time.Since(began))
		c.mu.Lock()
		c.asked++
		c.mu.Unlock()
	}()
	return c.Engine.Text(ctx, q)
}

func (c *clocked) Vector(ctx context.Context, q search.VectorQuery) ([]search.Hit, error) {
	began := time.Now()
	defer func() { c.note(time.Since(began)) }()
	return c.Engine.Vector(ctx, q)
}

// Size implements search.Searcher.
func (c *clocked) Size(ctx context.Context, q search.SetQuery) (int, error) {
	began := time.Now()
	defer func() { c.note(time.Since(began)) }()
	return c.Engine.Size(ctx, q)
}

// Items counts the time of the engine alone, without the time of the reader between two items.
func (c *clocked) Items(ctx context.Context, q search.SetQuery) iter.Seq2[search.Items, error] {
	return func(yield func(search.Items, error) bool) {
		var took time.Duration
		defer func() { c.note(took) }()
		began := time.Now()
		for items, err := range search.ItemsOf(ctx, c.Engine, q) {
			took += time.Since(began)
			if !yield(items, err) {
				return
			}
			began = time.Now()
		}
		took += time.Since(began)
	}
}

// TestFigureOverhead: the time of an answer without the time of the slowest call of the engine. EXACT_SHOTS sets the size of the library.
func TestFigureOverhead(t *testing.T) {
	figure.Begin(t, "gateway/overhead")
	const rounds = 300
	shots := figure.Size(t, "EXACT_SHOTS", 1_000_000)
	v := openVast(t, shots)
	engine := &clocked{Engine: v.engine}
	g := open(t, &apitest.Library{Store: v.store, Engine: engine}, nil, gateway.Default())
	v.Gateway = g
	v.first(t)
	for _, kind := range []struct{ name, query string }{
		{"bare words", "zulu%d kilo%[2]d"},
		{"words OR a label", "dialogue.words:zulu%d OR label:tango%[1]d%[2]d"},
		{"a rare word AND a common label", "dialogue.words:sierra AND label:tango%d%[2]d"},
	} {
		var over, took []float64
		for i := range rounds {
			engine.take()
			began := time.Now()
			resp, err := g.Search(t.Context(), everybody, &pb.SearchRequest{Q: fmt.Sprintf(kind.query, 1+i/10%7, i%10), Limit: 20})
			d := time.Since(began)
			if err != nil || len(resp.GetPartial()) > 0 || len(resp.GetHits()) == 0 {
				t.Fatalf("%s: %v, %v", kind.name, err, resp)
			}
			slowest, _ := engine.take()
			if slowest == 0 {
				t.Fatalf("%s: no call of the engine was seen", kind.name)
			}
			took = append(took, float64(d.Microseconds())/1000)
			over = append(over, float64((d-slowest).Microseconds())/1000)
		}
		figure.Report(t, false, figure.Result{Name: "gateway/overhead", Claim: fmt.Sprintf("%s over %d lines: an answer without the slowest call of the engine: p50 ≤ 2 ms", kind.name, shots),
			Measured: fmt.Sprintf("p50 %.2f ms, p99 %.2f ms; the answer p50 %.2f ms, p99 %.2f ms", figure.Quantile(over, .5), figure.Quantile(over, .99), figure.Quantile(took, .5), figure.Quantile(took, .99)),
			Pass:     figure.Quantile(over, .5) <= 2})
	}
}
