package rpcapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// GetProxy tells whether browsers play the file of an asset, and how far a proxy is.
func (s *Server) GetProxy(ctx context.Context, req *connect.Request[pb.GetProxyRequest]) (*connect.Response[pb.GetProxyResponse], error) {
	p, err := s.deps.Gateway.Proxy(ctx, rpc.CallerFrom(ctx), req.Msg.GetAsset())
	return rpc.Respond(&pb.GetProxyResponse{Proxy: p}, err)
}

// RequestProxy asks for the proxy of an asset.
func (s *Server) RequestProxy(ctx context.Context, req *connect.Request[pb.RequestProxyRequest]) (*connect.Response[pb.RequestProxyResponse], error) {
	p, err := s.deps.Gateway.RequestProxy(ctx, rpc.CallerFrom(ctx), req.Msg.GetAsset())
	return rpc.Respond(&pb.RequestProxyResponse{Proxy: p}, err)
}
