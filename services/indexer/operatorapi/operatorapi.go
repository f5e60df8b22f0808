// Package operatorapi serves operators: jobs, lag and dead letters, over gRPC, gRPC-Web
// and JSON from one handler. It does nothing itself: package operating does jobs, package
// events knows the log. Each call asks for a role, and leaves an audit line.
package operatorapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/indexer/operating"
)

// MaxRequestBytes bounds one request: a selection of a hundred thousand assets.
const MaxRequestBytes = 4 << 20

// Deps is what the handlers stand on.
type Deps struct {
	Operating  *operating.Service
	Events     *events.Client
	Authoriser authz.Authoriser
	Log        *slog.Logger
}

// Server implements OperatorService.
type Server struct {
	cinedexv1connect.UnimplementedOperatorServiceHandler
	deps  Deps
	rates rates
}

// New makes the server. Without an authoriser nobody is answered, so none is an error.
func New(deps Deps) (*Server, error) {
	if deps.Authoriser == nil {
		return nil, errkind.New(errkind.Invalid, "the operators' API needs an authoriser: without one nothing is answered")
	}
	return &Server{deps: deps}, nil
}

// Register puts the service onto mux.
func (s *Server) Register(mux *http.ServeMux) {
	path, h := cinedexv1connect.NewOperatorServiceHandler(s, rpc.Options(MaxRequestBytes, audit{s.deps.Log})...)
	rpc.Mount(mux, s.deps.Authoriser, path, h)
	rpc.Mount(mux, s.deps.Authoriser, "GET "+BatchesPath+"{job}/{name}", http.HandlerFunc(s.file))
}

// Handler is the service alone, with health and reflection beside it.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Register(mux)
	rpc.Describe(mux, s.deps.Operating.Ready, cinedexv1connect.OperatorServiceName)
	return mux
}

// audit writes a line for each call: who did what to what, and how it ended.
type audit struct{ log *slog.Logger }

func (a audit) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		began := time.Now()
		resp, err := next(ctx, req)
		result := "ok"
		if err != nil {
			result = errkind.Of(err).String()
		}
		attrs := []any{"caller", rpc.CallerFrom(ctx).Name(), "call", req.Spec().Procedure, "of", subject(req.Any()), "result", result, "took", time.Since(began)}
		if err != nil {
			attrs = append(attrs, "error", err)
		}
		a.log.Info("operator", attrs...)
		return resp, err
	}
}

func (audit) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (audit) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// subject is what a call is about, where its request says so.
func subject(req any) string {
	switch m := req.(type) {
	case interface{ GetJob() *pb.Job }:
		id, err := operating.JobID(m.GetJob())
		if err != nil {
			return ""
		}
		return id
	case interface{ GetId() string }:
		return m.GetId()
	case interface{ GetFilter() *pb.LetterFilter }:
		return m.GetFilter().String()
	}
	return ""
}

// PlanJob tells what a job would do and cost.
func (s *Server) PlanJob(ctx context.Context, req *connect.Request[pb.PlanJobRequest]) (*connect.Response[pb.PlanJobResponse], error) {
	j, p, err := s.deps.Operating.Plan(ctx, rpc.CallerFrom(ctx), req.Msg.GetJob())
	if err != nil {
		return nil, err
	}
	return connect.NewResponse(&pb.PlanJobResponse{Job: j, Lines: p.Lines, EstimatedSeconds: p.Seconds, EstimatedFrom: p.From}), nil
}

// SubmitJob takes a job in.
func (s *Server) SubmitJob(ctx context.Context, req *connect.Request[pb.SubmitJobRequest]) (*connect.Response[pb.SubmitJobResponse], error) {
	j, err := s.deps.Operating.Submit(ctx, rpc.CallerFrom(ctx), req.Msg.GetJob())
	return rpc.Respond(&pb.SubmitJobResponse{Job: j}, err)
}

// GetJob tells how far a job is.
func (s *Server) GetJob(ctx context.Context, req *connect.Request[pb.GetJobRequest]) (*connect.Response[pb.GetJobResponse], error) {
	j, err := s.deps.Operating.Job(ctx, rpc.CallerFrom(ctx), req.Msg.GetId())
	return rpc.Respond(&pb.GetJobResponse{Job: j, EtaSeconds: operating.ETA(j)}, err)
}

// ListJobs lists jobs, the newest first.
func (s *Server) ListJobs(ctx context.Context, req *connect.Request[pb.ListJobsRequest]) (*connect.Response[pb.ListJobsResponse], error) {
	js, err := s.deps.Operating.Jobs(ctx, rpc.CallerFrom(ctx), req.Msg.GetKinds(), req.Msg.GetAll())
	return rpc.Respond(&pb.ListJobsResponse{Jobs: js}, err)
}

// SteerJob pauses, resumes or cancels a job.
func (s *Server) SteerJob(ctx context.Context, req *connect.Request[pb.SteerJobRequest]) (*connect.Response[pb.SteerJobResponse], error) {
	j, err := s.deps.Operating.Steer(ctx, rpc.CallerFrom(ctx), req.Msg.GetId(), req.Msg.GetWish())
	return rpc.Respond(&pb.SteerJobResponse{Job: j}, err)
}
