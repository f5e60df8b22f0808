package operating

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

const (
	// sendEvents and sendBytes bound a call of Publish; a kill repeats as much.
	sendEvents = 16
	sendBytes  = 2 << 20
)

// pace lets items through at a rate, in pieces, since a limiter lets at most a second's worth through at once.
type pace struct {
	limit *rate.Limiter
	burst int
}

func newPace(perSecond float64) pace {
	burst := max(1, int(perSecond))
	return pace{limiter(perSecond, burst), burst}
}

func (p pace) wait(ctx context.Context, n int) error {
	if p.limit.Limit() == rate.Inf {
		return nil
	}
	for n > 0 {
		some := min(n, p.burst)
		if err := p.limit.WaitN(ctx, some); err != nil {
			return err
		}
		n -= some
	}
	return nil
}

// lanesOut publishes a replay's events into the backfill's lanes, some at a time, and notes the cursor when they are acknowledged.
type lanesOut struct {
	r     *replay
	w     *jobs.Work
	total int64
	limit pace

	topic  events.Topic
	queue  []events.Event
	again  []events.Delivery
	bytes  int
	items  int
	done   int64
	cursor []byte
}

// add queues an event. done and cursor hold once the event is in the log.
func (o *lanesOut) add(ctx context.Context, topic events.Topic, subject string, data proto.Message, bytes, items int, done int64, cursor []byte) error {
	if err := o.room(ctx, topic, bytes); err != nil {
		return err
	}
	o.queue = append(o.queue, events.Event{Subject: subject, Data: data})
	o.took(topic, bytes, items, done, cursor)
	return nil
}

// addAgain queues an event of the log, byte for byte.
func (o *lanesOut) addAgain(ctx context.Context, topic events.Topic, d events.Delivery, items int, done int64, cursor []byte) error {
	if err := o.room(ctx, topic, d.Bytes); err != nil {
		return err
	}
	o.again = append(o.again, d)
	o.took(topic, d.Bytes, items, done, cursor)
	return nil
}

func (o *lanesOut) room(ctx context.Context, topic events.Topic, bytes int) error {
	n := len(o.queue) + len(o.again)
	if n > 0 && (topic != o.topic || n >= sendEvents || o.bytes+bytes > sendBytes) {
		return o.flush(ctx, o.done, o.cursor)
	}
	return nil
}

func (o *lanesOut) took(topic events.Topic, bytes, items int, done int64, cursor []byte) {
	o.topic, o.bytes, o.items, o.done, o.cursor = topic, o.bytes+bytes, o.items+items, done, cursor
}

// flush publishes the queued events, and then reports the progress.
func (o *lanesOut) flush(ctx context.Context, done int64, cursor []byte) error {
	if err := o.limit.wait(ctx, o.items); err != nil {
		return err
	}
	if err := o.r.keepUp(ctx, aheadEvents); err != nil {
		return err
	}
	if len(o.queue) > 0 {
		if err := o.r.deps.Events.Publish(ctx, o.topic, o.queue...); err != nil {
			return fmt.Errorf("publishing to %s: %w", o.topic, err)
		}
	}
	if len(o.again) > 0 {
		if err := o.r.deps.Events.Republish(ctx, o.topic, o.again...); err != nil {
			return fmt.Errorf("publishing to %s again: %w", o.topic, err)
		}
	}
	o.queue, o.again, o.bytes, o.items = nil, nil, 0, 0
	o.w.Progress(done, max(o.total, done), cursor)
	return nil
}
