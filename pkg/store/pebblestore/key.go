package pebblestore

import (
	"bytes"
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
	tableStretches   = 's'
	tableActive      = 'V'
	tableLeases      = 'L'
	tableJobs        = 'J'
	tableVersion     = 'v'
	tableChanges     = 'c'
	tableChangeLog   = 'C'
	tablePartners    = 'P'
	tableSearches    = 'S'
	tablePositions   = 'o'
	tablePicks       = 'p'
	tableForgotten   = 'f'
	tableBins        = 'B'
	tableBinMembers  = 'b'
	tableBinChanges  = 'h'
)

// key builds a table's key of texts. Each text ends with 00 01, and a 00 within a text is written as 00 FF. So keys are
// in the order of their texts, and no text is the beginning of another text's key.
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

// number appends n, so that keys are in the order of the numbers. n MUST NOT be negative.
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

// cutText cuts the first text off the part of a key after the table's letter. text is in the form of keys, see plain.
func cutText(k []byte) (text, rest []byte, ok bool) {
	for i := 0; i+1 < len(k); i++ {
		if k[i] != 0 {
			continue
		}
		if k[i+1] == 1 {
			return k[:i], k[i+2:], true
		}
		i++ // 00 FF
	}
	return nil, nil, false
}

// plain turns a text in the form of keys back into the text.
func plain(text []byte) string {
	if bytes.IndexByte(text, 0) < 0 {
		return string(text)
	}
	return strings.ReplaceAll(string(text), "\x00\xff", "\x00")
}
