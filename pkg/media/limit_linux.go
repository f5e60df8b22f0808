package media

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// setLimit is the system call for limiting a resource of a process.
type setLimit func(pid, resource int, n uint64) error

func prlimit(pid, resource int, n uint64) error {
	return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: n, Max: n}, nil)
}

// limit sets the limits of a child process, from outside and right after the start, because Go cannot run code between
// fork and exec. At the time of the call the child has read nothing of the file.
//
//   - An ended child needs no limits.
//   - Without the limit of memory the child MUST NOT continue: err is of kind Unavailable.
//   - unset names the other limits that could not be set. The child may continue, and the operator should know.
func limit(set setLimit, pid int, memory int64) (unset []string, err error) {
	failed := func(resource int, n uint64) error {
		if err := set(pid, resource, n); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
		return nil
	}
	if memory > 0 {
		if err := failed(unix.RLIMIT_AS, uint64(memory)); err != nil {
			return nil, errkind.New(errkind.Unavailable, "the system does not limit a decoder's memory (RLIMIT_AS), so no decoder is run; allow prlimit, or set media.max_memory to 0 and limit the memory of the service: %w", err)
		}
	}
	for _, l := range []struct {
		name     string
		resource int
		n        uint64
	}{
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		// The child writes to pipes only, so no file may grow.
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 64},
	} {
		if err := failed(l.resource, l.n); err != nil {
			unset = append(unset, fmt.Sprintf("%s: %v", l.name, err))
		}
	}
	return unset, nil
}

// widen asks for a pipe with room for some frames, so a decoder and its reader alternate less often. A refusal leaves
// the kernel's default size.
func widen(f *os.File) {
	conn, err := f.SyscallConn() // f.Fd() would make each Read block a thread
	if err != nil {
		return
	}
	_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 1<<20) })
}
