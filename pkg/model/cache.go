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

// Cache is the folder of artefacts. The zero value is not usable; see OpenCache. A Cache is safe for concurrent use, also by several processes.
type Cache struct{ dir string }

// OpenCache returns the cache at dir. If dir is empty, the cache is at $CINEDEX_CACHE, or else in the user's cache folder. OpenCache creates nothing.
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

// Dir returns the cache's absolute path.
func (c Cache) Dir() string { return c.dir }

// Path returns the path of an artefact, present or not.
func (c Cache) Path(a Artefact) string { return filepath.Join(c.dir, filepath.FromSlash(a.File)) }

// PictureFolders returns the folders of the operator's own models of pictures and words: the folders in pictures/, by name.
func (c Cache) PictureFolders() (folders []string, err error) {
	if c.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(filepath.Join(c.dir, "pictures"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		path := filepath.Join(c.dir, "pictures", e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() { // a folder may lie elsewhere, behind a link
			folders = append(folders, path)
		}
	}
	return folders, err
}

// Require returns the path of the artefact with this id. A missing file is an error of kind NotFound that names the command to run. Require checks
// the file's size, not the content: fetch checked the content when the file was stored, and Check checks the content again.
func (c Cache) Require(id string) (string, error) {
	a, err := Find(id)
	if err != nil {
		return "", err
	}
	return c.Locate(a)
}

// Locate is Require for an Artefact.
func (c Cache) Locate(a Artefact) (string, error) {
	path := c.Path(a)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", errkind.New(errkind.NotFound, "%s (%s) is not in %s; run: %s", a.ID, a.Purpose, c.dir, a.Remedy())
	case err != nil:
		return "", fmt.Errorf("looking for %s: %w", a.ID, err)
	case a.Size != 0 && info.Size() != a.Size:
		return "", errkind.New(errkind.NotFound, "%s has %d bytes instead of %d; run: %s", path, info.Size(), a.Size, a.Remedy())
	}
	return path, nil
}

// Check reads a whole file and compares the file with the pinned size and sha256.
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
		return errkind.New(errkind.Invalid, "%s has sha256 %s instead of the pinned %s; run: %s", path, sum, a.SHA256, a.Remedy())
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

// Tool returns the path of a program such as "ffmpeg": the value of CINEDEX_FFMPEG (the name in capitals), or the program on the PATH, or the program
// in the cache. A missing program is an error of kind NotFound with the command to run.
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
