package events

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Following receives the events of a topic. Its functions are called one at a time, and MUST NOT block.
type Following struct {
	// Event receives each event, in the order of the partition, from the first event in the log on. An undecodable
	// message comes with an error of kind Invalid.
	Event func(Delivery, error)
	// Current is called once, after all events that the topic had when the reading began. For a topic that does not
	// exist, Current is called at once.
	Current func()
}

// Follow reads a whole topic, and then every new event, until ctx ends. Follow joins no group: each process that
// follows a topic receives all events.
//
//   - Follow returns nil when ctx ended.
//   - While the log does not answer, Follow waits and logs the waiting.
//   - Follow waits for a topic that does not exist yet.
//   - Denied: the brokers refuse this user.
func (c *Client) Follow(ctx context.Context, topic Topic, f Following) error {
	contract, ok := ContractOf(topic)
	if !ok {
		return errkind.New(errkind.NotFound, "following: no topic %q", topic)
	}
	var once sync.Once
	current := func() {
		if f.Current != nil {
			once.Do(f.Current)
		}
	}
	n, err := c.followed(ctx, topic, current)
	if n == 0 || err != nil {
		return err
	}
	var mu sync.Mutex
	behind := n
	g, ctx := errgroup.WithContext(ctx)
	for partition := range n {
		g.Go(func() error {
			return c.followPartition(ctx, contract, partition, func(d Delivery, err error) {
				mu.Lock()
				defer mu.Unlock()
				f.Event(d, err)
			}, func() {
				mu.Lock()
				defer mu.Unlock()
				if behind--; behind == 0 {
					current()
				}
			})
		})
	}
	return g.Wait()
}

// followed waits for a topic and returns the number of partitions, or 0 if ctx ended. A topic that does not exist has
// no events, so the reader is current.
func (c *Client) followed(ctx context.Context, topic Topic, current func()) (int, error) {
	told := false
	for b := newBackoff(maxPublishBackoff); ; {
		n, err := c.partitions(ctx, c.name(topic))
		switch {
		case err == nil:
			return n, nil
		case ctx.Err() != nil:
			return 0, nil
		case errkind.Of(err) == errkind.Denied:
			return 0, err
		case errors.Is(err, kafka.UnknownTopicOrPartition):
			current()
		}
		if !told {
			told = true
			c.log.Warn("waiting for a topic to follow", "topic", string(topic), "error", err)
		}
		if !b.sleep(ctx, nil) {
			return 0, nil
		}
	}
}

// followPartition passes on the events of a partition from the first on. Once the events present at the beginning were
// passed on, followPartition says so.
func (c *Client) followPartition(ctx context.Context, contract Contract, partition int, tell func(Delivery, error), current func()) error {
	name := c.name(contract.Topic)
	f := fetcher{c: c, contract: contract, topic: name, partition: partition, next: kafka.FirstOffset, bytes: maxFetch, log: c.log, lost: func(int64) {}}
	end := int64(-1) // not known yet
	wait := func(b backoffs, err error) error {
		if errkind.Of(err) == errkind.Denied {
			return err
		}
		if ctx.Err() == nil {
			c.log.Warn("following a topic again", "topic", string(contract.Topic), "partition", partition, "error", err)
			b.sleep(ctx, nil)
		}
		return nil
	}
	pause := newBackoff(maxHandleBackoff)
	for ctx.Err() == nil {
		if end < 0 {
			_, last, err := c.bounds(ctx, name, partition)
			if err != nil {
				if err := wait(pause, err); err != nil {
					return err
				}
				continue
			}
			end = last
		}
		if current != nil && f.next >= end || current != nil && end == 0 {
			current()
			current = nil
		}
		msgs, err := f.fetch(ctx, followWait)
		if err != nil {
			if err := wait(pause, err); err != nil {
				return err
			}
			continue
		}
		pause = newBackoff(maxHandleBackoff)
		for _, m := range msgs {
			tell(decode(contract, m))
		}
	}
	return nil
}

// followWait is how long a fetch of a followed topic waits at the broker: such topics change rarely.
const followWait = 2 * time.Second
