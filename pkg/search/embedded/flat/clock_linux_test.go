package flat_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clock is the processor time of the thread, which other work on the machine does not lengthen.
func clock(t *testing.T) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		t.Fatal(err)
	}
	return time.Duration(now.Nano())
}
