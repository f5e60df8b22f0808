package media

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// pathOf is a path that leads to the very file that is open, whatever happens to its name. It holds while f is open.
func pathOf(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

// nameOf is what a message calls the file at path.
func nameOf(path string) string {
	if strings.HasPrefix(path, "/proc/") {
		if real, err := os.Readlink(path); err == nil {
			path = strings.TrimSuffix(real, " (deleted)")
		}
	}
	return filepath.Base(path)
}

// changed is when the bytes, the name or the attributes of a file were last changed, in Unix nanoseconds. No program can set it.
func changed(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }
