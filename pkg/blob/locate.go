package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	gocloud "gocloud.dev/blob"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Resolve turns the URL of arriving media into a reference.
//
// Errors:
//   - Denied: the configuration forbids the place.
//   - Invalid: the URL is in a form that Cinedex does not accept.
//   - NotFound: a file inside a root is missing.
func (b *Blobs) Resolve(raw string) (*cinedexv1.MediaRef, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errkind.New(errkind.Invalid, "the URL is malformed: %w", err)
	case u.User != nil:
		return nil, errkind.New(errkind.Invalid, "the URL carries credentials: leave the user and the password out, and configure credentials in Cinedex")
	case u.Scheme == "file":
		if u.Host != "" && u.Host != "localhost" {
			return nil, errkind.New(errkind.Invalid, "the file URL names a host: write file:///folder/film.mp4")
		}
		return b.resolveFile(filepath.FromSlash(u.Path))
	case u.Scheme == "http" || u.Scheme == "https":
		if err := checkHost(u, b.cfg.Hosts); err != nil {
			return nil, err
		}
		u.Fragment = ""
		return &cinedexv1.MediaRef{Bucket: u.Scheme + "://" + u.Host, Key: strings.TrimPrefix(u.RequestURI(), "/")}, nil
	case u.Scheme == "" || u.Opaque != "":
		return nil, errkind.New(errkind.Invalid, "the URL must be absolute, such as file:///films/a.mp4 or s3://bucket/a.mp4")
	}
	key := strings.TrimPrefix(u.Path, "/")
	if key == "" {
		return nil, errkind.New(errkind.Invalid, "the URL names a bucket and no object: add the object's key")
	}
	if _, err := b.configured(u.Scheme + "://" + u.Host); err != nil {
		return nil, err
	}
	return &cinedexv1.MediaRef{Bucket: u.Scheme + "://" + u.Host, Key: key}, nil
}

// resolveFile follows all links of a file's path, and finds the file's root.
func (b *Blobs) resolveFile(name string) (*cinedexv1.MediaRef, error) {
	if !filepath.IsAbs(name) {
		return nil, errkind.New(errkind.Invalid, "the file URL needs an absolute path")
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil && b.within(filepath.Clean(name)) == "" {
		// An error about a path outside the roots does not tell whether the file exists.
		return nil, errkind.New(errkind.Denied, "%s is outside the folders that media may come from", name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errkind.New(errkind.NotFound, "there is no file %s", name)
	}
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", name, err)
	}
	root := b.within(real)
	if root == "" {
		return nil, errkind.New(errkind.Denied, "%s is outside the folders that media may come from", name)
	}
	rel, err := filepath.Rel(root, real)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", name, err)
	}
	return &cinedexv1.MediaRef{Bucket: (&url.URL{Scheme: "file", Path: filepath.ToSlash(root)}).String(), Key: filepath.ToSlash(rel)}, nil
}

// within returns the root of a path without links, or "" for none.
func (b *Blobs) within(real string) string {
	for _, root := range b.roots {
		if rel, err := filepath.Rel(root, real); err == nil && filepath.IsLocal(rel) && rel != "." {
			return root
		}
	}
	return ""
}

// configured returns the configured URL of the named bucket.
func (b *Blobs) configured(name string) (string, error) {
	for _, c := range b.cfg.Buckets {
		if base, _, _ := strings.Cut(c, "?"); strings.TrimSuffix(base, "/") == name {
			return c, nil
		}
	}
	return "", errkind.New(errkind.Denied, "%s is not among the buckets that media may come from", name)
}

// A place is the location of a blob: a local file (root and path), an object (bucket and key) or a web address (url).
type place struct {
	path   string          // of a local file, relative to root
	root   string          // the folder that path cannot leave
	bucket *gocloud.Bucket // of an object
	url    string          // of a blob on a web host
	key    string
}

// find returns the place of a reference. The rules are as strict as Resolve's, since a reference in the log may be older than the configuration.
func (b *Blobs) find(ctx context.Context, ref *cinedexv1.MediaRef) (place, error) {
	key := ref.GetKey()
	if key == "" {
		return place{}, errkind.New(errkind.Invalid, "the media reference has no key")
	}
	if ref.GetBucket() == "" {
		if b.folder != "" && ownKey(key) == nil {
			return place{root: b.folder, path: filepath.FromSlash(key)}, nil
		}
		return place{bucket: b.own, key: key}, nil
	}
	u, err := url.Parse(ref.GetBucket())
	if err != nil {
		return place{}, errkind.New(errkind.Invalid, "reading the media reference: %w", err)
	}
	switch u.Scheme {
	case "file":
		checked, err := b.resolveFile(filepath.Join(filepath.FromSlash(u.Path), filepath.FromSlash(key)))
		if err != nil {
			return place{}, err
		}
		at, err := url.Parse(checked.GetBucket())
		if err != nil {
			return place{}, fmt.Errorf("reading the media reference: %w", err)
		}
		return place{root: filepath.FromSlash(at.Path), path: filepath.FromSlash(checked.GetKey())}, nil
	case "http", "https":
		if err := checkHost(u, b.cfg.Hosts); err != nil {
			return place{}, err
		}
		return place{url: ref.GetBucket() + "/" + key}, nil
	}
	address, err := b.configured(ref.GetBucket())
	if err != nil {
		return place{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	bucket := b.others[address]
	if bucket == nil {
		if bucket, err = gocloud.OpenBucket(ctx, address); err != nil {
			return place{}, fmt.Errorf("opening %s: %w", ref.GetBucket(), blobError(err))
		}
		b.others[address] = bucket
	}
	return place{bucket: bucket, key: key}, nil
}

// file opens a local file. A pipe or a device would block or never end: file checks the type before and after the
// opening, and opens without waiting. A link put in the file's place after find cannot lead outside the root.
func (at place) file() (*os.File, fingerprint, error) {
	root, err := os.OpenRoot(at.root)
	if err != nil {
		return nil, fingerprint{}, err
	}
	defer root.Close()
	st, err := root.Stat(at.path)
	if err != nil {
		return nil, fingerprint{}, err
	}
	if !st.Mode().IsRegular() {
		return nil, fingerprint{}, errkind.New(errkind.Invalid, "%s is not a file", filepath.Base(at.path))
	}
	f, err := root.OpenFile(at.path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fingerprint{}, err
	}
	print, err := fingerprintOf(f)
	if err != nil {
		f.Close()
		return nil, fingerprint{}, err
	}
	return f, print, nil
}

// stat returns the fingerprint of a local file without opening the file.
func (at place) stat() (fingerprint, error) {
	root, err := os.OpenRoot(at.root)
	if err != nil {
		return fingerprint{}, err
	}
	defer root.Close()
	st, err := root.Stat(at.path)
	if err != nil {
		return fingerprint{}, err
	}
	return fingerprintOfInfo(st)
}

func (at place) blob() (*Blob, error) {
	f, print, err := at.file()
	if err != nil {
		return nil, err
	}
	return &Blob{f, print.size, print.version(), time.Unix(0, print.modified)}, nil
}
