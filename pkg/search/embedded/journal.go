package embedded

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/cinedex/cinedex/pkg/search/embedded/flat"
)

// A journal makes batches durable before the index writes the batches. A record costs one append and one sync; a segment of the index
// costs several syncs. The journal is replayed when the index is opened. A file of the journal is removed once the index has every
// record of the file. Files are removed in their order, so that a replay of the remaining files ends at the last batch.
type journal struct {
	dir string

	file    *os.File // nil before the first append and after a failed append
	current *journalFile
	number  uint64

	mu    sync.Mutex
	files []*journalFile // the oldest first, the current file last

	// torn names the place of a cut or damaged record at the end of a file, as of opening the journal; empty if every file ended well.
	torn string
}

// journalFile counts the records of a file that the index does not have yet.
type journalFile struct {
	path    string
	size    int64
	pending int
	ended   bool
}

const (
	// journalFileSize is the size at which a new file is begun. journalFileIdle is that size for a file of which the index has every
	// record. A replay after a crash so reads few records that the index has already.
	journalFileSize = 8 << 20
	journalFileIdle = 256 << 10
)

const recordHead = 8 // length and checksum, 32 bits each, as in the log of package flat

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openJournal passes the records of earlier files to replay, in order, and then removes the files. replay MUST return only when the
// index has the records durably.
func openJournal(dir string, replay func(records [][]byte) error) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the journal's folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the journal's folder: %w", err)
	}
	j := &journal{dir: dir}
	var numbers []uint64
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".log")
		if n, err := strconv.ParseUint(name, 10, 64); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		records, torn, err := readJournal(j.path(n))
		if err != nil {
			return nil, err
		}
		j.torn = cmp.Or(j.torn, torn)
		if len(records) > 0 {
			if err := replay(records); err != nil {
				return nil, fmt.Errorf("replaying the journal: %w", err)
			}
		}
		j.number = n
	}
	for _, n := range numbers {
		if err := os.Remove(j.path(n)); err != nil {
			return nil, fmt.Errorf("removing a journal that was replayed: %w", err)
		}
	}
	return j, nil
}

func (j *journal) path(n uint64) string { return filepath.Join(j.dir, fmt.Sprintf("%016d.log", n)) }

// readJournal returns the records of a file up to the first cut or damaged record, and the place of that record. After a crash the
// record may be one that was never acknowledged, since appending stops at the first failure. The record may also be damage.
func readJournal(path string) (records [][]byte, torn string, err error) {
	all, err := os.ReadFile(path)
	if err != nil {
		return nil, "", fmt.Errorf("reading the journal: %w", err)
	}
	b := all
	for len(b) >= recordHead {
		n, sum := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
		if uint64(len(b)-recordHead) < uint64(n) {
			break
		}
		record := b[recordHead : recordHead+n]
		if crc32.Checksum(record, castagnoli) != sum {
			break
		}
		records = append(records, record)
		b = b[recordHead+n:]
	}
	if len(b) > 0 {
		at := len(all) - len(b)
		if next := flat.NextFrame(all, at); next > 0 {
			return nil, "", damage(path, "bad record at %d before a good one at %d", at, next)
		}
		torn = fmt.Sprintf("%s: the record at %d was cut or damaged, %d bytes before the end", path, at, len(b))
	}
	return records, torn, nil
}

// append makes a record durable. The caller MUST call the returned function when the index has the record durably, too. One goroutine at
// a time calls append.
func (j *journal) append(record []byte) (indexed func(), err error) {
	if j.current != nil {
		j.mu.Lock()
		done := j.current.pending == 0 && j.current.size >= journalFileIdle
		j.mu.Unlock()
		if done || j.current.size >= journalFileSize {
			j.end()
		}
	}
	if j.file == nil {
		if err := j.begin(); err != nil {
			return nil, err
		}
	}
	framed := make([]byte, recordHead, recordHead+len(record))
	binary.LittleEndian.PutUint32(framed, uint32(len(record)))
	binary.LittleEndian.PutUint32(framed[4:], crc32.Checksum(record, castagnoli))
	framed = append(framed, record...)
	f := j.current
	if _, err = j.file.Write(framed); err == nil {
		err = syncData(j.file)
	}
	if err != nil {
		// The bytes of the record on disk may be anything. After a failed sync, so may earlier bytes in the system's cache. Nothing
		// more is written to this file.
		j.end()
		return nil, fmt.Errorf("appending to the journal: %w", err)
	}
	j.mu.Lock()
	f.pending++
	j.mu.Unlock()
	f.size += int64(len(framed))
	return func() { j.indexed(f) }, nil
}

func (j *journal) begin() error {
	j.number++
	path := j.path(j.number)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("beginning a file of the journal: %w", err)
	}
	if err := syncFolder(j.dir); err != nil {
		_ = file.Close()
		_ = os.Remove(path)
		return fmt.Errorf("beginning a file of the journal: %w", err)
	}
	j.file, j.current = file, &journalFile{path: path}
	j.mu.Lock()
	j.files = append(j.files, j.current)
	j.mu.Unlock()
	return nil
}

// end closes the current file. The file is removed when the index has every record of the file.
func (j *journal) end() {
	if j.file == nil {
		return
	}
	_ = j.file.Close() // acknowledged records were synced
	j.mu.Lock()
	j.current.ended = true
	j.mu.Unlock()
	j.file, j.current = nil, nil
	j.removeIndexed()
}

func (j *journal) indexed(f *journalFile) {
	j.mu.Lock()
	f.pending--
	j.mu.Unlock()
	j.removeIndexed()
}

func (j *journal) removeIndexed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(j.files) > 0 && j.files[0].ended && j.files[0].pending == 0 {
		// A file that cannot be removed now is replayed and removed at the next opening. The files after this file stay as well.
		if err := os.Remove(j.files[0].path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return
		}
		j.files = j.files[1:]
	}
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
