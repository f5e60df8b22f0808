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

// fetched is the folder of media that were fetched from buckets and web hosts, bounded in bytes.
//
// The folder is the whole state, so the bound holds over restarts and for several processes at once:
//
//   - A file is named by its sha256 and its size. The same bytes from two URLs are stored once.
//   - A file is written as part-…, synced and then renamed. A part that nobody has locked is the leftover of a crash and is removed.
//   - Whoever reads a file holds a shared lock (flock) on it. A file without a lock may be removed, the least recently used first.
//   - The time of the last use is the time of a second file, NAME.used: a change of the file's own times would look like a change of its bytes.
//   - Removing, reserving and renaming happen under the lock of the file "lock".
//
// The folder must belong to the user that the process runs as, and to nobody else.
type fetched struct {
	dir   string
	limit int64

	mu   sync.Mutex
	root *os.Root // nil until the folder is first used
}

func newFetched(dir string, limit int64) *fetched { return &fetched{dir: dir, limit: limit} }

// folder opens the folder, and refuses one that somebody else could have filled or could read.
func (c *fetched) folder() (*os.Root, error) {
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
		return nil, fmt.Errorf("looking at the folder for fetched media (blobs.cache_dir): %w", err)
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
	if err := c.exclusively(root, func() error { _, err := c.used(root, ""); return err }); err != nil {
		root.Close()
		return nil, fmt.Errorf("looking through the folder for fetched media %s: %w", c.dir, err)
	}
	c.root = root
	return root, nil
}

// owned checks the very folder that was opened.
func (c *fetched) owned(root *os.Root, named fs.FileInfo) error {
	st, err := root.Stat(".")
	if err != nil {
		return fmt.Errorf("looking at the folder for fetched media (blobs.cache_dir): %w", err)
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

func (c *fetched) refuse(reason string) error {
	return errkind.New(errkind.Unavailable, "the folder for fetched media %s (blobs.cache_dir) %s", c.dir, reason)
}

func (c *fetched) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil
	}
	defer func() { c.root = nil }()
	return c.root.Close()
}

// exclusively calls change while no other goroutine or process changes the folder.
func (c *fetched) exclusively(root *os.Root, change func() error) error {
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

// flock locks an open file until it is closed.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// unlocked calls do with a file that nobody has locked, while nobody can lock it. It reports whether the file was free.
func unlocked(root *os.Root, name string, do func() error) (free bool, err error) {
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
	// oldForm is how files were named before they were named by their content.
	oldForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

func storedName(sum string, size int64) string { return fmt.Sprintf("%s-%d", sum, size) }

const (
	usedSuffix = ".used"
	partPrefix = "part-"
)

// A storedFile is a file of the folder with its time of last use.
type storedFile struct {
	name string
	size int64
	used time.Time
}

// used removes the leftovers of crashes, and returns the files of the folder, least recently used first, and
// how many bytes they and the parts but one take. The folder's lock is held.
func (c *fetched) used(root *os.Root, but string) (usage, error) {
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
		case !st.Mode().IsRegular() || name == but:
		case storedForm.MatchString(name):
			last := st.ModTime()
			if t, err := root.Stat(name + usedSuffix); err == nil {
				last = t.ModTime()
			}
			u.files = append(u.files, storedFile{name, st.Size(), last})
			u.bytes += st.Size()
		case strings.HasPrefix(name, partPrefix):
			free, err := unlocked(root, name, func() error { return root.Remove(name) })
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

type usage struct {
	files []storedFile
	bytes int64
}

// reserve lets a part grow to size, after files that nobody reads were removed as far as the bound asks for it.
func (c *fetched) reserve(root *os.Root, part *os.File, name string, size int64) error {
	return c.exclusively(root, func() error {
		u, err := c.used(root, name)
		if err != nil {
			return err
		}
		for _, f := range u.files {
			if u.bytes+size <= c.limit {
				break
			}
			free, err := unlocked(root, f.name, func() error { return c.removeFile(root, f.name) })
			if err != nil {
				return err
			}
			if free {
				u.bytes -= f.size
			}
		}
		if u.bytes+size > c.limit {
			return errkind.New(errkind.Exhausted, "the folder for fetched media is full of files in use (blobs.cache_bytes is %d)", c.limit)
		}
		return part.Truncate(size)
	})
}

func (c *fetched) removeFile(root *os.Root, name string) error {
	return errors.Join(remove(root, name), remove(root, name+usedSuffix))
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// take opens a stored file for reading, and locks it against removal until it is closed. There may be no such file: nil.
// Whether its bytes still are those of its name is for the caller to check.
func (c *fetched) take(sum string, size int64) (*os.File, error) {
	root, err := c.folder()
	if err != nil {
		return nil, err
	}
	return c.open(root, storedName(sum, size))
}

func (c *fetched) open(root *os.Root, name string) (*os.File, error) {
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

// drop removes a stored file whose bytes are not those of its name. Whoever reads it keeps it open.
func (c *fetched) drop(sum string, size int64) error {
	root, err := c.folder()
	if err != nil {
		return err
	}
	return c.exclusively(root, func() error { return c.removeFile(root, storedName(sum, size)) })
}

// store writes all of a blob into the folder, and returns what it hashes to. fresh says that the folder had no file of that name before.
func (c *fetched) store(from *Blob) (is hashed, fresh bool, err error) {
	root, err := c.folder()
	if err != nil {
		return hashed{}, false, err
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
			_ = remove(root, name) // renamed where all went well
		}()
	}
	if err != nil {
		return hashed{}, false, err
	}
	if from.Size > 0 {
		if err := c.reserve(root, part, name, from.Size); err != nil {
			return hashed{}, false, err
		}
	}
	if is, err = c.copy(root, part, name, from); err != nil {
		return hashed{}, false, err
	}
	err = c.exclusively(root, func() error {
		stored := storedName(is.sum, is.size)
		if _, err := root.Stat(stored); err == nil {
			return nil // the same bytes came from elsewhere
		}
		fresh = true
		return root.Rename(name, stored)
	})
	return is, fresh, err
}

// copy fills a part. The size that a host tells may be wrong, so the bound is held as the bytes come.
func (c *fetched) copy(root *os.Root, part *os.File, name string, from *Blob) (hashed, error) {
	h, buf, reserved, size := sha256.New(), make([]byte, 1<<20), max(from.Size, 0), int64(0)
	for {
		n, ended, err := fill(from, buf)
		if err != nil {
			if errkind.Of(err) == errkind.Internal {
				err = errkind.Wrap(errkind.Unavailable, err)
			}
			return hashed{}, fmt.Errorf("after %d bytes: %w", size+int64(n), err)
		}
		if size += int64(n); size > reserved {
			if err := c.reserve(root, part, name, size); err != nil {
				return hashed{}, err
			}
			reserved = size
		}
		h.Write(buf[:n])
		if _, err := part.Write(buf[:n]); err != nil {
			return hashed{}, err
		}
		if ended {
			break
		}
	}
	if from.Size >= 0 && size != from.Size {
		return hashed{}, errkind.New(errkind.Unavailable, "%d of %d bytes came", size, from.Size)
	}
	if err := part.Truncate(size); err != nil {
		return hashed{}, err
	}
	return hashed{hex.EncodeToString(h.Sum(nil)), size}, part.Sync()
}

// fill reads until buf is full or the bytes end. A connection that breaks off is an error, and no end.
func fill(from io.Reader, buf []byte) (n int, ended bool, err error) {
	for n < len(buf) {
		m, err := from.Read(buf[n:])
		n += m
		if err == io.EOF { // not wrapped: what breaks off is io.ErrUnexpectedEOF
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}
