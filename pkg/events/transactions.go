package events

import (
	"cmp"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// An abortedFilter tells which record batches of a fetch belong to aborted transactions. A broker returns these batches
// at every isolation level. A client that reads committed records leaves out these batches by the list of aborted
// transactions in the response. kafka-go hides the list behind its Client.
//
// The caller MUST ask the filter about every batch, in the order of the log.
type abortedFilter struct {
	pending []fetch.ResponseTransaction // by first offset
	open    map[int64]openTransaction   // aborted transactions whose marker is not reached yet, by producer
}

// An openTransaction takes its epoch from its first batch. A producer with another epoch has begun anew: the embedded
// broker aborts the transactions cut off by a crash, without markers.
type openTransaction struct {
	epoch int16
	known bool
}

func newAbortedFilter(aborted []fetch.ResponseTransaction) *abortedFilter {
	pending := slices.Clone(aborted)
	slices.SortFunc(pending, func(a, b fetch.ResponseTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	return &abortedFilter{pending: pending, open: make(map[int64]openTransaction)}
}

// leavesOut tells whether the records of a batch are no events: they were aborted, or are markers of transactions.
func (f *abortedFilter) leavesOut(batch protocol.RecordReader) bool {
	switch b := batch.(type) {
	case *protocol.ControlBatch:
		f.reach(b.BaseOffset)
		delete(f.open, b.ProducerID)
		return true
	case *protocol.RecordBatch:
		f.reach(b.BaseOffset)
		t, ok := f.open[b.ProducerID]
		if !ok || !b.Attributes.Transactional() {
			return false
		}
		if t.known && t.epoch != b.ProducerEpoch {
			delete(f.open, b.ProducerID)
			return false
		}
		f.open[b.ProducerID] = openTransaction{b.ProducerEpoch, true}
		return true
	}
	return false
}

// reach opens the aborted transactions that begin at or before the offset.
func (f *abortedFilter) reach(offset int64) {
	for len(f.pending) > 0 && f.pending[0].FirstOffset <= offset {
		f.open[f.pending[0].ProducerID] = openTransaction{}
		f.pending = f.pending[1:]
	}
}

// heldFor is how long a transaction may be open before a log line says that events wait for its end. Producers end
// transactions within seconds. A broker ends a forgotten transaction after the producer's transaction.timeout.ms.
const heldFor = 30 * time.Second

// A heldWatch says when to log that events wait for the end of a transaction: after heldFor, and then every heldFor.
type heldWatch struct{ since time.Time }

func (w *heldWatch) due(now time.Time, held int64) bool {
	switch {
	case held == 0:
		w.since = time.Time{}
	case w.since.IsZero():
		w.since = now
	case now.Sub(w.since) >= heldFor:
		w.since = now
		return true
	}
	return false
}
