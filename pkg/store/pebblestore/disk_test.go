package pebblestore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// faulty is a disk with a given amount free, and on which writes to some files fail.
type faulty struct {
	vfs.FS
	free  atomic.Uint64
	fault atomic.Pointer[fault]
	// slow makes each sync wait until the channel is closed; syncs counts the syncs.
	slow  atomic.Pointer[chan struct{}]
	syncs atomic.Int64
}

// fault is an error for each write, or each sync, of the files whose names contain an element of files.
type fault struct {
	files []string
	err   error
	sync  bool
}

func newFaulty() *faulty {
	f := &faulty{FS: vfs.Default}
	f.free.Store(1 << 40)
	return f
}

func (f *faulty) failing(name string, sync bool) error {
	if x := f.fault.Load(); x != nil && x.sync == sync {
		for _, part := range x.files {
			if strings.Contains(filepath.Base(name), part) {
				return x.err
			}
		}
	}
	return nil
}

func (f *faulty) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: f.free.Load(), TotalBytes: 1 << 41}, nil
}

func (f *faulty) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.failing(name, false); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	return &faultyFile{file, name, f}, err
}

func (f *faulty) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.failing(to, false); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(from, to, category)
	return &faultyFile{file, to, f}, err
}

func (f *faulty) Unwrap() vfs.FS { return f.FS }

type faultyFile struct {
	vfs.File
	name string
	on   *faulty
}

func (f *faultyFile) Write(p []byte) (int, error) {
	if err := f.on.failing(f.name, false); err != nil {
		n, _ := f.File.Write(p[:len(p)/2]) // like a disk that becomes full in the middle
		return n, err
	}
	return f.File.Write(p)
}

func (f *faultyFile) Sync() error     { return f.synced(f.File.Sync) }
func (f *faultyFile) SyncData() error { return f.synced(f.File.SyncData) }

