package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/semaphore"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The bounds of a request to a broker. A single larger event has a request of its own.
const (
	requestBytes  = 1 << 20
	requestEvents = 4096
)

// Publish puts events into a topic and returns nil after all in-sync replicas have acknowledged all events.
//   - Publish blocks while too many bytes are in flight, at most for Config.PublishTimeout.
//   - Events of one subject keep the order of the call. Concurrent calls share requests.
//
// Errors that Publish returns before any event of the call is sent:
//   - Invalid: the topic is unknown, or an event cannot be encoded.
//   - Exhausted: an event is above MaxBytes.
//
// After other errors, some events of the call may be in the log. The caller MUST publish all events of the call again
// if the data are still to be published:
//   - Unavailable: the log did not acknowledge every event within Config.PublishTimeout.
//   - Cancelled: ctx ended, or the client was closed.
//   - Any kind: the broker refused an event for good, as with Denied for a user without rights. Other events of the call
//     may have been acknowledged.
func (c *Client) Publish(ctx context.Context, topic Topic, evs ...Event) error {
	contract, ok := ContractOf(topic)
	if !ok {
		return errkind.New(errkind.Invalid, "publishing: no topic %q", topic)
	}
	ctx, end := c.tracePublish(ctx, topic, evs)
	err := c.publish(ctx, contract, evs)
	end(err)
	result := "ok"
	if err != nil {
		result = errkind.Of(err).String()
	}
	c.metrics.published.WithLabelValues(string(topic), result).Add(float64(len(evs)))
	return err
}

func (c *Client) publish(ctx context.Context, contract Contract, evs []Event) error {
	now := time.Now()
	msgs := make([]*message, len(evs))
	for i, ev := range evs {
		m, err := encode(contract, c.cfg.Source, now, traceOn(ctx, ev))
		if err != nil {
			return err
		}
		if n := m.size(); n > MaxBytes {
			return errkind.New(errkind.Exhausted, "publishing event %d of %d to %s: %d bytes are more than %d: split the data", i+1, len(evs), contract.Topic, n, MaxBytes)
		}
		m.partition = anyPartition
		msgs[i] = m
	}
	return c.publisher.publish(ctx, contract.Topic, msgs)
}

// anyPartition lets the key choose.
const anyPartition = -1

// publisher holds an outbox per partition and a common budget of bytes for all outboxes.
type publisher struct {
	c      *Client
	budget *semaphore.Weighted
	// balancer is the partitioner of the Java client: a studio's own producer puts an asset into the same partition.
	balancer kafka.Murmur2Balancer

	mu       sync.Mutex
	outboxes map[outboxKey]*outbox
	closed   bool
	wg       sync.WaitGroup
}

type outboxKey struct {
	topic     Topic
	partition int
}

func newPublisher(c *Client) *publisher {
	return &publisher{c: c, budget: semaphore.NewWeighted(c.cfg.InFlightBytes),
		balancer: kafka.Murmur2Balancer{Consistent: true}, outboxes: make(map[outboxKey]*outbox)}
}

// An ack counts down the messages of a call.
type ack struct {
	mu      sync.Mutex
	waiting int
	err     error
	done    chan struct{}
}

func (a *ack) settle(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.err == nil {
		a.err = err
	}
	if a.waiting--; a.waiting == 0 {
		close(a.done)
	}
}

// A pending message waits in an outbox for acknowledgement.
type pending struct {
	*message
	ctx      context.Context
	deadline time.Time
	size     int
	ack      *ack
}

func (p *publisher) publish(ctx context.Context, topic Topic, msgs []*message) error {
	if len(msgs) == 0 {
		return nil
	}
	start := time.Now()
	deadline := start.Add(p.c.cfg.PublishTimeout)
	n, err := p.waitForPartitions(ctx, topic, deadline)
	if err != nil {
		return err
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	a := &ack{waiting: len(msgs), done: make(chan struct{})}
	within, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for i, m := range msgs {
		size := m.size()
		if err := p.budget.Acquire(within, int64(size)); err != nil {
			err = p.gaveUp(ctx, topic, "waiting for room")
			for range msgs[i:] {
				a.settle(err)
			}
			break
		}
		p.c.metrics.inFlight.Add(float64(size))
		if m.partition < 0 || m.partition >= n {
			m.partition = p.balancer.Balance(kafka.Message{Key: m.key}, all...)
		}
		p.put(outboxKey{topic, m.partition}, &pending{message: m, ctx: ctx, deadline: deadline, size: size, ack: a})
	}
	select {
	case <-a.done:
	case <-ctx.Done():
		// The outbox drops unsent messages. Sent messages may still arrive.
		return errkind.New(errkind.Cancelled, "publishing to %s: %w", topic, ctx.Err())
	}
	if a.err == nil {
		p.c.metrics.publishSeconds.WithLabelValues(string(topic)).Observe(time.Since(start).Seconds())
	}
	return a.err
}

func (p *publisher) gaveUp(ctx context.Context, topic Topic, doing string) error {
	if ctx.Err() != nil {
		return errkind.New(errkind.Cancelled, "publishing to %s: %s: %w", topic, doing, ctx.Err())
	}
	return errkind.New(errkind.Unavailable, "publishing to %s: %s for %s", topic, doing, p.c.cfg.PublishTimeout)
}

func (p *publisher) waitForPartitions(ctx context.Context, topic Topic, deadline time.Time) (int, error) {
	within, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	b := newBackoff(maxPublishBackoff)
	for {
		n, err := p.c.partitions(within, p.c.name(topic))
		if err == nil || !errkind.Of(err).Retryable() {
			return n, err
		}
		if !b.sleep(within, nil) {
			if ctx.Err() != nil {
				return 0, errkind.New(errkind.Cancelled, "publishing to %s: %w", topic, ctx.Err())
			}
			return 0, err
		}
	}
}

func (p *publisher) put(k outboxKey, m *pending) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.settle(m, errkind.New(errkind.Cancelled, "publishing to %s: the client is closed", k.topic))
		return
	}
	o := p.outboxes[k]
	if o == nil {
		o = &outbox{p: p, key: k}
		p.outboxes[k] = o
	}
	o.queue = append(o.queue, m)
	if !o.sending {
		o.sending = true
		p.wg.Go(o.send)
	}
	p.mu.Unlock()
}

