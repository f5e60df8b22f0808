package model

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Cache is the folder that artefacts lie in. The zero value is not usable; see
// OpenCache. It is safe for concurrent use, by several processes too.
type Cache struct{ dir string }

// OpenCache names the cache at dir, or when dir is empty at $CINEDEX_CACHE, or
// else in the user's cache folder. Nothing is created.
func OpenCache(dir string) (Cache, error) {
	if dir == "" {
		dir = os.Getenv("CINEDEX_CACHE")
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return Cache{}, errkind.New(errkind.Invalid, "finding the cache folder: %w; set CINEDEX_CACHE", err)
		}
		dir = filepath.Join(base, "cinedex")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Cache{}, fmt.Errorf("finding the cache folder: %w", err)
	}
	return Cache{dir: abs}, nil
}

// Dir is the cache's absolute path.
func (c Cache) Dir() string { return c.dir }

// Path is where a lies, present or not.
func (c Cache) Path(a Artefact) string { return filepath.Join(c.dir, filepath.FromSlash(a.File)) }

// Require returns the path of the artefact with this id, or a NotFound error
// that says how to get it. It looks at the file's size and not at its content;
// that was checked when the file was put there, and Verify checks it again.
func (c Cache) Require(id string) (string, error) {
	a, err := Find(id)
	if err != nil {
		return "", err
	}
	return c.Locate(a)
}

// Locate is Require for an artefact that is at hand.
func (c Cache) Locate(a Artefact) (string, error) {
	path := c.Path(a)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errkind.New(errkind.NotFound, "%s (%s) is not in %s; run: %s", a.ID, a.Purpose, c.dir, a.Remedy())
	case err != nil:
		return "", fmt.Errorf("looking for %s: %w", a.ID, err)
	case a.Size != 0 && info.Size() != a.Size:
		return "", errkind.New(errkind.NotFound, "%s has %d bytes where %d are expected; run: %s", path, info.Size(), a.Size, a.Remedy())
	}
	return path, nil
}

// Check reads the whole of a's file and compares it with what the manifest pins.
func (c Cache) Check(a Artefact) error {
	path, err := c.Locate(a)
	if err != nil {
		return err
	}
	if a.SHA256 == "" {
		return nil
	}
	sum, err := sumFile(path)
	if err != nil {
		return fmt.Errorf("checking %s: %w", a.ID, err)
	}
	if sum != a.SHA256 {
		return errkind.New(errkind.Invalid, "%s has sha256 %s where %s is pinned; run: %s", path, sum, a.SHA256, a.Remedy())
	}
	return nil
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Tool returns the path of a program such as "ffmpeg": what CINEDEX_FFMPEG (the
// name in capitals) says, else what the system has on its PATH, else the one in
// the cache, else a NotFound error that says how to get it.
func (c Cache) Tool(name string) (string, error) {
	env := "CINEDEX_" + strings.ToUpper(name)
	if path := os.Getenv(env); path != "" {
		if _, err := exec.LookPath(path); err != nil {
			return "", errkind.New(errkind.NotFound, "%s names %s, which cannot be run: %w", env, path, err)
		}
		return path, nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, a := range manifest {
		if a.Tool == name {
			if path, err := c.Require(a.ID); err == nil {
				return path, nil
			}
		}
	}
	return "", errkind.New(errkind.NotFound, "%s is not on the PATH; install it, or run: cinedex models fetch %s", name, name)
}

func onSystem(tool string) bool {
	if os.Getenv("CINEDEX_"+strings.ToUpper(tool)) != "" {
		return true
	}
	_, err := exec.LookPath(tool)
	return err == nil
}
