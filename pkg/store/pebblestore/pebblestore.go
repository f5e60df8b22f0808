package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is the operator's settings of the store.
type Config struct {
	// Dir is the folder of the store.
	Dir string `mapstructure:"dir"`
	// MinFreeBytes is the reserve of disk space below which writes are refused.
	MinFreeBytes uint64 `mapstructure:"min_free_bytes"`
	// CacheBytes is the memory for blocks read.
	CacheBytes int64 `mapstructure:"cache_bytes"`
}

// Default keeps 256 MiB of the disk free and 64 MiB of blocks in memory.
func Default() Config { return Config{MinFreeBytes: 256 << 20, CacheBytes: 64 << 20} }

// Validate returns an error for the first field that cannot be used.
func (c Config) Validate() error {
	switch {
	case c.Dir == "":
		return errkind.New(errkind.Invalid, "dir: must name a folder")
	case c.MinFreeBytes > 1<<50:
		return errkind.New(errkind.Invalid, "min_free_bytes: %d is more than 1 PiB; 0 keeps no reserve", c.MinFreeBytes)
	case c.CacheBytes < 0 || c.CacheBytes > 1<<40:
		return errkind.New(errkind.Invalid, "cache_bytes: %d is not from 0, for the least that Pebble takes, to 1 TiB", c.CacheBytes)
	}
	return nil
}

// Deps are the dependencies from main.
type Deps struct {
	Log *slog.Logger
	// Registerer takes the metrics. With nil, the store has no metrics.
	Registerer prometheus.Registerer
	// Clock gives the time for leases; nil is time.Now.
	Clock func() time.Time
	// FS is for tests of failing disks; nil is the operating system's file system.
	FS vfs.FS

	salvaging bool // by Salvage
}

// memTableBytes is how much Pebble keeps in memory before writing a table: some seconds of a fast ingest. The next start reads as much
// back from the log (BenchmarkOpen).
const memTableBytes = 32 << 20

// Store implements store.Store.
type Store struct {
	cfg     Config
	log     *slog.Logger
	clock   func() time.Time
	disk    *disk
	lock    *pebble.Lock
	db      *pebble.DB
	commits prometheus.Observer

	// names and leases serialise the edits that read before they write, by asset or by lease: see lockOf.
	names  locks
	leases locks
	// An edit that changes the library holds versions until the edit is in Pebble's log, so edits enter the log in the order of their
	// versions. assigned is the version of the last edit in the log.
	versions lock
	assigned int64
	// version is the version of the last durable edit.
	version atomic.Int64
	// changeLog is the identity of the change log, which remembers changesKept changes.
	changeLog   string
	changesKept int64

	// failed is closed when Pebble's log could not be written. failedBy is the reason.
	failOnce sync.Once
	failed   chan struct{}
	failedBy error

	salvaging bool

	// damage is the first damage found; nil in a healthy store.
	damage atomic.Pointer[Damage]

	// calls counts the calls under way: Close waits for these calls. A call within a call, such as by a reader of an
	// iterator, is refused once closing has begun. Waiting would deadlock.
	callsMu sync.Mutex
	calls   sync.WaitGroup
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the store in cfg.Dir. The error is Conflict if another process has the store open.
func Open(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the Pebble store: %w", err)
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if deps.Clock == nil {
		deps.Clock = time.Now
	}
	if deps.FS == nil {
		deps.FS = vfs.Default
	}
	s := &Store{
		cfg: cfg, log: deps.Log, clock: deps.Clock,
		disk:        &disk{FS: deps.FS, log: deps.Log, closing: make(chan struct{})},
		changesKept: mostChanges,
		names:       newLocks(), leases: newLocks(), versions: newLock(), failed: make(chan struct{}), salvaging: deps.salvaging,
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", cfg.Dir, err)
	}
	if err := s.measure(deps.Registerer); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store in %s: %w", cfg.Dir, err), s.Close())
	}
	s.disk.patient.Store(true)
	return s, nil
}

