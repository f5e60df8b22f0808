package operatorapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// ListRuns lists runs, and says which runs readers see.
func (s *Server) ListRuns(ctx context.Context, req *connect.Request[pb.ListRunsRequest]) (*connect.Response[pb.ListRunsResponse], error) {
	return rpc.Respond(s.deps.Operating.Runs(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// GetResult lists the files of a finished batch.
func (s *Server) GetResult(ctx context.Context, req *connect.Request[pb.GetResultRequest]) (*connect.Response[pb.GetResultResponse], error) {
	files, err := s.deps.Operating.Result(ctx, rpc.CallerFrom(ctx), req.Msg.GetId())
	return rpc.Respond(&pb.GetResultResponse{Files: files}, err)
}

// BatchesPath is below which the files of results are served, as BatchesPath/job/name.
const BatchesPath = "/batches/"

// file serves a file of a result to the caller who owns the result.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	id, name := r.PathValue("job"), r.PathValue("name")
	caller := rpc.CallerFrom(r.Context())
	call := audit.From(r.Context())
	call.About("batch " + id + " " + name)
	b, f, err := s.deps.Operating.OpenResult(r.Context(), caller, id, name)
	if err != nil {
		kind, text := rpc.Tell(s.deps.Log, err)
		call.End(err)
		http.Error(w, text, kind.HTTPStatus())
		return
	}
	defer b.Close()
	call.Told(1)
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", "attachment; filename="+strconv.Quote(name))
	h.Set("ETag", strconv.Quote(f.GetSha256()))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache")
	http.ServeContent(w, r, name, time.Time{}, b)
}
