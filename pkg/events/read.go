package events

import (
	"context"
	"iter"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// ReadAll yields the events present in a topic at the start of the call, in order within each partition, without
// joining a group. An undecodable message is yielded with an Invalid error and does not end the sequence. Every other
// error ends the sequence.
func (c *Client) ReadAll(ctx context.Context, topic Topic) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		contract, ok := ContractOf(topic)
		if !ok {
			yield(Delivery{}, errkind.New(errkind.NotFound, "reading: no topic %q", topic))
			return
		}
		end, err := c.ends(ctx, topic)
		if err != nil {
			yield(Delivery{}, err)
			return
		}
		for m, err := range c.readTo(ctx, topic, end) {
			if err != nil {
				yield(Delivery{}, err)
				return
			}
			if !yield(decode(contract, m)) {
				return
			}
		}
	}
}

// Snapshot returns the last event of every subject of a topic. Removed subjects are absent. Snapshot skips and logs
// undecodable messages.
func (c *Client) Snapshot(ctx context.Context, topic Topic) (map[string]Delivery, error) {
	last := make(map[string]Delivery)
	for d, err := range c.ReadAll(ctx, topic) {
		switch {
		case errkind.Of(err) == errkind.Invalid && err != nil:
			c.log.Warn("passing over a message", "topic", string(topic), "partition", d.Partition, "offset", d.Offset, "error", err)
		case err != nil:
			return nil, err
		case d.Data == nil:
			delete(last, d.Subject)
		default:
			last[d.Subject] = d
		}
	}
	return last, nil
}

// ends returns the end of each partition of a topic.
func (c *Client) ends(ctx context.Context, topic Topic) (map[int]int64, error) {
	n, err := c.partitions(ctx, c.name(topic))
	if err != nil {
		return nil, err
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	offsets, err := c.offsetsOf(ctx, c.name(topic), all)
	if err != nil {
		return nil, err
	}
	end := make(map[int]int64, n)
	for p, o := range offsets {
		end[p] = o.LastOffset
	}
	return end, nil
}

// readTo yields the messages of a topic before the given ends, partition by partition.
func (c *Client) readTo(ctx context.Context, topic Topic, end map[int]int64) iter.Seq2[*message, error] {
	return func(yield func(*message, error) bool) {
		contract, _ := ContractOf(topic)
		for partition := range len(end) {
			first, _, err := c.bounds(ctx, c.name(topic), partition)
			if err != nil {
				yield(nil, err)
				return
			}
			f := fetcher{c: c, contract: contract, topic: c.name(topic), partition: partition, next: first, bytes: maxFetch, log: c.log, lost: func(int64) {}}
			b := newBackoff(maxPublishBackoff)
			for f.next < end[partition] {
				msgs, err := f.fetch(ctx, fetchWait)
				if err != nil {
					// A broker may be starting again: a few attempts are worthwhile.
					if !errkind.Of(err).Retryable() || b.b.NextBackOff() >= maxPublishBackoff/2 || !b.sleep(ctx, nil) {
						yield(nil, err)
						return
					}
					continue
				}
				for _, m := range msgs {
					if m.offset >= end[partition] {
						break
					}
					if !yield(m, nil) {
						return
					}
				}
			}
		}
	}
}

// A Bound is the range of a partition in the log: events from First up to, but without, End.
type Bound struct {
	Partition  int
	First, End int64
}

// Bounds returns the range of each partition of a topic.
func (c *Client) Bounds(ctx context.Context, topic Topic) ([]Bound, error) {
	n, err := c.partitions(ctx, c.name(topic))
	if err != nil {
		return nil, err
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	offsets, err := c.offsetsOf(ctx, c.name(topic), all)
	if err != nil {
		return nil, err
	}
	out := make([]Bound, n)
	for p := range out {
		out[p] = Bound{p, offsets[p].FirstOffset, offsets[p].LastOffset}
	}
	return out, nil
}

// ReadPartition yields the events of a partition with offsets from (inclusive) to (exclusive), without joining a group.
// An undecodable message is yielded with an Invalid error and does not end the sequence. ReadPartition calls lost with
// the number of events that the log removed before ReadPartition read the events.
func (c *Client) ReadPartition(ctx context.Context, topic Topic, partition int, from, to int64, lost func(n int64)) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		contract, ok := ContractOf(topic)
		if !ok {
			yield(Delivery{}, errkind.New(errkind.NotFound, "reading: no topic %q", topic))
			return
		}
		f := fetcher{c: c, contract: contract, topic: c.name(topic), partition: partition, next: from, bytes: maxFetch, log: c.log, lost: lost}
		b := newBackoff(maxPublishBackoff)
		for f.next < to {
			msgs, err := f.fetch(ctx, fetchWait)
			if err != nil {
				if ctx.Err() != nil || b.b.NextBackOff() >= maxPublishBackoff/2 || !b.sleep(ctx, nil) {
					yield(Delivery{}, err)
					return
				}
				continue
			}
			for _, m := range msgs {
				if m.offset >= to {
					return
				}
				d, err := decode(contract, m)
				if err != nil {
					d = Delivery{Topic: topic, Partition: partition, Offset: m.offset, Logged: m.time, message: m}
				}
				if !yield(d, err) {
					return
				}
			}
		}
	}
}

// Republish puts delivered events into a topic of the same type once more: key, value and headers as they were.
func (c *Client) Republish(ctx context.Context, to Topic, ds ...Delivery) error {
	contract, ok := ContractOf(to)
	if !ok {
		return errkind.New(errkind.Invalid, "publishing: no topic %q", to)
	}
	now := time.Now()
	msgs := make([]*message, len(ds))
	for i, d := range ds {
		if d.message == nil || d.Type != contract.Type {
			return errkind.New(errkind.Invalid, "publishing event %d of %d again: type %q is wrong for topic %s; want %q", i+1, len(ds), d.Type, to, contract.Type)
		}
		msgs[i] = &message{partition: anyPartition, time: now, key: d.message.key, value: d.message.value, headers: d.message.headers}
	}
	err := c.publisher.publish(ctx, to, msgs)
	result := "ok"
	if err != nil {
		result = errkind.Of(err).String()
	}
	c.metrics.published.WithLabelValues(string(to), result).Add(float64(len(ds)))
	return err
}
