package pebblestore

import (
	"context"
	"iter"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// ofAsset is the name of the lock of an asset and its runs.
func ofAsset(id string) string { return "asset/" + id }

// PutAsset implements store.Assets.
func (s *Store) PutAsset(ctx context.Context, a *pb.Asset) error {
	if a.GetId() == "" {
		return errkind.New(errkind.Invalid, "putting an asset: the asset has no id")
	}
	return s.edit(ctx, "putting asset "+a.GetId(), ofAsset(a.GetId()), func(e *edit) error {
		k, old := key(tableAssets, a.GetId()), &pb.Asset{}
		switch err := s.get(k, old, "asset"); {
		case errkind.Is(err, errkind.NotFound):
			old = nil
		case err != nil:
			return err
		}
		if write, err := store.Replaces(a, old); err != nil || !write {
			return err
		}
		e.changed = a.GetId()
		return e.put(k, a)
	})
}

// Asset implements store.Assets.
func (s *Store) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	return read[pb.Asset](ctx, s, key(tableAssets, id), "asset "+id)
}

// AllAssets implements store.Assets.
func (s *Store) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	return scan[pb.Asset](ctx, s, key(tableAssets), "assets")
}
