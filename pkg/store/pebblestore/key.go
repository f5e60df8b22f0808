package pebblestore

import (
	"encoding/binary"
	"strings"
)

// The tables' letters.
const (
	tableAssets      = 'A'
	tableRuns        = 'R'
	tableAnnotations = 'a'
	tableEmbeddings  = 'e'
	tableMarkers     = 'm'
	tableActive      = 'V'
	tableLeases      = 'L'
	tableJobs        = 'J'
	tableVersion     = 'v'
	tablePartners    = 'P'
	tablePositions   = 'o'
)

// key builds a table's key of texts. Each ends with 00 01, and a 00 within it is
// written as 00 FF: keys are in the order of their texts, and no text is the
// beginning of another's key.
func key(table byte, texts ...string) []byte {
	n := 1
	for _, t := range texts {
		n += len(t) + 2
	}
	k := append(make([]byte, 0, n+17), table) // room for the numbers of a marker
	for _, t := range texts {
		if strings.IndexByte(t, 0) >= 0 {
			t = strings.ReplaceAll(t, "\x00", "\x00\xff")
		}
		k = append(append(k, t...), 0, 1)
	}
	return k
}

// number appends n, which is not negative, so that keys are in its order.
func number(k []byte, n int64) []byte { return binary.BigEndian.AppendUint64(k, uint64(n)) }

// after returns the end of the range of all keys that begin with prefix.
func after(prefix []byte) []byte {
	end := append([]byte(nil), prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}
