package cassandrastore

import (
	"context"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// AnnotationsAt implements store.Annotations.
func (s *Store) AnnotationsAt(ctx context.Context, refs []store.Ref) ([]*pb.Annotation, error) {
	return itemsAt(ctx, refs, s.Annotation)
}

// EmbeddingsAt implements store.Annotations.
func (s *Store) EmbeddingsAt(ctx context.Context, refs []store.Ref) ([]*pb.Embedding, error) {
	return itemsAt(ctx, refs, s.Embedding)
}

func itemsAt[T any](ctx context.Context, refs []store.Ref, read func(ctx context.Context, asset, run string, ordinal int64) (*T, error)) ([]*T, error) {
	out := make([]*T, len(refs))
	for i, r := range refs {
		item, err := read(ctx, r.Asset, r.Run, r.Ordinal)
		if err != nil && !errkind.Is(err, errkind.NotFound) {
			return nil, err
		}
		out[i] = item
	}
	return out, nil
}

// LastBefore implements store.Annotations.
func (s *Store) LastBefore(ctx context.Context, points []store.Point) ([]*pb.Annotation, error) {
	out := make([]*pb.Annotation, len(points))
	for i, p := range points {
		for a, err := range s.AnnotationsOf(ctx, p.Asset, p.Run, store.Span{}) {
			if err != nil {
				return nil, err
			}
			if a.GetKind() == p.Kind && schema.Time(a.GetStart()) <= p.Time && (out[i] == nil || a.GetStart() > out[i].GetStart()) {
				out[i] = a
			}
		}
	}
	return out, nil
}
