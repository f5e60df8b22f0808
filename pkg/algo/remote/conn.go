package remote

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// A Conn is a connection to a worker. Errors have the kinds of the package comment.
type Conn interface {
	Declare(ctx context.Context) (*pb.DeclareResponse, error)
	// Annotate opens the stream of a run. The end of ctx ends the stream.
	Annotate(ctx context.Context) Stream
	Encode(ctx context.Context, in *pb.EncodeRequest) (*pb.EncodeResponse, error)
	Close() error
}

// A Stream is the stream of a run. A single goroutine sends, and a single goroutine receives.
type Stream interface {
	Send(m *pb.AnnotateRequest) error
	CloseRequest() error
	// Receive returns io.EOF after the last response.
	Receive() (*pb.AnnotateResponse, error)
}

// protocol is the version of the contract.
const protocol = 1

// maxMessage bounds a message of a worker.
const maxMessage = 16 << 20

// A place is where a worker is: the path of a socket, or an address.
type place struct {
	socket  string
	address string
}

// String returns the place as errors and log lines name the place.
func (p place) String() string {
	if p.socket != "" {
		return "unix:" + p.socket
	}
	return p.address
}

// dialTimeout bounds the making of a connection.
const dialTimeout = 10 * time.Second

// dial returns a connection to a worker, which is made at the first call.
func dial(p place, secure *tls.Config) Conn {
	d := net.Dialer{Timeout: dialTimeout}
	transport := &http.Transport{
		TLSClientConfig:     secure,
		TLSHandshakeTimeout: dialTimeout,
		Protocols:           new(http.Protocols),
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if p.socket != "" {
				return d.DialContext(ctx, "unix", p.socket)
			}
			return d.DialContext(ctx, network, address)
		},
	}
	base := "http://worker"
	if p.socket == "" {
		base = "http://" + p.address
	}
	if secure != nil && p.socket == "" {
		transport.Protocols.SetHTTP2(true)
		base = "https://" + p.address
	} else {
		transport.Protocols.SetUnencryptedHTTP2(true)
	}
	client := cinedexv1connect.NewAlgorithmWorkerServiceClient(&http.Client{Transport: transport}, base,
		connect.WithGRPC(), connect.WithReadMaxBytes(maxMessage), connect.WithAcceptCompression("gzip", nil, nil))
	return &grpcConn{client, transport}
}

// grpcConn is a Conn over gRPC.
type grpcConn struct {
	client    cinedexv1connect.AlgorithmWorkerServiceClient
	transport *http.Transport
}

func (c *grpcConn) Declare(ctx context.Context) (*pb.DeclareResponse, error) {
	r, err := c.client.Declare(ctx, connect.NewRequest(&pb.DeclareRequest{Protocol: protocol}))
	if err != nil {
		return nil, classified(ctx, err)
	}
	return r.Msg, nil
}

// Annotate implements Conn. net/http's client of HTTP/2 sees the end of the context only between two reads of the request, and a request without
// input is never read, so the request is closed.
func (c *grpcConn) Annotate(ctx context.Context) Stream {
	s := grpcStream{c.client.Annotate(ctx), ctx}
	context.AfterFunc(ctx, func() { _ = s.CloseRequest() })
	return s
}

func (c *grpcConn) Encode(ctx context.Context, in *pb.EncodeRequest) (*pb.EncodeResponse, error) {
	r, err := c.client.Encode(ctx, connect.NewRequest(in))
	if err != nil {
		return nil, classified(ctx, err)
	}
	return r.Msg, nil
}

func (c *grpcConn) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

type grpcStream struct {
	*connect.BidiStreamForClient[pb.AnnotateRequest, pb.AnnotateResponse]
	ctx context.Context // the context of the stream tells a cut stream from a lost worker
}

func (s grpcStream) Receive() (*pb.AnnotateResponse, error) {
	m, err := s.BidiStreamForClient.Receive()
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	return m, classified(s.ctx, err)
}

// errGone marks the end of a connection: the worker crashed, or was stopped.
var errGone = errors.New("the connection to the worker ended")

// errRefused marks a worker that cannot be reached.
var errRefused = errors.New("the worker does not answer")

// classified gives an error of a call the kind of the package comment. A status that the worker sent says what the worker means; every other error is
// the connection's. The library gives the code "canceled" to a connection that the worker's end has reset, too, so the context says whether the platform
// ended the call.
func classified(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var failed *connect.Error
	if !errors.As(err, &failed) {
		return errkind.New(errkind.Internal, "%w: %w", errGone, err)
	}
	text := clip(strings.TrimSpace(failed.Message()))
	if connect.IsWireError(err) {
		return errkind.New(kindOf(failed.Code()), "the worker says %s: %s", failed.Code(), text)
	}
	var refused *net.OpError
	switch {
	case errors.As(err, &refused) && refused.Op == "dial":
		return errkind.New(errkind.Unavailable, "%w: %s", errRefused, text)
	case failed.Code() == connect.CodeResourceExhausted:
		return errkind.New(errkind.Invalid, "a message of the worker is larger than %d MiB", maxMessage>>20)
	case ctx.Err() != nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return errkind.New(errkind.Cancelled, "calling the worker: %s", text)
	}
	return errkind.New(errkind.Internal, "%w: %s", errGone, text)
}

// kindOf is the kind of a status.
func kindOf(code connect.Code) errkind.Kind {
	switch code {
	case connect.CodeUnavailable, connect.CodeResourceExhausted, connect.CodeCanceled, connect.CodeDeadlineExceeded:
		return errkind.Unavailable
	case connect.CodeInternal, connect.CodeUnknown:
		return errkind.Internal
	case connect.CodeNotFound:
		return errkind.NotFound
	case connect.CodePermissionDenied:
		return errkind.Denied
	case connect.CodeUnauthenticated:
		return errkind.Unauthenticated
	}
	return errkind.Invalid
}

// clip keeps the words of a worker short enough for a log line.
func clip(s string) string {
	const most = 500
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
