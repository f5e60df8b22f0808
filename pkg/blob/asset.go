package blob

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An AssetFile is an open and hashed local file with the bytes of media: the media file itself, or a copy of media in a bucket or on a web host.
//
//   - Read returns bytes of the file as hashed. If the file has changed since the hashing, Read fails with kind
//     Unavailable.
//   - Path leads to the hashed file, for programs with paths as their input. A caller of Path MUST call Unchanged after
//     the last byte was read, and before publishing results computed from the bytes.
//   - The caller MUST call Close. Path leads nowhere after Close.
type AssetFile struct {
	// Sum is the sha256 of the bytes in lowercase hex. Size is the number of bytes.
	Sum  string
	Size int64
	// Ref is the reference of the bytes, with version and time as of the hashing.
	Ref *cinedexv1.MediaRef

	f     *os.File
	print fingerprint
	asset string // "" for media without an asset so far
	watch *watch
}

// Path returns a path to the file, for ffmpeg.
func (a *AssetFile) Path() string { return pathOf(a.f) }

// Read reads the next bytes. After a change of the file, Read returns no bytes.
func (a *AssetFile) Read(p []byte) (int, error) {
	n, err := a.f.Read(p)
	if changed := a.Unchanged(); changed != nil {
		return 0, changed
	}
	return n, err
}

// Seek sets the offset of the next Read.
func (a *AssetFile) Seek(offset int64, whence int) (int64, error) { return a.f.Seek(offset, whence) }

// Close closes the file.
func (a *AssetFile) Close() error { return a.f.Close() }

// Unchanged fails with kind Unavailable if the file has changed since the hashing. A caller may open the asset again: the new opening compares the
// bytes with the asset.
func (a *AssetFile) Unchanged() error {
	err := same(a.f, a.print)
	if err != nil && a.asset != "" {
		return a.watch.interrupted(a.asset, err)
	}
	return err
}

// differences tells both sizes and times of two files.
func differences(wasSize int64, wasTime time.Time, isSize int64, isTime time.Time) string {
	return fmt.Sprintf("were %s, are %s", sizeAndTime(wasSize, wasTime), sizeAndTime(isSize, isTime))
}

func sizeAndTime(size int64, modified time.Time) string {
	text := fmt.Sprintf("%d bytes", size)
	if size < 0 {
		text = "an unknown number of bytes"
	}
	if modified.IsZero() || modified.UnixMilli() == 0 {
		return text
	}
	return text + " of " + modified.UTC().Format("2006-01-02 15:04:05.000 MST")
}

// OpenAsset opens the bytes of an asset: the bytes hashed when the asset arrived, and no others.
//
//   - If size, time and version equal the values in the asset, or the values of an earlier hashing, the bytes are
//     trusted without reading.
//   - Otherwise the bytes are hashed. Concurrent callers share a single hashing. The hashing continues when ctx ends.
//   - Media in a bucket or on a web host are fetched whole before the first read. Each call asks the place whether the
//     place still has the version.
//
// Every error holds an [AssetError]. The kinds:
//   - Conflict: other bytes.
//   - NotFound: the bytes are missing.
//   - Denied: the configuration no longer allows the place.
//   - Unavailable: the place does not answer now.
func (b *Blobs) OpenAsset(ctx context.Context, a *cinedexv1.Asset) (*AssetFile, error) {
	file, err := b.openAsset(ctx, a)
	if err == nil {
		b.watch.same(a.GetId())
		return file, nil
	}
	return nil, b.watch.refuse(ctx, a, err)
}

// errDiffers reports bytes other than the asset's bytes.
type errDiffers struct{ text string }

func (e *errDiffers) Error() string { return e.text }

func (b *Blobs) openAsset(ctx context.Context, a *cinedexv1.Asset) (*AssetFile, error) {
	if a.GetSha256() == "" {
		return nil, errkind.New(errkind.Invalid, "the asset has no sha256 to compare its bytes with")
	}
	at, err := b.find(ctx, a.GetMedia())
	if err != nil {
		return nil, err
	}
	file := &AssetFile{Sum: a.GetSha256(), Size: a.GetSizeBytes(), Ref: a.GetMedia(), asset: a.GetId(), watch: b.watch}
	if at.path == "" {
		if file.f, file.print, err = b.fetchedAsset(ctx, a, at); err != nil {
			return nil, err
		}
		file.Size = file.print.size
		return file, nil
	}
	if file.f, file.print, err = at.file(); err != nil {
		return nil, err
	}
	if err := b.compare(ctx, a, file.f, file.print); err != nil {
		file.Close()
		return nil, err
	}
	file.Size = file.print.size
	return file, nil
}

