package operatorapi

import (
	"context"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/rpc"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// GetMemory tells what the memory of this process is used for.
func (s *Server) GetMemory(ctx context.Context, _ *connect.Request[pb.GetMemoryRequest]) (*connect.Response[pb.GetMemoryResponse], error) {
	if err := rpc.CallerFrom(ctx).Require(authz.Operator); err != nil {
		return nil, err
	}
	resp := &pb.GetMemoryResponse{}
	for _, p := range s.deps.Memory.Read() {
		told := &pb.ProcessMemory{Name: p.Name, Pid: int64(p.PID), Resident: p.Resident, Droppable: p.Droppable}
		for _, u := range p.Uses {
			told.Uses = append(told.Uses, &pb.MemoryUse{Purpose: u.Purpose, Part: u.Part, Bytes: u.Bytes, Droppable: u.Droppable})
		}
		resp.Processes = append(resp.Processes, told)
	}
	return connect.NewResponse(resp), nil
}
