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

// A fingerprint identifies a file's bytes without reading the file. Every write changes the fingerprint. A write that restores size and time does as
// well, since no program can set the time of change.
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

// version identifies this state of the file, together with size and time, on every machine that mounts the file system.
func (p fingerprint) version() string { return fmt.Sprintf("%x-%x", p.inode, p.changed) }

func (p fingerprint) key() string {
	return fmt.Sprintf("file %x-%s-%d-%d", p.device, p.version(), p.size, p.modified)
}

// File systems count time in ticks: two writes within a tick leave the same times. For a file that was changed within quietAge, the fingerprint must
// stay the same for longer than a tick before the hashing. A tick is at most 10 ms on file systems with nanoseconds, and 2 s on file systems with
// whole seconds.
const (
	quietAge    = 10 * time.Second
	quiet       = 50 * time.Millisecond
	quietCoarse = 2100 * time.Millisecond
)

// settle waits until any later write is sure to change the fingerprint.
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

// same fails with kind Unavailable if the fingerprint of an open file has changed. A write is the likely reason; renaming or unlinking the file
// changes the fingerprint, too.
func same(f *os.File, p fingerprint) error {
	now, err := fingerprintOf(f)
	if err != nil {
		return err
	}
	if now != p {
		return errkind.New(errkind.Unavailable, "the file was changed while it was read: try again after the writing has ended")
	}
	return nil
}
