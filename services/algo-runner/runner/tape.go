package runner

import (
	"context"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A tape carries the items of an execution to the readers of its group, each reader at the reader's own pace. The tape holds all items that the
// slowest reader has yet to read: an algorithm may not wait for readers, since a reader may wait for frames that come only when the algorithm takes
// frames.
type tape[T any] struct {
	mu      sync.Mutex
	changed chan struct{} // closed when there is more to read
	items   []T
	first   int // how many items were dropped before items[0]
	ended   bool
	err     error
	readers []*reader[T]
}

type reader[T any] struct {
	tape   *tape[T]
	next   int
	done   bool
	waited atomic.Int64 // in nanoseconds
}

func newTape[T any]() *tape[T] { return &tape[T]{changed: make(chan struct{})} }

// reader MUST be called before the first append, for each reader of the whole tape.
func (t *tape[T]) reader() *reader[T] {
	r := &reader[T]{tape: t}
	t.readers = append(t.readers, r)
	return r
}

func (t *tape[T]) append(v T) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.items = append(t.items, v)
	t.trim()
	t.tell()
}

// end says that no more items will come, because of err where err is not nil.
func (t *tape[T]) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended, t.err = true, err
	t.tell()
}

func (t *tape[T]) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// trim drops the items that every reader has read.
func (t *tape[T]) trim() {
	read := t.first + len(t.items)
	for _, r := range t.readers {
		if !r.done {
			read = min(read, r.next)
		}
	}
	const worth = 64 // freeing in steps
	if n := read - t.first; n >= worth || n == len(t.items) {
		t.items = slices.Delete(t.items, 0, n)
		t.first = read
	}
}

// all yields every item from the first on, and waits for unwritten items.
func (r *reader[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer r.close()
		var none T
		for {
			v, ok, err := r.wait(ctx)
			switch {
			case err != nil:
				yield(none, err)
				return
			case !ok:
				return
			case !yield(v, nil):
				return
			}
		}
	}
}

// wait returns the next item; false at the end.
func (r *reader[T]) wait(ctx context.Context) (v T, ok bool, err error) {
	t := r.tape
	for {
		t.mu.Lock()
		if i := r.next - t.first; i < len(t.items) {
			v = t.items[i]
			r.next++
			t.mu.Unlock()
			return v, true, nil
		}
		ended, err, changed := t.ended, t.err, t.changed
		t.mu.Unlock()
		if ended {
			return v, false, err
		}
		begun := time.Now()
		select {
		case <-changed:
			r.waited.Add(int64(time.Since(begun)))
		case <-ctx.Done():
			return v, false, context.Cause(ctx)
		}
	}
}

// close lets the tape forget the items that this reader has not read.
func (r *reader[T]) close() {
	r.tape.mu.Lock()
	defer r.tape.mu.Unlock()
	r.done = true
}
