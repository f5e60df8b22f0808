package sim

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A call waits at the gate until the world lets it through.
type call struct {
	by     *process
	what   string
	writes string // the run whose items the call publishes
	effect func() error
	done   chan error
	// left is set when the caller has stopped waiting. The call may still take effect.
	left bool
}

// A gate holds the waiting calls.
type gate struct {
	mu      sync.Mutex
	waiting []*call
}

// errDead ends the work of a killed process; nobody sees the error.
var errDead = errkind.New(errkind.Unavailable, "the process was killed")

// pass waits until the world has done the call. A caller whose context ends does not know the fate of the call.
func (p *process) pass(ctx context.Context, what string, effect func() error) error {
	return p.wait(ctx, &call{by: p, what: what, effect: effect, done: make(chan error, 1)})
}

func (p *process) wait(ctx context.Context, c *call) error {
	g := p.world.gate
	g.mu.Lock()
	if p.dead {
		g.mu.Unlock()
		return errDead
	}
	g.waiting = append(g.waiting, c)
	g.mu.Unlock()
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		c.left = true
		return ctx.Err()
	}
}

// ready returns the calls that may pass, in an order independent of the scheduler.
func (g *gate) ready() []*call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*call
	for _, c := range g.waiting {
		if !c.by.paused {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *call) int {
		if o := strings.Compare(a.by.name, b.by.name); o != 0 {
			return o
		}
		return strings.Compare(a.what, b.what)
	})
	return out
}

func (g *gate) take(c *call) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(x *call) bool { return x == c })
}

// of returns the calls of a process and removes these calls from the gate.
func (g *gate) of(p *process) []*call {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*call
	g.waiting = slices.DeleteFunc(g.waiting, func(c *call) bool {
		if c.by == p {
			out = append(out, c)
		}
		return c.by == p
	})
	slices.SortStableFunc(out, func(a, b *call) int { return strings.Compare(a.what, b.what) })
	return out
}

// outside runs work with goroutines and clocks of its own outside the world's time, as if on another machine.
type outside struct {
	work chan func()
	done chan struct{}
}

func newOutside() *outside {
	o := &outside{work: make(chan func()), done: make(chan struct{})}
	go func() {
		for f := range o.work {
			f()
			o.done <- struct{}{}
		}
		close(o.done)
	}()
	return o
}

func (o *outside) do(f func()) {
	o.work <- f
	<-o.done
}

func (o *outside) stop() {
	close(o.work)
	<-o.done
}
