package runs

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Record has the record of each run. Every store is a Record.
type Record interface {
	Run(ctx context.Context, asset, id string) (*pb.Run, error)
}

// Read returns the record of a run. A run without a record is NotFound.
func Read(ctx context.Context, s Record, asset, id string) (*pb.Run, error) {
	r, err := s.Run(ctx, asset, id)
	if err != nil {
		return nil, fmt.Errorf("reading run %s: %w", id, err)
	}
	return r, nil
}

// Lookup returns the record of a run. A run without a record is nil and no error.
func Lookup(ctx context.Context, s Record, asset, id string) (*pb.Run, error) {
	r, err := Read(ctx, s, asset, id)
	if errkind.Is(err, errkind.NotFound) {
		return nil, nil
	}
	return r, err
}

// Of returns every run of an asset in the order of ids.
func Of(ctx context.Context, s interface {
	RunsOf(ctx context.Context, asset string) ([]*pb.Run, error)
}, asset string,
) ([]*pb.Run, error) {
	all, err := s.RunsOf(ctx, asset)
	if err != nil {
		return nil, fmt.Errorf("reading the runs of %s: %w", asset, err)
	}
	return all, nil
}

// Active returns the active runs of an asset, by algorithm.
func Active(ctx context.Context, s interface {
	Active(ctx context.Context, asset string) ([]*pb.ActiveRun, error)
}, asset string,
) ([]*pb.ActiveRun, error) {
	active, err := s.Active(ctx, asset)
	if err != nil {
		return nil, fmt.Errorf("reading the active runs of %s: %w", asset, err)
	}
	return active, nil
}
