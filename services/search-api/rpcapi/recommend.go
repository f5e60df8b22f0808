package rpcapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Picked keeps which hits of an answer the caller opened.
func (s *Server) Picked(ctx context.Context, req *connect.Request[pb.PickedRequest]) (*connect.Response[pb.PickedResponse], error) {
	return rpc.Respond(s.deps.Gateway.Picked(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// Recommend returns what other people searched and picked.
func (s *Server) Recommend(ctx context.Context, req *connect.Request[pb.RecommendRequest]) (*connect.Response[pb.RecommendResponse], error) {
	return rpc.Respond(s.deps.Gateway.Recommend(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// Forget deletes every pick of a person.
func (s *Server) Forget(ctx context.Context, req *connect.Request[pb.ForgetRequest]) (*connect.Response[pb.ForgetResponse], error) {
	return rpc.Respond(s.deps.Gateway.Forget(ctx, rpc.CallerFrom(ctx), req.Msg))
}
