package audit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// syncEvery is within which a line is synced, and how often the file's name is looked at.
const syncEvery = time.Second

// A file is a sink with appending and rotation. Log serialises the methods. mu guards against the concurrent sync.
type file struct {
	cfg Config
	now func() time.Time

	size   int64
	begun  time.Time // time of the file's first line
	torn   bool      // the file does not end at the end of a line
	looked time.Time // when the file's name was last looked at

	mu       sync.Mutex
	f        *os.File // nil after a failed rotation
	syncing  *time.Timer
	unsynced error // of a failed sync
}

func openFile(cfg Config, now func() time.Time) (*file, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.File), 0o700); err != nil {
		return nil, err
	}
	s := &file{cfg: cfg, now: now}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, s.prune()
}

// open opens the file and reads its begin and its end.
func (s *file) open() error {
	f, err := os.OpenFile(s.cfg.File, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	size, begun, torn, err := inspect(f, s.now())
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := syncFolder(filepath.Dir(s.cfg.File)); err != nil {
		return errors.Join(err, f.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.f, s.size, s.begun, s.torn, s.looked = f, size, begun, torn, s.now()
	return nil
}

// inspect returns a file's size, the time of the first line, and whether the last line lacks an end.
func inspect(f *os.File, now time.Time) (size int64, begun time.Time, torn bool, err error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return 0, now, false, err
	case !info.Mode().IsRegular():
		return 0, now, false, fmt.Errorf("%s is not a regular file", f.Name())
	case info.Mode().Perm()&0o077 != 0:
		if err := f.Chmod(0o600); err != nil {
			return 0, now, false, err
		}
	}
	size, begun = info.Size(), now
	if size == 0 {
		return size, begun, false, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return 0, now, false, err
	}
	first, err := bufio.NewReader(io.NewSectionReader(f, 0, MaxLineBytes)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, now, false, err
	}
	var e Entry
	if json.Unmarshal(first, &e) == nil && !e.Time.IsZero() {
		begun = e.Time
	}
	return size, begun, last[0] != '\n', nil
}

// Write implements sink. A line is a single write, so a line is whole or at the end of the file.
func (s *file) Write(line []byte) error {
	if err := s.syncFailed(); err != nil {
		return err
	}
	if err := s.follow(); err != nil {
		return err
	}
	if s.size > 0 && (s.size+int64(len(line)) > s.cfg.MaxBytes || s.now().Sub(s.begun) >= s.cfg.MaxAge) {
		if err := s.rotate(); err != nil {
			return fmt.Errorf("beginning a new file: %w", err)
		}
	}
	if s.torn {
		line = append([]byte{'\n'}, line...)
	}
	n, err := s.f.Write(line)
	s.size += int64(n)
	if n > 0 {
		s.torn = n < len(line)
	}
	if err != nil {
		return err
	}
	s.syncSoon()
	return nil
}

// follow opens the file if the file is not open, or if another file or no file has the name.
func (s *file) follow() error {
	if s.f != nil && s.now().Sub(s.looked) < syncEvery {
		return nil
	}
	if s.f != nil {
		named, err := os.Stat(s.cfg.File)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		have, herr := s.f.Stat()
		if err == nil && herr == nil && os.SameFile(named, have) {
			s.looked = s.now()
			return nil
		}
		if err := s.shut(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(s.cfg.File), 0o700); err != nil {
		return err
	}
	return s.open()
}

// rotate renames the file after the time of its first line, and begins a new file.
func (s *file) rotate() error {
	if err := s.shut(); err != nil {
		return err
	}
	stem, ext := s.stem()
	for n := 0; ; n++ {
		// A clock that was set back would give the same time of rotation twice. A taken name gets a number.
		name := fmt.Sprintf("%s-%s.%03d%s", stem, s.begun.UTC().Format("20060102T150405.000Z"), n, ext)
		if _, err := os.Lstat(name); err == nil {
			continue
		}
		if err := os.Rename(s.cfg.File, name); err != nil {
			return err
		}
		break
	}
	if err := s.open(); err != nil {
		return err
	}
	return s.prune()
}

func (s *file) stem() (stem, ext string) {
	ext = filepath.Ext(s.cfg.File)
	return strings.TrimSuffix(s.cfg.File, ext), ext
}

// prune deletes the oldest files beyond Keep. The names sort by time.
func (s *file) prune() error {
	stem, ext := s.stem()
	entries, err := os.ReadDir(filepath.Dir(s.cfg.File))
	if err != nil {
		return err
	}
	var old []string
	for _, e := range entries {
		name := filepath.Join(filepath.Dir(s.cfg.File), e.Name())
		middle, ok := strings.CutPrefix(name, stem+"-")
		middle, tail := strings.CutSuffix(middle, ext)
		if _, err := time.Parse("20060102T150405.000Z", strings.TrimSuffix(middle, filepath.Ext(middle))); ok && tail && err == nil {
			old = append(old, name)
		}
	}
	slices.Sort(old)
	for _, name := range old[:max(0, len(old)-s.cfg.Keep)] {
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// syncSoon starts a sync of the file within syncEvery. Writes continue during the sync.
func (s *file) syncSoon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.syncing != nil {
		return
	}
	f := s.f
	s.syncing = time.AfterFunc(syncEvery, func() {
		s.mu.Lock()
		s.syncing = nil // a later line asks for another sync
		s.mu.Unlock()
		err := f.Sync()
		s.mu.Lock()
		defer s.mu.Unlock()
		if err != nil && s.f == f {
			s.unsynced = err
		}
	})
}

// syncFailed returns the error of a sync, to a single caller.
func (s *file) syncFailed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.unsynced
	s.unsynced = nil
	if err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	return nil
}

// shut syncs and closes the file.
func (s *file) shut() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	if s.syncing != nil {
		s.syncing.Stop()
		s.syncing = nil
	}
	err := errors.Join(s.unsynced, s.f.Sync(), s.f.Close())
	s.f, s.unsynced = nil, nil
	return err
}

// Close implements sink.
func (s *file) Close() error { return s.shut() }

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
