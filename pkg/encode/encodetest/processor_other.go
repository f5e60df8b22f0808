//go:build !unix

package encodetest

import "time"

// processorTime measures nothing here.
func processorTime() time.Duration { return 0 }
