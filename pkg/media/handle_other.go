//go:build !linux

package media

import (
	"os"
	"path/filepath"
	"syscall"
)

func pathOf(f *os.File) string { return f.Name() }

func nameOf(path string) string { return filepath.Base(path) }

// changed is not read here: inode, size and time of change must do.
func changed(*syscall.Stat_t) int64 { return 0 }
