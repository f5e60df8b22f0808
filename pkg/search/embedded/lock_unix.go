//go:build unix

package embedded

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// lockFolder makes this process the only one that has the engine open, until the file is closed.
func lockFolder(dir string) (*os.File, error) {
	path := filepath.Join(dir, "LOCK")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, errkind.New(errkind.Unavailable, "opening the search engine in %s: another process has it open; stop that process, or give this one another folder: %w", dir, err)
	}
	return f, nil
}
