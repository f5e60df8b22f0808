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

// A digest is the sha256 of bytes in lowercase hex, and their number.
type digest struct {
	sum  string
	size int64
}

// hasher remembers the digests of files and remote blobs by fingerprint or version, and shares the work of computing them.
//
// Work does not belong to its callers. Work continues after the last caller has left, so a slow film's digest is ready
// for the next caller. Close ends all work.
type hasher struct {
	ctx     context.Context
	end     context.CancelFunc
	running sync.WaitGroup

	known *lru.Cache[string, digest]
	// Semaphores: reading bounds concurrent hashings of local files, fetching bounds concurrent fetches.
	reading, fetching chan struct{}

	mu     sync.Mutex
	closed bool
	shared map[string]*sharedWork
}

type sharedWork struct {
	done chan struct{}
	got  digest
	err  error
}

// maxKnown bounds the remembered digests, at about 200 bytes each.
const maxKnown = 50_000

func newHasher() *hasher {
	known, err := lru.New[string, digest](maxKnown)
	if err != nil {
		panic(err) // only for a size below 1
	}
	ctx, end := context.WithCancel(context.Background())
	return &hasher{ctx: ctx, end: end, known: known, reading: make(chan struct{}, 2), fetching: make(chan struct{}, 4), shared: map[string]*sharedWork{}}
}

func (h *hasher) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.end()
	h.running.Wait()
}

// work computes a digest.
type work func(context.Context) (digest, error)

// share does work once for all concurrent callers of a key. The first caller begins the work.
func (h *hasher) share(ctx context.Context, key string, slots chan struct{}, begin func() (work, error)) (digest, error) {
	h.mu.Lock()
	w := h.shared[key]
	if w == nil {
		if h.closed {
			h.mu.Unlock()
			return digest{}, errkind.New(errkind.Unavailable, "the service is shutting down: try again later")
		}
		do, err := begin()
		if err != nil {
			h.mu.Unlock()
			return digest{}, err
		}
		w = &sharedWork{done: make(chan struct{})}
		h.shared[key] = w
		h.running.Go(func() { h.do(key, w, slots, do) })
	}
	h.mu.Unlock()
	select {
	case <-w.done:
		return w.got, w.err
	case <-ctx.Done():
		return digest{}, context.Cause(ctx)
	}
}

func (h *hasher) do(key string, w *sharedWork, slots chan struct{}, do work) {
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
	w.got, w.err = do(h.ctx)
}

// ofFile returns the digest of an open file. The file is read only if its fingerprint is unknown.
func (h *hasher) ofFile(ctx context.Context, f *os.File, p fingerprint) (digest, error) {
	if got, ok := h.known.Get(p.key()); ok {
		return got, nil
	}
	return h.share(ctx, p.key(), h.reading, func() (work, error) {
		// The work holds a descriptor of its own, since the caller may close f while other callers still wait.
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("holding the file open: %w", err)
		}
		own := os.NewFile(uintptr(fd), f.Name())
		return func(ctx context.Context) (digest, error) {
			defer own.Close()
			return h.read(ctx, own, p)
		}, nil
	})
}

// read hashes a file, and remembers the digest if nobody wrote during the reading.
func (h *hasher) read(ctx context.Context, f *os.File, p fingerprint) (digest, error) {
	if err := settle(ctx, f, p); err != nil {
		return digest{}, err
	}
	sum, buf := sha256.New(), make([]byte, 1<<20)
	for at := int64(0); at < p.size; {
		if ctx.Err() != nil {
			return digest{}, context.Cause(ctx)
		}
		n, err := f.ReadAt(buf, at)
		sum.Write(buf[:n])
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return digest{}, err
		}
	}
	if err := same(f, p); err != nil {
		return digest{}, err
	}
	got := digest{hex.EncodeToString(sum.Sum(nil)), p.size}
	h.known.Add(p.key(), got)
	return got, nil
}
