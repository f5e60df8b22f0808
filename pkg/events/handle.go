package events

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// handleAll brings a batch to its end: every message is handled or lies in the dead letters. handleAll returns false if
// the work was stopped before the end. Messages done by then are marked.
func (p *partition) handleAll(stop, work context.Context, msgs []*message) bool {
	batch := make([]Delivery, 0, len(msgs))
	p.s.c.metrics.lag.WithLabelValues(p.s.sub.Group, string(p.contract.Topic)).Set(max(0, time.Since(msgs[0].time).Seconds()))
	for _, m := range msgs {
		if m.passed {
			continue
		}
		d, err := decode(p.contract, m)
		if err == nil {
			batch = append(batch, d)
			continue
		}
		// Earlier messages must be done before this message is skipped.
		if !p.handleBatch(stop, work, batch) || !p.bury(work, m, 1, err) {
			return false
		}
		batch = make([]Delivery, 0, len(msgs))
		p.mark(m)
	}
	if !p.handleBatch(stop, work, batch) {
		return false
	}
	if last := msgs[len(msgs)-1]; last.passed {
		p.mark(last)
	}
	return true
}

// mark records a message as done: with all earlier messages, or, where events are handled at once, as soon as all earlier messages are done.
func (p *partition) mark(m *message) {
	if p.window != nil {
		p.window.done(m.offset, p.reach)
		return
	}
	p.reach(m.offset + 1)
}

// reach records all messages before an offset as done.
func (p *partition) reach(next int64) {
	p.offsets.mark(p.s.c.name(p.contract.Topic), p.id, next)
	if told := p.s.sub.Reached; told != nil {
		told(p.contract.Topic, p.id, next)
	}
}

// handleBatch calls the handler until the batch is done. The kind of an error says how to go on.
func (p *partition) handleBatch(stop, work context.Context, batch []Delivery) bool {
	if len(batch) == 0 {
		return true
	}
	last := batch[len(batch)-1]
	b := newBackoff(maxHandleBackoff)
	attempt := 0
	var told time.Time
	for {
		attempt++
		err, ran := p.call(stop, work, batch)
		if !ran {
			return false
		}
		if err == nil {
			p.count(batch, "ok", "")
			p.mark(last.message)
			return true
		}
		if work.Err() != nil {
			return false // stopped: the messages will be delivered again
		}
		kind := errkind.Of(err)
		switch kind {
		case errkind.Unavailable, errkind.Exhausted, errkind.Cancelled:
			// Retryable errors are retried without limit. Cancelled here is a deadline of the handler itself.
			if attempt == 1 || time.Since(told) > time.Minute {
				told = time.Now()
				p.s.log.Warn("handling again", "topic", string(p.contract.Topic), "partition", p.id, "offset", batch[0].Offset,
					"events", len(batch), "attempt", attempt, "kind", kind.String(), "error", err)
			}
		default:
			if len(batch) > 1 {
				return p.handleHalves(stop, work, batch)
			}
			if kind == errkind.Conflict {
				p.s.log.Debug("another worker has done the work", "topic", string(p.contract.Topic), "partition", p.id, "offset", last.Offset, "error", err)
				p.count(batch, "conflict", kind.String())
				p.mark(last.message)
				return true
			}
			if kind.Poison() || attempt >= p.s.sub.Attempts {
				if !p.bury(work, last.message, attempt, err) {
					return false
				}
				p.mark(last.message)
				return true
			}
		}
		p.s.c.metrics.retries.WithLabelValues(p.s.sub.Group, string(p.contract.Topic), kind.String()).Inc()
		if !b.sleep(work, stop.Done()) {
			return false
		}
	}
}

// handleHalves halves a failing batch down to the failing messages. The other messages are still handled many at a
// time: a failing message in every batch does not slow the batch down to the speed of single messages.
func (p *partition) handleHalves(stop, work context.Context, batch []Delivery) bool {
	half := len(batch) / 2
	for _, part := range [][]Delivery{batch[:half:half], batch[half:]} {
		if stop.Err() != nil || !p.handleBatch(stop, work, part) {
			return false
		}
	}
	return true
}

func (p *partition) count(batch []Delivery, result, kind string) {
	p.s.c.metrics.handled.WithLabelValues(p.s.sub.Group, string(p.contract.Topic), result, kind).Add(float64(len(batch)))
}

// call runs the handler as soon as a worker is free. ran is false if the subscription was stopped before.
func (p *partition) call(stop, work context.Context, batch []Delivery) (err error, ran bool) {
	if p.s.slots.Acquire(stop, 1) != nil {
		return nil, false
	}
	defer p.s.slots.Release(1)
	ctx, end := p.s.c.traceHandle(work, p.s.sub.Group, p.contract.Topic, batch)
	start := time.Now()
	err = p.guard(ctx, batch)
	p.s.c.metrics.handleSeconds.WithLabelValues(p.s.sub.Group, string(p.contract.Topic)).Observe(time.Since(start).Seconds())
	end(err)
	return err, true
}

// guard turns a panic of the handler into an error: a bad message must not stop the process.
func (p *partition) guard(ctx context.Context, batch []Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errkind.New(errkind.Internal, "handler panicked: %v", r)
			p.s.log.Error("a handler panicked", "topic", string(p.contract.Topic), "partition", p.id, "offset", batch[0].Offset,
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		}
	}()
	return p.s.handle(ctx, batch)
}

// bury writes a message to the dead letters, and repeats until the log has the message.
func (p *partition) bury(work context.Context, m *message, attempts int, cause error) bool {
	kind := errkind.Of(cause)
	l := Letter{
		Topic: p.contract.Topic, Partition: p.id, Offset: m.offset, Group: p.s.sub.Group,
		Reason: cause.Error(), Kind: kind, Attempts: attempts, Time: time.Now(), message: m,
	}
	b := newBackoff(maxHandleBackoff)
	for {
		err := p.s.c.publisher.publish(work, DeadLetters, []*message{l.encode(p.s.c.cfg.Source)})
		if err == nil {
			break
		}
		if work.Err() != nil {
			return false
		}
		p.s.log.Error("putting a message aside, again", "topic", string(p.contract.Topic), "partition", p.id, "offset", m.offset, "error", errors.Join(err, cause))
		if !b.sleep(work, nil) {
			return false
		}
	}
	p.s.log.Error("put a message aside", "topic", string(p.contract.Topic), "partition", p.id, "offset", m.offset,
		"attempts", attempts, "kind", kind.String(), "error", cause, "dead_letter", l.id())
	p.s.c.metrics.deadLetters.WithLabelValues(p.s.sub.Group, string(p.contract.Topic), kind.String()).Inc()
	p.s.c.metrics.handled.WithLabelValues(p.s.sub.Group, string(p.contract.Topic), "dead", kind.String()).Inc()
	return true
}
