package fair

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxWaiting bounds the items of a caller in a queue. A request with the most leaves has an eighth of MaxWaiting items.
const MaxWaiting = 2048

// Config is set by the owner of a queue.
type Config struct {
	// Name is how metrics call the queue.
	Name string
	// Slots is how many items are served at once; below 1 means 1.
	Slots int
	// Quick is the cost up to which an item may take the last of several slots; 0 lets every item take the last slot.
	Quick float64
	// Each bounds the slots of a caller at the same time; 0 is no bound.
	Each int
	// Metrics may be nil.
	Metrics *Metrics
}

// A Queue hands out slots. A Queue is safe for concurrent use and starts no goroutine.
type Queue struct {
	cfg Config

	mu      sync.Mutex
	busy    int     // taken slots
	long    int     // slots taken by items above Quick
	now     float64 // virtual time: the start of the last served item
	seen    uint64  // all items so far
	callers map[string]*caller
	waiting map[*caller]struct{} // callers with items
}

// The caller with the earliest next start gets the next slot.
type caller struct {
	start float64 // virtual time at which the next item starts, unless the queue is already beyond start
	items []*item // waiting items, in the order of arrival
	held  int     // slots
}

type item struct {
	cost    float64
	number  uint64
	granted chan struct{} // closed when the item has a slot
}

func NewQueue(cfg Config) *Queue {
	cfg.Slots = max(1, cfg.Slots)
	return &Queue{cfg: cfg, callers: map[string]*caller{}, waiting: map[*caller]struct{}{}}
}

// Acquire waits for a slot for an item of who, the name of a caller, and returns the function for giving the slot back.
//
//   - The caller MUST call release exactly once, when the work is done. A second call would free the slot of another
//     item.
//   - cost MUST NOT be negative. All items of a queue MUST use the same unit of cost.
//   - After an error, release is nil, and the item has no slot.
//
// Errors:
//   - Cancelled: the context ended first. The error wraps the error of the context.
//   - Exhausted, with the time after which to try again: MaxWaiting items of the same caller wait already.
func (q *Queue) Acquire(ctx context.Context, who string, cost float64) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, it, err := q.enter(who, cost)
	if err != nil {
		q.cfg.Metrics.refuse("waiting")
		return nil, err
	}
	release = func() { q.release(c, cost) }
	if it == nil {
		q.cfg.Metrics.waited(q.cfg.Name, 0)
		return release, nil
	}
	began := time.Now()
	select {
	case <-it.granted:
		q.cfg.Metrics.waited(q.cfg.Name, time.Since(began))
		return release, nil
	case <-ctx.Done():
		q.leave(c, it)
		q.cfg.Metrics.drop(q.cfg.Name)
		return nil, fmt.Errorf("waiting for a free slot: %w", ctx.Err())
	}
}

// enter gives an item a slot and returns no item, or puts the item into its caller's queue.
func (q *Queue) enter(who string, cost float64) (*caller, *item, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.callerOf(who)
	if len(q.waiting) == 0 && q.fits(c, cost) {
		q.serve(c, cost)
		return c, nil, nil
	}
	if len(c.items) >= MaxWaiting {
		return nil, nil, errkind.WithRetryAfter(time.Second, errkind.New(errkind.Exhausted,
			"%d parts of your searches wait already; ask for less at once, or again in a second", MaxWaiting))
	}
	it := &item{cost: cost, number: q.seen, granted: make(chan struct{})}
	q.seen++
	c.items = append(c.items, it)
	q.waiting[c] = struct{}{}
	q.dispatch() // the item may overtake items barred from the last slot
	return c, it, nil
}

// fits reports whether an item may be served now, if its turn has come.
func (q *Queue) fits(c *caller, cost float64) bool {
	if q.cfg.Each > 0 && c.held >= q.cfg.Each {
		return false
	}
	if q.isLong(cost) && q.long >= max(1, q.cfg.Slots-1) {
		return false
	}
	return q.busy < q.cfg.Slots
}

func (q *Queue) isLong(cost float64) bool { return q.cfg.Quick > 0 && cost > q.cfg.Quick }

// serve gives a slot to the next item of a caller.
func (q *Queue) serve(c *caller, cost float64) {
	q.busy++
	c.held++
	if q.isLong(cost) {
		q.long++
	}
	q.now = max(q.now, c.start)
	c.start = q.now + cost
}

// dispatch serves items until no slot is free or no item fits.
func (q *Queue) dispatch() {
	for q.busy < q.cfg.Slots {
		c := q.first()
		if c == nil {
			return
		}
		it := c.items[0]
		c.items[0] = nil
		if c.items = c.items[1:]; len(c.items) == 0 {
			delete(q.waiting, c)
		}
		q.serve(c, it.cost)
		close(it.granted)
	}
}

// first returns the caller whose turn has come, among callers whose next item fits. Waiting callers are few: at most as
// many as tokens.
func (q *Queue) first() (best *caller) {
	for c := range q.waiting {
		if !q.fits(c, c.items[0].cost) {
			continue
		}
		if best == nil || q.before(c, best) {
			best = c
		}
	}
	return best
}

func (q *Queue) before(a, b *caller) bool {
	// A caller whose start has passed starts now: the time without items gives no credit. A caller with a later start got
	// more service than the others, and waits until the others have caught up.
	if x, y := max(a.start, q.now), max(b.start, q.now); x != y {
		return x < y
	}
	return a.items[0].number < b.items[0].number
}

func (q *Queue) release(c *caller, cost float64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	c.held--
	if q.isLong(cost) {
		q.long--
	}
	q.dispatch()
}

// leave removes an item for which no goroutine waits.
func (q *Queue) leave(c *caller, it *item) {
	q.mu.Lock()
	for i, other := range c.items {
		if other == it {
			if c.items = append(c.items[:i], c.items[i+1:]...); len(c.items) == 0 {
				delete(q.waiting, c)
			}
			q.dispatch() // the next item may fit where this item did not
			q.mu.Unlock()
			return
		}
	}
	q.mu.Unlock()
	q.release(c, it.cost) // the slot came as the context ended
}

// maxCallers is how many callers are remembered, with their recent service, before callers who do not wait are
// forgotten.
const maxCallers = 1024

func (q *Queue) callerOf(who string) *caller {
	c := q.callers[who]
	if c != nil {
		return c
	}
	if len(q.callers) >= maxCallers {
		for name, c := range q.callers {
			if len(c.items) == 0 && c.held == 0 {
				delete(q.callers, name)
			}
		}
	}
	c = &caller{}
	q.callers[who] = c
	return c
}
