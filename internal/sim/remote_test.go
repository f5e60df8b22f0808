package sim

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/remote"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// farLines is lines in a worker: the real host of workers executes the run over a connection in memory.
type farLines struct {
	lines
	host *remote.Host
}

// newFarLines makes the host of a process and its worker. The host serves until the process ends.
func newFarLines(l lines) (farLines, error) {
	cfg := remote.Default()
	cfg.Addresses = []string{"127.0.0.1:1"}
	h, err := remote.New(cfg, remote.Deps{Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Dial: func(string) remote.Conn { return far{l} }})
	return farLines{l, h}, err
}

// Annotate waits for the worker, as a run in the log waits.
func (f farLines) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	for _, a := range f.host.Algorithms() {
		return a.Annotate(ctx, in, out)
	}
	return errkind.New(errkind.Unavailable, "the worker is not there")
}

// far is the connection to a worker with lines.
type far struct{ lines }

var errFar = errkind.New(errkind.Internal, "the connection to the worker ended")

func (f far) Declare(context.Context) (*pb.DeclareResponse, error) {
	return &pb.DeclareResponse{Protocol: 1, Instance: f.p.name, Algorithms: []*pb.WorkerAlgorithm{{Algorithm: f.Spec(), Digest: f.version}}}, nil
}

func (far) Encode(context.Context, *pb.EncodeRequest) (*pb.EncodeResponse, error) {
	return nil, errors.New("the worker encodes nothing")
}

func (far) Close() error { return nil }

// Annotate starts lines, whose output is the responses. A fault of the plan has the worker break the contract before the last item.
func (f far) Annotate(ctx context.Context) remote.Stream {
	s := &farStream{ctx: ctx, responses: make(chan *pb.AnnotateResponse)}
	f.p.world.running.Go(func() {
		defer close(s.responses)
		err := f.write(ctx, farOutput{s})
		switch {
		case errors.Is(err, errHangs):
			<-ctx.Done()
		case err != nil:
			s.failed = errFar
		default:
			s.failed = s.send(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Done{Done: &pb.Done{}}})
		}
	})
	return s
}

// farStream is the stream of a run.
type farStream struct {
	ctx       context.Context
	responses chan *pb.AnnotateResponse
	failed    error // set before responses is closed
}

func (s *farStream) Send(*pb.AnnotateRequest) error { return s.ctx.Err() }
func (s *farStream) CloseRequest() error            { return nil }

func (s *farStream) Receive() (*pb.AnnotateResponse, error) {
	select {
	case m, ok := <-s.responses:
		switch {
		case ok:
			return m, nil
		case s.failed != nil:
			return nil, s.failed
		}
		return nil, io.EOF
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

func (s *farStream) send(m *pb.AnnotateResponse) error {
	select {
	case s.responses <- m:
		return nil
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
}

// farOutput is the output of lines in the worker.
type farOutput struct{ s *farStream }

func (o farOutput) Annotation(_ context.Context, a *pb.Annotation) (string, error) {
	return "", o.s.send(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Annotation{Annotation: a}})
}

func (o farOutput) Embedding(_ context.Context, e *pb.Embedding) error {
	return o.s.send(&pb.AnnotateResponse{Output: &pb.AnnotateResponse_Embedding{Embedding: &pb.WorkerEmbedding{Embedding: e}}})
}

func (farOutput) Blob(context.Context, string, string, []byte) (*pb.MediaRef, error) {
	return nil, errors.New("lines keeps no blob")
}

func (farOutput) Progress(int64, int64) {}

// A worker that dies or stands still has its run executed again. A worker that lies has failed the run at once, and the run that reads the run.
func TestWorkersOfPlans(t *testing.T) {
	for _, c := range []struct {
		kind       FaultKind
		times      int
		executions int
		failed     map[string]int
	}{
		{WorkerDies, 1, 2, map[string]int{}},
		{WorkerHangs, 1, 2, map[string]int{}},
		{WorkerDies, 3, 4, map[string]int{}},
		{WorkerHangs, 3, 4, map[string]int{}},
		{WorkerLies, 1, 1, map[string]int{"invalid": 2}},
	} {
		plan := Plan{Seed: 1, Assets: 1, Items: 3, Cut: 2, Remote: true, Faults: []Fault{{Step: 1, Kind: c.kind, For: 30*c.times - 30}}}
		o := run(t, plan, none, nil)
		if o.err != nil || o.executions != c.executions || !maps.Equal(o.failed, c.failed) {
			t.Errorf("%s: %d executions, failed %v, %v", plan, o.executions, o.failed, o.err)
		}
	}
}
