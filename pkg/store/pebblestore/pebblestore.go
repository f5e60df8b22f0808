package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Config is what an operator sets.
type Config struct {
	// Dir is the folder that everything is kept in.
	Dir string `mapstructure:"dir"`
	// MinFreeBytes is the reserve of disk space below which writes are refused.
	MinFreeBytes uint64 `mapstructure:"min_free_bytes"`
	// CacheBytes is the memory for blocks read.
	CacheBytes int64 `mapstructure:"cache_bytes"`
}

// Default keeps 256 MiB of the disk free and 64 MiB of blocks in memory.
func Default() Config { return Config{MinFreeBytes: 256 << 20, CacheBytes: 64 << 20} }

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	if c.Dir == "" {
		return errkind.New(errkind.Invalid, "store.dir: must name a folder")
	}
	return nil
}

// Deps is what main builds.
type Deps struct {
	Log *slog.Logger
	// Clock tells the time for leases; time.Now where it is nil.
	Clock func() time.Time
	// FS is for tests of failing disks; the operating system's where it is nil.
	FS vfs.FS
}

// Store implements store.Store.
type Store struct {
	cfg     Config
	db      *pebble.DB
	fs      vfs.FS
	clock   func() time.Time
	version atomic.Int64

	// changes guards every read-then-write: leases, active runs, runs' states.
	changes sync.Mutex

	// calls counts what is running, so that Close waits for it. A call within a call,
	// as by a reader of an iterator, is refused once closing has begun rather than deadlocked.
	callsMu sync.Mutex
	calls   sync.WaitGroup
	closed  bool
}

var _ store.Store = (*Store)(nil)

// Open opens or creates the store in cfg.Dir.
func Open(cfg Config, deps Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, fs: deps.FS, clock: deps.Clock}
	if s.fs == nil {
		s.fs = vfs.Default
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	if err := s.fs.MkdirAll(cfg.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("opening the store in %s: %w", cfg.Dir, err)
	}
	cache := pebble.NewCache(cfg.CacheBytes)
	defer cache.Unref()
	db, err := pebble.Open(cfg.Dir, &pebble.Options{
		FS: s.fs, Cache: cache, Logger: logger{deps.Log},
		FormatMajorVersion: pebble.FormatNewest,
		MemTableSize:       32 << 20,
	})
	if err != nil {
		if strings.Contains(err.Error(), "lock") || strings.Contains(err.Error(), "temporarily unavailable") {
			return nil, errkind.New(errkind.Conflict, "opening the store in %s: another process has it; stop that one, or give this one another folder: %w", cfg.Dir, err)
		}
		return nil, fmt.Errorf("opening the store in %s: %w", cfg.Dir, err)
	}
	s.db = db
	s.version.Store(1)
	return s, nil
}

// logger passes what Pebble says on. Fatalf is called where going on would lose data.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("store", "error", fmt.Sprintf(format, args...))
}
func (l logger) Fatalf(format string, args ...any) {
	l.log.Error("the store cannot go on without losing data", "error", fmt.Sprintf(format, args...))
	os.Exit(1)
}

// enter holds the store open for one call.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.callsMu.Lock()
	defer s.callsMu.Unlock()
	if s.closed {
		return nil, errkind.New(errkind.Unavailable, "the store is closed")
	}
	s.calls.Add(1)
	return s.calls.Done, nil
}

// Close waits for the calls that are running and closes the store.
func (s *Store) Close() error {
	s.callsMu.Lock()
	was := s.closed
	s.closed = true
	s.callsMu.Unlock()
	if was {
		return nil
	}
	s.calls.Wait()
	return s.db.Close()
}

// Ready reports whether the store can be read and written.
func (s *Store) Ready(ctx context.Context) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.room()
}

// room fails while the disk has less free space than the reserve.
func (s *Store) room() error {
	u, err := s.fs.GetDiskUsage(s.cfg.Dir)
	if err != nil {
		return nil //nolint:nilerr // a file system that cannot tell is not full
	}
	if u.AvailBytes < s.cfg.MinFreeBytes {
		return errkind.New(errkind.Exhausted, "the disk of %s has %d MiB free, less than the reserve of %d MiB: make room, and writing goes on by itself",
			s.cfg.Dir, u.AvailBytes>>20, s.cfg.MinFreeBytes>>20)
	}
	return nil
}

