package blob

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// cache is the folder of copies of media from buckets and web hosts, bounded in bytes.
//
// The folder is the whole state, so the bound holds over restarts and for several processes:
//
//   - A file is named by the sha256 and the size of its bytes. The same bytes from two URLs are stored once.
//   - A file is written as part-…, synced and renamed. A part without a lock is the leftover of a crash and is removed.
//   - A reader of a file holds a shared lock (flock) on the file. Files without a lock may be removed, the least recently used first.
//   - The time of the last use is the modification time of a second file, NAME.used. A change of the file's own times would look like a change of the
//     bytes.
//   - Removing, reserving and renaming happen under the lock of the file "lock".
//
// The folder must belong to the user of the process, and be closed to all other users.
type cache struct {
	dir   string
	limit int64

	mu   sync.Mutex
	root *os.Root // nil until the first use of the folder
}

func newCache(dir string, limit int64) *cache { return &cache{dir: dir, limit: limit} }

// folder opens the folder on first use. A folder open to another user, for writing or reading, is refused.
func (c *cache) folder() (*os.Root, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root != nil {
		return c.root, nil
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder for fetched media (blobs.cache_dir): %w", err)
	}
	named, err := os.Lstat(c.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder for fetched media (blobs.cache_dir): %w", err)
	}
	if named.Mode()&fs.ModeSymlink != 0 {
		return nil, c.refuse("is a symbolic link: name the folder itself")
	}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder for fetched media (blobs.cache_dir): %w", err)
	}
	if err := c.owned(root, named); err != nil {
		root.Close()
		return nil, err
	}
	if err := c.exclusively(root, func() error { _, err := c.contents(root, ""); return err }); err != nil {
		root.Close()
		return nil, fmt.Errorf("reading the folder for fetched media %s: %w", c.dir, err)
	}
	c.root = root
	return root, nil
}

// owned checks the opened folder, rather than the path.
func (c *cache) owned(root *os.Root, named fs.FileInfo) error {
	st, err := root.Stat(".")
	if err != nil {
		return fmt.Errorf("reading the folder for fetched media (blobs.cache_dir): %w", err)
	}
	owner, ok := st.Sys().(*syscall.Stat_t)
	switch {
	case !os.SameFile(named, st):
		return c.refuse("was replaced while it was opened")
	case !ok || int(owner.Uid) != os.Geteuid():
		return c.refuse("belongs to another user: remove it, or name another folder")
	case st.Mode().Perm()&0o077 != 0:
		return c.refuse("may be read or written by other users: run chmod 700 on it")
	}
	return nil
}

func (c *cache) refuse(reason string) error {
	return errkind.New(errkind.Unavailable, "the folder for fetched media %s (blobs.cache_dir) %s", c.dir, reason)
}

func (c *cache) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil
	}
	defer func() { c.root = nil }()
	return c.root.Close()
}

// exclusively calls change while no other goroutine or process changes the folder.
func (c *cache) exclusively(root *os.Root, change func() error) error {
	lock, err := root.OpenFile("lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := flock(lock, syscall.LOCK_EX); err != nil {
		return fmt.Errorf("locking the folder for fetched media: %w", err)
	}
	return change()
}

// flock locks an open file until the file is closed.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// ifUnlocked calls do while nobody holds or can take a lock on the file, and reports whether the file was free. A locked file is left alone.
func ifUnlocked(root *os.Root, name string, do func() error) (free bool, err error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if flock(f, syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, nil
	}
	return true, do()
}

var (
	storedForm = regexp.MustCompile(`^[0-9a-f]{64}-[0-9]+$`)
	// oldForm is the form of names in the cache folders of earlier releases.
	oldForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func storedName(sum string, size int64) string { return fmt.Sprintf("%s-%d", sum, size) }

const (
	usedSuffix = ".used"
	partPrefix = "part-"
)

// A storedFile is a copy in the folder, with the time of last use.
type storedFile struct {
	name string
	size int64
	used time.Time
}

// contents removes the leftovers of crashes, and returns the usage of the folder. The part named except is not counted. The caller MUST hold the folder's lock.
func (c *cache) contents(root *os.Root, except string) (usage, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return usage{}, err
	}
	var u usage
	for _, e := range entries {
		st, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return usage{}, err
		}
		name := e.Name()
		switch {
		case !st.Mode().IsRegular() || name == except:
		case storedForm.MatchString(name):
			last := st.ModTime()
			if t, err := root.Stat(name + usedSuffix); err == nil {
				last = t.ModTime()
			}
			u.files = append(u.files, storedFile{name, st.Size(), last})
			u.bytes += st.Size()
		case strings.HasPrefix(name, partPrefix):
			free, err := ifUnlocked(root, name, func() error { return root.Remove(name) })
			if err != nil {
				return usage{}, err
			}
			if !free {
				u.bytes += st.Size()
			}
		case oldForm.MatchString(name):
			if err := root.Remove(name); err != nil {
				return usage{}, err
			}
		case strings.HasSuffix(name, usedSuffix) && storedForm.MatchString(strings.TrimSuffix(name, usedSuffix)):
			if _, err := root.Stat(strings.TrimSuffix(name, usedSuffix)); errors.Is(err, fs.ErrNotExist) {
				if err := root.Remove(name); err != nil {
					return usage{}, err
				}
			}
		}
	}
	slices.SortFunc(u.files, func(a, b storedFile) int { return a.used.Compare(b.used) })
	return u, nil
}

