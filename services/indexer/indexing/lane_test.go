package indexing

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cinedex/cinedex/pkg/events"
)

// A backfill waits for a moment without live work, and goes on where there is none for too long.
func TestBackfillWaitsAndIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(0)
		done := make(chan struct{})
		live := l.live(func(context.Context, []events.Delivery) error { <-done; return nil })
		at := time.Duration(0)
		begun := time.Now()
		backfill := l.backfill(func(context.Context, []events.Delivery) error { at = time.Since(begun); return nil })

		go live(t.Context(), nil)
		synctest.Wait()
		go func() { time.Sleep(300 * time.Millisecond); done <- struct{}{} }()
		if err := backfill(t.Context(), nil); err != nil || at != 300*time.Millisecond {
			t.Errorf("folded after %s, want it when what is live is done: %v", at, err)
		}

		go live(t.Context(), nil)
		synctest.Wait()
		begun = time.Now()
		if err := backfill(t.Context(), nil); err != nil || at != patience {
			t.Errorf("folded after %s beside live work without a pause, want %s: %v", at, patience, err)
		}
		close(done)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		go live(t.Context(), nil)
		if err := backfill(ctx, nil); err == nil {
			t.Error("folded after its context had ended")
		}
	})
}
