package runs

import (
	"context"
	"fmt"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Counter counts the items of a run with a marker under an epoch. Every store is a Counter.
type Counter interface {
	Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error)
}

// Count is how many items of a run are indexed, beside how many items the run wrote.
type Count struct {
	Annotations, Embeddings           int64 // indexed
	WroteAnnotations, WroteEmbeddings int64
}

// Whole reports whether every item of the run is indexed.
func (c Count) Whole() bool {
	return c.Annotations >= c.WroteAnnotations && c.Embeddings >= c.WroteEmbeddings
}

// String tells the counts: "3 of 4 annotations, 0 of 0 embeddings".
func (c Count) String() string {
	return fmt.Sprintf("%d of %d annotations, %d of %d embeddings", c.Annotations, c.WroteAnnotations, c.Embeddings, c.WroteEmbeddings)
}

// Indexed counts the indexed items of a run, under the epoch of the run's record. An unfinished run has no counts yet, so the Count of an unfinished
// run does not tell whether the run is whole: ask Whole.
func Indexed(ctx context.Context, s Counter, r *pb.Run) (Count, error) {
	annotations, embeddings, err := s.Indexed(ctx, r.GetAsset(), r.GetId(), r.GetEpoch())
	if err != nil {
		return Count{}, fmt.Errorf("counting the indexed items of run %s: %w", r.GetId(), err)
	}
	return Count{annotations, embeddings, r.GetAnnotations(), r.GetEmbeddings()}, nil
}

// Whole reports whether a run has finished and every item of the run is indexed: readers may see the run.
func Whole(ctx context.Context, s Counter, r *pb.Run) (bool, error) {
	if !Finished(r) {
		return false, nil
	}
	c, err := Indexed(ctx, s, r)
	return c.Whole() && err == nil, err
}
