package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"time"

	gocloud "gocloud.dev/blob"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Blob is an open blob. The caller MUST close the Blob.
type Blob struct {
	io.ReadCloser
	// Size is the number of bytes; -1 where the place does not tell the size.
	Size int64
	// Version changes when the content changes.
	Version string
	// Modified is the time of the last change; zero where unknown.
	Modified time.Time
}

// Seek sets the offset of the next Read. Blobs of web hosts cannot seek.
func (b *Blob) Seek(offset int64, whence int) (int64, error) {
	if s, ok := b.ReadCloser.(io.Seeker); ok {
		return s.Seek(offset, whence)
	}
	return 0, errors.New("a blob of a web host cannot seek")
}

// Open opens a blob. A blob whose known size is over MaxBytes is refused. The caller MUST close the Blob.
func (b *Blobs) Open(ctx context.Context, ref *cinedexv1.MediaRef) (*Blob, error) {
	at, err := b.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	var o *Blob
	switch {
	case at.path != "":
		o, err = at.blob()
	case at.bucket != nil:
		o, err = openObject(ctx, at.bucket, at.key)
	default:
		o, err = b.openWeb(ctx, at.url)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", ref.GetKey(), err)
	}
	if o.Size > b.cfg.MaxBytes {
		o.Close()
		return nil, fmt.Errorf("%s has %d bytes, and at most %d are taken: %w", path.Base(ref.GetKey()), o.Size, b.cfg.MaxBytes, ErrTooLarge)
	}
	o.ReadCloser = &bounded{o.ReadCloser, ctx, b.cfg.MaxBytes}
	return o, nil
}

func openObject(ctx context.Context, bucket *gocloud.Bucket, key string) (*Blob, error) {
	attrs, err := bucket.Attributes(ctx, key)
	if err != nil {
		return nil, blobError(err)
	}
	r, err := bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, blobError(err)
	}
	return &Blob{r, r.Size(), objectDescription(attrs).version, attrs.ModTime}, nil
}

func objectDescription(attrs *gocloud.Attributes) description {
	return description{size: attrs.Size, version: fmt.Sprintf("%s-%d-%d", attrs.ETag, attrs.Size, attrs.ModTime.UnixNano()), modified: attrs.ModTime}
}

// bounded ends the reading of a blob with an error after more than left bytes, or when ctx ends.
type bounded struct {
	io.ReadCloser
	ctx  context.Context
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, context.Cause(b.ctx)
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

// Seek lifts the limit: a seekable blob has a known size, and Open compared the size with MaxBytes.
func (b *bounded) Seek(offset int64, whence int) (int64, error) {
	s, ok := b.ReadCloser.(io.Seeker)
	if !ok {
		return 0, errors.New("a blob of a web host cannot seek")
	}
	b.left = 1 << 62
	return s.Seek(offset, whence)
}

// Read returns a whole small blob, of at most limit bytes. The bytes of an own blob with a sha256 in the name are compared with the sha256; a
// difference is an error of kind Conflict.
func (b *Blobs) Read(ctx context.Context, ref *cinedexv1.MediaRef, limit int64) ([]byte, error) {
	o, err := b.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	data, err := io.ReadAll(io.LimitReader(o, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", ref.GetKey(), err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes: %w", path.Base(ref.GetKey()), limit, ErrTooLarge)
	}
	if want := NamedSum(ref); want != "" {
		if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != want {
			return nil, errkind.New(errkind.Conflict, "%s is damaged: the bytes do not hash to the sha256 in the name", ref.GetKey())
		}
	}
	return data, nil
}

// NamedSum returns the sha256 at the beginning of an own blob's name; "" for a name without a sha256 and for blobs of other buckets.
func NamedSum(ref *cinedexv1.MediaRef) string {
	stem, _, _ := strings.Cut(path.Base(ref.GetKey()), ".")
	if ref.GetBucket() != "" || !sumForm.MatchString(stem) {
		return ""
	}
	return stem
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)
