package fair

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A desk drives a queue by hand, so the order of service is known.
type desk struct {
	q       *Queue
	pending []*ticket
	served  []*ticket // in the order of service, items with a free slot first
}

type ticket struct {
	who  string
	cost float64
	c    *caller
	it   *item
}

func (d *desk) ask(who string, cost float64) *ticket {
	c, it, err := d.q.enter(who, cost)
	if err != nil {
		panic(err)
	}
	t := &ticket{who, cost, c, it}
	if it == nil {
		d.served = append(d.served, t)
	} else {
		d.pending = append(d.pending, t)
	}
	d.look()
	return t
}

// look notes who has been served since.
func (d *desk) look() {
	for i := 0; i < len(d.pending); i++ {
		select {
		case <-d.pending[i].it.granted:
			d.served = append(d.served, d.pending[i])
			d.pending = append(d.pending[:i], d.pending[i+1:]...)
			i--
		default:
		}
	}
}

func (d *desk) end(t *ticket) {
	d.q.release(t.c, t.cost)
	d.look()
}

// TestShares: of callers who always wait, no two differ by more than a single item of each.
func TestShares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		callers := rapid.IntRange(2, 6).Draw(t, "callers")
		d := &desk{q: NewQueue(Config{Slots: slots})}
		most := make([]float64, callers)
		name := func(i int) string { return fmt.Sprint("caller ", i) }
		for i := range callers { // the first items fill the slots, so all later items wait
			for range 60 {
				c := rapid.Float64Range(1, 50).Draw(t, "cost")
				most[i] = max(most[i], c)
				d.ask(name(i), c)
			}
		}
		given := make([]float64, callers)
		for n := 0; n < len(d.served); n++ {
			for i := range callers {
				if d.served[n].who == name(i) {
					given[i] += d.served[n].cost
				}
				if left := remaining(d, name(i)); left == 0 {
					return // from here on somebody does not wait
				}
			}
			if n >= slots-1 { // before, the first caller had the queue alone
				for i := range callers {
					for j := range i {
						if diff := math.Abs(given[i] - given[j]); diff > most[i]+most[j]+float64(slots-1)*most[0] {
							t.Fatalf("after %d items %s was given %.1f, %s %.1f", n+1, name(i), given[i], name(j), given[j])
						}
					}
				}
			}
			d.end(d.served[n])
		}
	})
}

func remaining(d *desk, who string) (n int) {
	for _, t := range d.pending {
		if t.who == who {
			n++
		}
	}
	return n
}

// TestNewcomer: a caller after an absence waits for at most one item of every other caller, however many items the
// others have.
func TestNewcomer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, callers := rapid.IntRange(1, 3).Draw(t, "slots"), rapid.IntRange(1, 5).Draw(t, "callers")
		d := &desk{q: NewQueue(Config{Slots: slots})}
		for range 40 {
			for i := range callers {
				d.ask(fmt.Sprint("hostile ", i), rapid.Float64Range(1, 100).Draw(t, "cost"))
			}
		}
		for n := range rapid.IntRange(0, 20).Draw(t, "served before") {
			d.end(d.served[n])
		}
		before := len(d.served)
		newcomer := d.ask("newcomer", rapid.Float64Range(1, 100).Draw(t, "cost"))
		passed := map[string]int{}
		for n := before - slots; ; n++ {
			d.end(d.served[n])
			last := d.served[len(d.served)-1]
			if last == newcomer {
				break
			}
			if passed[last.who]++; passed[last.who] > 1 {
				t.Fatalf("%s was served %d times before the newcomer", last.who, passed[last.who])
			}
		}
	})
}

// TestThirtyTwoLongLeaves is the attack in small: the next caller does not wait for all the piled-up items of another
// caller.
func TestThirtyTwoLongLeaves(t *testing.T) {
	d := &desk{q: NewQueue(Config{Slots: 2, Quick: 30})}
	for range 32 {
		d.ask("hostile", 100)
	}
	if len(d.served) != 1 {
		t.Fatalf("%d long items hold the slots, want 1 of 2", len(d.served))
	}
	honest := d.ask("honest", 10)
	if got := d.served[len(d.served)-1]; got != honest || honest.it != nil && len(d.served) != 2 {
		t.Fatal("a quick item waits while a slot is free")
	}
	second := d.ask("honest", 10)
	d.end(honest)
	if d.served[len(d.served)-1] != second {
		t.Fatal("the slot of quick items went to a long one")
	}
	d.end(second)
	d.end(d.served[0])
	if len(d.served) != 4 {
		t.Errorf("%d items were served, want the next long one as well: %d", len(d.served), 4)
	}
}

// TestOneSlot: in a queue with a single slot, long items get the slot, too.
func TestOneSlot(t *testing.T) {
	d := &desk{q: NewQueue(Config{Slots: 0, Quick: 1})}
	a, b := d.ask("a", 100), d.ask("a", 100)
	d.end(a)
	if len(d.served) != 2 || d.served[1] != b {
		t.Error("a long item does not get the only slot")
	}
}

