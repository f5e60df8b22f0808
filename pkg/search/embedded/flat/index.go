package flat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// limits are constants that tests make small. Limits are no configuration: nobody who runs an
// index would know better values.
type limits struct {
	tailRows, tailBytes int // a larger tail is sealed
	frozen              int // more tails than this in wait of sealing make writers wait
	exactRows           int // a search over fewer rows skips the estimate
	fan                 int // segments of one size that are merged
	mergedBytes         int // no merged segment becomes larger
	workRows            int // a search over at least twice as many rows is shared out
	cellRows            int // a segment of fewer rows gets no cells
	openLog             func(*log)
	centre              []float32 // of a new index; nil to learn the centre from rows
}

var defaultLimits = limits{
	tailRows:    16384,
	tailBytes:   16 << 20,
	frozen:      4,
	exactRows:   8192,
	fan:         4,
	mergedBytes: 2 << 30,
	workRows:    1 << 19,
	cellRows:    1 << 12,
}

// An Index holds the vectors of one space in one folder. Its methods may be called from any goroutine.
type Index struct {
	dir    string
	cfg    Config
	limits limits
	layout layout
	rot    *rotation
	logger *slog.Logger
	lock   *os.File

	current current
	groups  registry
	ops     chan *op

	// write guards the fields below. A change of the snapshot holds write.
	write   sync.Mutex
	centre  []float32
	log     *log
	encoder *encoder // of the centre; for the writer alone

	// files is held by who changes the set of segments, from choosing its inputs to installing
	// the outcome. merging is held by who merges, which takes files only for the exchange.
	files   sync.Mutex
	merging sync.Mutex
	next    uint64

	// celling is held by who makes cells.
	celling sync.Mutex

	// torn names the place of a cut or damaged record at the end of the log; empty if the log ended well.
	torn string

	seal    chan struct{}
	merge   chan struct{}
	cell    chan struct{}
	ctx     context.Context
	stop    context.CancelFunc
	closing sync.Once
	closed  error
	running sync.WaitGroup
}

// Open opens the index in a folder, or begins an index there. The folder belongs to the Index until Close. A second Open is an error of kind
// Unavailable. A record that a crash left half written is cut off. Other damage is an error that names the file.
func Open(dir string, cfg Config) (*Index, error) {
	return open(dir, cfg, defaultLimits)
}

func open(dir string, cfg Config, lim limits) (_ *Index, err error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Confidence == 0 {
		cfg.Confidence = DefaultConfidence
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	x := &Index{
		dir: dir, cfg: cfg, limits: lim, layout: newLayout(cfg.Dim), rot: newRotation(cfg.Dim),
		logger: cfg.Log.With("space", cfg.Space),
		ops:    make(chan *op, 64), groups: registry{ids: map[string]uint32{}},
		seal: make(chan struct{}, 1), merge: make(chan struct{}, 1), cell: make(chan struct{}, 1),
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening vector index %s: %w", dir, err)
		}
	}()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if x.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	if err := x.load(); err != nil {
		if x.log != nil {
			x.log.file.Close()
		}
		x.current.install(nil)
		x.lock.Close()
		return nil, err
	}
	if lim.openLog != nil {
		lim.openLog(x.log)
	}
	x.ctx, x.stop = context.WithCancel(context.Background())
	for _, serve := range []func(){x.serveWrites, x.serveSeals, x.serveMerges, x.serveCells} {
		x.running.Go(serve)
	}
	kick(x.seal)
	kick(x.merge)
	kick(x.cell)
	return x, nil
}

// load brings the folder's state into memory.
func (x *Index) load() error {
	m, err := readManifest(x.dir)
	if err != nil {
		return err
	}
	if m == nil {
		if m, err = x.firstManifest(); err != nil {
			return err
		}
	}
	if err := m.fits(x.cfg); err != nil {
		return err
	}
	logs, err := x.sweep(m)
	if err != nil {
		return err
	}
	x.next = m.next
	x.setCentre(m.centre)
	first := &snapshot{}
	for _, s := range m.segments {
		seg, err := openSegment(x.dir, s.number, x.layout, m.centre, x.groups.intern)
		if err != nil {
			x.current.install(first) // mapped segments are unmapped with the snapshot
			return err
		}
		x.findCells(seg)
		first.segments = append(first.segments, segmentView{seg, s.dead, seg.n - s.dead.count(0, seg.n)})
	}
	first.names = x.groups.list()
	x.current.install(first)
	for i, number := range logs {
		t := newTail(x.layout, number, m.centre)
		c := x.change()
		c.next.tails = append(c.next.tails, t.view())
		last := i == len(logs)-1
		l, err := replayLog(x.dir, number, last, func(payload []byte) error {
			return decodeRecords(payload, x.cfg.Dim, c)
		})
		if err != nil {
			return err
		}
		if last {
			x.log, x.torn = l, l.torn
		} else {
			l.file.Close()
			t.finish()
		}
		c.install()
	}
	return nil
}

