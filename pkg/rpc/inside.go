package rpc

import (
	"context"
	"log/slog"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// inside is what is told of an error that is nobody's but ours.
const inside = "something went wrong inside; the service's log says what"

// Tell returns what a caller is told of an error: its kind, and its words unless something
// went wrong inside, which goes to the log.
func Tell(log *slog.Logger, err error) (errkind.Kind, string) {
	kind := errkind.Of(err)
	if kind == errkind.Internal {
		log.Error("answering", "error", err)
		return kind, inside
	}
	return kind, err.Error()
}

// Logged is for Options: what goes wrong inside is written to the log, which is where callers are sent.
func Logged(log *slog.Logger) connect.Interceptor {
	return connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			resp, err := next(ctx, req)
			if errkind.Is(err, errkind.Internal) && connect.CodeOf(err) == connect.CodeUnknown {
				log.Error("answering", "procedure", req.Spec().Procedure, "error", err)
			}
			return resp, err
		}
	})
}
