package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A fingerprint is what a file system tells of a file's bytes without reading them. Every write changes it, also a write that
// restores size and time afterwards, since nobody can set the time of change.
type fingerprint struct {
	device, inode, size int64
	modified, changed   int64 // Unix nanoseconds
}

func fingerprintOf(f *os.File) (fingerprint, error) {
	st, err := f.Stat()
	if err != nil {
		return fingerprint{}, err
	}
	return fingerprintOfInfo(st)
}

func fingerprintOfInfo(st fs.FileInfo) (fingerprint, error) {
	if !st.Mode().IsRegular() {
		return fingerprint{}, errkind.New(errkind.Invalid, "%s is not a file", st.Name())
	}
	p := fingerprint{size: st.Size(), modified: st.ModTime().UnixNano()}
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		p.device, p.inode, p.changed = int64(s.Dev), int64(s.Ino), changed(s)
	}
	return p, nil
}

// version names this state of the file beside its size and its time, on every machine that mounts it.
func (p fingerprint) version() string { return fmt.Sprintf("%x-%x", p.inode, p.changed) }

func (p fingerprint) key() string {
	return fmt.Sprintf("file %x-%s-%d-%d", p.device, p.version(), p.size, p.modified)
}

// A file system tells time in ticks, so two writes within a tick look alike. Before a file is hashed that was changed within quietAge, its
// fingerprint must hold for longer than a tick: 10 ms at most on the file systems that tell nanoseconds, 2 s on those that tell whole seconds.
const (
	quietAge    = 10 * time.Second
	quiet       = 50 * time.Millisecond
	quietCoarse = 2100 * time.Millisecond
)

// settle waits until a later write is sure to change the fingerprint.
func settle(ctx context.Context, f *os.File, p fingerprint) error {
	if age := time.Since(time.Unix(0, p.changed)); age > quietAge {
		return nil
	}
	pause := quiet
	if p.changed%int64(time.Second) == 0 {
		pause = quietCoarse
	}
	select {
	case <-time.After(pause):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return same(f, p)
}

// same fails with kind Unavailable where an open file is not as it was. A write is the likely reason; a new name, or one name less, looks alike.
func same(f *os.File, p fingerprint) error {
	now, err := fingerprintOf(f)
	if err != nil {
		return err
	}
	if now != p {
		return errkind.New(errkind.Unavailable, "the file was changed while it was read: it is read when nobody changes it")
	}
	return nil
}

// hashed is what bytes hash to.
type hashed struct {
	sum  string
	size int64
}

// hashes remembers what bytes hash to by what their place tells of them, and shares the work of finding out.
//
// Work belongs to nobody who waits for it: it goes on when the last of them has left, so that a film that takes longer to
// read than its reader waits is there for the next reader. Close ends it.
type hashes struct {
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	known *lru.Cache[string, hashed]
	// slots bound the work at a time: reading disks, and fetching from elsewhere.
	reading, fetching chan struct{}

	mu     sync.Mutex
	closed bool
	shared map[string]*sharedWork
}

type sharedWork struct {
	done chan struct{}
	is   hashed
	err  error
}

// mostKnown bounds what is remembered, about 200 bytes for each file.
const mostKnown = 50_000

func newHashes() *hashes {
	known, err := lru.New[string, hashed](mostKnown)
	if err != nil {
		panic(err) // of a size below 1 only
	}
	ctx, end := context.WithCancel(context.Background())
	return &hashes{ctx: ctx, end: end, known: known, reading: make(chan struct{}, 2), fetching: make(chan struct{}, 4), shared: map[string]*sharedWork{}}
}

func (h *hashes) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.running.Wait()
}

// work finds out what bytes hash to.
type work func(context.Context) (hashed, error)

// share does work once for all who ask for key meanwhile. The first of them begins it.
func (h *hashes) share(ctx context.Context, key string, slots chan struct{}, begin func() (work, error)) (hashed, error) {
	h.mu.Lock()
	w := h.shared[key]
	if w == nil {
		if h.closed {
			h.mu.Unlock()
			return hashed{}, errkind.New(errkind.Unavailable, "the service is ending")
		}
		do, err := begin()
		if err != nil {
			h.mu.Unlock()
			return hashed{}, err
		}
		w = &sharedWork{done: make(chan struct{})}
		h.shared[key] = w
		h.running.Go(func() { h.do(key, w, slots, do) })
	}
	h.mu.Unlock()
	select {
	case <-w.done:
		return w.is, w.err
	case <-ctx.Done():
		return hashed{}, context.Cause(ctx)
	}
}

func (h *hashes) do(key string, w *sharedWork, slots chan struct{}, do work) {
	defer func() {
		h.mu.Lock()
		delete(h.shared, key)
		h.mu.Unlock()
		close(w.done)
	}()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-h.ctx.Done():
	}
	w.is, w.err = do(h.ctx)
}

// ofFile returns what an open file hashes to. The file is read only where its fingerprint is new.
func (h *hashes) ofFile(ctx context.Context, f *os.File, p fingerprint) (hashed, error) {
	if is, ok := h.known.Get(p.key()); ok {
		return is, nil
	}
	return h.share(ctx, p.key(), h.reading, func() (work, error) {
		// A descriptor of its own: who asks may close f while others still wait.
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("holding the file open: %w", err)
		}
		own := os.NewFile(uintptr(fd), f.Name())
		return func(ctx context.Context) (hashed, error) {
			defer own.Close()
			return h.read(ctx, own, p)
		}, nil
	})
}

// read hashes a file, and remembers the result where nobody wrote meanwhile.
func (h *hashes) read(ctx context.Context, f *os.File, p fingerprint) (hashed, error) {
	if err := settle(ctx, f, p); err != nil {
		return hashed{}, err
	}
	sum, buf := sha256.New(), make([]byte, 1<<20)
	for at := int64(0); at < p.size; {
		if ctx.Err() != nil {
			return hashed{}, context.Cause(ctx)
		}
		n, err := f.ReadAt(buf, at)
		sum.Write(buf[:n])
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return hashed{}, err
		}
	}
	if err := same(f, p); err != nil {
		return hashed{}, err
	}
	is := hashed{hex.EncodeToString(sum.Sum(nil)), p.size}
	h.known.Add(p.key(), is)
	return is, nil
}
