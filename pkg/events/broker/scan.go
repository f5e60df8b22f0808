package broker

import (
	"encoding/binary"
	"hash/crc32"
)

// A batch is the position of a record batch in a segment, with the offsets in the batch.
type batch struct {
	pos, size   int
	first, next int64
	records     int32
	inTx        bool
	epoch       int32
}

// Positions within a record batch. The checksum covers the bytes after the checksum, so neither offset, length, epoch
// nor magic.
const (
	atLength   = 8
	atEpoch    = 12
	atMagic    = 16
	atChecksum = 17
	atAttrs    = 21
	atDelta    = 23
	atCount    = 57
	// longestBatch is more than the broker takes in a request.
	longestBatch = maxRequest
	transactions = 0x30 // the attributes of batches in a transaction, and of the transaction's markers
)

// parse reads the batch at pos by the header and reports whether the checksum is right. Offset and magic may be wrong.
func parse(raw []byte, pos int) (b batch, ok bool) {
	if pos+batchHeader > len(raw) {
		return b, false
	}
	return parseSized(raw, pos, 12+int(binary.BigEndian.Uint32(raw[pos+atLength:])))
}

// parseSized is parse for a batch whose size is known.
func parseSized(raw []byte, pos, size int) (b batch, ok bool) {
	if size < batchHeader || size > longestBatch || pos+size > len(raw) {
		return b, false
	}
	r := raw[pos : pos+size]
	delta, count := int32(binary.BigEndian.Uint32(r[atDelta:])), int32(binary.BigEndian.Uint32(r[atCount:]))
	if delta < 0 || count < 0 || int64(count) > int64(delta)+1 {
		return b, false
	}
	if crc32.Checksum(r[atAttrs:], castagnoli) != binary.BigEndian.Uint32(r[atChecksum:]) {
		return b, false
	}
	first := int64(binary.BigEndian.Uint64(r))
	return batch{pos: pos, size: size, first: first, next: first + int64(delta) + 1, records: count,
		inTx: binary.BigEndian.Uint16(r[atAttrs:])&transactions != 0, epoch: int32(binary.BigEndian.Uint32(r[atEpoch:]))}, true
}

// whole reports whether the header of a batch is as the broker writes headers. A single node has a single epoch.
func whole(raw []byte, b batch) bool {
	return raw[b.pos+atMagic] == 2 && b.epoch == 0 && int(binary.BigEndian.Uint32(raw[b.pos+atLength:]))+12 == b.size
}

// A flaw is a part of a segment other than a record batch, or a record batch with an unexpected offset.
type flaw struct {
	pos, end int // the bytes
	from     int64
	// to is the offset of the next good batch; -1 where none follows in the file.
	to int64
	// mended is the batch in the bytes after the header is corrected. Its size is 0 if the batch cannot be restored.
	mended batch
}

// restored tells whether nothing of the flaw's records is lost.
func (f flaw) restored() bool { return f.mended.size > 0 }

// scan reads a segment whose first record has the offset due.
func scan(raw []byte, due int64) (good []batch, flaws []flaw, next int64) {
	for pos := 0; pos < len(raw); {
		b, ok := parse(raw, pos)
		if ok && b.first == due && whole(raw, b) {
			good = append(good, b)
			pos, due = pos+b.size, b.next
			continue
		}
		f := flawAt(raw, pos, due, b, ok)
		flaws = append(flaws, f)
		pos = f.end
		if f.to >= 0 {
			due = f.to
		}
		if f.restored() {
			due = f.mended.next
		}
	}
	return good, flaws, due
}

// flawAt returns the extent of the flaw at pos. b is the batch at pos, if the checksum is right.
func flawAt(raw []byte, pos int, due int64, b batch, ok bool) flaw {
	if ok {
		renumbered := b
		renumbered.first, renumbered.next = due, due+b.next-b.first
		after, follows := parse(raw, pos+b.size)
		switch {
		case pos+b.size == len(raw), follows && after.first == renumbered.next:
			return flaw{pos: pos, end: pos + b.size, from: due, to: renumbered.next, mended: renumbered}
		case b.first > due && whole(raw, b):
			return flaw{pos: pos, end: pos, from: due, to: b.first} // nothing is wrong here: batches before are missing
		}
	}
	end, to := len(raw), int64(-1)
	for q := pos + 1; q+batchHeader <= len(raw); q++ {
		if raw[q+atMagic] != 2 {
			continue
		}
		first := int64(binary.BigEndian.Uint64(raw[q:]))
		if first <= due || first-due > int64(len(raw)) {
			continue
		}
		if n, found := parse(raw, q); found && whole(raw, n) {
			end, to = q, n.first
			break
		}
	}
	f := flaw{pos: pos, end: end, from: due, to: to}
	if m, restored := parseSized(raw, pos, end-pos); restored {
		m.next, m.first = due+m.next-m.first, due
		if to < 0 || to == m.next {
			f.mended, f.to = m, m.next
		}
	}
	return f
}

// mend restores the original header of the batch.
func (b batch) mend(raw []byte) []byte {
	r := append([]byte(nil), raw[b.pos:b.pos+b.size]...)
	binary.BigEndian.PutUint64(r, uint64(b.first))
	binary.BigEndian.PutUint32(r[atLength:], uint32(b.size-12))
	binary.BigEndian.PutUint32(r[atEpoch:], 0)
	r[atMagic] = 2
	return r
}

// Entries of kfake's append-only files of state, groups.log and pids.log: length, checksum, version, data, little-endian.
const (
	entryHeader  = 8
	longestEntry = 1 << 20
)

// entries reads such a file. bad is the number of bytes outside entries. after reports whether an entry follows bad
// bytes.
func entries(raw []byte) (good [][]byte, bad int, after bool) {
	for pos := 0; pos < len(raw); {
		if n := entryAt(raw, pos); n > 0 {
			good = append(good, raw[pos:pos+n])
			pos += n
			after = after || bad > 0
			continue
		}
		bad++
		pos++
	}
	return good, bad, after
}

// entryAt returns the size of the entry at pos, 0 where none is.
func entryAt(raw []byte, pos int) int {
	if pos+entryHeader+2 > len(raw) {
		return 0
	}
	n := int(binary.LittleEndian.Uint32(raw[pos:]))
	if n < 2 || n > longestEntry || pos+entryHeader+n > len(raw) {
		return 0
	}
	if crc32.Checksum(raw[pos+entryHeader:pos+entryHeader+n], castagnoli) != binary.LittleEndian.Uint32(raw[pos+4:]) {
		return 0
	}
	return entryHeader + n
}
