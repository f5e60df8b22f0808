package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // the drivers that cost nothing; pkg/platform adds those of clouds
	_ "gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// BlobConfig says where bytes may come from and where ours are kept.
type BlobConfig struct {
	// Bucket is Cinedex's own bucket, for thumbnails, text tracks and frame tables:
	// file:///folder, mem://, or any other gocloud.dev/blob URL whose driver the program holds.
	Bucket string `mapstructure:"bucket"`
	// Roots are the folders that file URLs of media may lie in, symbolic links followed. None means no file URLs.
	Roots []string `mapstructure:"roots"`
	// Buckets are further buckets that media may lie in, such as s3://films?region=eu-west-1.
	Buckets []string `mapstructure:"buckets"`
	// Hosts are the hosts that http and https URLs of media may name, each "host" or "host:port". None means no such URLs.
	Hosts []string `mapstructure:"hosts"`
	// AllowPrivate lets those hosts have private or loopback addresses.
	AllowPrivate bool `mapstructure:"allow_private"`
	// CacheDir holds media that were fetched from buckets and hosts; empty means a folder in the system's temporary one. The folder must belong to
	// the user that runs Cinedex, and be closed to all others. Several processes may share one.
	CacheDir string `mapstructure:"cache_dir"`
	// CacheBytes bounds that folder, over restarts and for all processes that share it.
	CacheBytes int64 `mapstructure:"cache_bytes"`
	// MaxBytes is the largest media taken.
	MaxBytes int64 `mapstructure:"max_bytes"`
}

// DefaultBlobs returns a configuration that keeps our bytes in a folder and takes media from nowhere yet.
func DefaultBlobs() BlobConfig {
	return BlobConfig{Bucket: "mem://", CacheBytes: Default().MaxBytes, MaxBytes: Default().MaxBytes}
}

// Validate names the first field that cannot be worked with.
func (c BlobConfig) Validate() error {
	if c.Bucket == "" {
		return errkind.New(errkind.Invalid, "bucket: must be set, as in file:///var/lib/cinedex/media")
	}
	if err := checkBucket(c.Bucket); err != nil {
		return fmt.Errorf("bucket: %w", err)
	}
	for i, b := range c.Buckets {
		if err := checkBucket(b); err != nil {
			return fmt.Errorf("buckets[%d]: %w", i, err)
		}
	}
	for i, r := range c.Roots {
		if !filepath.IsAbs(r) {
			return errkind.New(errkind.Invalid, "roots[%d]: %q is not an absolute path", i, r)
		}
	}
	for i, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/@ ") {
			return errkind.New(errkind.Invalid, "hosts[%d]: %q is neither a host nor host:port; leave out the scheme", i, h)
		}
	}
	switch {
	case c.MaxBytes < 1<<10 || c.MaxBytes > maxMediaBytes:
		return errkind.New(errkind.Invalid, "max_bytes: %d is not from 1024 to %d", c.MaxBytes, int64(maxMediaBytes))
	case c.CacheBytes < 0 || c.CacheBytes > 1000*maxMediaBytes:
		return errkind.New(errkind.Invalid, "cache_bytes: %d is not from 0 to %d", c.CacheBytes, int64(1000*maxMediaBytes))
	case c.CacheBytes < c.MaxBytes && (len(c.Buckets) > 0 || len(c.Hosts) > 0):
		return errkind.New(errkind.Invalid, "cache_bytes: must hold at least one media file of max_bytes")
	}
	return nil
}

// maxMediaBytes is the most that a media file may be set to have: 16 TiB, as much as common file systems take.
const maxMediaBytes = 16 << 40

// checkBucket refuses an address that no driver of this program opens.
func checkBucket(address string) error {
	u, err := url.Parse(address)
	if err != nil || !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return errkind.New(errkind.Invalid, "%q is no URL of a bucket, such as file:///folder; this program knows %s", address, strings.Join(blob.DefaultURLMux().BucketSchemes(), ", "))
	}
	return nil
}

// Blobs reads media from where they may lie and keeps Cinedex's own bytes. It is
// safe for concurrent use.
type Blobs struct {
	cfg    BlobConfig
	own    *blob.Bucket
	folder string // of the own bucket, where it is one
	roots  []string
	client *http.Client
	// longest is the constant, less in tests.
	longest time.Duration
	cache   *fetched
	hashed  *hashes
	watch   *watch

	mu     sync.Mutex
	others map[string]*blob.Bucket
}

