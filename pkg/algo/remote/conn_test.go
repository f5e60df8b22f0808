package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
)

// A dying accepts connections, and resets a connection in the middle of a run as the kernel does for a process that dies.
type dying struct {
	cinedexv1connect.UnimplementedAlgorithmWorkerServiceHandler
	net.Listener
	accepted chan *net.TCPConn
}

func (d dying) Accept() (net.Conn, error) {
	c, err := d.Listener.Accept()
	if err == nil {
		d.accepted <- c.(*net.TCPConn)
	}
	return c, err
}

func (d dying) reset() error {
	c := <-d.accepted
	if err := c.SetLinger(0); err != nil { // a close without linger is a reset
		return err
	}
	return c.Close()
}

func (d dying) Declare(context.Context, *connect.Request[pb.DeclareRequest]) (*connect.Response[pb.DeclareResponse], error) {
	return nil, connect.NewError(connect.CodeInternal, d.reset())
}

func (d dying) Annotate(_ context.Context, s *connect.BidiStream[pb.AnnotateRequest, pb.AnnotateResponse]) error {
	if _, err := s.Receive(); err != nil {
		return err
	}
	return d.reset()
}

// A connection that the worker's end resets is a lost worker, although the library's code for the reset is "canceled".
func TestResetConnection(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := dying{Listener: l, accepted: make(chan *net.TCPConn, 8)}
	mux := http.NewServeMux()
	mux.Handle(cinedexv1connect.NewAlgorithmWorkerServiceHandler(d))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols), ReadHeaderTimeout: time.Minute}
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(d) }()
	defer server.Close()

	lost := func(call string, err error) {
		t.Helper()
		if !errors.Is(err, errGone) || !errkind.Is(err, errkind.Internal) {
			t.Errorf("%s: %v (%s), want %v", call, err, errkind.Of(err), errGone)
		}
	}
	c := dial(place{address: l.Addr().String()}, nil)
	defer c.Close()
	_, err = c.Declare(t.Context())
	lost("Declare", err)
	s := c.Annotate(t.Context())
	if err := s.Send(&pb.AnnotateRequest{}); err != nil {
		t.Fatal(err)
	}
	_, err = s.Receive()
	lost("Annotate", err)
}

// A call that the platform ends is cancelled, and the worker is not at fault.
func TestEndedCall(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	c := dial(place{address: l.Addr().String()}, nil)
	defer c.Close()
	if _, err := c.Declare(ctx); !errkind.Is(err, errkind.Cancelled) || errors.Is(err, errGone) {
		t.Errorf("%v (%s), want a cancelled call", err, errkind.Of(err))
	}
}
