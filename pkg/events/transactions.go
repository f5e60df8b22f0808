package events

import (
	"cmp"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// An abortedFilter tells which record batches of one fetch belong to aborted transactions. A broker hands these batches out at
// every isolation level: a client that reads what is committed leaves them out by the list of aborted transactions that comes
// with the batches. kafka-go hides that list behind its Client.
//
// The filter MUST be asked about every batch, in the order of the log.
type abortedFilter struct {
	pending []fetch.ResponseTransaction // by first offset
	open    map[int64]openTransaction   // aborted transactions whose marker is not reached yet, by producer
}

// An openTransaction is known by its epoch once its first batch came. A producer with another epoch has begun anew: the embedded
// broker aborts the transactions that a crash cut off without writing markers.
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

// heldFor is how long a transaction may be open before the log tells that events wait for its end. Producers end theirs within seconds; a broker
// ends what was forgotten after the producer's transaction.timeout.ms.
const heldFor = 30 * time.Second

// A heldWatch says when to tell that events wait for the end of a transaction: after heldFor, and every heldFor from then on.
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
