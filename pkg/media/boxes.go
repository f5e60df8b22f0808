package media

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// fragmented reports whether the file at path is a fragmented MP4: the box moov has the box mvex (ISO/IEC 14496-12, 8.8.1). A file without boxes of
// this form is not fragmented.
func fragmented(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false, err
	}
	at, end, found, err := box(f, "moov", 0, st.Size())
	if err != nil || !found {
		return false, err
	}
	_, _, found, err = box(f, "mvex", at, end)
	return found, err
}

// mostBoxes bounds the boxes that box reads. Files of cameras have fewer than a hundred boxes before the box moov.
const mostBoxes = 10_000

// box returns where the content of the first box of a type begins and ends, of the boxes from at to end.
func box(f io.ReaderAt, name string, at, end int64) (from, to int64, found bool, err error) {
	head := make([]byte, 16)
	for range mostBoxes {
		n, err := f.ReadAt(head[:min(16, max(end-at, 0))], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, false, err
		}
		if n < 8 {
			return 0, 0, false, nil
		}
		size, begins := int64(binary.BigEndian.Uint32(head)), int64(8)
		switch {
		case size == 0: // the box lasts to the end
			size = end - at
		case size == 1 && n == 16:
			size, begins = int64(binary.BigEndian.Uint64(head[8:])), 16 //nolint:gosec // a size above the largest int64 is below zero, and is refused
		}
		if size < begins || size > end-at {
			return 0, 0, false, nil
		}
		if string(head[4:8]) == name {
			return at + begins, at + size, true, nil
		}
		at += size
	}
	return 0, 0, false, nil
}
