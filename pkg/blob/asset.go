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

// An AssetFile is an open local file with the bytes of media, hashed: the file itself, or a copy of what lies in a bucket or on a web host.
//
//   - Read returns bytes of the file as it was hashed, or an error of kind Unavailable where the file was changed since.
//   - Path leads to the very file that was hashed, for programs that read by path. Such a caller MUST call Unchanged after the last
//     byte was read, and before what was made of the bytes is published.
//   - Close MUST be called; Path leads nowhere afterwards.
type AssetFile struct {
	// Sum is the sha256 of the bytes in lowercase hex, Size their number.
	Sum  string
	Size int64
	// Ref is where the bytes lie, with what their place told of them when they were hashed.
	Ref *cinedexv1.MediaRef

	f     *os.File
	print fingerprint
	asset string // "" for what is no asset yet
	watch *watch
}

// Path is a path to the file, for ffmpeg.
func (a *AssetFile) Path() string { return pathOf(a.f) }

// Read reads the next bytes. None are returned of a file that was written to since it was hashed.
func (a *AssetFile) Read(p []byte) (int, error) {
	n, err := a.f.Read(p)
	if changed := a.Unchanged(); changed != nil {
		return 0, changed
	}
	return n, err
}

// Seek sets where Read goes on.
func (a *AssetFile) Seek(offset int64, whence int) (int64, error) { return a.f.Seek(offset, whence) }

// Close closes the file.
func (a *AssetFile) Close() error { return a.f.Close() }

// Unchanged fails with kind Unavailable where the file was changed since it was hashed: opening it again tells whether the bytes are still the same.
func (a *AssetFile) Unchanged() error {
	err := same(a.f, a.print)
	if err != nil && a.asset != "" {
		return a.watch.interrupted(a.asset, err)
	}
	return err
}

// differs tells what is known without reading.
func differs(wasSize int64, wasTime time.Time, isSize int64, isTime time.Time) string {
	return fmt.Sprintf("were %s, are %s", tellBytes(wasSize, wasTime), tellBytes(isSize, isTime))
}

func tellBytes(size int64, modified time.Time) string {
	text := fmt.Sprintf("%d bytes", size)
	if size < 0 {
		text = "an unknown number of bytes"
	}
	if modified.IsZero() || modified.UnixMilli() == 0 {
		return text
	}
	return text + " of " + modified.UTC().Format("2006-01-02 15:04:05.000 MST")
}

// OpenAsset opens the bytes of an asset: those that were hashed when the asset arrived, and no others.
//
//   - The bytes are trusted without reading them where size, time and version are those recorded in the asset, or those that were hashed before.
//   - Otherwise they are hashed, once for all who wait. The hashing goes on when ctx ends.
//   - What lies in a bucket or on a web host is fetched whole before it is read, and its place is asked each time whether it still has it.
//
// Errors hold an [AssetError]. Their kind is Conflict where the bytes are others, NotFound where they are gone, Denied where the configuration
// does not allow the place any more, Unavailable where the place does not answer now.
func (b *Blobs) OpenAsset(ctx context.Context, a *cinedexv1.Asset) (*AssetFile, error) {
	file, err := b.openAsset(ctx, a)
	if err == nil {
		b.watch.same(a.GetId())
		return file, nil
	}
	return nil, b.watch.refuse(ctx, a, err)
}

// errOther says that the bytes are not the asset's.
type errOther struct{ text string }

func (e *errOther) Error() string { return e.text }

func (b *Blobs) openAsset(ctx context.Context, a *cinedexv1.Asset) (*AssetFile, error) {
	if a.GetSha256() == "" {
		return nil, errkind.New(errkind.Invalid, "the asset does not say what its bytes hash to")
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

// compare holds an open local file against what is recorded of an asset.
func (b *Blobs) compare(ctx context.Context, a *cinedexv1.Asset, f *os.File, p fingerprint) error {
	if a.GetSizeBytes() > 0 && p.size != a.GetSizeBytes() {
		return other(a, p.size, time.Unix(0, p.modified))
	}
	is, ok := b.hashed.known.Get(p.key())
	if !ok && recorded(a, p) {
		is = hashed{a.GetSha256(), p.size}
		b.hashed.known.Add(p.key(), is)
	} else if !ok {
		var err error
		if is, err = b.hashed.ofFile(ctx, f, p); err != nil {
			return err
		}
	}
	if is.sum != a.GetSha256() {
		return other(a, p.size, time.Unix(0, p.modified))
	}
	return nil
}

// recorded reports whether a file is as it was when the asset arrived.
func recorded(a *cinedexv1.Asset, p fingerprint) bool {
	return a.GetMedia().GetVersion() != "" && a.GetMedia().GetVersion() == p.version() && a.GetMedia().GetModifiedMs() == p.modified/1e6 && a.GetSizeBytes() == p.size
}

func other(a *cinedexv1.Asset, size int64, modified time.Time) error {
	return &errOther{differs(a.GetSizeBytes(), time.UnixMilli(a.GetMedia().GetModifiedMs()), size, modified)}
}

// Take opens media that are no asset yet, and hashes them. Kind Unavailable where somebody is still writing them.
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
	is, err := b.hashed.ofFile(ctx, file.f, file.print)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("hashing %s: %w", ref.GetKey(), err)
	}
	file.Sum, file.Size = is.sum, is.size
	file.Ref.ModifiedMs, file.Ref.Version = file.print.modified/1e6, file.print.version()
	return file, nil
}

func (b *Blobs) tooLarge(ref *cinedexv1.MediaRef, size int64) error {
	return fmt.Errorf("%s has %d bytes, and at most %d are taken: %w", path.Base(ref.GetKey()), size, b.cfg.MaxBytes, ErrTooLarge)
}

// Look tells what is wrong with the bytes of an asset, in words for those who may see it; "" for nothing. It reads no byte and asks no host:
// of a film elsewhere it tells what the last reading found.
func (b *Blobs) Look(ctx context.Context, a *cinedexv1.Asset) string {
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
		p, err = at.look()
	}
	if err != nil {
		return reason(err)
	}
	is, known := b.hashed.known.Peek(p.key())
	switch {
	case a.GetSizeBytes() > 0 && p.size != a.GetSizeBytes(), known && is.sum != a.GetSha256():
		return reason(other(a, p.size, time.Unix(0, p.modified)))
	case known, recorded(a, p), a.GetMedia().GetVersion() == "":
		return ""
	}
	return "may have changed since the asset arrived: " + differs(a.GetSizeBytes(), time.UnixMilli(a.GetMedia().GetModifiedMs()), p.size, time.Unix(0, p.modified)) + "; they are hashed when they are read next"
}

var _ io.ReadSeekCloser = (*AssetFile)(nil)