// firstManifest begins an index in an empty folder.
func (x *Index) firstManifest() (*manifest, error) {
	if err := x.neverOpened(); err != nil {
		return nil, err
	}
	m := &manifest{dim: x.cfg.Dim, metric: x.cfg.Metric, space: x.cfg.Space, next: 1, firstLog: 1, centre: x.limits.centre}
	// The log comes first: a manifest promises that it is there.
	l, err := createLog(x.dir, m.firstLog)
	if err != nil {
		return nil, err
	}
	l.file.Close()
	return m, m.write(x.dir)
}

// neverOpened returns damage if a folder without a manifest holds more than the empty log of an Open that was killed.
func (x *Index) neverOpened() error {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if held := strings.HasPrefix(e.Name(), "segment-") || strings.HasPrefix(e.Name(), "log-") && info.Size() > 0; held {
			return corrupt(manifestPath(x.dir), "it is missing, and %s is there", e.Name())
		}
	}
	return nil
}

// Torn says where a record at the end of the log was cut or damaged, and has been cut off; empty where the log ended well.
// After a crash that record may be one that was never acknowledged. After anything else it is damage.
func (x *Index) Torn() string { return x.torn }

// sweep removes files that the manifest does not know, and returns the logs to replay in their order.
func (x *Index) sweep(m *manifest) (logs []uint64, err error) {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		var number uint64
		name := e.Name()
		stale := strings.HasSuffix(name, ".tmp")
		if _, err := fmt.Sscanf(name, "log-%d", &number); err == nil && !stale {
			if stale = number < m.firstLog; !stale {
				logs = append(logs, number)
			}
		} else if _, err := fmt.Sscanf(name, "segment-%d", &number); err == nil && !stale {
			stale = !m.holds(number)
		} else if _, err := fmt.Sscanf(name, "cells-%d", &number); err == nil && !stale {
			stale = !m.holds(number)
		}
		if stale {
			if err := os.Remove(filepath.Join(x.dir, name)); err != nil {
				return nil, err
			}
		}
	}
	slices.Sort(logs)
	for i := range max(1, len(logs)) {
		if want := m.firstLog + uint64(i); i >= len(logs) || logs[i] != want {
			return nil, corrupt(logPath(x.dir, want), "it is missing")
		}
	}
	return logs, nil
}

// Close stops all work, waits for the end of the work and closes the files. Acknowledged rows stay.
func (x *Index) Close() error {
	x.closing.Do(func() {
		x.stop()
		x.running.Wait()
		// A Compact of the caller's may still be about to exchange files.
		x.files.Lock()
		defer x.files.Unlock()
		x.write.Lock()
		defer x.write.Unlock()
		x.closed = errors.Join(x.log.file.Close(), x.current.install(nil), x.lock.Close())
	})
	return x.closed
}

func errClosed() error { return errkind.New(errkind.Unavailable, "the vector index is closed") }

// acquire returns the snapshot to read; the caller releases it.
func (x *Index) acquire() (*snapshot, error) {
	if s := x.current.acquire(); s != nil {
		return s, nil
	}
	return nil, errClosed()
}

func (x *Index) drop(s *snapshot) {
	if err := s.release(); err != nil {
		x.logger.Warn("releasing vector segments", "error", err)
	}
}

// registry numbers groups. Numbers hold within the process only: on disk a group is its name.
type registry struct {
	mu    sync.RWMutex
	ids   map[string]uint32
	names []string
}

// intern returns the number of a group, a new number if need be.
func (r *registry) intern(name string) uint32 {
	if id, ok := r.find(name); ok {
		return id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id, ok := r.ids[name]
	if !ok {
		id = uint32(len(r.names))
		r.ids[name] = id
		r.names = append(r.names, name)
	}
	return id
}

func (r *registry) find(name string) (uint32, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	id, ok := r.ids[name]
	return id, ok
}

// list returns the names by number.
func (r *registry) list() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.names
}

func (x *Index) setCentre(c []float32) {
	x.centre = c
	x.encoder = newEncoder(x.layout, x.cfg.Metric, x.rot, c)
}

// Number returns the number of a group, a new number if need be. A group that was numbered is known, though it may hold no vector.
// Numbers count from 0 and hold for as long as the index is open.
func (x *Index) Number(group string) uint32 { return x.groups.intern(group) }

// Names returns the groups that are known, by their number. The caller must not change the slice.
func (x *Index) Names() []string { return x.groups.list() }

// Len returns how many vectors there are.
func (x *Index) Len() int {
	snap := x.current.acquire()
	if snap == nil {
		return 0
	}
	defer x.drop(snap)
	return snap.live()
}

// mean returns the centre of rows: the mean of the rotated vectors.
func (x *Index) mean(t tailView, chosen []int) []float32 {
	sum := make([]float64, x.layout.padded)
	out := make([]float32, x.layout.padded)
	for _, row := range chosen {
		x.rot.apply(out, t.exactRow(row))
		for i, v := range out {
			sum[i] += float64(v)
		}
	}
	for i, s := range sum {
		out[i] = float32(s / math.Max(1, float64(len(chosen))))
	}
	return out
}

func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
