package pebblestore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A file of the store is damaged if its bytes differ from the bytes written. Pebble reports damage of a table when a
// read meets the damage. Damage of the log or the manifest can pass unseen: Pebble takes a bad record at the end for a
// record cut by a crash, and drops the record, together with good records after the bad record in the same 32 KiB. So
// the store inspects both files before Pebble opens the files, and compares a closed store with the seal of Close.

// A Damage is the error of a damaged file. Its kind is Internal.
type Damage struct{ Path, What string }

func (d *Damage) Error() string {
	return d.Path + " is damaged: " + d.What + "; stop Cinedex, and mend the store with `cinedex rebuild store`, from the readable rows and the log"
}

func damageIn(err error) *Damage {
	var d *Damage
	if errors.As(err, &d) {
		return d
	}
	return nil
}

// sealFile lists the store's files as of Close, with sizes and checksums. Open removes the seal: a seal is there only while nobody has
// written to the store.
const sealFile = "CLOSED"

type seal struct {
	Files []sealedFile `json:"files"`
}

type sealedFile struct {
	Name string `json:"name"`
	Size int64  `json:"size"`
	// Sum is the checksum of the file. Tables have none here: Pebble checks a table by checksums of its own.
	Sum *uint32 `json:"sum,omitempty"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// summed reports whether the seal has a checksum of a file. A table has checksums of its own, block by block.
func summed(name string) bool { return !strings.HasSuffix(name, ".sst") }

func (s *Store) seal() error {
	var out seal
	names, err := s.disk.List(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == sealFile || name == "LOCK" || strings.HasPrefix(name, "marker.") || strings.HasPrefix(name, sealFile) {
			continue
		}
		path := s.disk.PathJoin(s.cfg.Dir, name)
		info, err := s.disk.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			continue
		}
		f := sealedFile{Name: name, Size: info.Size()}
		if summed(name) {
			b, err := readFile(s.disk, path)
			if err != nil {
				return err
			}
			sum := crc32.Checksum(b, castagnoli)
			f.Sum = &sum
		}
		out.Files = append(out.Files, f)
	}
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	text = fmt.Appendf(text, "\n%08x\n", crc32.Checksum(text, castagnoli))
	path := s.disk.PathJoin(s.cfg.Dir, sealFile)
	f, err := s.disk.FS.Create(path+".new", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = s.disk.Rename(path+".new", path)
	}
	if err == nil {
		err = s.syncDir()
	}
	return err
}

func (s *Store) syncDir() error {
	d, err := s.disk.OpenDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readFile(fs vfs.FS, path string) ([]byte, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// inspect checks the files of a closed store, and removes the store's seal. fresh is true if the folder has no store
// yet.
func (s *Store) inspect() (fresh bool, err error) {
	names, err := s.disk.List(s.cfg.Dir)
	if err != nil {
		return false, err
	}
	have := map[string]bool{}
	marker, held := "", ""
	for _, name := range names {
		have[name] = true
		if strings.HasPrefix(name, "marker.manifest.") {
			marker = max(marker, name)
		}
		if strings.HasSuffix(name, ".sst") || strings.HasPrefix(name, "MANIFEST-") {
			held = name
		}
	}
	if have[salvagingFile] && !s.salvaging {
		return false, &Damage{s.cfg.Dir, "a salvage of the store was interrupted"}
	}
	if marker == "" && held != "" {
		return false, &Damage{s.disk.PathJoin(s.cfg.Dir, "marker.manifest"), "the file is missing, and " + held + " is there"}
	}
	if have[sealFile] {
		held, err := s.holdSeal(have)
		if err != nil {
			return false, err
		}
		if err := errors.Join(s.disk.Remove(s.disk.PathJoin(s.cfg.Dir, sealFile)), s.syncDir()); err != nil || held {
			return false, err
		}
	}
	for _, name := range names {
		look := inspectLog
		if strings.HasPrefix(name, "MANIFEST-") {
			if !strings.HasSuffix(marker, "."+name) {
				continue // left by a crash, and not in use
			}
			look = inspectManifest
		} else if !strings.HasSuffix(name, ".log") {
			continue
		}
		path := s.disk.PathJoin(s.cfg.Dir, name)
		b, err := readFile(s.disk, path)
		if err != nil {
			return false, err
		}
		torn, err := look(path, b)
		if err != nil {
			return false, err
		}
		if torn != "" {
			s.log.Warn("a record at the end of the store's log was cut off: the log of events has the same content, and `cinedex verify --log` compares the store with the log of events", "where", torn)
		}
	}
	return marker == "", nil
}

// ofPebble reports whether Pebble makes a file of this name when it opens or writes a store.
func ofPebble(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".log") || strings.HasPrefix(name, "MANIFEST-") || strings.HasPrefix(name, "OPTIONS-")
}

// holdSeal compares the files of a closed store with the seal. held is false if the seal itself is damaged, or if the
// seal is older than the files: an earlier release without seals wrote to the store.
func (s *Store) holdSeal(have map[string]bool) (held bool, err error) {
	path := s.disk.PathJoin(s.cfg.Dir, sealFile)
	b, err := readFile(s.disk, path)
	if err != nil {
		return false, err
	}
	text, sum, _ := strings.Cut(string(b), "\n")
	var was seal
	if sum != fmt.Sprintf("%08x\n", crc32.Checksum([]byte(text), castagnoli)) || json.Unmarshal([]byte(text), &was) != nil {
		// A damaged seal is no damage of the other files: their own checksums decide.
		s.log.Warn("the seal of the closed store is damaged: the store's files are inspected as after a crash", "path", path)
		return false, nil
	}
	sealed := map[string]bool{}
	for _, f := range was.Files {
		sealed[f.Name] = true
	}
	for name := range have {
		if ofPebble(name) && !sealed[name] {
			s.log.Info("an earlier release had the store open since the seal: the store's files are inspected as after a crash", "file", name)
			return false, nil
		}
	}
	for _, f := range was.Files {
		path := s.disk.PathJoin(s.cfg.Dir, f.Name)
		if !have[f.Name] {
			return false, &Damage{path, "the file is missing"}
		}
		info, err := s.disk.Stat(path)
		if err != nil {
			return false, err
		}
		what := ""
		if info.Size() != f.Size {
			what = fmt.Sprintf("the file has %d bytes, and had %d when the store was closed", info.Size(), f.Size)
		} else if f.Sum != nil {
			b, err := readFile(s.disk, path)
			if err != nil {
				return false, err
			}
			if crc32.Checksum(b, castagnoli) != *f.Sum {
				what = "the checksum has changed since the store was closed"
				if strings.HasSuffix(f.Name, ".log") {
					what += where(path, b)
				}
			}
		}
		if what == "" {
			continue
		}
		if strings.HasPrefix(f.Name, "OPTIONS-") {
			// The file has no data: Pebble writes the file anew.
			s.log.Warn("a file of settings of the store was damaged, and is written anew", "path", path, "what", what)
			if err := s.disk.Remove(path); err != nil {
				return false, err
			}
			continue
		}
		return false, &Damage{path, what}
	}
	return true, nil
}

// where locates the damage of a log by the log's own checksums.
func where(path string, b []byte) string {
	torn, err := inspectLog(path, b)
	if d := damageIn(err); d != nil {
		return ": " + d.What
	}
	if torn != "" {
		return ": " + torn
	}
	return ""
}

// The form of Pebble's log and manifest (record.go of its package record). A file is blocks of 32 KiB. A block is a
// sequence of chunks. A chunk is a head and bytes. The head has checksum, length and type, and, in a log, the log's
// number and the extent of the last sync.
const (
	blockSize = 32 << 10
	// A manifest's chunks are of the types 1 to 4, a log's of 9 to 12. The first log of a store of earlier releases has
	// chunks of the types 5 to 8. These chunks do not say how far the log was synced.
	manifestHead, oldLogHead, logHead    = 7, 11, 19
	manifestTypes, oldLogTypes, logTypes = 1, 5, 9
)

// A chunk is a good chunk.
type chunk struct {
	end    int
	number uint32 // of a log
	synced uint64 // of a log
}

// chunkAt returns the good chunk at an offset.
func chunkAt(b []byte, at, head int, first byte) (chunk, bool) {
	left := min(blockSize-at%blockSize, len(b)-at)
	if left < manifestHead {
		return chunk{}, false
	}
	le := binary.LittleEndian
	length, kind := int(le.Uint16(b[at+4:])), b[at+6]
	if first == logTypes && kind >= oldLogTypes && kind < logTypes {
		head, first = oldLogHead, oldLogTypes
	}
	if kind < first || kind > first+3 || head+length > left {
		return chunk{}, false
	}
	c := chunk{end: at + head + length}
	sum := crc32.Checksum(b[at+6:c.end], castagnoli)
	if le.Uint32(b[at:]) != (sum>>15|sum<<17)+0xa282ead8 {
		return chunk{}, false
	}
	if head >= oldLogHead {
		c.number = le.Uint32(b[at+7:])
	}
	if head == logHead {
		c.synced = le.Uint64(b[at+11:])
	}
	return c, true
}

// goodEnd returns the end of the good chunks of a file, and the number of its log.
func goodEnd(b []byte, head int, first byte) (at int, number uint32) {
	for at < len(b) {
		if left := blockSize - at%blockSize; left < head && allZero(b[at:min(at+left, len(b))]) {
			at += left
			continue
		}
		c, ok := chunkAt(b, at, head, first)
		if !ok || at > 0 && c.number != number {
			return at, number
		}
		at, number = c.end, c.number
	}
	return min(at, len(b)), number
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// inspectLog decides whether a bad chunk is damage. A bad chunk is damage if a later chunk says that the log was synced
// beyond the bad chunk. Chunks of another number are left over: Pebble writes over old logs. torn locates a bad chunk
// at the end, possibly cut by a crash.
func inspectLog(path string, b []byte) (torn string, err error) {
	bad, number := goodEnd(b, logHead, logTypes)
	if bad >= len(b) || allZero(b[bad:]) {
		return "", nil
	}
	if bad == 0 {
		// The number is the file's name.
		name := path[strings.LastIndexByte(path, '/')+1:]
		if _, err := fmt.Sscanf(name, "%d.log", &number); err != nil {
			return "", nil
		}
	}
	for at := bad + 1; at < len(b); at++ {
		if c, ok := chunkAt(b, at, logHead, logTypes); ok && c.number == number && c.synced > uint64(bad) {
			return "", &Damage{path, fmt.Sprintf("bad record at %d before a good record at %d", bad, at)}
		}
	}
	if closedAt(b, bad, number) {
		return "", nil
	}
	return fmt.Sprintf("%s: the record at %d was cut or damaged, %d bytes before the end", path, bad, len(b)-bad), nil
}

// closedAt reports whether a log ends at an offset in Pebble's way: with a head without checksum, of the next number.
func closedAt(b []byte, at int, number uint32) bool {
	le := binary.LittleEndian
	return len(b)-at >= 11 && le.Uint32(b[at+7:]) != number && le.Uint32(b[at+7:]) != 0
}

// inspectManifest takes every bad record of a manifest for damage. Pebble syncs each record before relying on the
// record, so a crash cuts no important record.
func inspectManifest(path string, b []byte) (torn string, err error) {
	bad, _ := goodEnd(b, manifestHead, manifestTypes)
	if bad >= len(b) || allZero(b[bad:]) {
		return "", nil
	}
	return "", &Damage{path, fmt.Sprintf("bad record at %d of %d bytes", bad, len(b))}
}

// noticed passes on an error of a read. Damage makes the store not ready from then on.
func (s *Store) noticed(err error) error {
	if err == nil || !pebble.IsCorruptionError(err) {
		return err
	}
	if d := s.damage.Load(); d != nil {
		return errkind.Wrap(errkind.Internal, d)
	}
	return s.damaged(s.cfg.Dir, err.Error())
}

// damaged records damage, and returns the first damage found.
func (s *Store) damaged(path, what string) error {
	what, _, _ = strings.Cut(what, "\n")
	d := &Damage{path, what}
	if s.damage.CompareAndSwap(nil, d) {
		s.log.Error("the store is damaged", "path", path, "what", what)
	}
	return errkind.Wrap(errkind.Internal, s.damage.Load())
}
