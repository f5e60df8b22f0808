package figure

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ThreadTime is the processor time of the calling thread, which other work on the machine does not lengthen. The caller holds the thread
// (runtime.LockOSThread).
func ThreadTime(t testing.TB) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}

// ProcessTime is the processor time of this process.
func ProcessTime(t testing.TB) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