func (p *publisher) settle(m *pending, err error) {
	p.budget.Release(int64(m.size))
	p.c.metrics.inFlight.Sub(float64(m.size))
	m.ack.settle(err)
}

// close waits until the outboxes are empty. Every accepted message is sent or fails at its deadline.
func (p *publisher) close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wg.Wait()
}

// An outbox sends the messages of a partition with a single request at a time, which keeps the order. The goroutine of
// an outbox lives only while messages wait. The publisher's lock guards the outbox.
type outbox struct {
	p       *publisher
	key     outboxKey
	queue   []*pending
	sending bool
}

func (o *outbox) send() {
	for {
		batch := o.take()
		if batch == nil {
			return
		}
		o.deliver(batch)
	}
}

// take removes the next request's worth of messages, or ends the sending.
func (o *outbox) take() []*pending {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	n, bytes := 0, 0
	for n < len(o.queue) && n < requestEvents && (n == 0 || bytes+o.queue[n].size <= requestBytes) {
		bytes += o.queue[n].size
		n++
	}
	if n == 0 {
		o.sending = false
		o.queue = nil
		return nil
	}
	batch := o.queue[:n:n]
	o.queue = o.queue[n:]
	return batch
}

// deliver sends a batch until the batch is acknowledged, all callers have gone, or the time is up.
func (o *outbox) deliver(batch []*pending) {
	b := newBackoff(maxPublishBackoff)
	var last error
	for {
		batch = o.living(batch, last)
		if len(batch) == 0 {
			return
		}
		err := o.produce(batch)
		if err == nil {
			bytes := 0
			for _, m := range batch {
				bytes += m.size
				o.p.settle(m, nil)
			}
			o.p.c.metrics.publishedBytes.WithLabelValues(string(o.key.topic)).Add(float64(bytes))
			return
		}
		kind := errkind.Of(err)
		if len(batch) > 1 && !kind.Retryable() || len(batch) > 1 && kind == errkind.Exhausted {
			// The broker refuses a message of the batch for good. Each message is sent alone, so only the refused
			// message fails.
			for i := range batch {
				o.deliver(batch[i : i+1])
			}
			return
		}
		if !kind.Retryable() || kind == errkind.Exhausted {
			o.p.settle(batch[0], err)
			return
		}
		last = err
		o.p.c.log.Warn("publishing again", "topic", string(o.key.topic), "partition", o.key.partition, "events", len(batch), "error", err)
		b.sleep(context.Background(), nil)
	}
}

// living drops the messages whose caller has gone or whose time is up.
func (o *outbox) living(batch []*pending, last error) []*pending {
	now := time.Now()
	kept := batch[:0:0]
	for _, m := range batch {
		switch {
		case m.ctx.Err() != nil:
			o.p.settle(m, errkind.New(errkind.Cancelled, "publishing to %s: %w", o.key.topic, m.ctx.Err()))
		case now.After(m.deadline):
			if last == nil {
				last = errors.New("waiting behind others")
			}
			o.p.settle(m, errkind.New(errkind.Unavailable, "publishing to %s for %s: %w", o.key.topic, o.p.c.cfg.PublishTimeout, last))
		default:
			kept = append(kept, m)
		}
	}
	return kept
}

func (o *outbox) produce(batch []*pending) error {
	records := make([]kafka.Record, len(batch))
	for i, m := range batch {
		records[i] = kafka.Record{Time: m.time, Key: kafka.NewBytes(m.key), Value: kafka.NewBytes(m.value), Headers: m.headers}
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	// The time limit of the client tells the broker how long to wait for replicas.
	k := kafka.Client{Addr: o.p.c.kafka.Addr, Transport: o.p.c.transport, Timeout: requestTimeout}
	res, err := k.Produce(ctx, &kafka.ProduceRequest{
		Topic: o.p.c.name(o.key.topic), Partition: o.key.partition,
		RequiredAcks: kafka.RequireAll, Compression: o.p.c.compress,
		Records: kafka.NewRecordReader(records...),
	})
	if err == nil {
		err = res.Error
	}
	return classify(err, "publishing %d events to %s, partition %d", len(batch), o.key.topic, o.key.partition)
}
