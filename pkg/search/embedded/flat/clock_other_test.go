//go:build !linux

package flat_test

import (
	"testing"
	"time"
)

var started = time.Now()

// clock is the time, where the processor time of a thread is not to be had.
func clock(*testing.T) time.Duration { return time.Since(started) }
