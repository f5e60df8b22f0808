//go:build !unix

package remotetest

import "errors"

// eat needs a limit of memory, which this system does not set.
func eat() error { return errors.ErrUnsupported }
