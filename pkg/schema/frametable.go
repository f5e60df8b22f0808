package schema

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// frameTableVersion is the first byte of an encoded table.
const frameTableVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Encode returns the table in its stored form:
//   - a version byte;
//   - the number of frames as a uvarint;
//   - for each frame, the difference between its length and the length of the frame before, as a signed varint (for the
//     first frame, the difference from 0);
//   - the CRC-32C of all bytes before, little endian.
//
// A stretch of even frames costs one byte a frame.
func (ft FrameTable) Encode() ([]byte, error) {
	if err := ft.Validate(); err != nil {
		return nil, err
	}
	b := make([]byte, 1, 16+2*len(ft))
	b[0] = frameTableVersion
	b = binary.AppendUvarint(b, uint64(ft.Frames()))
	var last Time
	for i := 1; i < len(ft); i++ {
		length := ft[i] - ft[i-1]
		b = binary.AppendVarint(b, int64(length-last))
		last = length
	}
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli)), nil
}

// DecodeFrameTable reads the output of Encode. Other bytes are an error, and cost at most eight times their length in
// memory.
func DecodeFrameTable(b []byte) (FrameTable, error) {
	bad := func(why string) (FrameTable, error) {
		return nil, errkind.New(errkind.Invalid, "decoding a frame table: %s", why)
	}
	if len(b) < 1+1+1+4 {
		return bad("the table is cut short")
	}
	if b[0] != frameTableVersion {
		return nil, errkind.New(errkind.Invalid, "decoding a frame table: version %d is not known", b[0])
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return bad("the checksum is wrong")
	}
	body = body[1:]
	frames, n := binary.Uvarint(body)
	if n <= 0 || frames == 0 {
		return bad("the number of frames is missing")
	}
	if body = body[n:]; frames > uint64(len(body)) {
		return bad("the table is shorter than its number of frames")
	}
	ft := make(FrameTable, 1, frames+1)
	var length, at int64
	for range frames {
		diff, n := binary.Varint(body)
		if n <= 0 {
			return bad("a frame's length is cut short or too long")
		}
		body = body[n:]
		// length is at least 0 here, so only a large diff can go past the end.
		if diff > math.MaxInt64-length || length+diff <= 0 || length+diff > math.MaxInt64-at {
			return bad("a frame's length is not positive or goes past the end of time")
		}
		length += diff
		at += length
		ft = append(ft, Time(at))
	}
	if len(body) != 0 {
		return bad("bytes follow the table")
	}
	return ft, nil
}
