package indexing

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// backfillBatch is how many events of a backfill are folded together: few, since live events wait for at most one such batch.
const backfillBatch = 4

// patience is how long a batch of a backfill waits for a moment without live events. Where no such moment comes, as while an indexer is behind, a
// batch goes on beside live events, so that a backfill ends at all.
const patience = time.Second

// A lane keeps replayed events behind live events. Replayed events are folded by a single worker, not faster than the rate, and only while no live
// event is folded or the patience is over.
type lane struct {
	limit *rate.Limiter

	mu   *sync.Mutex
	busy int           // live batches being folded
	idle chan struct{} // closed while busy is 0
}

func newLane(itemsPerSecond float64) lane {
	l := lane{limit: rate.NewLimiter(rate.Inf, burst), mu: &sync.Mutex{}, idle: make(chan struct{})}
	if itemsPerSecond > 0 {
		l.limit.SetLimit(rate.Limit(itemsPerSecond))
	}
	close(l.idle)
	return l
}

// burst is the most items that the limiter lets through together: the items of a batch of events, as the algo-runner cuts batches.
const burst = backfillBatch * 512

// live counts live batches while they are handled.
func (l *lane) live(handle events.Handler) events.Handler {
	return func(ctx context.Context, batch []events.Delivery) error {
		l.mu.Lock()
		if l.busy++; l.busy == 1 {
			l.idle = make(chan struct{})
		}
		l.mu.Unlock()
		defer func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.busy--; l.busy == 0 {
				close(l.idle)
			}
		}()
		return handle(ctx, batch)
	}
}

// backfill waits for a turn before handling.
func (l *lane) backfill(handle events.Handler) events.Handler {
	return func(ctx context.Context, batch []events.Delivery) error {
		if err := l.limit.WaitN(ctx, min(burst, items(batch))); err != nil {
			return err
		}
		l.mu.Lock()
		idle := l.idle
		l.mu.Unlock()
		over := time.NewTimer(patience)
		defer over.Stop()
		select {
		case <-idle:
		case <-over.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		return handle(ctx, batch)
	}
}

func items(batch []events.Delivery) int {
	n := 0
	for _, d := range batch {
		switch m := d.Data.(type) {
		case *pb.AnnotationBatch:
			n += len(m.GetAnnotations())
		case *pb.EmbeddingBatch:
			n += len(m.GetEmbeddings())
		}
	}
	return n
}
