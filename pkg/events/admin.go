package events

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
)

// A PartitionLag says how far a group is behind in a partition.
type PartitionLag struct {
	Topic     Topic
	Partition int
	// Committed is the offset at which the group continues, or -1 if the group has committed no offset.
	Committed int64
	// End is the offset of the next message.
	End int64
	// Lag is how many messages are to be handled.
	Lag int64
}

// Lag returns how far a group is behind in each partition of the topics.
func (c *Client) Lag(ctx context.Context, group string, topics ...Topic) ([]PartitionLag, error) {
	var all []PartitionLag
	for _, t := range topics {
		name := c.name(t)
		n, err := c.partitions(ctx, name)
		if err != nil {
			return nil, err
		}
		ids := make([]int, n)
		for i := range ids {
			ids[i] = i
		}
		bounds, err := c.offsetsOf(ctx, name, ids)
		if err != nil {
			return nil, err
		}
		committed, err := c.committed(ctx, group, name, ids)
		if err != nil {
			return nil, err
		}
		for _, p := range ids {
			from, ok := committed[p]
			if !ok {
				from = -1
			}
			all = append(all, PartitionLag{Topic: t, Partition: p, Committed: from, End: bounds[p].LastOffset,
				Lag: bounds[p].LastOffset - max(from, bounds[p].FirstOffset)})
		}
	}
	return all, nil
}

// Rewind makes a group begin again at the oldest event of the topics. The group MUST have no member.
func (c *Client) Rewind(ctx context.Context, group string, topics ...Topic) error {
	offsets := map[string][]kafka.OffsetCommit{}
	for _, t := range topics {
		name := c.name(t)
		n, err := c.partitions(ctx, name)
		if err != nil {
			return err
		}
		ids := make([]int, n)
		for i := range ids {
			ids[i] = i
		}
		bounds, err := c.offsetsOf(ctx, name, ids)
		if err != nil {
			return err
		}
		for _, p := range ids {
			offsets[name] = append(offsets[name], kafka.OffsetCommit{Partition: p, Offset: bounds[p].FirstOffset})
		}
	}
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.OffsetCommit(ctx, &kafka.OffsetCommitRequest{GroupID: c.cfg.Prefix + group, GenerationID: -1, Topics: offsets})
		if err != nil {
			return err
		}
		for _, parts := range res.Topics {
			for _, p := range parts {
				if p.Error != nil {
					return p.Error
				}
			}
		}
		return nil
	})
	if err != nil {
		return classify(err, "rewinding group %s", group)
	}
	return nil
}

func (c *Client) committed(ctx context.Context, group, topic string, partitions []int) (map[int]int64, error) {
	committed := make(map[int]int64)
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: c.cfg.Prefix + group, Topics: map[string][]int{topic: partitions}})
		if err == nil {
			err = res.Error
		}
		if errors.Is(err, kafka.GroupIdNotFound) {
			return nil // no member has joined yet, so the group has committed nothing
		}
		if err != nil {
			return err
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			if p.CommittedOffset >= 0 {
				committed[p.Partition] = p.CommittedOffset
			}
		}
		return nil
	})
	if err != nil {
		return nil, classify(err, "asking for the offsets of group %s in %s", group, topic)
	}
	return committed, nil
}
