package flat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A log makes changes durable before searches see the changes. A log is a sequence of frames, each
// the changes that were synced together:
//
//	length of payload uint32, crc32c of payload uint32, payload
//
// A frame is written only after the one before it was synced. So a bad frame at the end was
// never acknowledged and is cut off; a bad one before a good one is damage, and an error.
type log struct {
	file logFile
	path string
	size int64 // up to the end of the last good frame
	torn string
}

// A logFile has the methods of an *os.File that the log calls. Tests put disks that fill up in its place.
type logFile interface {
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
}

const frameHeader = 8

// maxFrame bounds a frame.
const maxFrame = 1 << 30

func logPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("log-%08d", number))
}

func createLog(dir string, number uint64) (*log, error) {
	path := logPath(dir, number)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("creating log: %w", err)
	}
	if err := syncDir(dir); err != nil {
		f.Close()
		return nil, fmt.Errorf("creating log: %w", err)
	}
	return &log{file: f, path: path}, nil
}

// append writes a frame, whose first bytes are left free for its header, and syncs it. After an
// error the log is as before.
func (l *log) append(frame []byte) (err error) {
	payload := frame[frameHeader:]
	binary.LittleEndian.PutUint32(frame, uint32(len(payload)))
	binary.LittleEndian.PutUint32(frame[4:], crc32.Checksum(payload, castagnoli))
	if _, err = l.file.WriteAt(frame, l.size); err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		// Bytes behind the end would be overwritten or cut off anyway, but must not
		// be taken for a frame.
		if e := l.file.Truncate(l.size); e != nil {
			err = errors.Join(err, e)
		}
		return fmt.Errorf("writing %s: %w", l.path, err)
	}
	l.size += int64(len(frame))
	return nil
}

// replayLog opens a log and hands each good frame's payload to apply. In the last log a torn
// end is cut off.
func replayLog(dir string, number uint64, last bool, apply func(payload []byte) error) (*log, error) {
	path := logPath(dir, number)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt(path, "it is missing")
	} else if err != nil {
		return nil, fmt.Errorf("reading log: %w", err)
	}
	at := 0
	for at < len(data) {
		payload, ok := frameAt(data, at)
		if !ok {
			break
		}
		if err := apply(payload); err != nil {
			return nil, corrupt(path, "frame at %d: %v", at, err)
		}
		at += frameHeader + len(payload)
	}
	if at < len(data) {
		if !last {
			return nil, corrupt(path, "bad frame at %d, though a later log exists", at)
		}
		if next := NextFrame(data, at); next > 0 {
			return nil, corrupt(path, "bad frame at %d before a good one at %d", at, next)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening log: %w", err)
	}
	torn := ""
	if at < len(data) {
		torn = fmt.Sprintf("%s: the record at %d was cut or damaged, %d bytes before the end", path, at, len(data)-at)
		if err := errors.Join(f.Truncate(int64(at)), f.Sync()); err != nil {
			f.Close()
			return nil, fmt.Errorf("cutting off the torn end of %s: %w", path, err)
		}
	}
	return &log{file: f, path: path, size: int64(at), torn: torn}, nil
}

// nextFrameBytes bounds the bytes that NextFrame sums, since any four bytes may look like a length.
const nextFrameBytes = 1 << 30

// NextFrame returns where a good frame begins behind the bad one at an offset; 0 where none is found. The length of
// the bad frame may be the damaged part, so every offset is looked at.
func NextFrame(data []byte, bad int) int {
	summed := 0
	for at := bad + 1; at+frameHeader <= len(data) && summed < nextFrameBytes; at++ {
		length := int(binary.LittleEndian.Uint32(data[at:]))
		if length == 0 || length > len(data)-at-frameHeader {
			continue
		}
		summed += length
		if _, ok := frameAt(data, at); ok {
			return at
		}
	}
	return 0
}

// frameAt returns the payload of the good frame at an offset.
func frameAt(data []byte, at int) ([]byte, bool) {
	if len(data) < at+frameHeader {
		return nil, false
	}
	length := int(binary.LittleEndian.Uint32(data[at:]))
	if length == 0 || length > maxFrame || len(data) < at+frameHeader+length {
		return nil, false
	}
	payload := data[at+frameHeader:][:length]
	return payload, crc32.Checksum(payload, castagnoli) == binary.LittleEndian.Uint32(data[at+4:])
}

// The records within a payload: their kind, the group's name with its length before it, then
//
//	put     rows uint32, per row: ordinal uint32, start and end int64, values
//	trim    ordinal uint32: delete the group's rows from it on
//	remove  ordinal uint32: delete one row
const (
	recordPut    = 'p'
	recordTrim   = 't'
	recordRemove = 'r'
)

func appendName(b []byte, kind byte, group string) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(group)))
	return append(b, group...)
}

func appendPut(b []byte, vectors []Vector) []byte {
	b = appendName(b, recordPut, vectors[0].Group)
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(vectors)))
	for _, v := range vectors {
		b = le.AppendUint32(b, v.Ordinal)
		b = le.AppendUint64(b, uint64(v.Start))
		b = le.AppendUint64(b, uint64(v.End))
		b = append(b, bytesOf(v.Values)...)
	}
	return b
}

func appendDelete(b []byte, kind byte, k Key) []byte {
	return binary.LittleEndian.AppendUint32(appendName(b, kind, k.Group), k.Ordinal)
}

// A sink takes the records of a log.
type sink interface {
	put(group string, ordinal uint32, s span, values []float32)
	trim(group string, from uint32)
	remove(k Key)
}

var errRecord = errkind.New(errkind.Internal, "record does not decode")

// decodeRecords applies a payload's records in order.
func decodeRecords(b []byte, dim int, to sink) error {
	le := binary.LittleEndian
	values := make([]float32, dim)
	for len(b) > 0 {
		kind := b[0]
		length, n := binary.Uvarint(b[1:])
		if n <= 0 || uint64(len(b)-1-n) < length+4 {
			return errRecord
		}
		name := string(b[1+n:][:length])
		b = b[1+n+int(length):]
		number := le.Uint32(b)
		b = b[4:]
		switch kind {
		case recordPut:
			row := 20 + dim*4
			if len(b) < int(number)*row {
				return errRecord
			}
			for range number {
				for i := range values {
					values[i] = math.Float32frombits(le.Uint32(b[20+i*4:]))
				}
				to.put(name, le.Uint32(b), span{int64(le.Uint64(b[4:])), int64(le.Uint64(b[12:]))}, values)
				b = b[row:]
			}
		case recordTrim:
			to.trim(name, number)
		case recordRemove:
			to.remove(Key{name, number})
		default:
			return errRecord
		}
	}
	return nil
}
