package events

import (
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// batch is a record batch of a producer, as kafka-go decodes record batches.
func batch(producer int64, epoch int16, base int64, records ...string) *protocol.RecordBatch {
	var all []protocol.Record
	for i, r := range records {
		all = append(all, protocol.Record{Offset: base + int64(i), Value: kafka.NewBytes([]byte(r))})
	}
	return &protocol.RecordBatch{Attributes: protocol.Transactional, BaseOffset: base, ProducerID: producer, ProducerEpoch: epoch, Records: protocol.NewRecordReader(all...)}
}

func marker(producer int64, offset int64) *protocol.ControlBatch {
	return &protocol.ControlBatch{Attributes: protocol.Transactional | protocol.Control, BaseOffset: offset, ProducerID: producer,
		Records: protocol.NewRecordReader(protocol.Record{Offset: offset, Key: kafka.NewBytes([]byte{0, 0, 0, 0})})}
}

// Aborted records are left out as Kafka's own client leaves them out (Fetch, aborted_transactions), whatever order the
// broker lists the transactions in.
func TestReadLeavesOutAborted(t *testing.T) {
	plain := func() *protocol.RecordBatch {
		b := batch(-1, -1, 5, "plain")
		b.Attributes = 0
		return b
	}
	for _, test := range []struct {
		name    string
		from    int64
		batches []protocol.RecordReader
		aborted []fetch.ResponseTransaction
		want    []string
		next    int64
		passed  int64
	}{
		{"committed", 0, []protocol.RecordReader{batch(1, 0, 0, "a", "b"), marker(1, 2)}, nil, []string{"a", "b"}, 3, 3},
		{"aborted", 0, []protocol.RecordReader{batch(1, 0, 0, "a"), batch(1, 0, 1, "b"), marker(1, 2)}, []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 0}}, nil, 3, 3},
		{"aborted, then committed", 0, []protocol.RecordReader{batch(1, 0, 0, "a"), marker(1, 1), batch(1, 0, 2, "b"), marker(1, 3), plain()},
			[]fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 0}}, []string{"b", "plain"}, 6, 0},
		{"two in turns, listed in the order of their ends", 0, []protocol.RecordReader{batch(1, 0, 0, "a"), batch(2, 0, 1, "b"), marker(2, 2), batch(1, 0, 3, "c"), marker(1, 4), plain()},
			[]fetch.ResponseTransaction{{ProducerID: 2, FirstOffset: 1}, {ProducerID: 1, FirstOffset: 0}}, []string{"plain"}, 6, 0},
		{"begun in its middle", 1, []protocol.RecordReader{batch(1, 0, 0, "a", "b"), marker(1, 2)}, []fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 0}}, nil, 3, 3},
		{"without a marker, then another epoch", 0, []protocol.RecordReader{batch(1, 0, 0, "a"), batch(1, 1, 1, "b"), marker(1, 2)},
			[]fetch.ResponseTransaction{{ProducerID: 1, FirstOffset: 0}}, []string{"b"}, 3, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fetcher{next: test.from}
			part := &fetch.ResponsePartition{AbortedTransactions: test.aborted, RecordSet: protocol.RecordSet{Records: &protocol.RecordStream{Records: test.batches}}}
			msgs, err := f.read(part)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range msgs {
				got = append(got, string(m.value))
			}
			if !slices.Equal(got, test.want) || f.next != test.next || f.passed != test.passed {
				t.Errorf("read %q, next %d, passed %d; want %q, %d, %d", got, f.next, f.passed, test.want, test.next, test.passed)
			}
		})
	}
}

// Events waiting for the end of a transaction are logged after a while.
func TestHeldByATransaction(t *testing.T) {
	f := fetcher{next: 5}
	if _, err := f.read(&fetch.ResponsePartition{LastStableOffset: 5, HighWatermark: 9}); err != nil || f.held != 4 {
		t.Errorf("%d held, %v; want 4", f.held, err)
	}
	if _, err := f.read(&fetch.ResponsePartition{LastStableOffset: 5, HighWatermark: 5}); err != nil || f.held != 0 {
		t.Errorf("%d held, %v; want none", f.held, err)
	}
	var w heldWatch
	now := time.Unix(1000, 0)
	for i, step := range []struct {
		after time.Duration
		held  int64
		want  bool
	}{{0, 4, false}, {heldFor - 1, 4, false}, {1, 4, true}, {1, 4, false}, {heldFor, 0, false}, {0, 4, false}, {heldFor - 1, 4, false}} {
		now = now.Add(step.after)
		if got := w.due(now, step.held); got != step.want {
			t.Errorf("step %d: %t", i, got)
		}
	}
}
