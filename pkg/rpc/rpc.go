package rpc

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/klauspost/compress/gzip"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// Options returns the options of every service's handler: requests of at most maxBytes, JSON with misspelt fields
// named, and errors by their kind. The given interceptors see the call's own error.
func Options(maxBytes int, inner ...connect.Interceptor) []connect.HandlerOption {
	opts := []connect.HandlerOption{connect.WithReadMaxBytes(maxBytes), connect.WithInterceptors(append([]connect.Interceptor{errorsByKind{}}, inner...)...)}
	opts = append(opts, connect.WithCodec(boundedProtobuf{}), fastGzip, connect.WithCompressMinBytes(compressFrom))
	for _, c := range jsonCodecs {
		opts = append(opts, connect.WithCodec(c))
	}
	return opts
}

// compressFrom is the size from which gzip makes an answer smaller by more than a packet.
const compressFrom = 1 << 10

// fastGzip compresses at the lowest level. At the usual level, gzip took a sixth of the time of a search of 25 hits.
var fastGzip = connect.WithCompression("gzip",
	func() connect.Decompressor { return new(gzip.Reader) },
	func() connect.Compressor {
		w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		if err != nil {
			panic(err) // the level is a constant of the library
		}
		return w
	})

// Mount puts a service's handler onto mux, behind Authenticate.
func Mount(mux *http.ServeMux, a authz.Authoriser, path string, h http.Handler) {
	mux.Handle(path, Authenticate(a, h, reject))
}

// Describe puts health and reflection of the named services onto mux. ready returns why the services cannot answer now; nil for services
// that can always answer.
//
// Both answer without a token, so a message above describeBytes is refused before the message is read.
func Describe(mux *http.ServeMux, ready func() error, services ...string) {
	bounded := connect.WithReadMaxBytes(describeBytes)
	path, watched := grpchealth.NewHandler(&health{ready: ready, services: services}, bounded)
	mux.Handle(path, untilStop(watched))
	r := grpcreflect.NewStaticReflector(append(slices.Clone(services), grpchealth.HealthV1ServiceName)...)
	mux.Handle(grpcreflect.NewHandlerV1(r, bounded))
	mux.Handle(grpcreflect.NewHandlerV1Alpha(r, bounded))
}

// describeBytes is room for the name of a service or of a symbol.
const describeBytes = 4 << 10

// Respond turns the result of a service's own function into the result of a handler.
func Respond[T any](m *T, err error) (*connect.Response[T], error) {
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(m), nil
}

var errorWriter = connect.NewErrorWriter()

// reject answers in the protocol of the request.
func reject(w http.ResponseWriter, r *http.Request, err error) {
	if errorWriter.IsSupported(r) {
		_ = errorWriter.Write(w, r, asConnect(err))
		return
	}
	SetRetryAfter(w.Header(), err)
	http.Error(w, err.Error(), errkind.Of(err).HTTPStatus())
}

func asConnect(err error) *connect.Error {
	var c *connect.Error
	if errors.As(err, &c) {
		return c
	}
	k := errkind.Of(err)
	if k == errkind.Internal {
		// An internal error is for the log, not for the caller.
		return connect.NewError(connect.CodeInternal, errors.New(inside))
	}
	told := connect.NewError(connect.Code(k.GRPCCode()), err)
	if _, ok := errkind.RetryAfter(err); ok {
		SetRetryAfter(told.Meta(), err) // a header over HTTP, a trailer over gRPC
	}
	for _, m := range details(k, err) {
		if d, err := connect.NewErrorDetail(m); err == nil {
			told.AddDetail(d)
		}
	}
	return told
}

// errorsByKind turns errors into connect's errors by the table of errkind, and notes the outcome of the call for the
// audit log.
type errorsByKind struct{}

func (errorsByKind) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		resp, err := next(ctx, req)
		audit.From(ctx).End(err)
		if err != nil {
			return nil, asConnect(err)
		}
		return resp, nil
	}
}

func (errorsByKind) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (errorsByKind) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		err := next(ctx, conn)
		audit.From(ctx).End(err)
		if err != nil {
			return asConnect(err)
		}
		return nil
	}
}