func (f *faultyFile) synced(sync func() error) error {
	if err := f.on.failing(f.name, true); err != nil {
		return err
	}
	f.on.syncs.Add(1)
	if slow := f.on.slow.Load(); slow != nil {
		<-*slow
	}
	return sync()
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func lines(run string, first, n int64, text string) []store.Batch {
	b := store.Batch{Asset: "a", Run: run, Epoch: 1, First: first}
	for i := first; i < first+n; i++ {
		b.Annotations = append(b.Annotations, &pb.Annotation{Asset: "a", Run: run, Ordinal: i, Kind: "dialogue", Start: i, End: i + 1, Text: text})
	}
	return []store.Batch{b}
}

// count reads a run to its end, and fails if the run has gaps.
func count(ctx context.Context, s store.Store, run string) (n int64, err error) {
	for a, err := range s.AnnotationsOf(ctx, "a", run, store.Span{}) {
		if err != nil {
			return n, err
		}
		if a.GetOrdinal() != n {
			return n, fmt.Errorf("run %s has annotation %d after %d", run, a.GetOrdinal(), n-1)
		}
		n++
	}
	return n, nil
}

func wantCount(t *testing.T, s store.Store, run string, want int64) {
	t.Helper()
	if n, err := count(context.Background(), s, run); err != nil || n != want {
		t.Errorf("run %s has %d annotations (%v), want %d", run, n, err, want)
	}
}

func wantKind(t *testing.T, what string, err error, want errkind.Kind) {
	t.Helper()
	if !errkind.Is(err, want) {
		t.Errorf("%s: error %v, want one of kind %s", what, err, want)
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestReserve(t *testing.T) {
	disk, ctx := newFaulty(), t.Context()
	cfg := config(t.TempDir())
	cfg.MinFreeBytes = 256 << 20
	s := open(t, cfg, pebblestore.Deps{FS: disk})
	defer s.Close()
	run := &pb.Run{Id: "r", Asset: "a", Algorithm: "dialogue", State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1, Annotations: 10}
	ok(t, s.PutAsset(ctx, &pb.Asset{Id: "a"}))
	ok(t, s.WriteBatches(ctx, lines("r", 0, 10, "x")))
	ok(t, s.FinishRun(ctx, run))

	disk.free.Store(cfg.MinFreeBytes - 1)
	_, activate := s.Activate(ctx, run, "")
	_, acquire := s.Acquire(ctx, "n", "h", time.Minute)
	_, create := s.CreateRun(ctx, &pb.Run{Id: "r2", Asset: "a"})
	for what, err := range map[string]error{
		"ready": s.Ready(ctx), "writing": s.WriteBatches(ctx, lines("r", 10, 10, "x")), "putting": s.PutAsset(ctx, &pb.Asset{Id: "b"}),
		"activating": activate, "acquiring": acquire, "creating": create, "deleting": s.DeleteRun(ctx, "a", "r"),
	} {
		wantKind(t, what+" with less than the reserve", err, errkind.Exhausted)
		if err != nil && !strings.Contains(err.Error(), "make room") {
			t.Errorf("%s: error %q does not say what to do", what, err)
		}
	}
	ok(t, s.PutAsset(ctx, &pb.Asset{Id: "a"})) // nothing to write
	if _, err := s.CreateRun(ctx, run); err != nil {
		t.Error(err)
	}
	wantCount(t, s, "r", 10)

	disk.free.Store(cfg.MinFreeBytes)
	ok(t, s.Ready(ctx))
	ok(t, s.WriteBatches(ctx, lines("r", 10, 10, "x")))
	wantCount(t, s, "r", 20)

	disk.free.Store(1 << 20)
	ok(t, s.Close())
	_, err := pebblestore.Open(cfg, pebblestore.Deps{FS: disk})
	wantKind(t, "opening on a full disk", err, errkind.Exhausted)
	disk.free.Store(1 << 30)
	s2 := open(t, cfg, pebblestore.Deps{FS: disk})
	defer s2.Close()
	wantCount(t, s2, "r", 20)
}

// TestFullDisk fills the disk behind the store's back: to the last byte, for some of the store's files or all files,
// while the store expects room.
func TestFullDisk(t *testing.T) {
	for _, test := range []struct {
		name  string
		files []string
		flush bool // whether the fault shows in a flush, which no caller waits for
	}{
		{"log", []string{".log"}, false},
		{"tables", []string{".sst"}, true},
		{"manifest", []string{"MANIFEST"}, true},
		{"everything", []string{""}, false},
		{"everything while flushing", []string{""}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			disk, cfg := newFaulty(), config(t.TempDir())
			s := open(t, cfg, pebblestore.Deps{FS: disk})
			defer func() { ok(t, s.Close()) }()
			ctx := t.Context()
			ok(t, s.WriteBatches(ctx, lines("r", 0, 100, "x")))

			disk.fault.Store(&fault{files: test.files, err: syscall.ENOSPC})
			stuck := make(chan error, 1)
			go func() {
				if test.flush {
					stuck <- s.Flush()
				} else {
					stuck <- s.WriteBatches(ctx, lines("r", 100, 100, "x"))
				}
			}()
			until(t, "a write that waits for room", s.Waiting)
			wantKind(t, "ready", s.Ready(ctx), errkind.Exhausted)
			wantKind(t, "writing", s.WriteBatches(ctx, lines("other", 0, 1, "x")), errkind.Exhausted)
			n, err := count(ctx, s, "r")
			if err != nil || n < 100 {
				t.Errorf("reading while the disk is full gives %d lines (%v)", n, err)
			}
			if _, err := s.Annotation(ctx, "a", "r", 99); err != nil {
				t.Error(err)
			}
			select {
			case err := <-stuck:
				t.Errorf("what waits for room ended: %v", err)
			default:
			}

			disk.fault.Store(nil)
			ok(t, <-stuck)
			until(t, "the store to take writes again", func() bool { return s.Ready(ctx) == nil })
			ok(t, s.WriteBatches(ctx, lines("other", 0, 1, "x")))
			want := int64(200)
			if test.flush {
				want = 100
			}
			wantCount(t, s, "r", want)
			ok(t, s.Close())
			s = open(t, cfg, pebblestore.Deps{})
			wantCount(t, s, "r", want)
			wantCount(t, s, "other", 1)
		})
	}
}

// TestFullDiskAndContext ends the context of a write that waits for room.
func TestFullDiskAndContext(t *testing.T) {
	disk := newFaulty()
	s := open(t, config(t.TempDir()), pebblestore.Deps{FS: disk})
	defer func() { ok(t, s.Close()) }()
	disk.fault.Store(&fault{files: []string{".log"}, err: syscall.ENOSPC})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.PutAsset(ctx, &pb.Asset{Id: "a"}) }()
	until(t, "a write that waits for room", s.Waiting)
	cancel()
	wantKind(t, "the write", <-done, errkind.Cancelled)
	// The change of the asset is under way: waiting for the end of the change would not help another change.
	wantKind(t, "another change", s.PutAsset(t.Context(), &pb.Asset{Id: "a", SizeBytes: 1}), errkind.Exhausted)
	disk.fault.Store(nil)
	until(t, "the store to take writes again", func() bool { return s.Ready(t.Context()) == nil })
	ok(t, s.PutAsset(t.Context(), &pb.Asset{Id: "a", SizeBytes: 2}))
	a, err := s.Asset(t.Context(), "a")
	if err != nil || a.GetSizeBytes() != 2 {
		t.Errorf("the asset is %v (%v)", a, err)
	}
}

// TestDamage flips bytes of a table: only the reads of the damaged blocks fail.
func TestDamage(t *testing.T) {
	cfg, ctx := config(t.TempDir()), t.Context()
	s := open(t, cfg, pebblestore.Deps{})
	ok(t, s.WriteBatches(ctx, lines("r", 0, 10_000, strings.Repeat("a line that is long enough ", 4))))
	ok(t, s.Flush())
	ok(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(cfg.Dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("tables %v, %v", tables, err)
	}
	for _, name := range tables {
		b, err := os.ReadFile(name)
		ok(t, err)
		copy(b[len(b)/3:], "damage")
		ok(t, os.WriteFile(name, b, 0o600))
	}
	s = open(t, cfg, pebblestore.Deps{})
	defer func() { ok(t, s.Close()) }()
	if n, err := count(ctx, s, "r"); err == nil {
		t.Errorf("a damaged table was read to its end: %d lines", n)
	}
	ok(t, s.WriteBatches(ctx, lines("other", 0, 10, "x")))
	wantCount(t, s, "other", 10)
	if err := s.Ready(ctx); err == nil || !strings.Contains(err.Error(), ".sst is damaged") {
		t.Errorf("ready: %v", err)
	}
}