// OpenBlobs opens the own bucket and resolves the roots. Close it.
func OpenBlobs(ctx context.Context, cfg BlobConfig, deps BlobDeps) (*Blobs, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the blob configuration: %w", err)
	}
	b := &Blobs{cfg: cfg, others: map[string]*blob.Bucket{}, client: guardedClient(cfg.Hosts, cfg.AllowPrivate), longest: longestWait}
	for _, r := range cfg.Roots {
		real, err := filepath.EvalSymlinks(r)
		if err != nil {
			return nil, fmt.Errorf("finding the media root %s: %w", r, err)
		}
		b.roots = append(b.roots, real)
	}
	address := cfg.Bucket
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" {
		b.folder = filepath.FromSlash(u.Path)
		if err := os.MkdirAll(b.folder, 0o755); err != nil {
			return nil, fmt.Errorf("making the media bucket: %w", err)
		}
		// Temporary files beside the final ones make the last step of a write one
		// rename; attributes in files of their own would not be part of it.
		address = (&url.URL{Scheme: "file", Path: u.Path, RawQuery: "no_tmp_dir=true&metadata=skip"}).String()
	}
	own, err := blob.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("opening the media bucket: %w", blobError(err))
	}
	b.own = own
	dir := cfg.CacheDir
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("cinedex-media-%d", os.Getuid()))
	}
	b.cache = newFetched(dir, cfg.CacheBytes)
	if len(cfg.Hosts)+len(cfg.Buckets) > 0 {
		if _, err := b.cache.folder(); err != nil {
			own.Close()
			return nil, err
		}
	}
	b.hashed, b.watch = newHashes(), newWatch(deps)
	return b, nil
}

// BlobDeps are what Blobs report to. Both may be nil.
type BlobDeps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Close ends what is being fetched or hashed, and closes all buckets.
func (b *Blobs) Close() error {
	b.hashed.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	err := errors.Join(b.own.Close(), b.cache.Close())
	for _, o := range b.others {
		err = errors.Join(err, o.Close())
	}
	b.client.CloseIdleConnections()
	return err
}

// Resolve turns the URL of arriving media into a reference, or says why it may
// not be read: kind Denied where the configuration forbids it, Invalid where it
// is no URL that is taken at all.
func (b *Blobs) Resolve(raw string) (*cinedexv1.MediaRef, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errkind.New(errkind.Invalid, "the URL cannot be read: %w", err)
	case u.User != nil:
		return nil, errkind.New(errkind.Invalid, "the URL carries credentials, which belong into the configuration")
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
		return nil, errkind.New(errkind.Invalid, "the URL names a bucket, but no object in it")
	}
	if _, err := b.configured(u.Scheme + "://" + u.Host); err != nil {
		return nil, err
	}
	return &cinedexv1.MediaRef{Bucket: u.Scheme + "://" + u.Host, Key: key}, nil
}

