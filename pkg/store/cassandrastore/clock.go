package cassandrastore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A stamp is the timestamp of a cell in Cassandra. The cell with the greater timestamp wins, and a deletion covers cells up to its
// timestamp. A stamp has the epoch of the execution in its high bits and the time in its low bits:
//
//	0 | epoch, 17 bits | units of 16 µs since 2025, 46 bits: until 2060
//
// So the rows of a higher epoch win, whatever the writers' clocks, and whichever write arrives first. A deletion of an execution's rows
// never covers rows of a later execution. Time decides only within an epoch, where an ordinal has a single content: time decides whether
// a deletion came before the row.
type stamps struct {
	now func() time.Time
	// last is the greatest time handed out. Within a process, a later stamp is greater.
	last atomic.Int64
}

const (
	stampBits = 46
	maxEpoch  = 1<<(63-stampBits) - 1
)

var stampsBegin = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// stamp returns a timestamp above all earlier timestamps of the epoch.
func (s *stamps) stamp(epoch int64) int64 {
	now := s.now().Sub(stampsBegin).Microseconds() >> 4
	for {
		last := s.last.Load()
		next := max(now, last+1)
		if s.last.CompareAndSwap(last, next) {
			return epoch<<stampBits | next
		}
	}
}

// A skew is how far this machine's clock is behind the cluster's.
type skew struct {
	wall   func() time.Time
	most   time.Duration
	mu     sync.Mutex
	behind time.Duration
}

// now is the cluster's time by this process's measurement.
func (s *skew) now() time.Time {
	return s.wall().Add(s.offset())
}

// offset is how far this machine's clock was behind at the last measurement.
func (s *skew) offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind
}

// measure asks a node for the time. Half of the round trip is uncertain, and does not count against the clock.
func (s *skew) measure(ctx context.Context, session *gocql.Session) error {
	before := s.wall()
	var ms int64
	if err := session.Query("SELECT toUnixTimestamp(now()) FROM system.local").WithContext(ctx).Idempotent(true).RetryPolicy(elsewhere{}).Consistency(gocql.LocalOne).Scan(&ms); err != nil {
		return fmt.Errorf("asking the cluster for the time: %w", kinded(err))
	}
	half := s.wall().Sub(before) / 2
	behind := time.UnixMilli(ms).Sub(before.Add(half))
	if behind.Abs()-half > s.most {
		return errkind.New(errkind.Unavailable, "this machine's clock differs from Cassandra's by %s, more than store.cassandra.max_clock_skew (%s): leases would run out too early or too late; have both follow NTP",
			behind.Abs().Round(time.Millisecond), s.most)
	}
	s.mu.Lock()
	s.behind = behind
	s.mu.Unlock()
	return nil
}
