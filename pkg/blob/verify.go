package blob

import (
	"context"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Verify looks whether an asset's bytes are those that arrived, and notes what it finds as an opening does. It compares what their place tells of
// them; where that is in doubt, and always where deep is set, it reads and hashes all of them, also those of which a copy was fetched before.
// Errors are those of OpenAsset.
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
			b.hashed.known.Remove(p.key())
			if _, err := b.hashed.ofFile(ctx, f, p); err != nil {
				return err
			}
		}
		return b.compare(ctx, a, f, p)
	}
	s, err := b.peek(ctx, at)
	if err != nil {
		return err
	}
	if a.GetSizeBytes() > 0 && s.size >= 0 && s.size != a.GetSizeBytes() {
		return other(a, s.size, s.modified)
	}
	is, known := b.hashed.known.Get(away(a.GetMedia(), s))
	if !known && s.version != "" && s.version == a.GetMedia().GetVersion() {
		is, known = hashed{a.GetSha256(), a.GetSizeBytes()}, true
	}
	if !known || deep {
		if is, err = b.fetch(ctx, a.GetMedia(), s); err != nil {
			return err
		}
	}
	if is.sum != a.GetSha256() {
		return other(a, is.size, s.modified)
	}
	return nil
}
