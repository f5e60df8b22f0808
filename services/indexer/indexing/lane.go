package indexing

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// backfillBatch is how many events of a backfill are folded together: few, since what is live waits for at most one such batch.
const backfillBatch = 4

// patience is how long a batch of a backfill waits for a moment without anything live. Where there is none, as while an indexer
// is behind, one batch goes on beside what is live, so that a backfill ends at all.
const patience = time.Second

// A lane keeps what operators have replayed behind what is live: it is folded by one
// worker, only while nothing live is being folded or its patience is over, and not faster than its rate.
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

// burst is what the limiter lets through at once: the items of one batch of events, as the algo-runner cuts them.
const burst = backfillBatch * 512

// live counts what is live while it is handled.
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

// backfill waits for its turn before it handles.
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
