package operating

import (
	"context"
	"io"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Runs lists runs of titles that the caller may see.
func (s *Service) Runs(ctx context.Context, caller *authz.Caller, req *pb.ListRunsRequest) (*pb.ListRunsResponse, error) {
	return listRuns(ctx, s.deps.Store, caller, req)
}

// Result returns the files of a finished batch, the manifest first.
func (s *Service) Result(ctx context.Context, caller *authz.Caller, id string) ([]*pb.ResultFile, error) {
	m, b, err := s.manifest(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	return resultFiles(m, b), nil
}

func (s *Service) manifest(ctx context.Context, caller *authz.Caller, id string) (*Manifest, []byte, error) {
	j, err := s.Job(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	m, b, err := resultOf(ctx, s.deps.Blobs, caller, j)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range m.Algorithms {
		for _, r := range a.Runs {
			audit.From(ctx).Told(0, r.Title)
		}
	}
	return m, b, nil
}

// OpenResult opens a file of a result. The caller closes the file.
func (s *Service) OpenResult(ctx context.Context, caller *authz.Caller, id, name string) (io.ReadSeekCloser, *pb.ResultFile, error) {
	files, err := s.Result(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		if f.GetName() == name {
			b, err := s.deps.Blobs.Open(ctx, f.GetBlob())
			return b, f, err
		}
	}
	return nil, nil, errkind.New(errkind.NotFound, "the result of %s has no file %.64q", id, name)
}
