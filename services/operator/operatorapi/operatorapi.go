package operatorapi

import (
	"context"
	"log/slog"
	"net/http"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/pkg/telemetry"
	"github.com/cinedex/cinedex/services/operator/jobs"
	"github.com/cinedex/cinedex/services/operator/operating"
)

// MaxRequestBytes bounds a request: a selection of a hundred thousand assets.
const MaxRequestBytes = 4 << 20

// Deps is built by main.
type Deps struct {
	Operating *operating.Service
	Catalogue Catalogue
	Events    *events.Client
	// Memory tells what the memory of the process is used for; nil knows no stores.
	Memory     *telemetry.Memory
	Authoriser authz.Authoriser
	// Audit gets a line of each call; nil keeps none.
	Audit *audit.Log
	Log   *slog.Logger
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
	if deps.Memory == nil {
		deps.Memory = &telemetry.Memory{}
	}
	return &Server{deps: deps}, nil
}

// Register puts the service onto mux.
func (s *Server) Register(mux *http.ServeMux) {
	path, h := cinedexv1connect.NewOperatorServiceHandler(s, rpc.Options(MaxRequestBytes, rpc.Logged(s.deps.Log), noted)...)
	doors := http.NewServeMux()
	rpc.Mount(doors, s.deps.Authoriser, path, h)
	rpc.Mount(doors, s.deps.Authoriser, "GET "+BatchesPath+"{job}/{name}", http.HandlerFunc(s.file))
	recorded := rpc.Recorded(s.deps.Audit, doors)
	mux.Handle(path, recorded)
	mux.Handle(BatchesPath, recorded)
}

// Handler is the service alone, with health and reflection.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	s.Register(mux)
	rpc.Describe(mux, s.deps.Operating.Ready, cinedexv1connect.OperatorServiceName)
	return mux
}

// noted writes the subject of each call, and the titles of the answer, into the audit line.
var noted = connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		call := audit.From(ctx)
		call.About(subject(req.Any()))
		resp, err := next(ctx, req)
		if err == nil {
			told(call, resp.Any())
		}
		return resp, err
	}
})

// told notes the jobs, runs, letters and titles of an answer. Titles of results are noted where a manifest is read.
func told(call *audit.Call, answer any) {
	switch m := answer.(type) {
	case *pb.ListJobsResponse:
		for _, j := range m.GetJobs() {
			toldJob(call, j)
		}
	case *pb.ListRunsResponse:
		for _, r := range m.GetRuns() {
			call.Told(1, r.GetTitle())
		}
	case *pb.ListDeadLettersResponse:
		call.Told(len(m.GetLetters()))
	case interface{ GetLetters() int64 }:
		call.Told(int(m.GetLetters()))
	case *pb.GetResultResponse:
		call.Told(len(m.GetFiles()))
	case interface{ GetJob() *pb.Job }:
		toldJob(call, m.GetJob())
	}
}

func toldJob(call *audit.Call, j *pb.Job) {
	call.About(j.GetKind() + " " + j.GetId())
	call.Told(1, jobs.Selection(j).GetTitles()...)
}

// subject is the subject of a call, where the request names a subject.
func subject(req any) string {
	switch m := req.(type) {
	case interface{ GetJob() *pb.Job }:
		return jobs.Selection(m.GetJob()).String()
	case interface{ GetSelection() *pb.Selection }:
		return m.GetSelection().String()
	case interface{ GetId() string }:
		return m.GetId()
	case interface {
		GetAlgorithm() string
		GetVersion() string
	}:
		return m.GetAlgorithm() + "@" + m.GetVersion()
	case interface{ GetFilter() *pb.LetterFilter }:
		return m.GetFilter().String()
	}
	return ""
}

// PlanJob tells the work and the cost of a job.
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
	return rpc.Respond(&pb.GetJobResponse{Job: j, EtaSeconds: jobs.ETA(j)}, err)
}

// ListJobs lists jobs, the newest first.
func (s *Server) ListJobs(ctx context.Context, req *connect.Request[pb.ListJobsRequest]) (*connect.Response[pb.ListJobsResponse], error) {
	js, err := s.deps.Operating.Jobs(ctx, rpc.CallerFrom(ctx), req.Msg.GetKinds(), req.Msg.GetAll())
	return rpc.Respond(&pb.ListJobsResponse{Jobs: js}, err)
}

// ListJobKinds tells the kinds of jobs that the caller may submit.
func (s *Server) ListJobKinds(ctx context.Context, _ *connect.Request[pb.ListJobKindsRequest]) (*connect.Response[pb.ListJobKindsResponse], error) {
	kinds, err := s.deps.Operating.Kinds(rpc.CallerFrom(ctx))
	return rpc.Respond(&pb.ListJobKindsResponse{Kinds: kinds}, err)
}

// SteerJob pauses, resumes or cancels a job.
func (s *Server) SteerJob(ctx context.Context, req *connect.Request[pb.SteerJobRequest]) (*connect.Response[pb.SteerJobResponse], error) {
	j, err := s.deps.Operating.Steer(ctx, rpc.CallerFrom(ctx), req.Msg.GetId(), req.Msg.GetWish())
	return rpc.Respond(&pb.SteerJobResponse{Job: j}, err)
}
