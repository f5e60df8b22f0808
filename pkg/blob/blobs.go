package blob

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	gocloud "gocloud.dev/blob"
)

// Blobs opens media in the allowed places, and keeps Cinedex's own bytes. Blobs is safe for concurrent use.
type Blobs struct {
	cfg    Config
	own    *gocloud.Bucket
	folder string // the folder of the own bucket; "" for any other bucket
	roots  []string
	client *http.Client
	// longest is longestWait. Tests shorten the time.
	longest time.Duration
	cache   *cache
	hasher  *hasher
	watch   *watch

	mu     sync.Mutex
	others map[string]*gocloud.Bucket
}

// Open opens the own bucket and resolves the roots. The caller MUST close the Blobs.
func Open(ctx context.Context, cfg Config, deps Deps) (*Blobs, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("checking the blob configuration: %w", err)
	}
	b := &Blobs{cfg: cfg, others: map[string]*gocloud.Bucket{}, client: guardedClient(cfg.Hosts, cfg.AllowPrivate), longest: longestWait}
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
		// With the temporary file beside the final file, a write ends with a single rename. Attributes in separate
		// files would not be part of the rename.
		address = (&url.URL{Scheme: "file", Path: u.Path, RawQuery: "no_tmp_dir=true&metadata=skip"}).String()
	}
	own, err := gocloud.OpenBucket(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("opening the media bucket: %w", blobError(err))
	}
	b.own = own
	dir := cfg.CacheDir
	if dir == "" {
		dir = filepath.Join(os.TempDir(), fmt.Sprintf("cinedex-media-%d", os.Getuid()))
	}
	b.cache = newCache(dir, cfg.CacheBytes)
	if len(cfg.Hosts)+len(cfg.Buckets) > 0 {
		if _, err := b.cache.folder(); err != nil {
			own.Close()
			return nil, err
		}
	}
	b.hasher, b.watch = newHasher(), newWatch(deps)
	return b, nil
}

// Deps are the log and the metrics of Blobs. Both may be nil.
type Deps struct {
	Log        *slog.Logger
	Registerer prometheus.Registerer
}

// Close ends running fetches and hashings, and closes all buckets.
func (b *Blobs) Close() error {
	b.hasher.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	err := errors.Join(b.own.Close(), b.cache.Close())
	for _, o := range b.others {
		err = errors.Join(err, o.Close())
	}
	b.client.CloseIdleConnections()
	return err
}
