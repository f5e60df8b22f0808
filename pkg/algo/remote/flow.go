package remote

import (
	"context"
	"sync"
)

// The names of sources. Every other source is named by a kind or a space.
const (
	sourceFrames = "frames"
	sourceSound  = "sound"
	sourceCues   = "cues"
)

// windowMessages is how many messages of a source may be sent and not taken.
const windowMessages = 64

// A source is the flow control of a source of input: slots for frames and sound, and a window of messages for every other source. A source waits
// for the worker, and never for another source, so an algorithm may read its sources in any order.
type source struct {
	mu      sync.Mutex
	changed chan struct{} // closed when room was made
	free    []int32       // slots that the platform may write, the slot that came back first
	held    map[int32]bool
	window  int // messages that may still be sent; slots have no window
	sent    int // messages that were sent and not taken
	ended   bool
}

// slotSource returns a source with the slots from first to first+n-1.
func slotSource(first, n int32) *source {
	s := &source{changed: make(chan struct{}), held: map[int32]bool{}}
	for i := range n {
		s.free = append(s.free, first+i)
	}
	return s
}

func windowSource() *source { return &source{changed: make(chan struct{}), window: windowMessages} }

// slot returns a free slot, and waits until the worker has returned one.
func (s *source) slot(ctx context.Context) (slot int32, err error) {
	err = s.wait(ctx, func() bool {
		if len(s.free) == 0 {
			return false
		}
		slot, s.free = s.free[0], s.free[1:]
		s.held[slot] = true
		return true
	})
	return slot, err
}

// slots returns the number of slots.
func (s *source) slots() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.free) + len(s.held)
}

// full reports whether the worker holds every slot.
func (s *source) full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.free) == 0
}

// room waits until a message may be sent.
func (s *source) room(ctx context.Context) error {
	return s.wait(ctx, func() bool {
		if s.window == 0 {
			return false
		}
		s.window--
		s.sent++
		return true
	})
}

// wait waits until try succeeds. try runs with the lock held.
func (s *source) wait(ctx context.Context, try func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := try(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// release takes a slot back, and reports whether the worker held the slot.
func (s *source) release(slot int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.held[slot] {
		return false
	}
	delete(s.held, slot)
	s.free = append(s.free, slot)
	s.tell()
	return true
}

// take makes room for n messages, and reports whether n messages were sent and not taken.
func (s *source) take(n int32) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held != nil || n < 0 || int(n) > s.sent {
		return false
	}
	s.sent -= int(n)
	s.window += int(n)
	s.tell()
	return true
}

func (s *source) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// end says that no more input will come.
func (s *source) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
}

// state returns how much of the source the worker holds, and whether the source has ended.
func (s *source) state() (held int, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held) + s.sent, s.ended
}
