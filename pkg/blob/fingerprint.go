package blob

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

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
