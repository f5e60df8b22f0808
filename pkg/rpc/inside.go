package rpc

import (
	"context"
	"log/slog"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// inside is the caller's text for an internal error.
const inside = "something went wrong inside; the service's log has the reason"

// Tell returns the kind and the text of an error for a caller. An internal error goes to the log, and the caller gets a
// fixed text.
func Tell(log *slog.Logger, err error) (errkind.Kind, string) {
	kind := errkind.Of(err)
	if kind == errkind.Internal {
		log.Error("answering", "error", err)
		return kind, inside
	}
	return kind, err.Error()
}

// Logged is an interceptor for Options: internal errors are written to the log, to which the fixed text sends callers.
func Logged(log *slog.Logger) connect.Interceptor { return logged{log} }

type logged struct{ log *slog.Logger }

func (l logged) note(of connect.Spec, err error) {
	if errkind.Is(err, errkind.Internal) && connect.CodeOf(err) == connect.CodeUnknown {
		l.log.Error("answering", "procedure", of.Procedure, "error", err)
	}
}

func (l logged) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		resp, err := next(ctx, req)
		l.note(req.Spec(), err)
		return resp, err
	}
}

func (l logged) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (l logged) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		err := next(ctx, conn)
		l.note(conn.Spec(), err)
		return err
	}
}
