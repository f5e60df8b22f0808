package pebblestore

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Pebble ends the process if the log or the manifest cannot be written, also on a full disk. Two measures keep a full
// disk from Pebble. First, the store refuses writes while the disk has less free than a reserve. Second, if other
// programs fill the disk faster, Pebble's own write waits for room: nothing is lost, reading continues, and writing
// continues without help.

// openBytes bounds how much Open may write: the log read back into tables, a new log and a new manifest.
const openBytes = 3 * memTableBytes

// disk is a file system on which writes wait for room.
type disk struct {
	vfs.FS
	log *slog.Logger
	// patient is set once the store is open. Before, an error is better than a wait.
	patient atomic.Bool
	// waiting counts the waiting writes.
	waiting atomic.Int32
	// closing ends the waits.
	closing chan struct{}
}

// full reports whether a write is waiting for room.
func (d *disk) full() bool { return d.waiting.Load() > 0 }

// retry is the interval at which a waiting write looks for room.
const retry = 100 * time.Millisecond

// noRoom reports whether a write failed for want of room.
func noRoom(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// persist repeats op until the disk has room for op.
func (d *disk) persist(op func() error) error {
	err := op()
	if !noRoom(err) || !d.patient.Load() {
		return err
	}
	if d.waiting.Add(1) == 1 {
		d.log.Warn("the disk is full: the store's writes wait for room", "error", err)
	}
	defer d.waiting.Add(-1)
	t := time.NewTicker(retry)
	defer t.Stop()
	for noRoom(err) {
		select {
		case <-t.C:
			err = op()
		case <-d.closing:
			// The write was never acknowledged. An error would make Pebble end the process.
			select {}
		}
	}
	return err
}

// Create implements vfs.FS.
func (d *disk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(func() (vfs.File, error) { return d.FS.Create(name, category) })
}

// ReuseForWrite implements vfs.FS.
func (d *disk) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return d.file(func() (vfs.File, error) { return d.FS.ReuseForWrite(from, to, category) })
}

// Unwrap implements vfs.FS.
func (d *disk) Unwrap() vfs.FS { return d.FS }

func (d *disk) file(open func() (vfs.File, error)) (vfs.File, error) {
	var f vfs.File
	err := d.persist(func() (err error) {
		f, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	return &file{f, d}, nil
}

// file is a file whose writes wait for room. Syncs do not wait: a failed sync may have dropped data already.
type file struct {
	vfs.File
	disk *disk
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (n int, err error) {
	err = f.disk.persist(func() error {
		m, err := f.File.Write(p[n:])
		n += m
		return err
	})
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *file) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.disk.persist(func() error {
		m, err := f.File.WriteAt(p[n:], off+int64(n))
		n += m
		return err
	})
	return n, err
}

// free fails while the disk has less than need free.
func (s *Store) free(need uint64, what string) error {
	u, err := s.disk.GetDiskUsage(s.cfg.Dir)
	if err != nil {
		return nil //nolint:nilerr // a file system that cannot tell is not full
	}
	if u.AvailBytes < need {
		return errkind.New(errkind.Exhausted, "the disk of %s has %d MiB free, less than %s of %d MiB: make room, and writing continues",
			s.cfg.Dir, u.AvailBytes>>20, what, need>>20)
	}
	return nil
}

// writable reports why nothing can be written now.
func (s *Store) writable() error {
	select {
	case <-s.failed:
		return s.failure()
	default:
	}
	if s.disk.full() {
		return errkind.New(errkind.Exhausted, "the disk of %s is full: make room, and writing continues without help", s.cfg.Dir)
	}
	return s.free(s.cfg.MinFreeBytes, "the reserve")
}

// fail makes the store read only.
func (s *Store) fail(err error) {
	s.failOnce.Do(func() {
		s.failedBy = err
		close(s.failed)
	})
}

func (s *Store) failure() error {
	return errkind.New(errkind.Unavailable, "the store in %s is read only since its disk failed; restart the process once the disk works again: %w", s.cfg.Dir, s.failedBy)
}

// logger passes on Pebble's messages. Pebble calls Fatalf for an error without a way on. A commit that ends in Fatalf
// leaves the store readable. Any other Fatalf ends the process.
type logger struct{ log *slog.Logger }

func (l logger) Infof(format string, args ...any) { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l logger) Errorf(format string, args ...any) {
	l.log.Error("pebble reports an error", "error", fmt.Sprintf(format, args...))
}
func (l logger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