// Version implements store.Store. It begins anew with each process, which is the only one.
func (s *Store) Version(ctx context.Context) (int64, error) {
	return s.version.Load(), ctx.Err()
}

// write runs f over a batch and commits it durably.
func (s *Store) write(ctx context.Context, doing string, f func(b *pebble.Batch) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	if err := s.room(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := f(b); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if b.Empty() {
		return nil
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// change is write for what is read before it is written: one at a time.
func (s *Store) change(ctx context.Context, doing string, f func(b *pebble.Batch) error) error {
	s.changes.Lock()
	defer s.changes.Unlock()
	return s.write(ctx, doing, f)
}

// The tables' letters.
const (
	tableAssets      = 'A'
	tableRuns        = 'R'
	tableAnnotations = 'a'
	tableEmbeddings  = 'e'
	tableMarkers     = 'm'
	tableActive      = 'V'
	tableLeases      = 'L'
)

// key builds a table's key of texts. A text is preceded by its length in four bytes: prefixes never
// overlap, and a table is in the order of lengths first, which ids of one length do not show.
func key(table byte, parts ...string) []byte {
	k := []byte{table}
	for _, p := range parts {
		k = binary.BigEndian.AppendUint32(k, uint32(len(p)))
		k = append(k, p...)
	}
	return k
}

func number(k []byte, n int64) []byte { return binary.BigEndian.AppendUint64(k, uint64(n)) }

// after returns the end of the range of all keys that begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

var marshal = proto.MarshalOptions{Deterministic: true}

func put(b *pebble.Batch, k []byte, m proto.Message) error {
	v, err := marshal.Marshal(m)
	if err != nil {
		return errkind.Wrap(errkind.Invalid, err)
	}
	return b.Set(k, v, nil)
}

// get reads one message; NotFound where there is none.
func (s *Store) get(k []byte, m proto.Message, what string) error {
	v, closer, err := s.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return errkind.New(errkind.NotFound, "there is no %s", what)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	defer closer.Close()
	if err := proto.Unmarshal(v, m); err != nil {
		return fmt.Errorf("decoding %s: %w", what, err)
	}
	return nil
}

// scan yields every message of a range, as of one moment.
func scan[T any, M interface {
	*T
	proto.Message
}](ctx context.Context, s *Store, lower, upper []byte, what string) iter.Seq2[M, error] {
	return func(yield func(M, error) bool) {
		leave, err := s.enter(ctx)
		if err != nil {
			yield(nil, err)
			return
		}
		defer leave()
		it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		if err != nil {
			yield(nil, fmt.Errorf("reading %s: %w", what, err))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			m := M(new(T))
			v, err := it.ValueAndErr()
			if err == nil {
				err = proto.Unmarshal(v, m)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(nil, fmt.Errorf("reading %s: %w", what, err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(nil, fmt.Errorf("reading %s: %w", what, err))
		}
	}
}

func prefixed[T any, M interface {
	*T
	proto.Message
}](ctx context.Context, s *Store, prefix []byte, what string) iter.Seq2[M, error] {
	return scan[T, M](ctx, s, prefix, after(prefix), what)
}

func collect[M any](seq iter.Seq2[M, error]) ([]M, error) {
	var out []M
	for m, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// PutAsset implements store.Assets.
func (s *Store) PutAsset(ctx context.Context, a *pb.Asset) error {
	if a.GetId() == "" {
		return errkind.New(errkind.Invalid, "putting an asset: it has no id")
	}
	changed := false
	err := s.change(ctx, "putting asset "+a.GetId(), func(b *pebble.Batch) error {
		k := key(tableAssets, a.GetId())
		old := &pb.Asset{}
		if err := s.get(k, old, "asset"); err == nil && proto.Equal(old, a) {
			return nil
		}
		changed = true
		return put(b, k, a)
	})
	if err == nil && changed {
		s.version.Add(1) // after the commit: whoever sees the new version sees what it stands for
	}
	return err
}

// Asset implements store.Assets.
func (s *Store) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	a := &pb.Asset{}
	return a, s.get(key(tableAssets, id), a, "asset "+id)
}

// AllAssets implements store.Assets.
func (s *Store) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	return prefixed[pb.Asset](ctx, s, []byte{tableAssets}, "assets")
}

// CreateRun implements store.Runs.
func (s *Store) CreateRun(ctx context.Context, r *pb.Run) (*pb.Run, error) {
	if r.GetId() == "" || r.GetAsset() == "" {
		return nil, errkind.New(errkind.Invalid, "creating a run: it needs an id and an asset")
	}
	there := &pb.Run{}
	err := s.change(ctx, "creating run "+r.GetId(), func(b *pebble.Batch) error {
		k := key(tableRuns, r.GetAsset(), r.GetId())
		err := s.get(k, there, "run")
		if errkind.Is(err, errkind.NotFound) {
			proto.Merge(there, r)
			return put(b, k, r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return there, nil
}

// FinishRun implements store.Runs.
func (s *Store) FinishRun(ctx context.Context, r *pb.Run) error {
	if r.GetId() == "" || r.GetAsset() == "" {
		return errkind.New(errkind.Invalid, "finishing a run: it needs an id and an asset")
	}
	return s.change(ctx, "finishing run "+r.GetId(), func(b *pebble.Batch) error {
		k := key(tableRuns, r.GetAsset(), r.GetId())
		old := &pb.Run{}
		err := s.get(k, old, "run")
		switch {
		case errkind.Is(err, errkind.NotFound):
		case err != nil:
			return err
		case old.GetEpoch() > r.GetEpoch():
			return errkind.New(errkind.Conflict, "epoch %d is older than %d", r.GetEpoch(), old.GetEpoch())
		case old.GetState() == pb.RunState_RUN_STATE_FINISHED:
			return nil // and it stays so
		}
		r = proto.CloneOf(r)
		r.Activated = old.GetActivated()
		return put(b, k, r)
	})
}

// Run implements store.Runs.
func (s *Store) Run(ctx context.Context, asset, id string) (*pb.Run, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	r := &pb.Run{}
	return r, s.get(key(tableRuns, asset, id), r, "run "+id)
}

// RunsOf implements store.Runs.
func (s *Store) RunsOf(ctx context.Context, asset string) ([]*pb.Run, error) {
	return collect(prefixed[pb.Run](ctx, s, key(tableRuns, asset), "runs of "+asset))
}

// WriteBatches implements store.Annotations.
func (s *Store) WriteBatches(ctx context.Context, batches []store.Batch) error {
	return s.write(ctx, "writing annotations", func(b *pebble.Batch) error {
		for _, in := range batches {
			prefix := key(tableAnnotations, in.Asset, in.Run)
			for i, a := range in.Annotations {
				if err := put(b, number(prefix[:len(prefix):len(prefix)], in.First+int64(i)), a); err != nil {
					return err
				}
			}
			prefix = key(tableEmbeddings, in.Asset, in.Run)
			for i, e := range in.Embeddings {
				if err := put(b, number(prefix[:len(prefix):len(prefix)], in.First+int64(i)), e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func markerPrefix(asset, run string, epoch int64) []byte {
	return number(key(tableMarkers, asset, run), epoch)
}

// MarkIndexed implements store.Annotations.
func (s *Store) MarkIndexed(ctx context.Context, markers []store.Marker) error {
	return s.write(ctx, "marking what is indexed", func(b *pebble.Batch) error {
		for _, m := range markers {
			k := append(markerPrefix(m.Asset, m.Run, m.Epoch), byte(m.Part))
			if err := b.Set(number(k, m.First), number(nil, m.Count), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Indexed implements store.Annotations.
func (s *Store) Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer leave()
	prefix := markerPrefix(asset, run, epoch)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return 0, 0, fmt.Errorf("counting what is indexed of %s: %w", run, err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n := int64(binary.BigEndian.Uint64(it.Value()))
		if store.Part(it.Key()[len(prefix)]) == store.PartAnnotations {
			annotations += n
		} else {
			embeddings += n
		}
	}
	return annotations, embeddings, it.Error()
}

// TrimRun implements store.Annotations.
func (s *Store) TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error {
	return s.write(ctx, "trimming run "+run, func(b *pebble.Batch) error {
		a, e := key(tableAnnotations, asset, run), key(tableEmbeddings, asset, run)
		if err := b.DeleteRange(number(a[:len(a):len(a)], annotations), after(a), nil); err != nil {
			return err
		}
		return b.DeleteRange(number(e[:len(e):len(e)], embeddings), after(e), nil)
	})
}

// DeleteRun implements store.Annotations.
func (s *Store) DeleteRun(ctx context.Context, asset, run string) error {
	err := s.change(ctx, "deleting run "+run, func(b *pebble.Batch) error {
		for _, table := range []byte{tableAnnotations, tableEmbeddings, tableMarkers} {
			k := key(table, asset, run)
			if err := b.DeleteRange(k, after(k), nil); err != nil {
				return err
			}
		}
		return b.Delete(key(tableRuns, asset, run), nil)
	})
	if err == nil {
		s.version.Add(1)
	}
	return err
}

// Annotation implements store.Annotations.
func (s *Store) Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	a := &pb.Annotation{}
	return a, s.get(number(key(tableAnnotations, asset, run), ordinal), a, "annotation "+schema.ItemID(run, ordinal))
}

// Embedding implements store.Annotations.
func (s *Store) Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	e := &pb.Embedding{}
	return e, s.get(number(key(tableEmbeddings, asset, run), ordinal), e, "embedding "+schema.ItemID(run, ordinal))
}

func within[M schema.Spanning](seq iter.Seq2[M, error], span store.Span) iter.Seq2[M, error] {
	if span == (store.Span{}) {
		return seq
	}
	return func(yield func(M, error) bool) {
		for m, err := range seq {
			if err != nil || overlaps(schema.IntervalOf(m), span) {
				if !yield(m, err) {
					return
				}
			}
		}
	}
}

// overlaps also takes a moment of no length within span.
func overlaps(iv, span store.Span) bool {
	return iv.Overlaps(span) || iv.Empty() && span.Contains(iv.Start)
}

// AnnotationsOf implements store.Annotations.
func (s *Store) AnnotationsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Annotation, error] {
	return within(prefixed[pb.Annotation](ctx, s, key(tableAnnotations, asset, run), "annotations of "+run), span)
}

// EmbeddingsOf implements store.Annotations.
func (s *Store) EmbeddingsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Embedding, error] {
	return within(prefixed[pb.Embedding](ctx, s, key(tableEmbeddings, asset, run), "embeddings of "+run), span)
}

// Activate implements store.Activation.
func (s *Store) Activate(ctx context.Context, next *pb.Run, previous string) (*pb.ActiveRun, error) {
	active := &pb.ActiveRun{}
	err := s.change(ctx, "activating run "+next.GetId(), func(b *pebble.Batch) error {
		k := key(tableActive, next.GetAsset(), next.GetAlgorithm())
		if err := s.get(k, active, "active run"); err != nil && !errkind.Is(err, errkind.NotFound) {
			return err
		}
		if active.GetRun() != next.GetId() {
			if active.GetRun() != previous {
				return errkind.New(errkind.Conflict, "the active run is %q, not %q", active.GetRun(), previous)
			}
			active = &pb.ActiveRun{Asset: next.GetAsset(), Algorithm: next.GetAlgorithm(), Run: next.GetId(), Version: next.GetVersion(),
				Previous: previous, Generation: active.GetGeneration() + 1}
			if err := put(b, k, active); err != nil {
				return err
			}
		}
		rk, r := key(tableRuns, next.GetAsset(), next.GetId()), &pb.Run{}
		if err := s.get(rk, r, "run "+next.GetId()); err != nil {
			return err
		}
		if r.GetActivated() {
			return nil
		}
		r.Activated = true
		return put(b, rk, r)
	})
	if err != nil {
		return nil, err
	}
	s.version.Add(1)
	return active, nil
}

// Active implements store.Activation.
func (s *Store) Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error) {
	return collect(prefixed[pb.ActiveRun](ctx, s, key(tableActive, asset), "active runs of "+asset))
}

// AllActive implements store.Activation.
func (s *Store) AllActive(ctx context.Context) iter.Seq2[*pb.ActiveRun, error] {
	return prefixed[pb.ActiveRun](ctx, s, []byte{tableActive}, "active runs")
}
