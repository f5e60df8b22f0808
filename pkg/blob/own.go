package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	gocloud "gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

var keyForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._=-]*(/[A-Za-z0-9][A-Za-z0-9._=-]*)*$`)

// ownKey accepts only keys that every bucket and file system writes unchanged.
func ownKey(key string) error {
	if !keyForm.MatchString(key) || len(key) > 512 {
		return errkind.New(errkind.Invalid, "%q cannot be a key of the media bucket", key)
	}
	return nil
}

// Put writes a blob of the own bucket. The write is atomic: a concurrent reader of the key gets either all old bytes or all new bytes. When Put
// returns, the blob is on disk, or confirmed by the bucket's service.
func (b *Blobs) Put(ctx context.Context, key, contentType string, content io.Reader) (*cinedexv1.MediaRef, error) {
	if err := ownKey(key); err != nil {
		return nil, err
	}
	// A gocloud writer drops the bytes written so far when its context ends.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.own.NewWriter(ctx, key, &gocloud.WriterOptions{ContentType: contentType})
	if err != nil {
		return nil, fmt.Errorf("writing %s: %w", key, blobError(err))
	}
	if _, err := io.Copy(w, content); err != nil {
		cancel()
		_ = w.Close()
		return nil, fmt.Errorf("writing %s: %w", key, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", key, blobError(err))
	}
	if b.folder != "" {
		if err := syncFile(filepath.Join(b.folder, filepath.FromSlash(key))); err != nil {
			return nil, fmt.Errorf("writing %s: %w", key, err)
		}
	}
	return &cinedexv1.MediaRef{Key: key}, nil
}

// Delete removes a blob of the own bucket. A key without a blob is no error.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	if err := ownKey(key); err != nil {
		return err
	}
	if err := b.own.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("deleting %s: %w", key, blobError(err))
	}
	return nil
}

// syncFile syncs a file and the folder that holds the file's name.
func syncFile(name string) error {
	for _, p := range []string{name, filepath.Dir(name)} {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// blobError adds the errkind kind that corresponds to a gocloud error code.
func blobError(err error) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return errkind.Wrap(errkind.NotFound, err)
	case gcerrors.PermissionDenied:
		return errkind.Wrap(errkind.Denied, err)
	case gcerrors.InvalidArgument:
		return errkind.Wrap(errkind.Invalid, err)
	case gcerrors.ResourceExhausted:
		return errkind.Wrap(errkind.Exhausted, err)
	case gcerrors.Canceled, gcerrors.DeadlineExceeded:
		return errkind.Wrap(errkind.Cancelled, err)
	case gcerrors.Internal:
		return errkind.Wrap(errkind.Unavailable, err)
	}
	return err
}

// A Listed is a blob of the own bucket, or a folder of blobs. The Key of a folder ends with a slash.
type Listed struct {
	Key      string
	Size     int64
	Modified time.Time
}

// List yields the blobs of the own bucket whose keys begin with prefix, in key order. With deep, List yields the blobs of subfolders as well; without
// deep, List yields the subfolders themselves.
func (b *Blobs) List(ctx context.Context, prefix string, deep bool) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		opts := &gocloud.ListOptions{Prefix: prefix, Delimiter: "/"}
		if deep {
			opts.Delimiter = ""
		}
		it := b.own.List(opts)
		for {
			o, err := it.Next(ctx)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Listed{}, blobError(err))
				return
			}
			if o.IsDir && !strings.HasSuffix(o.Key, "/") {
				err = errkind.New(errkind.Internal, "the folder %s is listed as a blob", o.Key)
			}
			if !yield(Listed{o.Key, o.Size, o.ModTime}, err) || err != nil {
				return
			}
		}
	}
}