// compare checks an open local file against the asset's record.
func (b *Blobs) compare(ctx context.Context, a *cinedexv1.Asset, f *os.File, p fingerprint) error {
	if a.GetSizeBytes() > 0 && p.size != a.GetSizeBytes() {
		return differing(a, p.size, time.Unix(0, p.modified))
	}
	got, ok := b.hasher.known.Get(p.key())
	if !ok && recorded(a, p) {
		got = digest{a.GetSha256(), p.size}
		b.hasher.known.Add(p.key(), got)
	} else if !ok {
		var err error
		if got, err = b.hasher.ofFile(ctx, f, p); err != nil {
			return err
		}
	}
	if got.sum != a.GetSha256() {
		return differing(a, p.size, time.Unix(0, p.modified))
	}
	return nil
}

// recorded reports whether size, time and version of a file are as recorded in the asset.
func recorded(a *cinedexv1.Asset, p fingerprint) bool {
	return a.GetMedia().GetVersion() != "" && a.GetMedia().GetVersion() == p.version() && a.GetMedia().GetModifiedMs() == p.modified/1e6 && a.GetSizeBytes() == p.size
}

func differing(a *cinedexv1.Asset, size int64, modified time.Time) error {
	return &errDiffers{differences(a.GetSizeBytes(), time.UnixMilli(a.GetMedia().GetModifiedMs()), size, modified)}
}

// Take opens and hashes media without an asset so far. Kind Unavailable means that somebody is still writing the file.
func (b *Blobs) Take(ctx context.Context, ref *cinedexv1.MediaRef) (*AssetFile, error) {
	at, err := b.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	file := &AssetFile{Ref: proto.CloneOf(ref), watch: b.watch}
	if at.path == "" {
		return file, b.fetchTo(ctx, file, at)
	}
	if file.f, file.print, err = at.file(); err != nil {
		return nil, fmt.Errorf("opening %s: %w", ref.GetKey(), err)
	}
	if file.print.size > b.cfg.MaxBytes {
		file.Close()
		return nil, b.tooLarge(ref, file.print.size)
	}
	got, err := b.hasher.ofFile(ctx, file.f, file.print)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("hashing %s: %w", ref.GetKey(), err)
	}
	file.Sum, file.Size = got.sum, got.size
	file.Ref.ModifiedMs, file.Ref.Version = file.print.modified/1e6, file.print.version()
	return file, nil
}

func (b *Blobs) tooLarge(ref *cinedexv1.MediaRef, size int64) error {
	return fmt.Errorf("%s has %d bytes, and at most %d are taken: %w", path.Base(ref.GetKey()), size, b.cfg.MaxBytes, ErrTooLarge)
}

// Fault describes a fault of an asset's bytes, in words for people who may see the asset; "" for no fault. Fault reads no byte and asks no host: for
// media in buckets and on web hosts, Fault returns the result of the last opening.
func (b *Blobs) Fault(ctx context.Context, a *cinedexv1.Asset) string {
	mark := b.watch.mark(a.GetId())
	if a.GetSha256() == "" || a.GetMedia() == nil {
		return mark
	}
	at, err := b.find(ctx, a.GetMedia())
	if err == nil && at.path == "" {
		return mark
	}
	var p fingerprint
	if err == nil {
		p, err = at.stat()
	}
	if err != nil {
		return reason(err)
	}
	got, known := b.hasher.known.Peek(p.key())
	switch {
	case a.GetSizeBytes() > 0 && p.size != a.GetSizeBytes(), known && got.sum != a.GetSha256():
		return reason(differing(a, p.size, time.Unix(0, p.modified)))
	case known, recorded(a, p), a.GetMedia().GetVersion() == "":
		return ""
	}
	return "may have changed since the asset arrived: " + differences(a.GetSizeBytes(), time.UnixMilli(a.GetMedia().GetModifiedMs()), p.size, time.Unix(0, p.modified)) + "; they are hashed when they are read next"
}

var _ io.ReadSeekCloser = (*AssetFile)(nil)