// usage is the copies in the folder, least recently used first, and the bytes that copies and parts take.
type usage struct {
	files []storedFile
	bytes int64
}

// reserve lets a part grow to size. Where the bound requires space, reserve removes unlocked copies first.
func (c *cache) reserve(root *os.Root, part *os.File, name string, size int64) error {
	return c.exclusively(root, func() error {
		u, err := c.contents(root, name)
		if err != nil {
			return err
		}
		for _, f := range u.files {
			if u.bytes+size <= c.limit {
				break
			}
			free, err := ifUnlocked(root, f.name, func() error { return c.removeFile(root, f.name) })
			if err != nil {
				return err
			}
			if free {
				u.bytes -= f.size
			}
		}
		if u.bytes+size > c.limit {
			return errkind.New(errkind.Exhausted, "the folder for fetched media is full of files in use: raise blobs.cache_bytes (%d), or read fewer media at once", c.limit)
		}
		return part.Truncate(size)
	})
}

func (c *cache) removeFile(root *os.Root, name string) error {
	return errors.Join(remove(root, name), remove(root, name+usedSuffix))
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// take opens a copy for reading, and locks the copy against removal until the copy is closed. The result is nil if the
// copy does not exist. The caller MUST compare the bytes with the name.
func (c *cache) take(sum string, size int64) (*os.File, error) {
	root, err := c.folder()
	if err != nil {
		return nil, err
	}
	return c.open(root, storedName(sum, size))
}

func (c *cache) open(root *os.Root, name string) (*os.File, error) {
	f, err := root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := flock(f, syscall.LOCK_SH); err != nil {
		f.Close()
		return nil, fmt.Errorf("locking a fetched file: %w", err)
	}
	if err := touch(root, name+usedSuffix); err != nil {
		f.Close()
		return nil, fmt.Errorf("noting the use of a fetched file: %w", err)
	}
	return f, nil
}

func touch(root *os.Root, name string) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	now := time.Now()
	return root.Chtimes(name, now, now)
}

// drop removes a copy whose bytes do not hash to the copy's name. Readers of the open copy keep their open file.
func (c *cache) drop(sum string, size int64) error {
	root, err := c.folder()
	if err != nil {
		return err
	}
	return c.exclusively(root, func() error { return c.removeFile(root, storedName(sum, size)) })
}

// store writes a whole blob into the folder, and returns the blob's digest. fresh reports whether the name is new in
// the folder.
func (c *cache) store(from *Blob) (got digest, fresh bool, err error) {
	root, err := c.folder()
	if err != nil {
		return digest{}, false, err
	}
	name := partPrefix + rand.Text()
	var part *os.File
	err = c.exclusively(root, func() error {
		if part, err = root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600); err != nil {
			return err
		}
		return flock(part, syscall.LOCK_EX)
	})
	if part != nil {
		defer func() {
			part.Close()
			_ = remove(root, name) // a no-op after a successful rename
		}()
	}
	if err != nil {
		return digest{}, false, err
	}
	if from.Size > 0 {
		if err := c.reserve(root, part, name, from.Size); err != nil {
			return digest{}, false, err
		}
	}
	if got, err = c.copy(root, part, name, from); err != nil {
		return digest{}, false, err
	}
	err = c.exclusively(root, func() error {
		stored := storedName(got.sum, got.size)
		if _, err := root.Stat(stored); err == nil {
			return nil // the same bytes were stored from another place
		}
		fresh = true
		return root.Rename(name, stored)
	})
	return got, fresh, err
}

// copy fills a part. A host may claim a wrong size, so the bound is checked as bytes arrive.
func (c *cache) copy(root *os.Root, part *os.File, name string, from *Blob) (digest, error) {
	h, buf, reserved, size := sha256.New(), make([]byte, 1<<20), max(from.Size, 0), int64(0)
	for {
		n, ended, err := fill(from, buf)
		if err != nil {
			if errkind.Of(err) == errkind.Internal {
				err = errkind.Wrap(errkind.Unavailable, err)
			}
			return digest{}, fmt.Errorf("after %d bytes: %w", size+int64(n), err)
		}
		if size += int64(n); size > reserved {
			if err := c.reserve(root, part, name, size); err != nil {
				return digest{}, err
			}
			reserved = size
		}
		h.Write(buf[:n])
		if _, err := part.Write(buf[:n]); err != nil {
			return digest{}, err
		}
		if ended {
			break
		}
	}
	if from.Size >= 0 && size != from.Size {
		return digest{}, errkind.New(errkind.Unavailable, "%d of %d bytes arrived", size, from.Size)
	}
	if err := part.Truncate(size); err != nil {
		return digest{}, err
	}
	return digest{hex.EncodeToString(h.Sum(nil)), size}, part.Sync()
}

// fill reads until buf is full or the blob ends. A broken connection is an error, not an end.
func fill(from io.Reader, buf []byte) (n int, ended bool, err error) {
	for n < len(buf) {
		m, err := from.Read(buf[n:])
		n += m
		if err == io.EOF { // not errors.Is: a broken connection gives io.ErrUnexpectedEOF
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}