func (s *Store) open() (err error) {
	if err := s.disk.MkdirAll(s.cfg.Dir, 0o755); err != nil {
		return err
	}
	held, err := pebble.LockDirectory(s.cfg.Dir, s.disk)
	if err != nil {
		if errors.Is(err, syscall.EAGAIN) || err.Error() == "lock held by current process" {
			return errkind.New(errkind.Conflict, "the store is already open; stop the process with the open store, or give this process another folder: %w", err)
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, held.Close())
		}
	}()
	if err := s.free(openBytes, "the room for opening"); err != nil {
		return err
	}
	fresh, err := s.inspect()
	if err != nil {
		return err
	}
	if s.db, err = s.openPebble(held); err != nil {
		return err
	}
	if fresh {
		// Pebble creates a store in Pebble's oldest format, and then raises the format. The first log does not say how
		// far the log was synced: see inspectLog.
		if err := s.db.Close(); err != nil {
			return err
		}
		if s.db, err = s.openPebble(held); err != nil {
			return err
		}
		// The files of the first opening are deleted now: a plan of faults in internal/sim runs the same way each time.
		s.db.TestOnlyWaitForCleaning()
		if err := s.syncDir(); err != nil {
			return errors.Join(err, s.db.Close())
		}
	}
	s.lock = held
	if err := s.loadVersion(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	if err := s.loadChangeLog(); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

func (s *Store) openPebble(held *pebble.Lock) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil { // Fatalf: see logger
			err = fmt.Errorf("%v", r)
		}
		if err != nil && (pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist)) {
			err = s.damaged(s.cfg.Dir, err.Error())
		}
	}()
	cache := pebble.NewCache(s.cfg.CacheBytes)
	defer cache.Unref()
	return pebble.Open(s.cfg.Dir, &pebble.Options{
		FS: s.disk, Lock: held, Cache: cache, Logger: logger{s.log},
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       memTableBytes,
		EventListener: &pebble.EventListener{
			// The read of the block fails as well. By default Pebble ends the process for a bad block.
			DataCorruption: func(info pebble.DataCorruptionInfo) {
				_ = s.damaged(info.Path, fmt.Sprint(info.Details))
			},
			BackgroundError: func(err error) {
				if !pebble.IsCorruptionError(err) { // damage is logged once, by damaged
					s.log.Error("the store could not tidy up, and will try again", "error", err)
				}
			},
		},
	})
}

// measure registers the metrics.
func (s *Store) measure(r prometheus.Registerer) error {
	commits := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "cinedex_store_commit_seconds",
		Help: "Time between a write's readiness and its durability.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)})
	s.commits = commits
	if r == nil {
		return nil
	}
	for _, c := range []prometheus.Collector{
		commits,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "cinedex_store_disk_bytes", Help: "Size of the store on disk."},
			func() float64 { return float64(s.db.Metrics().DiskSpaceUsage()) }),
	} {
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

// Close implements store.Store. On a full or failed disk, Close gives up on writes without acknowledgement. Acknowledged writes are in
// Pebble's log, and the next Open reads the log.
func (s *Store) Close() error {
	s.callsMu.Lock()
	was := s.closed
	s.closed = true
	s.callsMu.Unlock()
	if was {
		return nil
	}
	done := make(chan error, 1)
	go func() {
		s.calls.Wait()
		err := s.db.Close()
		if err == nil && s.damage.Load() == nil {
			if sealErr := s.seal(); sealErr != nil {
				s.log.Warn("sealing the closed store: the next start inspects the store's files as after a crash", "error", sealErr)
			}
		}
		done <- errors.Join(err, s.lock.Close())
	}()
	look := time.NewTicker(retry)
	defer look.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-look.C:
			if s.disk.full() {
				close(s.disk.closing)
				return errkind.New(errkind.Exhausted, "closing the store in %s: the disk is full; the next start reads the acknowledged writes back from the log", s.cfg.Dir)
			}
		case <-s.failed:
			return fmt.Errorf("closing the store: %w", s.failure())
		}
	}
}

// Ready implements store.Store.
func (s *Store) Ready(ctx context.Context) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if d := s.damage.Load(); d != nil {
		return errkind.Wrap(errkind.Internal, d)
	}
	return s.writable()
}

// Memory implements telemetry.MemoryHolder: Pebble allocates blocks and the latest writes outside of Go's heap.
func (s *Store) Memory() (folder string, heap, outside int64) {
	leave, err := s.enter(context.Background())
	if err != nil {
		return s.cfg.Dir, 0, 0
	}
	defer leave()
	m := s.db.Metrics()
	return s.cfg.Dir, 0, m.BlockCache.Size + int64(m.MemTable.Size+m.MemTable.ZombieSize)
}

// Version implements store.Store.
func (s *Store) Version(ctx context.Context) (int64, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	return s.version.Load(), nil
}