// resolveFile finds the root that a file lies in after all links are followed.
func (b *Blobs) resolveFile(name string) (*cinedexv1.MediaRef, error) {
	if !filepath.IsAbs(name) {
		return nil, errkind.New(errkind.Invalid, "the file URL needs an absolute path")
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil && b.within(filepath.Clean(name)) == "" {
		// Whether a file exists outside the roots is nobody's business.
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

// within returns the root that a path without links lies in; "" for none.
func (b *Blobs) within(real string) string {
	for _, root := range b.roots {
		if rel, err := filepath.Rel(root, real); err == nil && filepath.IsLocal(rel) && rel != "." {
			return root
		}
	}
	return ""
}

// configured returns the configured URL of the bucket that is named so.
func (b *Blobs) configured(name string) (string, error) {
	for _, c := range b.cfg.Buckets {
		if base, _, _ := strings.Cut(c, "?"); strings.TrimSuffix(base, "/") == name {
			return c, nil
		}
	}
	return "", errkind.New(errkind.Denied, "%s is not among the buckets that media may come from", name)
}

// place is where a reference leads.
type place struct {
	path   string       // a local file, by its path below
	root   string       // a folder that it cannot leave,
	bucket *blob.Bucket // or an object,
	url    string       // or a web address
	key    string
}

// find checks a reference as strictly as Resolve, since logs outlive configurations.
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
		if bucket, err = blob.OpenBucket(ctx, address); err != nil {
			return place{}, fmt.Errorf("opening %s: %w", ref.GetBucket(), blobError(err))
		}
		b.others[address] = bucket
	}
	return place{bucket: bucket, key: key}, nil
}

// A Blob is an open blob.
type Blob struct {
	io.ReadCloser
	// Size is the number of bytes; -1 where it is not known ahead.
	Size int64
	// Version changes when the content does.
	Version string
	// Modified is when that was, where known.
	Modified time.Time
}

// Seek lets files and bucket objects be served in ranges.
func (b *Blob) Seek(offset int64, whence int) (int64, error) {
	if s, ok := b.ReadCloser.(io.Seeker); ok {
		return s.Seek(offset, whence)
	}
	return 0, errors.New("this blob cannot be read from the middle")
}

// Open opens a blob, of at most MaxBytes where its size is known. Close it.
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

// file opens a local file. A pipe or a device would block or never end, so the file is looked at before and after it is opened, and
// opening does not wait. A link that came after the file was found leads nowhere outside the root.
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

// look tells of a local file what can be told without opening it.
func (at place) look() (fingerprint, error) {
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

func openObject(ctx context.Context, bucket *blob.Bucket, key string) (*Blob, error) {
	attrs, err := bucket.Attributes(ctx, key)
	if err != nil {
		return nil, blobError(err)
	}
	r, err := bucket.NewReader(ctx, key, nil)
	if err != nil {
		return nil, blobError(err)
	}
	return &Blob{r, r.Size(), objectSight(attrs).version, attrs.ModTime}, nil
}

func objectSight(attrs *blob.Attributes) sight {
	return sight{size: attrs.Size, version: fmt.Sprintf("%s-%d-%d", attrs.ETag, attrs.Size, attrs.ModTime.UnixNano()), modified: attrs.ModTime}
}

// bounded ends a blob that turns out longer than it said, and one whose context ended.
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

// Seek gives what is read again back to the limit: what it bounds is one pass.
func (b *bounded) Seek(offset int64, whence int) (int64, error) {
	s, ok := b.ReadCloser.(io.Seeker)
	if !ok {
		return 0, errors.New("this blob cannot be read from the middle")
	}
	b.left = 1 << 62
	return s.Seek(offset, whence)
}

// Read returns a whole small blob, of at most limit bytes. A blob of our own whose name tells its sha256 is compared with it; kind
// Conflict where the bytes are others.
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
			return nil, errkind.New(errkind.Conflict, "%s is damaged: its bytes are not those that its name tells", ref.GetKey())
		}
	}
	return data, nil
}

// NamedSum returns the sha256 that the name of one of our own blobs begins with, and "" where the name holds none.
func NamedSum(ref *cinedexv1.MediaRef) string {
	stem, _, _ := strings.Cut(path.Base(ref.GetKey()), ".")
	if ref.GetBucket() != "" || !sumForm.MatchString(stem) {
		return ""
	}
	return stem
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Hash returns the sha256 of a blob in lowercase hex, and its size. One over the
// limit is refused before it is read.
func (b *Blobs) Hash(ctx context.Context, ref *cinedexv1.MediaRef) (sum string, size int64, err error) {
	o, err := b.Open(ctx, ref)
	if err != nil {
		return "", 0, err
	}
	defer o.Close()
	h := sha256.New()
	if size, err = io.CopyBuffer(h, struct{ io.Reader }{o}, make([]byte, 1<<20)); err != nil {
		return "", 0, fmt.Errorf("hashing %s: %w", ref.GetKey(), err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._=-]*(/[A-Za-z0-9][A-Za-z0-9._=-]*)*$`)

// ownKey holds our own keys to names that every bucket and file system writes as they are.
func ownKey(key string) error {
	if !keyForm.MatchString(key) || len(key) > 512 {
		return errkind.New(errkind.Invalid, "%q cannot be a key of the media bucket", key)
	}
	return nil
}

// Put writes a blob of the own bucket, all of it or nothing: whoever reads the key
// meanwhile sees the bytes before or the bytes after. It is on disk, or in the
// hands of the bucket's service, when Put returns.
func (b *Blobs) Put(ctx context.Context, key, contentType string, content io.Reader) (*cinedexv1.MediaRef, error) {
	if err := ownKey(key); err != nil {
		return nil, err
	}
	// Ending the context is how a gocloud writer is told to drop what it has.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := b.own.NewWriter(ctx, key, &blob.WriterOptions{ContentType: contentType})
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

// Delete removes a blob of the own bucket. Removing what is not there is no error.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	if err := ownKey(key); err != nil {
		return err
	}
	if err := b.own.Delete(ctx, key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
		return fmt.Errorf("deleting %s: %w", key, blobError(err))
	}
	return nil
}

// syncFile brings a file and its name to the disk.
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

// blobError gives gocloud's codes our kinds.
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
