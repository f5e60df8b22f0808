package flat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A manifest names all that an index consists of. It is replaced as a whole: written beside,
// synced, renamed.
type manifest struct {
	dim      int
	metric   Metric
	space    string
	centre   []float32 // nil until the first rows are sealed
	next     uint64    // the number of the next segment
	firstLog uint64    // earlier logs are sealed
	segments []sealed
}

// sealed is a segment with its dead rows. Later deletions are in the logs.
type sealed struct {
	number uint64
	dead   dead
}

// holds reports whether a segment is among the segments.
func (m *manifest) holds(number uint64) bool {
	return slices.ContainsFunc(m.segments, func(s sealed) bool { return s.number == number })
}

const manifestMagic = "cdxflatm1"

func manifestPath(dir string) string { return filepath.Join(dir, "MANIFEST") }

func (m *manifest) encode() []byte {
	le := binary.LittleEndian
	b := []byte(manifestMagic)
	b = le.AppendUint32(b, uint32(m.dim))
	for _, s := range []string{string(m.metric), m.space} {
		b = append(le.AppendUint32(b, uint32(len(s))), s...)
	}
	b = append(le.AppendUint32(b, uint32(len(m.centre))), bytesOf(m.centre)...)
	b = le.AppendUint64(b, m.next)
	b = le.AppendUint64(b, m.firstLog)
	b = le.AppendUint32(b, uint32(len(m.segments)))
	for _, s := range m.segments {
		b = le.AppendUint64(b, s.number)
		b = le.AppendUint32(b, uint32(len(s.dead)))
		for _, w := range s.dead {
			b = le.AppendUint64(b, w)
		}
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// reader takes a byte string apart and remembers when it was too short.
type reader struct {
	b     []byte
	short bool
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.short, r.b = true, nil
		return make([]byte, min(max(n, 8), 8))
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}
func (r *reader) uint32() int    { return int(binary.LittleEndian.Uint32(r.take(4))) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

// readManifest returns nil when there is none.
func readManifest(dir string) (*manifest, error) {
	path := manifestPath(dir)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("reading manifest: %w", err)
	}
	n := len(b) - 4
	if n < len(manifestMagic) || string(b[:len(manifestMagic)]) != manifestMagic {
		return nil, corrupt(path, "no header")
	}
	if crc32.Checksum(b[:n], castagnoli) != binary.LittleEndian.Uint32(b[n:]) {
		return nil, corrupt(path, "checksum")
	}
	r := &reader{b: b[len(manifestMagic):n]}
	m := &manifest{dim: r.uint32()}
	m.metric = Metric(r.take(r.uint32()))
	m.space = string(r.take(r.uint32()))
	if c := r.take(r.uint32() * 4); len(c) > 0 && !r.short {
		m.centre = make([]float32, len(c)/4)
		copy(bytesOf(m.centre), c)
	}
	m.next, m.firstLog = r.uint64(), r.uint64()
	for range r.uint32() {
		s := sealed{number: r.uint64()}
		for range r.uint32() {
			if r.short {
				break
			}
			s.dead = append(s.dead, r.uint64())
		}
		m.segments = append(m.segments, s)
	}
	if r.short || len(r.b) > 0 {
		return nil, corrupt(path, "length")
	}
	return m, nil
}

func (m *manifest) write(dir string) (err error) {
	path := manifestPath(dir)
	defer func() {
		if err != nil {
			os.Remove(path + ".tmp")
			err = fmt.Errorf("writing manifest: %w", err)
		}
	}()
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(m.encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(dir)
}

// fits says whether an index of a configuration may open the data that the manifest describes.
func (m *manifest) fits(c Config) error {
	switch {
	case m.dim != c.Dim:
		return errkind.New(errkind.Invalid, "it holds vectors of dimension %d, not %d", m.dim, c.Dim)
	case m.metric != c.Metric:
		return errkind.New(errkind.Invalid, "it compares by %s, not %s", m.metric, c.Metric)
	case m.space != c.Space:
		return errkind.New(errkind.Invalid, "it holds the space %q, not %q", m.space, c.Space)
	}
	return nil
}
