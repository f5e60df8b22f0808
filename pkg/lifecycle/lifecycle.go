// Package lifecycle starts the long-running parts of a process, waits for a
// signal or the first failure, and stops them in the reverse order.
//
// Each service is an Actor: Serve blocks until its context ends, drains, and
// returns nil on a clean stop. Mains and `cinedex up` list their actors in the
// order in which data flows out of them being needed: what others depend on comes
// first and stops last, so that an intake closes before what it feeds.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// An Actor is one named, long-running part of a process.
type Actor struct {
	Name string
	// Serve blocks until ctx ends, then drains and returns nil.
	Serve func(ctx context.Context) error
	// Ready says whether the actor can do its work now; nil means always.
	Ready func() error
	// Alive says whether the actor can come back by itself. An error means that only another process will serve: an
	// orchestrator ends this one. What passes by itself, as a server that is away, MUST NOT be an error. nil means always.
	Alive func() error
}

// StopTimeout bounds how long one actor may drain before the next is stopped.
const StopTimeout = 20 * time.Second

// SignalContext returns a context that ends at SIGINT or SIGTERM. A second
// signal ends the process at once, since the handler is given back.
func SignalContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

type ended struct {
	i   int
	err error
}

// Run starts the actors in order and blocks. When ctx ends, or any of them
// returns, all are stopped in the reverse order, each given StopTimeout.
// It returns the first error, or nil where every actor stopped cleanly because it was asked to.
func Run(ctx context.Context, log *slog.Logger, actors ...Actor) error {
	ends := make(chan ended, len(actors))
	cancels := make([]context.CancelFunc, len(actors))
	for i, a := range actors {
		// Each has its own context, not derived from ctx, so that the order of stopping is ours.
		actx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancels[i] = cancel
		go func() { ends <- ended{i, serve(actx, a)} }()
	}
	done := make([]bool, len(actors))
	var first error
	note := func(e ended, asked bool) {
		done[e.i] = true
		switch name := actors[e.i].Name; {
		case e.err != nil && !errors.Is(e.err, context.Canceled):
			log.Error("part of the process failed", "part", name, "error", e.err)
			if first == nil {
				first = fmt.Errorf("running %s: %w", name, e.err)
			}
		case !asked && first == nil:
			first = fmt.Errorf("running %s: it ended without being asked to", name)
		}
	}
	select {
	case <-ctx.Done():
		log.Info("stopping", "cause", context.Cause(ctx))
	case e := <-ends:
		note(e, false)
	}
	for i := len(actors) - 1; i >= 0; i-- {
		cancels[i]()
		deadline := time.After(StopTimeout)
		for !done[i] {
			select {
			case e := <-ends:
				note(e, true)
			case <-deadline:
				done[i] = true
				if first == nil {
					first = fmt.Errorf("stopping %s: not drained within %s", actors[i].Name, StopTimeout)
				}
			}
		}
	}
	return first
}

// serve turns a panic of an actor into its error, so that the others are still drained.
func serve(ctx context.Context, a Actor) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return a.Serve(ctx)
}

// Alive returns the first reason why one of the actors will not serve again in this process.
func Alive(actors ...Actor) error {
	for _, a := range actors {
		if a.Alive == nil {
			continue
		}
		if err := a.Alive(); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return nil
}

// Ready returns the first reason why one of the actors cannot work now.
func Ready(actors ...Actor) error {
	for _, a := range actors {
		if a.Ready == nil {
			continue
		}
		if err := a.Ready(); err != nil {
			return fmt.Errorf("%s: %w", a.Name, err)
		}
	}
	return nil
}