// TestEach: a caller never has all slots, however many the caller asks for, and does not delay the turns of other
// callers.
func TestEach(t *testing.T) {
	d := &desk{q: NewQueue(Config{Slots: 4, Each: 3})}
	for range 32 {
		d.ask("hostile", 150)
	}
	if len(d.served) != 3 {
		t.Fatalf("%d slots of 4 are one caller's, want 3", len(d.served))
	}
	honest := d.ask("honest", 150)
	if len(d.served) != 4 || d.served[3] != honest {
		t.Fatal("another caller waits while a slot is free")
	}
	d.end(honest)
	if len(d.served) != 4 {
		t.Error("the slot that the other caller gave back went to the caller who has three")
	}
	d.end(d.served[0])
	if len(d.served) != 5 {
		t.Errorf("%d items were served, want 5: a slot of the hostile caller's own is free", len(d.served))
	}
}

// TestDropped: an item for which no goroutine waits leaves the queue, costs nothing, and lets later items proceed.
func TestDropped(t *testing.T) {
	m := NewMetrics(prometheus.NewRegistry())
	q := NewQueue(Config{Name: "test", Slots: 1, Metrics: m})
	release, err := q.Acquire(t.Context(), "a", 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			if _, err := q.Acquire(ctx, "a", 1000); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that the context ended", err)
			}
		})
	}
	waitFor(t, func() bool { return q.callers["a"] != nil && len(q.callers["a"].items) == 10 }, q)
	start := q.callers["a"].start
	cancel()
	group.Wait()
	waitFor(t, func() bool {
		return len(q.waiting) == 0 && len(q.callers["a"].items) == 0 && q.callers["a"].start == start
	}, q)
	release()
	if release, err = q.Acquire(t.Context(), "b", 1); err != nil {
		t.Fatal(err)
	}
	release()
	if _, err := q.Acquire(ctx, "b", 1); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
	if n := count(t, m.dropped.WithLabelValues("test")); n != 10 {
		t.Errorf("%g items are counted as dropped, want 10", n)
	}
}

func count(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

func waitFor(t *testing.T, holds func() bool, q *Queue) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; runtime.Gosched() {
		q.mu.Lock()
		ok := holds()
		q.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			t.Fatal("waited a minute")
		}
	}
}

func TestTooManyWait(t *testing.T) {
	d := &desk{q: NewQueue(Config{Slots: 1})}
	for range MaxWaiting + 1 {
		d.ask("a", 1)
	}
	_, _, err := d.q.enter("a", 1)
	if after, ok := errkind.RetryAfter(err); !errkind.Is(err, errkind.Exhausted) || !ok || after != time.Second {
		t.Errorf("got %v, want Exhausted and when to come back", err)
	}
	if _, _, err := d.q.enter("b", 1); err != nil {
		t.Errorf("another caller: %v", err)
	}
}

// TestManyGoroutines: whatever comes and goes, at most all slots are taken, and in the end no slot is taken.
func TestManyGoroutines(t *testing.T) {
	q := NewQueue(Config{Slots: 3, Quick: 5})
	var busy, long, most atomic.Int32
	var group sync.WaitGroup
	for g := range 16 {
		group.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithCancel(t.Context())
				if (g+i)%3 == 0 {
					go cancel()
				}
				cost := float64((g + i) % 10)
				if release, err := q.Acquire(ctx, fmt.Sprint(g%5), cost); err == nil {
					if cost > 5 && long.Add(1) > 2 {
						t.Error("long items have every slot")
					}
					if n := busy.Add(1); n > most.Load() {
						most.Store(n)
					}
					runtime.Gosched()
					busy.Add(-1)
					if cost > 5 {
						long.Add(-1)
					}
					release()
				}
				cancel()
			}
		})
	}
	group.Wait()
	if most.Load() > 3 || q.busy != 0 || q.long != 0 || len(q.waiting) != 0 {
		t.Errorf("at most %d at once; in the end %d busy, %d long, %d callers wait", most.Load(), q.busy, q.long, len(q.waiting))
	}
}

func TestCallersAreForgotten(t *testing.T) {
	d := &desk{q: NewQueue(Config{Slots: 1})}
	for i := range 5 * maxCallers {
		d.end(d.ask(fmt.Sprint(i), 1))
	}
	if n := len(d.q.callers); n > maxCallers+1 {
		t.Errorf("%d callers are remembered", n)
	}
}

// BenchmarkAcquire measures a caller who is alone, which is the cost of the queue for every part of a search.
func BenchmarkAcquire(b *testing.B) {
	q := NewQueue(Config{Name: "test", Slots: 2, Quick: 30, Metrics: NewMetrics(prometheus.NewRegistry())})
	b.ReportAllocs()
	for b.Loop() {
		release, err := q.Acquire(b.Context(), "editor", 10)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
