package blob

import (
	"context"
	"fmt"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// peek asks a bucket or a web host what it tells of a blob.
func (b *Blobs) peek(ctx context.Context, at place) (sight, error) {
	if at.bucket == nil {
		return b.peekWeb(ctx, at.url)
	}
	attrs, err := at.bucket.Attributes(ctx, at.key)
	if err != nil {
		return sight{}, blobError(err)
	}
	return objectSight(attrs), nil
}

// away names the version of a blob that lies elsewhere.
func away(ref *cinedexv1.MediaRef, s sight) string {
	return fmt.Sprintf("away %s\n%s\n%s\n%d", ref.GetBucket(), ref.GetKey(), s.version, s.size)
}

// fetchedAsset opens the local copy of an asset that lies in a bucket or on a web host. Its place is asked first.
//
// A place that tells no version (neither ETag nor Last-Modified) is asked for its size alone while there is a copy.
func (b *Blobs) fetchedAsset(ctx context.Context, a *cinedexv1.Asset, at place) (*os.File, fingerprint, error) {
	s, err := b.peek(ctx, at)
	if err != nil {
		return nil, fingerprint{}, err
	}
	if a.GetSizeBytes() > 0 && s.size >= 0 && s.size != a.GetSizeBytes() {
		return nil, fingerprint{}, other(a, s.size, s.modified)
	}
	want := hashed{a.GetSha256(), a.GetSizeBytes()}
	is, known := b.hashed.known.Get(away(a.GetMedia(), s))
	if !known {
		is, known = want, s.version == "" || s.version == a.GetMedia().GetVersion()
	}
	f, p, is, err := b.copyOf(ctx, a.GetMedia(), s, is, known, want.sum)
	if err != nil {
		return nil, fingerprint{}, err
	}
	if f == nil {
		return nil, fingerprint{}, other(a, is.size, s.modified)
	}
	return f, p, nil
}

// fetchTo opens the local copy of media that are no asset yet.
func (b *Blobs) fetchTo(ctx context.Context, file *AssetFile, at place) error {
	s, err := b.peek(ctx, at)
	if err != nil {
		return fmt.Errorf("opening %s: %w", file.Ref.GetKey(), err)
	}
	if s.size > b.cfg.MaxBytes {
		return b.tooLarge(file.Ref, s.size)
	}
	is, known := hashed{}, false
	if s.version != "" {
		is, known = b.hashed.known.Get(away(file.Ref, s))
	}
	f, p, is, err := b.copyOf(ctx, file.Ref, s, is, known, "")
	if err != nil {
		return fmt.Errorf("fetching %s: %w", file.Ref.GetKey(), err)
	}
	file.f, file.print, file.Sum, file.Size = f, p, is.sum, is.size
	file.Ref.Version = s.version
	if !s.modified.IsZero() {
		file.Ref.ModifiedMs = s.modified.UnixMilli()
	}
	return nil
}

// copyOf opens the local copy of a version, and fetches the version where there is no copy. is is what the version hashes to, where known. It returns
// no file where the version hashes to something other than want; "" wants whatever it is.
func (b *Blobs) copyOf(ctx context.Context, ref *cinedexv1.MediaRef, s sight, is hashed, known bool, want string) (*os.File, fingerprint, hashed, error) {
	for range 3 {
		if known && want != "" && is.sum != want {
			return nil, fingerprint{}, is, nil
		}
		if known {
			f, p, err := b.copied(ctx, is)
			if err != nil || f != nil {
				return f, p, is, err
			}
		}
		var err error
		if is, err = b.fetch(ctx, ref, s); err != nil {
			return nil, fingerprint{}, is, err
		}
		known = true
	}
	return nil, fingerprint{}, is, errkind.New(errkind.Exhausted, "the copy was removed as soon as it was fetched: blobs.cache_bytes is too small for what is read at once")
}

// fetch brings a version into the folder of fetched media, once for all who wait.
func (b *Blobs) fetch(ctx context.Context, ref *cinedexv1.MediaRef, s sight) (hashed, error) {
	key := away(ref, s)
	return b.hashed.share(ctx, key, b.hashed.fetching, func() (work, error) {
		return func(ctx context.Context) (hashed, error) {
			o, err := b.Open(ctx, ref)
			if err != nil {
				return hashed{}, err
			}
			defer o.Close()
			if s.version != o.Version {
				return hashed{}, errkind.New(errkind.Unavailable, "the media were replaced while they were asked for")
			}
			is, fresh, err := b.cache.store(o)
			if err == nil && fresh {
				err = b.written(is)
			}
			if err != nil {
				return hashed{}, err
			}
			if s.version != "" {
				b.hashed.known.Add(key, is)
			}
			return is, nil
		}, nil
	})
}

// written remembers a copy that was just hashed as it was written: reading it once more would tell nothing new.
func (b *Blobs) written(is hashed) error {
	f, err := b.cache.take(is.sum, is.size)
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	p, err := fingerprintOf(f)
	if err == nil {
		b.hashed.known.Add(p.key(), is)
	}
	return err
}

// copied opens a copy that is there. One whose bytes are not those of its name is removed: then there is none, as where there was none.
func (b *Blobs) copied(ctx context.Context, is hashed) (*os.File, fingerprint, error) {
	f, err := b.cache.take(is.sum, is.size)
	if err != nil || f == nil {
		return nil, fingerprint{}, err
	}
	p, err := fingerprintOf(f)
	var has hashed
	if err == nil {
		has, err = b.hashed.ofFile(ctx, f, p)
	}
	if err == nil && has == is {
		return f, p, nil
	}
	f.Close()
	if err != nil {
		return nil, fingerprint{}, err
	}
	b.watch.log.Warn("removing a copy of fetched media: its bytes are not those of its name", "name", storedName(is.sum, is.size))
	return nil, fingerprint{}, b.cache.drop(is.sum, is.size)
}
