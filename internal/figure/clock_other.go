//go:build !linux

package figure

import (
	"testing"
	"time"
)

var started = time.Now()

// ThreadTime is the time, where the processor time of a thread is not to be had.
func ThreadTime(testing.TB) time.Duration { return time.Since(started) }

// ProcessTime is the time, where the processor time of a process is not to be had.
func ProcessTime(testing.TB) time.Duration { return time.Since(started) }
