//go:build unix

package flat

import "syscall"

const errNoSpace = syscall.ENOSPC
