package rpc

import (
	"errors"
	"syscall"

	"connectrpc.com/connect"
)

// CodeOf returns the code of a client's error. A lost connection is CodeUnavailable: connect gives CodeCanceled to a connection that the service's end
// has reset, although the caller cancelled nothing.
func CodeOf(err error) connect.Code {
	if code := connect.CodeOf(err); code != connect.CodeCanceled || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return code
	}
	return connect.CodeUnavailable
}
