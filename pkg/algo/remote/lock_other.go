//go:build !unix

package remote

import (
	"errors"
	"os"
)

// lock has no meaning on this system: the files of killed processes stay.
func lock(*os.File) error { return errors.ErrUnsupported }
