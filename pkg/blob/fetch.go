package blob

import (
	"context"
	"fmt"
	"os"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// describe asks a bucket or a web host for the size, the version and the time of a blob.
func (b *Blobs) describe(ctx context.Context, at place) (description, error) {
	if at.bucket == nil {
		return b.describeWeb(ctx, at.url)
	}
	attrs, err := at.bucket.Attributes(ctx, at.key)
	if err != nil {
		return description{}, blobError(err)
	}
	return objectDescription(attrs), nil
}

// remoteKey names one version of a blob in a bucket or on a web host, as a key of hasher.known.
func remoteKey(ref *cinedexv1.MediaRef, s description) string {
	return fmt.Sprintf("away %s\n%s\n%s\n%d", ref.GetBucket(), ref.GetKey(), s.version, s.size)
}

// fetchedAsset opens the local copy of an asset in a bucket or on a web host. The place is asked for the current version first.
//
// A place may tell no version (neither ETag nor Last-Modified). Then the size alone is compared while a copy exists.
func (b *Blobs) fetchedAsset(ctx context.Context, a *cinedexv1.Asset, at place) (*os.File, fingerprint, error) {
	s, err := b.describe(ctx, at)
	if err != nil {
		return nil, fingerprint{}, err
	}
	if a.GetSizeBytes() > 0 && s.size >= 0 && s.size != a.GetSizeBytes() {
		return nil, fingerprint{}, differing(a, s.size, s.modified)
	}
	want := digest{a.GetSha256(), a.GetSizeBytes()}
	got, known := b.hasher.known.Get(remoteKey(a.GetMedia(), s))
	if !known {
		got, known = want, s.version == "" || s.version == a.GetMedia().GetVersion()
	}
	f, p, got, err := b.copyOf(ctx, a.GetMedia(), s, got, known, want.sum)
	if err != nil {
		return nil, fingerprint{}, err
	}
	if f == nil {
		return nil, fingerprint{}, differing(a, got.size, s.modified)
	}
	return f, p, nil
}

// fetchTo opens the local copy of media without an asset so far.
func (b *Blobs) fetchTo(ctx context.Context, file *AssetFile, at place) error {
	s, err := b.describe(ctx, at)
	if err != nil {
		return fmt.Errorf("opening %s: %w", file.Ref.GetKey(), err)
	}
	if s.size > b.cfg.MaxBytes {
		return b.tooLarge(file.Ref, s.size)
	}
	got, known := digest{}, false
	if s.version != "" {
		got, known = b.hasher.known.Get(remoteKey(file.Ref, s))
	}
	f, p, got, err := b.copyOf(ctx, file.Ref, s, got, known, "")
	if err != nil {
		return fmt.Errorf("fetching %s: %w", file.Ref.GetKey(), err)
	}
	file.f, file.print, file.Sum, file.Size = f, p, got.sum, got.size
	file.Ref.Version = s.version
	if !s.modified.IsZero() {
		file.Ref.ModifiedMs = s.modified.UnixMilli()
	}
	return nil
}

// copyOf opens the local copy of a version, and fetches the version where no copy exists. got is the digest of the version, if known. copyOf returns
// no file where the version's sha256 differs from want. An empty want accepts any sha256.
func (b *Blobs) copyOf(ctx context.Context, ref *cinedexv1.MediaRef, s description, got digest, known bool, want string) (*os.File, fingerprint, digest, error) {
	for range 3 {
		if known && want != "" && got.sum != want {
			return nil, fingerprint{}, got, nil
		}
		if known {
			f, p, err := b.copied(ctx, got)
			if err != nil || f != nil {
				return f, p, got, err
			}
		}
		var err error
		if got, err = b.fetch(ctx, ref, s); err != nil {
			return nil, fingerprint{}, got, err
		}
		known = true
	}
	return nil, fingerprint{}, got, errkind.New(errkind.Exhausted, "other files displaced the copy as soon as it was fetched: raise blobs.cache_bytes above the size of all media that are read at once")
}

// fetch copies a version into the cache folder. Concurrent calls for a version share a single fetch.
func (b *Blobs) fetch(ctx context.Context, ref *cinedexv1.MediaRef, s description) (digest, error) {
	key := remoteKey(ref, s)
	return b.hasher.share(ctx, key, b.hasher.fetching, func() (work, error) {
		return func(ctx context.Context) (digest, error) {
			o, err := b.Open(ctx, ref)
			if err != nil {
				return digest{}, err
			}
			defer o.Close()
			if s.version != o.Version {
				return digest{}, errkind.New(errkind.Unavailable, "the media were replaced during the fetch: try again")
			}
			got, fresh, err := b.cache.store(o)
			if err == nil && fresh {
				err = b.written(got)
			}
			if err != nil {
				return digest{}, err
			}
			if s.version != "" {
				b.hasher.known.Add(key, got)
			}
			return got, nil
		}, nil
	})
}

// written records the digest of a copy hashed during the writing, so the copy is not hashed a second time.
func (b *Blobs) written(got digest) error {
	f, err := b.cache.take(got.sum, got.size)
	if err != nil || f == nil {
		return err
	}
	defer f.Close()
	p, err := fingerprintOf(f)
	if err == nil {
		b.hasher.known.Add(p.key(), got)
	}
	return err
}

// copied opens an existing copy; nil where no copy exists. A copy whose bytes do not hash to the file's name is removed, and counts as missing.
func (b *Blobs) copied(ctx context.Context, got digest) (*os.File, fingerprint, error) {
	f, err := b.cache.take(got.sum, got.size)
	if err != nil || f == nil {
		return nil, fingerprint{}, err
	}
	p, err := fingerprintOf(f)
	var has digest
	if err == nil {
		has, err = b.hasher.ofFile(ctx, f, p)
	}
	if err == nil && has == got {
		return f, p, nil
	}
	f.Close()
	if err != nil {
		return nil, fingerprint{}, err
	}
	b.watch.log.Warn("removing a damaged copy of fetched media: the bytes do not hash to the file's name", "name", storedName(got.sum, got.size))
	return nil, fingerprint{}, b.cache.drop(got.sum, got.size)
}
