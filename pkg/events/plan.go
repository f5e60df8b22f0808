package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Layout says how topics are kept on a cluster.
type Layout struct {
	// Replication is the number of brokers with a copy of each partition. From 3 on, two brokers must have a message
	// before the message is acknowledged.
	Replication int
	// Embedded takes the partitions for a broker inside the process.
	Embedded bool
	// Retention replaces the retention of contracts. Retention MUST NOT be below the contract's LeastRetention.
	Retention map[Topic]time.Duration
}

// A Plan is the difference between a cluster's topics and the topics' contracts.
type Plan struct {
	// Brokers is how many the cluster has.
	Brokers int
	// Missing are the topics to be made.
	Missing []Missing
	// Drift are the differing settings of existing topics.
	Drift []Drift
}

// Missing is a missing topic of the cluster, and the settings for making the topic.
type Missing struct {
	Topic       Topic
	Partitions  int
	Replication int
	Settings    map[string]string
}

// A Drift is a setting of an existing topic that differs from the contract.
type Drift struct {
	Topic   Topic
	Setting string
	Want    string
	Got     string
}

func (d Drift) String() string {
	return fmt.Sprintf("topic %s: %s is %s, and the contract says %s", d.Topic, d.Setting, d.Got, d.Want)
}

// Settings of a topic that are not part of the topic's configuration.
const (
	settingPartitions  = "partitions"
	settingReplication = "replication"
)

// Obstacle says why ApplyTopics keeps a drift, and how an operator can resolve the drift. Obstacle is empty if
// ApplyTopics changes the setting. ApplyTopics adds partitions only if morePartitions is true.
func (d Drift) Obstacle(morePartitions bool) string {
	switch d.Setting {
	case settingReplication:
		return "reassign the partitions (kafka-reassign-partitions, or Cruise Control), which moves all of their data"
	case settingPartitions:
		want, _ := strconv.Atoi(d.Want)
		got, _ := strconv.Atoi(d.Got)
		switch {
		case got > want:
			return "partitions cannot be taken away; more than the contract's do no harm"
		case !morePartitions:
			return "more partitions move assets to others, and events of one asset that are still unread may then be handled side by side: wait until nothing lags, and add them with --more-partitions"
		}
	}
	return ""
}

// settings are the topic's settings on the broker.
func (c Contract) settings(layout Layout) map[string]string {
	s := map[string]string{
		"cleanup.policy":    "delete",
		"retention.ms":      "-1",
		"max.message.bytes": strconv.Itoa(c.maxMessage()),
	}
	if r := c.retention(layout); r > 0 {
		s["retention.ms"] = strconv.FormatInt(r.Milliseconds(), 10)
	}
	if c.Compacted {
		s["cleanup.policy"] = "compact"
	}
	if layout.Replication >= 3 {
		s["min.insync.replicas"] = "2"
	}
	return s
}

// On says how the topic is made on a cluster of this layout.
func (c Contract) On(layout Layout) Missing {
	return Missing{c.Topic, c.partitions(layout), layout.Replication, c.settings(layout)}
}

func (c Contract) retention(layout Layout) time.Duration {
	if r, ok := layout.Retention[c.Topic]; ok {
		return r
	}
	return c.Retention
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

// validate refuses a layout that would lose events or that the cluster cannot hold.
func (l Layout) validate(brokers int) error {
	if l.Replication < 1 {
		return errkind.New(errkind.Invalid, "replication: %d is less than 1", l.Replication)
	}
	if brokers > 0 && l.Replication > brokers {
		return errkind.New(errkind.Invalid, "replication: %d copies of each partition need %d brokers, and the cluster has %d: add brokers, or ask for a replication of %d", l.Replication, l.Replication, brokers, brokers)
	}
	for _, t := range slices.Sorted(maps.Keys(l.Retention)) {
		c, ok := ContractOf(t)
		if !ok {
			return errkind.New(errkind.Invalid, "retention: there is no topic %q", t)
		}
		if err := c.longEnough(l.Retention[t]); err != nil {
			return err
		}
	}
	return nil
}

// longEnough refuses a retention within which events may be lost.
func (c Contract) longEnough(r time.Duration) error {
	if r < 0 {
		return nil // for ever
	}
	if c.Retention < 0 {
		return errkind.New(errkind.Invalid, "retention of %s: %s would lose events that are kept for ever: set the retention to -1", c.Topic, r)
	}
	if r < c.LeastRetention {
		return errkind.New(errkind.Invalid, "retention of %s: after %s the log would remove events that a stopped hop has not read: set the retention to %s or more; the contract says %s", c.Topic, r, c.LeastRetention, c.Retention)
	}
	return nil
}

// PlanTopics compares the cluster's topics with the contracts. PlanTopics changes nothing.
func (c *Client) PlanTopics(ctx context.Context, layout Layout) (Plan, error) {
	if err := layout.validate(0); err != nil {
		return Plan{}, err
	}
	have, brokers, err := c.existing(ctx)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Brokers: brokers}
	if err := layout.validate(brokers); err != nil {
		return p, err
	}
	for _, t := range contracts {
		is, ok := have[c.name(t.Topic)]
		if !ok {
			p.Missing = append(p.Missing, t.On(layout))
			continue
		}
		if want := t.partitions(layout); is.partitions != want {
			p.Drift = append(p.Drift, Drift{t.Topic, settingPartitions, strconv.Itoa(want), strconv.Itoa(is.partitions)})
		}
		if is.replication != layout.Replication {
			p.Drift = append(p.Drift, Drift{t.Topic, settingReplication, strconv.Itoa(layout.Replication), strconv.Itoa(is.replication)})
		}
	}
	settings, err := c.drift(ctx, layout, have)
	p.Drift = append(p.Drift, settings...)
	return p, err
}

// ApplyTopics makes the missing topics of a plan and changes the drifted settings. ApplyTopics returns the remaining
// drift. Drift.Obstacle gives the reason for each.
func (c *Client) ApplyTopics(ctx context.Context, p Plan, morePartitions bool) ([]Drift, error) {
	if err := c.create(ctx, p.Missing); err != nil {
		return nil, err
	}
	var left []Drift
	alter := &kafka.IncrementalAlterConfigsRequest{}
	grow := &kafka.CreatePartitionsRequest{}
	for _, d := range p.Drift {
		switch {
		case d.Obstacle(morePartitions) != "":
			left = append(left, d)
		case d.Setting == settingPartitions:
			n, err := strconv.ParseInt(d.Want, 10, 32)
			if err != nil {
				return nil, err
			}
			grow.Topics = append(grow.Topics, kafka.TopicPartitionsConfig{Name: c.name(d.Topic), Count: int32(n)})
		default:
			alter.Resources = append(alter.Resources, kafka.IncrementalAlterConfigsRequestResource{
				ResourceType: kafka.ResourceTypeTopic, ResourceName: c.name(d.Topic),
				Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: d.Setting, Value: d.Want, ConfigOperation: kafka.ConfigOperationSet}},
			})
		}
	}
	for i := range alter.Resources {
		// A single setting per request: a request may name a topic only once.
		one := &kafka.IncrementalAlterConfigsRequest{Resources: alter.Resources[i : i+1]}
		err := ask(ctx, func(ctx context.Context) error {
			res, err := c.kafka.IncrementalAlterConfigs(ctx, one)
			if err != nil {
				return err
			}
			for _, r := range res.Resources {
				if r.Error != nil {
					return r.Error
				}
			}
			return nil
		})
		if err != nil {
			return nil, classify(err, "changing %s of %s", one.Resources[0].Configs[0].Name, one.Resources[0].ResourceName)
		}
	}
	if len(grow.Topics) > 0 {
		res, err := c.kafka.CreatePartitions(ctx, grow) // not asked again: a second answer would be a refusal
		if err == nil {
			for name, e := range res.Errors {
				if e != nil {
					err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
				}
			}
		}
		if err != nil {
			return nil, classify(err, "adding partitions")
		}
	}
	return left, nil
}

// EnsureTopics makes the missing topics by their contracts. EnsureTopics leaves existing topics unchanged and returns
// their drift, because a change of an existing topic is an operator's decision.
func (c *Client) EnsureTopics(ctx context.Context, layout Layout) ([]Drift, error) {
	p, err := c.PlanTopics(ctx, layout)
	if err != nil {
		return nil, err
	}
	if err := c.create(ctx, p.Missing); err != nil {
		return nil, err
	}
	return p.Drift, nil
}

type existingTopic struct{ partitions, replication int }

func (c *Client) existing(ctx context.Context) (map[string]existingTopic, int, error) {
	have := make(map[string]existingTopic)
	brokers := 0
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.Metadata(ctx, &kafka.MetadataRequest{})
		if err != nil {
			return err
		}
		brokers = len(res.Brokers)
		for _, t := range res.Topics {
			if t.Error == nil && len(t.Partitions) > 0 {
				have[t.Name] = existingTopic{len(t.Partitions), len(t.Partitions[0].Replicas)}
			}
		}
		return nil
	})
	return have, brokers, classify(err, "asking which topics exist")
}

func (c *Client) create(ctx context.Context, missing []Missing) error {
	if len(missing) == 0 {
		return nil
	}
	var topics []kafka.TopicConfig
	for _, m := range missing {
		topic := kafka.TopicConfig{Topic: c.name(m.Topic), NumPartitions: m.Partitions, ReplicationFactor: m.Replication}
		for k, v := range m.Settings {
			topic.ConfigEntries = append(topic.ConfigEntries, kafka.ConfigEntry{ConfigName: k, ConfigValue: v})
		}
		topics = append(topics, topic)
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

// drift compares the settings of existing topics with the contracts.
func (c *Client) drift(ctx context.Context, layout Layout, have map[string]existingTopic) ([]Drift, error) {
	ask := make(map[string][]string)
	for _, t := range contracts {
		if _, ok := have[c.name(t.Topic)]; ok {
			ask[c.name(t.Topic)] = sortedKeys(t.settings(layout))
		}
	}
	got, err := c.settingsOf(ctx, ask)
	if err != nil {
		return nil, err
	}
	var drift []Drift
	for _, t := range contracts {
		is, ok := got[c.name(t.Topic)]
		if !ok {
			continue
		}
		want := t.settings(layout)
		for _, k := range sortedKeys(want) {
			if is[k] != want[k] {
				drift = append(drift, Drift{t.Topic, k, want[k], is[k]})
			}
		}
	}
	return drift, nil
}

// settingsOf asks for settings of topics, by their names in the log.
func (c *Client) settingsOf(ctx context.Context, names map[string][]string) (map[string]map[string]string, error) {
	got := make(map[string]map[string]string)
	if len(names) == 0 {
		return got, nil
	}
	req := &kafka.DescribeConfigsRequest{}
	for _, topic := range slices.Sorted(maps.Keys(names)) {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{
			ResourceType: kafka.ResourceTypeTopic, ResourceName: topic, ConfigNames: names[topic]})
	}
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
	return got, classify(err, "asking for the settings of the topics")
}

// safe refuses a topic whose retention or cleanup policy would remove unread events or permanent events.
func (c *Client) safe(ctx context.Context, topics []Topic) error {
	names := make(map[string][]string)
	for _, t := range topics {
		names[c.name(t)] = []string{"cleanup.policy", "retention.ms"}
	}
	got, err := c.settingsOf(ctx, names)
	if err != nil {
		return err
	}
	for _, t := range topics {
		contract, _ := ContractOf(t)
		policy := got[c.name(t)]["cleanup.policy"]
		if contract.Compacted != strings.Contains(policy, "compact") {
			return errkind.New(errkind.Invalid, "topic %s has cleanup.policy=%s, which loses events that the contract keeps: `cinedex topics apply` mends the topic", c.name(t), policy)
		}
		if !strings.Contains(policy, "delete") {
			continue
		}
		ms, err := strconv.ParseInt(got[c.name(t)]["retention.ms"], 10, 64)
		if err != nil {
			return errkind.New(errkind.Internal, "topic %s: its retention.ms: %w", c.name(t), err)
		}
		const longest = int64(1<<63-1) / int64(time.Millisecond)
		if err := contract.longEnough(time.Duration(min(ms, longest)) * time.Millisecond); err != nil {
			return errkind.New(errkind.Invalid, "%w: `cinedex topics apply` mends the topic", err)
		}
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	return slices.Sorted(maps.Keys(m))
}
