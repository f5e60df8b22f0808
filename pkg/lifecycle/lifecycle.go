// Package lifecycle starts the long-running actors of a process, waits for a signal or the first failure, and stops the
// actors in the reverse order. The services' mains and `cinedex up` list their actors. Every actor gets time to drain,
// and every actor stops after all actors that depend on the actor.
//
// Contract:
//
//   - Serve of an Actor blocks until its context ends, drains, and returns nil on a clean stop.
//   - The caller MUST list an actor after the actors on which it depends: the first actor starts first and stops last,
//     so an intake closes before the actors that the intake feeds.
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

// An Actor is a named, long-running part of a process.
type Actor struct {
	Name string
	// Serve blocks until ctx ends, then drains and returns nil. Nil means that the actor has nothing to run: an actor of
	// handlers alone.
	Serve func(ctx context.Context) error
	// Ready says whether the actor can work now. Nil means always.
	Ready func() error
	// Alive says whether the actor can recover. After an error only another process will serve: an orchestrator ends
	// this process. A condition that passes without help, such as an absent server, MUST NOT be an error. Nil means
	// always.
	Alive func() error
}

// StopTimeout bounds how long an actor may drain before the next actor is stopped.
const StopTimeout = 20 * time.Second

// SignalContext returns a context that ends at SIGINT or SIGTERM. The handler is removed then, so a second signal ends
// the process at once.
func SignalContext(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(parent, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

type ended struct {
	i   int
	err error
}

// Run starts the actors in order and blocks. When ctx ends or an actor returns, Run stops all actors in the reverse
// order and gives each actor StopTimeout. Run returns the first error, or nil if every actor stopped cleanly on
// request.
func Run(ctx context.Context, log *slog.Logger, actors ...Actor) error {
	ends := make(chan ended, len(actors))
	cancels := make([]context.CancelFunc, len(actors))
	for i, a := range actors {
		// Each actor has a context of its own, not derived from ctx, so Run decides the order of stopping.
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
			first = fmt.Errorf("running %s: ended without a request to stop", name)
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

// serve turns a panic of an actor into an error, so the other actors are still drained.
func serve(ctx context.Context, a Actor) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if a.Serve == nil {
		<-ctx.Done()
		return nil
	}
	return a.Serve(ctx)
}

// Alive returns the first reason why an actor will not serve again in this process.
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

// Ready returns the first reason why an actor cannot work now.
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
