package rpc_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
)

// The codes of connections that end. connect v1.21.1 gives CodeCanceled to the resets.
func TestCodeOf(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		err  error
		want connect.Code
	}{
		{connect.NewError(connect.CodeCanceled, reset), connect.CodeUnavailable},
		{connect.NewError(connect.CodeCanceled, fmt.Errorf("writing: %w", syscall.EPIPE)), connect.CodeUnavailable},
		{connect.NewError(connect.CodeCanceled, context.Canceled), connect.CodeCanceled},
		{connect.NewError(connect.CodeInvalidArgument, io.EOF), connect.CodeInvalidArgument},
		{io.EOF, connect.CodeUnknown},
	} {
		if got := rpc.CodeOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}
