package events

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// A fetcher reads one partition in order from an offset.
type fetcher struct {
	c         *Client
	contract  Contract
	topic     string // its name in the log
	partition int
	next      int64 // offset to read next; kafka.FirstOffset for the earliest
	bytes     int
	log       *slog.Logger
	lost      func(n int64)
	end       int64 // the high watermark, as last seen
}

// fetch returns the next messages: none when nothing came within wait.
func (f *fetcher) fetch(ctx context.Context, wait time.Duration) ([]*message, error) {
	if f.next < 0 {
		first, _, err := f.c.bounds(ctx, f.topic, f.partition)
		if err != nil {
			return nil, err
		}
		f.next = first
	}
	within, cancel := context.WithTimeout(ctx, wait+requestTimeout)
	defer cancel()
	res, err := f.c.kafka.Fetch(within, &kafka.FetchRequest{
		Topic: f.topic, Partition: f.partition, Offset: f.next,
		MinBytes: 1, MaxBytes: int64(f.bytes), MaxWait: wait, IsolationLevel: kafka.ReadCommitted,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return nil, f.relocate(ctx)
	}
	if err != nil {
		return nil, classify(err, "fetching from %s, partition %d", f.contract.Topic, f.partition)
	}
	f.end = res.HighWatermark
	msgs, err := f.read(res.Records)
	if err != nil {
		return nil, classify(err, "reading %s, partition %d, offset %d", f.contract.Topic, f.partition, f.next)
	}
	return msgs, nil
}

func (f *fetcher) read(records kafka.RecordReader) ([]*message, error) {
	var msgs []*message
	for {
		r, err := records.ReadRecord()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		m, err := copyRecord(r)
		if err != nil {
			return nil, err
		}
		if m.offset < f.next {
			continue // a record batch begins before the offset that was asked for
		}
		m.partition = f.partition
		msgs = append(msgs, m)
		f.next = m.offset + 1
	}
	if stream, ok := records.(*protocol.RecordStream); ok && len(msgs) == 0 && len(stream.Records) > 0 {
		// Batches came, but no record at or after the offset: transaction markers, or what
		// compaction left empty. kafka-go does not say where they end, so go step by step.
		f.next++
	}
	return msgs, nil
}

// copyRecord copies a record out of the response's pages, which are used again.
func copyRecord(r *kafka.Record) (*message, error) {
	m := &message{offset: r.Offset, time: r.Time, headers: r.Headers}
	var err error
	if r.Key != nil {
		m.key, err = kafka.ReadAll(r.Key)
		_ = r.Key.Close()
	}
	if r.Value != nil && err == nil {
		m.value, err = kafka.ReadAll(r.Value)
		_ = r.Value.Close()
	}
	return m, err
}

// relocate goes on where the log still has something, and tells what is gone.
func (f *fetcher) relocate(ctx context.Context) error {
	first, end, err := f.c.bounds(ctx, f.topic, f.partition)
	if err != nil {
		return err
	}
	switch {
	case f.next < first:
		f.log.Error("the log removed messages before they were read", "topic", string(f.contract.Topic), "partition", f.partition,
			"offset", f.next, "earliest", first, "lost", first-f.next)
		f.lost(first - f.next)
	case f.next > end:
		f.log.Error("the log is shorter than what was read of it; reading it again", "topic", string(f.contract.Topic), "partition", f.partition,
			"offset", f.next, "end", end)
	default:
		return nil // it has changed in between
	}
	f.next = first
	return nil
}

// bounds returns the earliest offset of a partition and the one that the next message will get.
func (c *Client) bounds(ctx context.Context, topic string, partition int) (first, end int64, err error) {
	all, err := c.offsetsOf(ctx, topic, []int{partition})
	if err != nil {
		return 0, 0, err
	}
	return all[partition].FirstOffset, all[partition].LastOffset, nil
}

func (c *Client) offsetsOf(ctx context.Context, topic string, partitions []int) (map[int]kafka.PartitionOffsets, error) {
	var questions []kafka.OffsetRequest
	for _, p := range partitions {
		questions = append(questions, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	all := make(map[int]kafka.PartitionOffsets, len(partitions))
	err := ask(ctx, func(ctx context.Context) error {
		res, err := c.kafka.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: questions}, IsolationLevel: kafka.ReadCommitted})
		if err != nil {
			return err
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			all[p.Partition] = p
		}
		return nil
	})
	if err != nil {
		return nil, classify(err, "asking for the offsets of %s", topic)
	}
	return all, nil
}
