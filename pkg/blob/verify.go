package blob

import (
	"context"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Verify checks that an asset's bytes are the bytes that arrived, and records the result as OpenAsset does. Verify compares size, version and time
// first. In doubt, and always with deep, Verify reads and hashes all bytes; bytes with a local copy are fetched again. Errors are as in OpenAsset.
func (b *Blobs) Verify(ctx context.Context, a *cinedexv1.Asset, deep bool) error {
	err := b.verify(ctx, a, deep)
	if err != nil {
		return b.watch.refuse(ctx, a, err)
	}
	b.watch.same(a.GetId())
	return nil
}

func (b *Blobs) verify(ctx context.Context, a *cinedexv1.Asset, deep bool) error {
	at, err := b.find(ctx, a.GetMedia())
	if err != nil {
		return err
	}
	if at.path != "" {
		f, p, err := at.file()
		if err != nil {
			return err
		}
		defer f.Close()
		if deep {
			b.hasher.known.Remove(p.key())
			if _, err := b.hasher.ofFile(ctx, f, p); err != nil {
				return err
			}
		}
		return b.compare(ctx, a, f, p)
	}
	s, err := b.describe(ctx, at)
	if err != nil {
		return err
	}
	if a.GetSizeBytes() > 0 && s.size >= 0 && s.size != a.GetSizeBytes() {
		return differing(a, s.size, s.modified)
	}
	got, known := b.hasher.known.Get(remoteKey(a.GetMedia(), s))
	if !known && s.version != "" && s.version == a.GetMedia().GetVersion() {
		got, known = digest{a.GetSha256(), a.GetSizeBytes()}, true
	}
	if !known || deep {
		if got, err = b.fetch(ctx, a.GetMedia(), s); err != nil {
			return err
		}
	}
	if got.sum != a.GetSha256() {
		return differing(a, got.size, s.modified)
	}
	return nil
}
