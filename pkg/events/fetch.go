package events

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// A fetcher reads a partition in order from an offset.
type fetcher struct {
	c         *Client
	contract  Contract
	topic     string // the name of the topic in the log
	partition int
	next      int64 // offset to read next; kafka.FirstOffset for the earliest
	bytes     int
	log       *slog.Logger
	lost      func(n int64)
	// passed is the offset after the records skipped at the end of the last fetch, or 0 if the fetch ended with an
	// event.
	passed int64
	// held is the number of records after the start of an open transaction that the fetch has reached. The records
	// arrive when the transaction ends.
	held int64
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
	part, err := f.request(within, wait)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return nil, f.relocate(ctx)
	}
	if err != nil {
		return nil, classify(err, "fetching from %s, partition %d", f.contract.Topic, f.partition)
	}
	msgs, err := f.read(part)
	if err != nil {
		return nil, classify(err, "reading %s, partition %d, offset %d", f.contract.Topic, f.partition, f.next)
	}
	return msgs, nil
}

// request asks the broker. kafka.Client's own Fetch keeps the list of aborted transactions to itself.
func (f *fetcher) request(ctx context.Context, wait time.Duration) (*fetch.ResponsePartition, error) {
	answer, err := f.c.transport.RoundTrip(ctx, f.c.kafka.Addr, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(wait.Milliseconds()), MinBytes: 1, MaxBytes: int32(f.bytes),
		IsolationLevel: int8(kafka.ReadCommitted), SessionID: -1, SessionEpoch: -1,
		Topics: []fetch.RequestTopic{{Topic: f.topic, Partitions: []fetch.RequestPartition{{
			Partition: int32(f.partition), CurrentLeaderEpoch: -1, FetchOffset: f.next, LogStartOffset: -1, PartitionMaxBytes: int32(f.bytes),
		}}}},
	})
	if err != nil {
		return nil, err
	}
	res, ok := answer.(*fetch.Response)
	if !ok || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return nil, errors.New("the broker's answer is about no partition")
	}
	part := &res.Topics[0].Partitions[0]
	if code := cmp.Or(part.ErrorCode, res.ErrorCode); code != 0 {
		return nil, kafka.Error(code)
	}
	return part, nil
}

// read returns the events of an answer. Records of aborted transactions and markers of transactions are passed over.
func (f *fetcher) read(part *fetch.ResponsePartition) ([]*message, error) {
	f.passed, f.held = 0, 0
	stream, ok := part.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		if f.next >= part.LastStableOffset {
			f.held = max(0, part.HighWatermark-part.LastStableOffset)
		}
		return nil, nil
	}
	from := f.next
	var msgs []*message
	filter := newAbortedFilter(part.AbortedTransactions)
	for _, batch := range stream.Records {
		leftOut := filter.leavesOut(batch)
		for {
			r, err := batch.ReadRecord()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			m, err := copyRecord(r, leftOut)
			if err != nil {
				return nil, err
			}
			if m.offset < f.next {
				continue // a record batch begins before the requested offset
			}
			f.next = m.offset + 1
			if leftOut {
				f.passed = f.next
				continue
			}
			m.partition = f.partition
			msgs = append(msgs, m)
			f.passed = 0
		}
	}
	if f.next == from && len(stream.Records) > 0 {
		// Batches came, but no record at or after the offset: compaction left the batches empty. kafka-go does not give
		// the end of such a batch, so the fetcher advances by a single offset.
		f.next++
		f.passed = f.next
	}
	return msgs, nil
}

// copyRecord copies a record out of the response's pages, which kafka-go reuses. Of a record of an aborted transaction,
// copyRecord keeps the offset alone.
func copyRecord(r *kafka.Record, leftOut bool) (*message, error) {
	m := &message{offset: r.Offset, time: r.Time, headers: r.Headers}
	var err error
	if r.Key != nil {
		if !leftOut {
			m.key, err = kafka.ReadAll(r.Key)
		}
		_ = r.Key.Close()
	}
	if r.Value != nil {
		if !leftOut && err == nil {
			m.value, err = kafka.ReadAll(r.Value)
		}
		_ = r.Value.Close()
	}
	return m, err
}

// relocate continues at the first offset still in the log, and reports the missing offsets.
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
		f.log.Error("the log is shorter than the offsets read before; reading the log from its start", "topic", string(f.contract.Topic), "partition", f.partition,
			"offset", f.next, "end", end)
	default:
		return nil // the bounds have changed in between
	}
	f.next = first
	return nil
}

// bounds returns the earliest offset of a partition and the offset of the next message.
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
