package rpcapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// CreateBin makes a bin of the caller.
func (s *Server) CreateBin(ctx context.Context, req *connect.Request[pb.CreateBinRequest]) (*connect.Response[pb.CreateBinResponse], error) {
	return rpc.Respond(s.deps.Gateway.CreateBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// ListBins returns the bins that the caller may see.
func (s *Server) ListBins(ctx context.Context, req *connect.Request[pb.ListBinsRequest]) (*connect.Response[pb.ListBinsResponse], error) {
	return rpc.Respond(s.deps.Gateway.ListBins(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// GetBin returns a bin with its clips.
func (s *Server) GetBin(ctx context.Context, req *connect.Request[pb.GetBinRequest]) (*connect.Response[pb.GetBinResponse], error) {
	return rpc.Respond(s.deps.Gateway.GetBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// EditBin makes edits of a bin.
func (s *Server) EditBin(ctx context.Context, req *connect.Request[pb.EditBinRequest]) (*connect.Response[pb.EditBinResponse], error) {
	return rpc.Respond(s.deps.Gateway.EditBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// DeleteBin deletes a bin of the caller.
func (s *Server) DeleteBin(ctx context.Context, req *connect.Request[pb.DeleteBinRequest]) (*connect.Response[pb.DeleteBinResponse], error) {
	return rpc.Respond(&pb.DeleteBinResponse{}, s.deps.Gateway.DeleteBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// GetBinHistory returns the changes of a bin.
func (s *Server) GetBinHistory(ctx context.Context, req *connect.Request[pb.GetBinHistoryRequest]) (*connect.Response[pb.GetBinHistoryResponse], error) {
	return rpc.Respond(s.deps.Gateway.BinHistory(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// RerunBin asks the queries of a bin's clips again.
func (s *Server) RerunBin(ctx context.Context, req *connect.Request[pb.RerunBinRequest]) (*connect.Response[pb.RerunBinResponse], error) {
	return rpc.Respond(s.deps.Gateway.RerunBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// WatchBin tells a bin, and the bin anew after each change.
func (s *Server) WatchBin(ctx context.Context, req *connect.Request[pb.WatchBinRequest], stream *connect.ServerStream[pb.WatchBinResponse]) error {
	return s.FollowBin(ctx, req.Msg, stream.Send)
}

// FollowBin gives tell a bin after each change, each while the caller has the rights of the beginning.
func (s *Server) FollowBin(ctx context.Context, req *pb.WatchBinRequest, tell func(*pb.WatchBinResponse) error) error {
	ctx, end := rpc.BeginStream(ctx)
	defer end()
	return s.deps.Gateway.WatchBin(ctx, rpc.CallerFrom(ctx), req, func(m *pb.WatchBinResponse) error {
		if err := rpc.StillAuthorised(ctx); err != nil {
			return err
		}
		return tell(m)
	})
}

// RestoreBin makes a bin again as the bin was.
func (s *Server) RestoreBin(ctx context.Context, req *connect.Request[pb.RestoreBinRequest]) (*connect.Response[pb.RestoreBinResponse], error) {
	return rpc.Respond(s.deps.Gateway.RestoreBin(ctx, rpc.CallerFrom(ctx), req.Msg))
}
