package events

import (
	"context"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A TopicLag is how far a hop is behind in one topic.
type TopicLag struct {
	Topic Topic
	// Messages that are not handled.
	Messages int64
	// Oldest is when the log took the oldest of them; zero where there is none.
	Oldest time.Time
	// Handled grows with what is handled, so that two looks tell the rate.
	Handled int64
}

// Waiting is how many messages are to be handled in all of the partitions.
func Waiting(lags []PartitionLag) (n int64) {
	for _, l := range lags {
		n += l.Lag
	}
	return n
}

// Behind returns how far a hop is behind in each of its topics.
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
			// The first that is there: retention or compaction may have taken those before it.
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
