//go:build unix

package remote

import (
	"os"
	"syscall"
)

// lock takes the lock of a file, and fails if another process has the lock. The end of the process gives the lock back.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
