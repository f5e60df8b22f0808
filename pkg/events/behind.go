package events

import (
	"context"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A TopicLag says how far a hop is behind in a topic.
type TopicLag struct {
	Topic Topic
	// Messages is the number of messages that the hop has not handled.
	Messages int64
	// Oldest is the time at which the log took the oldest unhandled message, or zero if no message waits.
	Oldest time.Time
	// Handled grows with every handled message. Two readings of Handled give the rate.
	Handled int64
}

// Waiting is how many messages are to be handled in all of the partitions.
func Waiting(lags []PartitionLag) (n int64) {
	for _, l := range lags {
		n += l.Lag
	}
	return n
}

// Behind returns how far a hop is behind in each of the hop's topics.
func (c *Client) Behind(ctx context.Context, hop Hop) ([]TopicLag, error) {
	lags, err := c.Lag(ctx, hop.Group, hop.Topics...)
	if err != nil {
		return nil, err
	}
	out := make([]TopicLag, len(hop.Topics))
	for i, t := range hop.Topics {
		out[i].Topic = t
		for _, l := range lags {
			if l.Topic != t {
				continue
			}
			out[i].Messages += l.Lag
			out[i].Handled += l.End - l.Lag
			if l.Lag == 0 {
				continue
			}
			// The first existing message: retention or compaction may have removed earlier messages.
			for d, err := range c.ReadPartition(ctx, t, l.Partition, l.End-l.Lag, l.End, func(int64) {}) {
				if err != nil && !errkind.Is(err, errkind.Invalid) {
					return nil, err
				}
				if out[i].Oldest.IsZero() || d.Logged.Before(out[i].Oldest) {
					out[i].Oldest = d.Logged
				}
				break
			}
		}
	}
	return out, nil
}
