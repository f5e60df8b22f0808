package cassandrastore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/gocql/gocql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// Deps are the dependencies from main.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics. With nil, the store has no metrics.
	Registerer prometheus.Registerer
	// Clock gives the time for leases; nil is Cassandra's clock.
	Clock func() time.Time
	// Wall is this machine's clock, for comparison with Cassandra's; nil is time.Now.
	Wall func() time.Time
}

// inFlight bounds the requests under way: enough to keep a node's writers busy from a single process, few enough for a
// slow node to push back.
const inFlight = 64

// Store implements store.Store.
type Store struct {
	cfg         Config
	log         *slog.Logger
	session     *gocql.Session
	consistency gocql.Consistency
	serial      gocql.SerialConsistency
	// clock tells the time for leases.
	clock  func() time.Time
	skew   *skew
	stamps *stamps

	slots chan struct{}
	// windows are the entries of the last answers of Changes.
	windows windows
	// changing serialises this process's changes under a name. Of several compare-and-sets at the same time, a single
	// compare-and-set would win, and the losers would slow the winner.
	changing locks

	seconds *prometheus.HistogramVec
	errors  *prometheus.CounterVec
	commits prometheus.Histogram
	lost    prometheus.Counter

	// calls counts the calls under way: Close waits for these calls. A call within a call, such as by a reader of an
	// iterator, is refused once closing has begun. Waiting would deadlock.
	callsMu sync.Mutex
	calls   sync.WaitGroup
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open connects to the cluster, and checks the version of the tables and the difference between the cluster's clock and
// this machine's clock.
func Open(ctx context.Context, cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the Cassandra store: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Wall == nil {
		deps.Wall = time.Now
	}
	s := &Store{cfg: cfg, log: deps.Log, clock: deps.Clock, skew: &skew{wall: deps.Wall, most: cfg.MaxClockSkew},
		slots: make(chan struct{}, inFlight), changing: newLocks(), windows: windows{process: rand.Text()}}
	s.consistency, s.serial, _ = cfg.consistency()
	s.stamps = &stamps{now: s.skew.now}
	if s.clock == nil {
		s.clock = s.skew.now
	}
	if err := s.measure(deps.Registerer); err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", cfg.Keyspace, err)
	}
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("opening the store in keyspace %s: %w", cfg.Keyspace, err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.connect(ctx)
	if s.cfg.Migrate && (errors.Is(err, errNoKeyspace) || errors.Is(err, errBehind)) {
		if err := Migrate(ctx, s.cfg, s.log); err != nil {
			return err
		}
		err = s.connect(ctx)
	}
	switch {
	case errors.Is(err, errNoKeyspace):
		return errkind.New(errkind.Invalid, "there is no such keyspace; make the keyspace with `cinedex store migrate`, or set store.cassandra.migrate: true to have the keyspace made at start")
	case errors.Is(err, errBehind):
		return errkind.New(errkind.Invalid, "%w; bring the tables up to date with `cinedex store migrate`, or set store.cassandra.migrate: true to have the tables migrated at start", err)
	}
	return err
}

// connect opens the session, and closes the session if the store cannot be used.
func (s *Store) connect(ctx context.Context) error {
	session, err := connect(s.cfg, s.cfg.Keyspace, s.log)
	if err != nil {
		return err
	}
	err = checkTables(ctx, session, s.cfg)
	if err == nil {
		err = s.skew.measure(ctx, session)
	}
	if err != nil {
		session.Close()
		return err
	}
	s.session = session
	return nil
}

// measure registers the metrics.
func (s *Store) measure(r prometheus.Registerer) error {
	buckets := prometheus.ExponentialBuckets(0.0005, 2, 16)
	s.commits = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "cinedex_store_commit_seconds",
		Help: "Time between a write's readiness and its durability.", Buckets: buckets})
	s.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "cinedex_store_operation_seconds",
		Help: "How long the store's operations take, iterators to their end.", Buckets: buckets}, []string{"operation"})
	s.errors = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_store_errors_total",
		Help: "Operations that failed, by the kind of error."}, []string{"operation", "kind"})
	s.lost = prometheus.NewCounter(prometheus.CounterOpts{Name: "cinedex_store_lost_swaps_total",
		Help: "Compare-and-sets that had to be tried again, because another swap was first or the outcome was unknown."})
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{s.commits, s.seconds, s.errors, s.lost} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

var errClosed = errkind.New(errkind.Unavailable, "the store is closed")

// enter holds the store open for a call.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if s.closed {
		return nil, errClosed
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// do is a call: do holds the store open, measures the time, and wraps the error.
func (s *Store) do(ctx context.Context, operation, doing string, f func() error) error {
	leave, err := s.enter(ctx)
	if err == nil {
		defer leave()
		defer s.time(operation, time.Now())
		err = f()
	}
	return s.failed(operation, doing, err)
}

func (s *Store) time(operation string, start time.Time) {
	s.seconds.WithLabelValues(operation).Observe(time.Since(start).Seconds())
}

// failed wraps and counts the error of an operation; nil stays nil.
func (s *Store) failed(operation, doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", doing, kinded(err))
	s.errors.WithLabelValues(operation, errkind.Of(err).String()).Inc()
	return err
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.callsMu.Lock()
	was := s.closed
	s.closed = true
	s.callsMu.Unlock()
	if !was {
		s.calls.Wait()
		s.session.Close()
	}
	return nil
}

// Ready implements store.Store. Ready measures the skew of the clock again.
func (s *Store) Ready(ctx context.Context) error {
	return s.do(ctx, "ready", "asking whether the store is ready", func() error { return s.skew.measure(ctx, s.session) })
}

// locks has a lock for each name. Some names share a lock.
type locks struct {
	seed maphash.Seed
	of   [64]chan struct{}
}

func newLocks() locks {
	l := locks{seed: maphash.MakeSeed()}
	for i := range l.of {
		l.of[i] = make(chan struct{}, 1)
	}
	return l
}

// hold takes the lock of a name, unless the context ends first.
func (l *locks) hold(ctx context.Context, name string) (release func(), err error) {
	lock := l.of[maphash.String(l.seed, name)%uint64(len(l.of))]
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Describe returns a line about the cluster, the keyspace and the clock.
func (s *Store) Describe(ctx context.Context) (line string, err error) {
	err = s.do(ctx, "describe", "describing the store", func() error {
		var cluster, release, dc, replication string
		err := s.query(ctx, "SELECT cluster_name, release_version, data_center FROM system.local").Scan(&cluster, &release, &dc)
		if err != nil {
			return err
		}
		options := map[string]string{}
		if err := s.query(ctx, "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?", s.cfg.Keyspace).Scan(&options); err != nil {
			return err
		}
		nodes := 1
		var host string
		if err := each(s.query(ctx, "SELECT host_id FROM system.peers"), func() error { nodes++; return nil }, &host); err != nil {
			return err
		}
		delete(options, "class")
		for _, dc := range slices.Sorted(maps.Keys(options)) {
			replication += " " + dc + ":" + options[dc]
		}
		var sync string
		if err := s.query(ctx, "SELECT value FROM system_views.settings WHERE name = 'commitlog_sync'").Scan(&sync); err != nil {
			return err
		}
		line = fmt.Sprintf("Cassandra %s, cluster %s (%d nodes), asked through %s; keyspace %s, copies%s, commit log synced in mode %s, tables of version %d; this machine's clock is %s off",
			release, cluster, nodes, dc, s.cfg.Keyspace, replication, sync, len(migrations), s.skew.offset().Abs().Round(time.Millisecond))
		return nil
	})
	return line, err
}
