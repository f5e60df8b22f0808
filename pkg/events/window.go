package events

import (
	"context"
	"sync"
)

// maxUnmarked bounds the events of a partition that are done behind an event that is not: as many are delivered again after a crash.
const maxUnmarked = 10_000

// A window is the events of a partition that are handled at once.
type window struct {
	mu       sync.Mutex
	offsets  []int64 // of the events that are not marked, in order
	finished map[int64]bool
	room     chan struct{} // a token: the window may have room
}

func newWindow() *window {
	return &window{finished: map[int64]bool{}, room: make(chan struct{}, 1)}
}

// begin adds an event as soon as the window has room. false: ctx ended before.
func (w *window) begin(ctx context.Context, offset int64) bool {
	for {
		w.mu.Lock()
		if len(w.offsets) < maxUnmarked {
			w.offsets = append(w.offsets, offset)
			w.mu.Unlock()
			return true
		}
		w.mu.Unlock()
		select {
		case <-w.room:
		case <-ctx.Done():
			return false
		}
	}
}

// done records an event as done, and calls reach, in order, with the offset up to which every event is done.
func (w *window) done(offset int64, reach func(next int64)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished[offset] = true
	n := 0
	for n < len(w.offsets) && w.finished[w.offsets[n]] {
		delete(w.finished, w.offsets[n])
		n++
	}
	if n == 0 {
		return
	}
	last := w.offsets[n-1]
	w.offsets = w.offsets[n:]
	reach(last + 1)
	signal(w.room)
}

// runAtOnce handles the events of the inbox until fetch ends, several at the same time, and waits for all.
func (p *partition) runAtOnce(fetch, work context.Context, in *inbox) {
	p.window = newWindow()
	fetch, stop := context.WithCancel(fetch)
	defer stop()
	places := make(chan struct{}, p.s.sub.AtOnce)
	var handling sync.WaitGroup
	defer handling.Wait()
	for {
		batch := in.take(fetch, 1, 0, 0)
		if batch == nil || !p.window.begin(fetch, batch[0].offset) {
			return
		}
		select {
		case places <- struct{}{}:
		case <-fetch.Done():
			return
		}
		handling.Go(func() {
			defer func() { <-places }()
			if !p.handleAll(fetch, work, batch) {
				stop() // the work was stopped, and so are the other events
			}
		})
	}
}
