package rpcapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Judge keeps a judgement of the caller.
func (s *Server) Judge(ctx context.Context, req *connect.Request[pb.JudgeRequest]) (*connect.Response[pb.JudgeResponse], error) {
	return rpc.Respond(s.deps.Gateway.Judge(ctx, rpc.CallerFrom(ctx), req.Msg))
}

// ListJudgements returns the judgements of the caller.
func (s *Server) ListJudgements(ctx context.Context, _ *connect.Request[pb.ListJudgementsRequest]) (*connect.Response[pb.ListJudgementsResponse], error) {
	return rpc.Respond(s.deps.Gateway.Judgements(ctx, rpc.CallerFrom(ctx)))
}
