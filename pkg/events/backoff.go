package events

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	firstBackoff      = 10 * time.Millisecond
	maxPublishBackoff = 2 * time.Second
	maxHandleBackoff  = 30 * time.Second
)

// backoffs sleeps for longer and longer, with jitter, up to a cap.
type backoffs struct{ b *backoff.ExponentialBackOff }

func newBackoff(most time.Duration) backoffs {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = firstBackoff
	b.Multiplier = 2
	b.MaxInterval = most
	b.Reset()
	return backoffs{b}
}

// sleep waits for the next pause. sleep returns false if ctx ended or stop was closed before the end of the pause.
func (b backoffs) sleep(ctx context.Context, stop <-chan struct{}) bool {
	t := time.NewTimer(b.b.NextBackOff())
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-stop:
	}
	return false
}
