package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	bleve "github.com/blevesearch/bleve/v2/util"
	"go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

// A file of the engine is damaged if its bytes differ from the bytes that were written. Every file is compared with checksums before use:
// Bleve verifies no checksum, and some damage ends the process there. Every item of the engine is in the store, so the remedy is the
// same for all damage: the engine is filled anew.

func damage(path, format string, args ...any) error {
	return &flat.Damage{Path: path, What: fmt.Sprintf(format, args...)}
}

// damageIn returns the damage that an error wraps; nil if the error wraps none.
func damageIn(err error) *flat.Damage {
	var d *flat.Damage
	if errors.As(err, &d) {
		return d
	}
	return nil
}

const (
	boltFile    = "root.bolt"
	segmentsExt = ".zap"
)

// inspect compares the files of a generation with their checksums and, if the generation is sealed, with the seal. Nobody may have the
// generation open.
func inspect(dir string) (sealed bool, err error) {
	s, err := readSeal(dir)
	if err != nil {
		return false, err
	}
	if s != nil {
		if err := s.hold(dir); err != nil {
			return true, err
		}
	}
	segments, err := segmentsOf(filepath.Join(dir, textDir))
	if err != nil {
		return s != nil, err
	}
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, path := range segments {
		group.Go(func() error { return inspectSegment(path) })
	}
	return s != nil, group.Wait()
}

// hold returns damage for the first file that differs from the seal.
func (s *seal) hold(dir string) error {
	for _, f := range s.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return damage(path, "it is missing")
		}
		if err != nil {
			return err
		}
		if info.Size() != f.Size {
			return damage(path, "it has %d bytes, and had %d when the engine was closed", info.Size(), f.Size)
		}
		if f.Sum == nil {
			continue
		}
		sum, err := sumOf(path, f.Size, castagnoli)
		if err != nil {
			return err
		}
		if sum != *f.Sum {
			return damage(path, "its checksum is another than when the engine was closed")
		}
	}
	return nil
}

// segmentsOf returns the segments that scorch's root names. Other segments are left over from a crash, and scorch removes them.
func segmentsOf(dir string) (paths []string, err error) {
	path := filepath.Join(dir, boltFile)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		left, err := filepath.Glob(filepath.Join(dir, "*"+segmentsExt))
		if err == nil && len(left) > 0 {
			err = damage(path, "it is missing, and there are segments")
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	err = guarded(path, func() error {
		if err := inspectMetas(path, info.Size()); err != nil {
			return err
		}
		root, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
		if err != nil {
			return damage(path, "%v", err)
		}
		defer root.Close()
		return root.View(func(tx *bbolt.Tx) error {
			snapshots := tx.Bucket(bleve.BoltSnapshotsBucket)
			if snapshots == nil {
				return nil
			}
			newest := true
			for k, _ := snapshots.Cursor().Last(); newest && k != nil; newest = false {
				one := snapshots.Bucket(k)
				if one == nil {
					return damage(path, "a snapshot is missing")
				}
				err := one.ForEachBucket(func(name []byte) error {
					if p := one.Bucket(name).Get(bleve.BoltPathKey); p != nil {
						paths = append(paths, filepath.Join(dir, filepath.Base(string(p))))
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
	return paths, err
}

// inspectMetas compares the two first pages of a file of bbolt with their checksums, and the size of the file with the size in the pages.
// Where the newer page is damaged, bbolt would read the older page, and so the state before the last write.
func inspectMetas(path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	le := binary.LittleEndian
	page := int64(os.Getpagesize())
	for i := range int64(2) {
		const header, summed = 16, 56
		b := make([]byte, header+summed+8)
		if _, err := f.ReadAt(b, i*page); err != nil {
			return damage(path, "%d bytes are too few", size)
		}
		b = b[header:]
		h := fnv.New64a()
		_, _ = h.Write(b[:summed])
		if h.Sum64() != le.Uint64(b[summed:]) {
			return damage(path, "the checksum of its page %d does not fit", i)
		}
		if own := int64(le.Uint32(b[8:])); own != page {
			return nil // the file is from a machine with other pages: bbolt knows how to read the file
		}
		if end := int64(le.Uint64(b[40:])) * page; end > size {
			return damage(path, "it has %d bytes, and reaches to %d", size, end)
		}
	}
	return nil
}

// inspectSegment compares a segment with the checksum at its end.
func inspectSegment(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return damage(path, "it is missing")
	}
	if err != nil {
		return err
	}
	const tail = 4
	if info.Size() < 2*tail {
		return damage(path, "it has %d bytes", info.Size())
	}
	sum, err := sumOf(path, info.Size()-tail, crc32.IEEETable)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var want [tail]byte
	if _, err := f.ReadAt(want[:], info.Size()-tail); err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if sum != binary.BigEndian.Uint32(want[:]) {
		return damage(path, "its checksum does not fit")
	}
	return nil
}

// sumOf returns the checksum of the first bytes of a file.
func sumOf(path string, size int64, table *crc32.Table) (uint32, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	h := crc32.New(table)
	if n, err := io.CopyBuffer(onlyWriter{h}, io.LimitReader(f, size), make([]byte, 256<<10)); err != nil {
		return 0, fmt.Errorf("reading %s: %w", path, err)
	} else if n < size {
		return 0, damage(path, "it ends at %d of %d bytes", n, size)
	}
	return h.Sum32(), nil
}

// onlyWriter hides the other methods of a writer, so that io.CopyBuffer uses the buffer.
type onlyWriter struct{ io.Writer }

// guarded calls f, which reads files that may be damaged in ways that no checksum shows. A panic of f, or a fault in mapped memory, is
// damage of the file named.
func guarded(path string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = damage(path, "reading it panicked: %s", firstLine(fmt.Sprint(r)))
		}
	}()
	return f()
}

// readable calls f, which reads mapped memory. A fault there, as of a disk that cannot be read, is damage.
func readable(dir string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if fault, ok := r.(interface{ Addr() uintptr }); ok {
				err = damage(dir, "reading it: %v", fault)
				return
			}
			panic(r)
		}
	}()
	return f()
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
