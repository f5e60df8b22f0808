package rpcapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// SaveSearch keeps a search of the caller.
func (s *Server) SaveSearch(ctx context.Context, req *connect.Request[pb.SaveSearchRequest]) (*connect.Response[pb.SaveSearchResponse], error) {
	return rpc.Respond(s.deps.Gateway.SaveSearch(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// ListSavedSearches returns the searches of the caller.
func (s *Server) ListSavedSearches(ctx context.Context, _ *connect.Request[pb.ListSavedSearchesRequest]) (*connect.Response[pb.ListSavedSearchesResponse], error) {
	return rpc.Respond(s.deps.Gateway.SavedSearches(ctx, rpc.CallerFrom(ctx)))
}

// DeleteSavedSearch deletes a search of the caller.
func (s *Server) DeleteSavedSearch(ctx context.Context, req *connect.Request[pb.DeleteSavedSearchRequest]) (*connect.Response[pb.DeleteSavedSearchResponse], error) {
	return rpc.Respond(&pb.DeleteSavedSearchResponse{}, s.deps.Gateway.DeleteSavedSearch(ctx, rpc.CallerFrom(ctx), req.Msg.GetName()))
}

// WatchSearch tells the new hits of a saved search.
func (s *Server) WatchSearch(ctx context.Context, req *connect.Request[pb.WatchSearchRequest], stream *connect.ServerStream[pb.WatchSearchResponse]) error {
	return s.Watch(ctx, req.Msg, stream.Send)
}

// Watch gives tell the new hits of a saved search, each while the caller has the rights of the beginning.
func (s *Server) Watch(ctx context.Context, req *pb.WatchSearchRequest, tell func(*pb.WatchSearchResponse) error) error {
	ctx, end := rpc.BeginStream(ctx)
	defer end()
	return s.deps.Gateway.WatchSearch(ctx, rpc.CallerFrom(ctx), req, func(m *pb.WatchSearchResponse) error {
		if err := rpc.StillAuthorised(ctx); err != nil {
			return err
		}
		return tell(m)
	})
}
