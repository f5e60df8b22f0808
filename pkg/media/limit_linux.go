package media

import (
	"os"

	"golang.org/x/sys/unix"
)

// limit sets what a child may use. It is set from outside, right after the
// start, since Go cannot run code between fork and exec; by then the child has
// read nothing of the file. A limit that cannot be set (a child that has ended
// already) is no error.
func limit(pid int, memory int64) {
	set := func(resource int, n uint64) {
		_ = unix.Prlimit(pid, resource, &unix.Rlimit{Cur: n, Max: n}, nil)
	}
	if memory > 0 {
		set(unix.RLIMIT_AS, uint64(memory))
	}
	set(unix.RLIMIT_CORE, 0)
	// It writes to pipes only, so it may not grow any file.
	set(unix.RLIMIT_FSIZE, 0)
	set(unix.RLIMIT_NOFILE, 64)
}

// widen asks for a pipe that holds some frames, so that a decoder and its reader
// take fewer turns. The kernel's own size does, too, where it says no.
func widen(f *os.File) {
	conn, err := f.SyscallConn() // f.Fd() would make its reads block a thread each
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
}
