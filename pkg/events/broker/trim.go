package broker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/cinedex/cinedex/pkg/events"
)

const (
	// segmentBytes is the size of the log's files, and so the minimum kept of a partition.
	segmentBytes = 16 << 20
	// keepBytes is how much a partition keeps, within its retention, of records that every group is done with.
	keepBytes = 128 << 20
	trimEvery = time.Hour
)

// A segment is a file of a partition's log.
type segment struct {
	base    int64 // offset of the segment's first record
	bytes   int64
	written time.Time
}

// expired returns the offset before which a partition's log can go. Whole segments go, and never the last segment.
// Every group MUST be done with all records of the segments, and the segments MUST be older than the retention or
// beyond keepBytes. After a kill, kfake forgets the end of an empty partition, so a partition is never emptied.
func expired(segments []segment, done int64, retention time.Duration, now time.Time) int64 {
	total := int64(0)
	for _, s := range segments {
		total += s.bytes
	}
	before := int64(0)
	for i := 0; i+1 < len(segments); i++ {
		next := segments[i+1].base
		if next > done || now.Sub(segments[i].written) < retention && total <= keepBytes {
			break
		}
		total -= segments[i].bytes
		before = next
	}
	return before
}

// segmentsOf lists the files of a partition in order.
func segmentsOf(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		all = append(all, segment{base, info.Size(), info.ModTime()})
	}
	slices.SortFunc(all, func(a, b segment) int { return int(min(max(a.base-b.base, -1), 1)) })
	return all, nil
}

// keepTrimmed trims the log soon after the start, when the groups are known, and every now and then.
func (b *Broker) keepTrimmed(ctx context.Context, log *slog.Logger) {
	t := time.NewTimer(time.Minute)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			if err := b.trim(ctx, now); err != nil && ctx.Err() == nil {
				log.Warn("trimming the log", "error", err)
			}
			t.Reset(trimEvery)
		}
	}
}

// trim removes expired segments from the topics with a retention.
func (b *Broker) trim(ctx context.Context, now time.Time) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(b.addr), kgo.MaxVersions(kversion.V2_8_0())) // before OffsetFetch asked for several groups at once
	if err != nil {
		return err
	}
	defer client.Close()
	done, err := doneByAll(ctx, client)
	if err != nil {
		return fmt.Errorf("asking how far the groups are: %w", err)
	}
	req := kmsg.NewPtrDeleteRecordsRequest()
	for _, c := range events.Contracts() {
		if c.Compacted || c.Retention <= 0 {
			continue
		}
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = string(c.Topic)
		for p := range int32(c.EmbeddedPartitions) {
			name := folder(string(c.Topic), p)
			segments, err := segmentsOf(filepath.Join(b.dir, "partitions", name))
			if err != nil {
				return err
			}
			offset, ok := done[name]
			if !ok {
				continue // no group has read the partition yet
			}
			if before := expired(segments, offset, c.Retention, now); before > 0 {
				part := kmsg.NewDeleteRecordsRequestTopicPartition()
				part.Partition, part.Offset = p, before
				topic.Partitions = append(topic.Partitions, part)
			}
		}
		if len(topic.Partitions) > 0 {
			req.Topics = append(req.Topics, topic)
		}
	}
	if len(req.Topics) == 0 {
		return nil
	}
	res, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("removing records of %s, partition %d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}

// doneByAll returns, for each partition with a committed offset of any group, the least of the offsets.
func doneByAll(ctx context.Context, client *kgo.Client) (map[string]int64, error) {
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, client)
	if err != nil {
		return nil, err
	}
	done := make(map[string]int64)
	for _, g := range groups.Groups {
		req := kmsg.NewPtrOffsetFetchRequest()
		req.Group = g.Group
		res, err := req.RequestWith(ctx, client)
		if err != nil {
			return nil, err
		}
		if err := kerr.ErrorForCode(res.ErrorCode); err != nil {
			return nil, fmt.Errorf("group %s: %w", g.Group, err)
		}
		for _, t := range res.Topics {
			for _, p := range t.Partitions {
				if p.Offset < 0 {
					continue
				}
				name := folder(t.Topic, p.Partition)
				if least, ok := done[name]; !ok || p.Offset < least {
					done[name] = p.Offset
				}
			}
		}
	}
	return done, nil
}
