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

// A stamp is the timestamp under which Cassandra keeps a cell, where the greater of two
// wins and a deletion covers what is not above it. Ours have the epoch of the execution in their high bits
// and the time in their low ones:
//
//	0 | epoch, 17 bits | units of 16 µs since 2025, 46 bits: until 2060
//
// So what a higher epoch wrote stands, whatever the clocks of those who wrote said and whichever
// arrived first, and a deletion of what executions left can never cover what a later one writes. Time decides within an epoch alone, where
// one execution gave an ordinal one content: there is nothing to decide but whether a deletion came before.
type stamps struct {
	now func() time.Time
	// last is the greatest time handed out: within a process, later is greater.
	last atomic.Int64
}

const (
	stampBits = 46
	maxEpoch  = 1<<(63-stampBits) - 1
)

var stampsBegin = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// stamp returns a timestamp above all before it of the epoch.
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

// now is the cluster's time as this process sees it.
func (s *skew) now() time.Time {
	return s.wall().Add(s.offset())
}

// offset is how far this machine's clock was behind when it was last measured.
func (s *skew) offset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behind
}

// measure asks a node for the time. Half of the way there and back is not known, and is not held against the clock.
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
