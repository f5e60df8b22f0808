//go:build !linux

package blob

import (
	"os"
	"syscall"
)

func pathOf(f *os.File) string { return f.Name() }

// changed returns 0: without Linux's time of change, inode, size and time of modification MUST do.
func changed(*syscall.Stat_t) int64 { return 0 }
