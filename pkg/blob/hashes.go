package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

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
