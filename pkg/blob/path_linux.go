package blob

import (
	"fmt"
	"os"
	"syscall"
)

// pathOf returns a path that leads to the open file itself, also after the file was renamed or removed. The path holds while f is open.
func pathOf(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// changed returns the time at which the bytes, the name or the attributes of a file last changed, in Unix nanoseconds. No program can set this time.
func changed(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }
