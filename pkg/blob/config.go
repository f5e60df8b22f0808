package blob

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	gocloud "gocloud.dev/blob"
	_ "gocloud.dev/blob/fileblob" // drivers with little code; package clouds links the drivers of clouds
	_ "gocloud.dev/blob/memblob"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config names the allowed places of media, and Cinedex's own bucket.
type Config struct {
	// Bucket is Cinedex's own bucket, for thumbnails, text tracks and frame tables: file:///folder, mem://, or another gocloud.dev/blob URL whose
	// driver the program links.
	Bucket string `mapstructure:"bucket"`
	// Roots are the allowed folders for file URLs of media, symbolic links followed. None means no file URLs.
	Roots []string `mapstructure:"roots"`
	// Buckets are further allowed buckets of media, such as s3://films?region=eu-west-1.
	Buckets []string `mapstructure:"buckets"`
	// Hosts are the allowed hosts in http and https URLs of media, each "host" or "host:port". None means no such URLs.
	Hosts []string `mapstructure:"hosts"`
	// AllowPrivate lets Hosts have private or loopback addresses.
	AllowPrivate bool `mapstructure:"allow_private"`
	// CacheDir holds copies of media from buckets and hosts; empty means a folder in the system's temporary folder. The
	// folder must belong to the user of Cinedex, and be closed to all other users. Several processes may share the
	// folder.
	CacheDir string `mapstructure:"cache_dir"`
	// CacheBytes bounds CacheDir, over restarts and for all processes with the same folder.
	CacheBytes int64 `mapstructure:"cache_bytes"`
	// MaxBytes is the size of the largest accepted media file.
	MaxBytes int64 `mapstructure:"max_bytes"`
}

// ErrTooLarge marks a blob with more bytes than its limit. Its kind is Invalid.
var ErrTooLarge = errkind.New(errkind.Invalid, "over the limit of size")

const (
	// defaultMaxBytes is 200 GiB: a feature film in a mezzanine codec.
	defaultMaxBytes = 200 << 30
	// maxMediaBytes is the greatest allowed MaxBytes: 16 TiB, as much as common file systems take.
	maxMediaBytes = 16 << 40
)

// Default returns a configuration with Cinedex's own bucket in memory, and without places for media.
func Default() Config {
	return Config{Bucket: "mem://", CacheBytes: defaultMaxBytes, MaxBytes: defaultMaxBytes}
}

// Validate checks all fields, and names the first invalid field.
func (c Config) Validate() error {
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
		return errkind.New(errkind.Invalid, "cache_bytes: must be at least max_bytes, since media from buckets and hosts are copied whole")
	}
	return nil
}

// checkBucket refuses an address for which this program links no driver.
func checkBucket(address string) error {
	u, err := url.Parse(address)
	if err != nil || !gocloud.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return errkind.New(errkind.Invalid, "%q is not the URL of a bucket: write file:///folder, or use a scheme of %s", address, strings.Join(gocloud.DefaultURLMux().BucketSchemes(), ", "))
	}
	return nil
}
