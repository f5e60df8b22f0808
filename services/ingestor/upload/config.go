package upload

import (
	"path/filepath"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config is the operator's configuration.
type Config struct {
	// Folder gets the films that callers upload, and must lie within blobs.roots. Empty takes no uploads.
	Folder string `mapstructure:"folder"`
	// MaxBytes is the size of the largest film.
	MaxBytes int64 `mapstructure:"max_bytes"`
	// Unfinished is how many unfinished uploads a caller may have.
	Unfinished int `mapstructure:"unfinished"`
	// KeepFor is how long an unfinished upload waits for its next piece before the upload is deleted.
	KeepFor time.Duration `mapstructure:"keep_for"`
	// MinFreeBytes is the room that uploads leave free on the disk of Folder.
	MinFreeBytes int64 `mapstructure:"min_free_bytes"`
}

// Default takes no uploads, until a folder is named.
func Default() Config {
	return Config{MaxBytes: 200 << 30, Unfinished: 20, KeepFor: 72 * time.Hour, MinFreeBytes: 1 << 30}
}

// Validate returns an error for the first field with an unusable value.
func (c Config) Validate() error {
	switch {
	case c.Folder != "" && !filepath.IsAbs(c.Folder):
		return errkind.New(errkind.Invalid, "folder: %q is not an absolute path", c.Folder)
	case c.MaxBytes < 1<<10 || c.MaxBytes > 16<<40:
		return errkind.New(errkind.Invalid, "max_bytes: %d is not from 1024 to %d", c.MaxBytes, int64(16<<40))
	case c.Unfinished < 1 || c.Unfinished > 1000:
		return errkind.New(errkind.Invalid, "unfinished: %d is not from 1 to 1000", c.Unfinished)
	case c.KeepFor < time.Minute || c.KeepFor > 10_000*time.Hour:
		return errkind.New(errkind.Invalid, "keep_for: %s is not from 1m to 10000h", c.KeepFor)
	case c.MinFreeBytes < 0 || c.MinFreeBytes > 1<<50:
		return errkind.New(errkind.Invalid, "min_free_bytes: %d is not from 0 to %d", c.MinFreeBytes, int64(1<<50))
	}
	return nil
}
