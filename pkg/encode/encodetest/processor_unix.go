//go:build unix

package encodetest

import (
	"syscall"
	"time"
)

// processorTime is how long processors have worked for this process, which other processes do not change.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
