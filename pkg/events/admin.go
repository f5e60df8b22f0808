package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// Layout says how topics are made on a cluster.
type Layout struct {
	// Replication is how many brokers keep each partition. From 3 on, two of them must have a message before it is acknowledged.
	Replication int
	// Embedded takes the partitions for a broker inside the process.
	Embedded bool
}

// A Drift is a setting of an existing topic that is not as its contract says.
type Drift struct {
	Topic   Topic
	Setting string
	Want    string
	Got     string
}

func (d Drift) String() string {
	return fmt.Sprintf("topic %s: %s is %s, and its contract says %s", d.Topic, d.Setting, d.Got, d.Want)
}

// settings are the topic's settings on the broker.
func (c Contract) settings(layout Layout) map[string]string {
	s := map[string]string{
		"cleanup.policy":    "delete",
		"retention.ms":      "-1",
		"max.message.bytes": strconv.Itoa(c.maxMessage()),
	}
	if c.Retention > 0 {
		s["retention.ms"] = strconv.FormatInt(c.Retention.Milliseconds(), 10)
	}
	if c.Compacted {
		s["cleanup.policy"] = "compact"
	}
	if layout.Replication >= 3 {
		s["min.insync.replicas"] = "2"
	}
	return s
}

// requestOverhead is the framing of a record batch, generously.
const requestOverhead = 16 << 10

// maxMessage is the largest record batch of the topic.
func (c Contract) maxMessage() int {
	if c.Topic == DeadLetters {
		return MaxBytes + requestOverhead + deadLetterRoom
	}
	return MaxBytes + requestOverhead
}

func (c Contract) partitions(layout Layout) int {
	if layout.Embedded {
		return c.EmbeddedPartitions
	}
	return c.Partitions
}

// EnsureTopics makes the topics that are missing, as their contracts say. Topics that
// exist are left as they are; what differs is returned, since changing it is an operator's decision.
func (c *Client) EnsureTopics(ctx context.Context, layout Layout) ([]Drift, error) {
	if layout.Replication < 1 {
		layout.Replication = 1
	}
	have, err := c.existing(ctx)
	if err != nil {
		return nil, err
	}
	var missing []kafka.TopicConfig
	var drift []Drift
	for _, t := range contracts {
		name := c.name(t.Topic)
		if n, ok := have[name]; ok {
			if want := t.partitions(layout); n != want {
				drift = append(drift, Drift{t.Topic, "partitions", strconv.Itoa(want), strconv.Itoa(n)})
			}
			continue
		}
		topic := kafka.TopicConfig{Topic: name, NumPartitions: t.partitions(layout), ReplicationFactor: layout.Replication}
		for k, v := range t.settings(layout) {
			topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
		}
		missing = append(missing, topic)
	}
	if err := c.create(ctx, missing); err != nil {
		return nil, err
	}
	more, err := c.drift(ctx, layout, have)
	return append(drift, more...), err
}

func (c *Client) existing(ctx context.Context) (map[string]int, error) {
	have := make(map[string]int)
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{})
		if err != nil {
			return err
		}
		for _, t := range res.Topics {
			if t.Error == nil {
				have[t.Name] = len(t.Partitions)
			}
		}
		return nil
	})
	return have, classify(err, "asking which topics exist")
}

func (c *Client) create(ctx context.Context, topics []kafka.TopicConfig) error {
	if len(topics) == 0 {
		return nil
	}
	return classify(ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: topics})
		if err != nil {
			return err
		}
		for name, err := range res.Errors {
			// Another process may have been quicker.
			if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	}), "creating topics")
}

// drift compares the settings of topics that existed before.
func (c *Client) drift(ctx context.Context, layout Layout, have map[string]int) ([]Drift, error) {
	req := &kafka.DescribeConfigsRequest{}
	for _, t := range contracts {
		if _, ok := have[c.name(t.Topic)]; !ok {
			continue
		}
		var names []string
		for k := range t.settings(layout) {
			names = append(names, k)
		}
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: c.name(t.Topic), ConfigNames: names})
	}
	if len(req.Resources) == 0 {
		return nil, nil
	}
	got := make(map[string]map[string]string)
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.DescribeConfigs(ctx, req)
		if err != nil {
			return err
		}
		for _, r := range res.Resources {
			if r.Error != nil {
				return fmt.Errorf("%s: %w", r.ResourceName, r.Error)
			}
			got[r.ResourceName] = make(map[string]string)
			for _, e := range r.ConfigEntries {
				got[r.ResourceName][e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	if err != nil {
		return nil, classify(err, "asking for the settings of the topics")
	}
	var drift []Drift
	for _, t := range contracts {
		is, ok := got[c.name(t.Topic)]
		if !ok {
			continue
		}
		for _, k := range sortedKeys(t.settings(layout)) {
			if want := t.settings(layout)[k]; is[k] != want {
				drift = append(drift, Drift{t.Topic, k, want, is[k]})
			}
		}
	}
	return drift, nil
}

// A PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Topic     Topic
	Partition int
	// Committed is the offset that the group would go on from; -1 where it has committed none.
	Committed int64
	// End is the offset that the next message will get.
	End int64
	// Lag is how many messages are to be handled.
	Lag int64
}

// Lag returns how far a group is behind in each partition of its topics.
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

func (c *Client) committed(ctx context.Context, group, topic string, partitions []int) (map[int]int64, error) {
	committed := make(map[int]int64)
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: c.cfg.Prefix + group, Topics: map[string][]int{topic: partitions}})
		if err == nil {
			err = res.Error
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

func sortedKeys(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}
