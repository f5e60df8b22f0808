package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Bounds of the streams of new hits.
const (
	MaxWatches       = 1000 // of all callers
	MaxWatchesOfOne  = 16
	watchLookEvery   = 200 * time.Millisecond
	watchLookTimeout = 30 * time.Second
)

// watchers are the streams that wait for changes of the library. All streams share the looking.
type watchers struct {
	library *library

	mu      sync.Mutex
	open    map[string]int // streams by caller
	total   int
	changed chan struct{}      // closed when the library has changed
	stop    context.CancelFunc // ends the looking; nil while nobody watches
}

// enter counts a stream of a caller in. The caller of enter MUST call leave.
func (w *watchers) enter(who string) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.open[who] >= MaxWatchesOfOne:
		return nil, errkind.WithRetryAfter(time.Second, errkind.New(errkind.Exhausted, "%d of your streams are open, the most allowed; end one first", w.open[who]))
	case w.total >= MaxWatches:
		return nil, errkind.WithRetryAfter(time.Minute, errkind.New(errkind.Exhausted, "%d streams are open here, the most allowed; try again later", w.total))
	}
	if w.open == nil {
		w.open = map[string]int{}
	}
	w.open[who]++
	if w.total++; w.stop == nil {
		var ctx context.Context
		ctx, w.stop = context.WithCancel(context.Background())
		if w.changed == nil {
			w.changed = make(chan struct{})
		}
		go w.look(ctx)
	}
	return func() { w.leave(who) }, nil
}

func (w *watchers) leave(who string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open[who]--; w.open[who] == 0 {
		delete(w.open, who)
	}
	if w.total--; w.total > 0 {
		return
	}
	w.stop()
	w.stop = nil
}

// next returns a channel that is closed at the next change of the library.
func (w *watchers) next() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// look tells the streams each change. Where the library cannot be read, the streams hear of the change later.
func (w *watchers) look(ctx context.Context) {
	tick := time.NewTicker(watchLookEvery)
	defer tick.Stop()
	var last *snapshot
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, err := w.library.snapshot(ctx)
		if err != nil || now == last {
			continue
		}
		last = now
		w.mu.Lock()
		close(w.changed)
		w.changed = make(chan struct{})
		w.mu.Unlock()
	}
}
