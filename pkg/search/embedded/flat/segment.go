package flat

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
)

// A segment file holds sealed rows, sorted by group name and ordinal:
//
//	header    magic, rows, dim, groups, bytes of names, longest residual
//	directory per group: first row, rows, bytes of its name; then the names
//	columns   ordinals, spans
//	codes     blocks (see layout)
//	rough     rough rows
//	exact     float32 vectors
//	sums      crc32c of each block of 64 rows of codes, rough and exact; then that of all before codes and of the sums
//
// Each part begins at a multiple of 64. The parts before codes, and the sums, are verified when the file is opened. A block is verified when the
// block is first read, so that opening does not read the bulk.
const segmentMagic = "cdxflat1"

const segmentHeader = 64

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	partCodes = iota
	partRough
	partExact
	parts
)

// A shape says where the parts of a segment file are.
type shape struct {
	directory, names, ordinals, spans int
	part                              [parts]int
	unit                              [parts]int // bytes of 64 rows
	bytes                             [parts]int // bytes in all
	sums, size                        int
}

func shapeOf(l layout, n, groups, nameBytes int) (s shape) {
	at := segmentHeader
	take := func(bytes int) int {
		begin := (at + 63) &^ 63
		at = begin + bytes
		return begin
	}
	blocks := (n + blockRows - 1) / blockRows
	s.directory = take(groups * 12)
	s.names = take(nameBytes)
	s.ordinals = take(n * 4)
	s.spans = take(n * 16)
	s.unit = [parts]int{l.blockBytes, l.roughBytes * blockRows, l.dim * 4 * blockRows}
	s.bytes = [parts]int{blocks * l.blockBytes, n * l.roughBytes, n * l.dim * 4}
	for p := range parts {
		s.part[p] = take(s.bytes[p])
	}
	s.sums = take(parts*blocks*4 + 4)
	s.size = at
	return s
}

// An extent is the rows of one group within a segment.
type extent struct{ group, first, rows uint32 }

func (e extent) end() int         { return int(e.first) + int(e.rows) }
func (e extent) stretch() stretch { return stretch{int(e.first), e.end()} }

// A segment is a sealed file, mapped into memory.
type segment struct {
	rows
	path    string
	number  uint64
	data    []byte
	shape   shape
	extents []extent // by the group's name, and so by row
	// places are places in extents by the group's number.
	places  []uint32
	planned stretchesOf
	checked [parts][]atomic.Uint64
	refs    atomic.Int64          // snapshots that hold it
	gone    atomic.Bool           // the file is to be removed with the last reference
	cells   atomic.Pointer[cells] // nil where there are none yet
	lost    lost
	plain   atomic.Bool // no cells can be made
}

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("segment-%08d", number))
}

// A Damage is the error of a file whose bytes differ from the bytes that were written. A Damage is of kind Internal.
type Damage struct{ Path, What string }

func (d *Damage) Error() string { return d.Path + " is damaged: " + d.What }

func corrupt(path, format string, args ...any) error {
	return &Damage{path, fmt.Sprintf(format, args...)}
}

// openSegment maps a sealed file; intern gives a group its number within this process.
func openSegment(dir string, number uint64, l layout, centre []float32, intern func(string) uint32) (_ *segment, err error) {
	path := segmentPath(dir, number)
	data, err := mapFile(path)
	if err != nil {
		return nil, fmt.Errorf("opening segment: %w", err)
	}
	defer func() {
		if err != nil {
			unmap(data)
		}
	}()
	if len(data) < segmentHeader || string(data[:8]) != segmentMagic {
		return nil, corrupt(path, "no header")
	}
	le := binary.LittleEndian
	n, groups, nameBytes := int(le.Uint32(data[8:])), int(le.Uint32(data[16:])), int(le.Uint32(data[20:]))
	if dim := int(le.Uint32(data[12:])); dim != l.dim {
		return nil, corrupt(path, "dimension %d, want %d", dim, l.dim)
	}
	s := shapeOf(l, n, groups, nameBytes)
	if s.size != len(data) {
		return nil, corrupt(path, "%d bytes, want %d", len(data), s.size)
	}
	sum := crc32.Update(crc32.Checksum(data[:s.part[0]], castagnoli), castagnoli, data[s.sums:s.size-4])
	if sum != le.Uint32(data[s.size-4:]) {
		return nil, corrupt(path, "checksum of directory and columns")
	}
	seg := &segment{path: path, number: number, data: data, shape: s, extents: make([]extent, groups), places: make([]uint32, groups)}
	seg.rows = rows{
		layout: l, n: n, centre: centre, norm: float32At(data, 24),
		ordinals: columnOf[uint32](data[s.ordinals:][:n*4]),
		spans:    columnOf[span](data[s.spans:][:n*16]),
		codes:    data[s.part[partCodes]:][:s.bytes[partCodes]],
		rough:    data[s.part[partRough]:][:s.bytes[partRough]],
		exact:    columnOf[float32](data[s.part[partExact]:][:s.bytes[partExact]]),
	}
	for p := range parts {
		seg.checked[p] = make([]atomic.Uint64, (seg.blocks()+63)/64)
	}
	names := data[s.names:][:nameBytes]
	for g := range groups {
		d := data[s.directory+g*12:]
		length := int(le.Uint32(d[8:]))
		seg.extents[g] = extent{group: intern(string(names[:length])), first: le.Uint32(d), rows: le.Uint32(d[4:])}
		seg.places[g] = uint32(g)
		names = names[length:]
	}
	slices.SortFunc(seg.places, func(a, b uint32) int { return cmp.Compare(seg.extents[a].group, seg.extents[b].group) })
	return seg, nil
}

// check verifies a block of 64 rows of a part when the block is first read.
func (s *segment) check(part, block int) error {
	word, bit := &s.checked[part][block>>6], uint64(1)<<(block&63)
	if word.Load()&bit != 0 {
		return nil
	}
	begin := block * s.shape.unit[part]
	end := min(begin+s.shape.unit[part], s.shape.bytes[part])
	base := s.data[s.shape.part[part]:]
	want := binary.LittleEndian.Uint32(s.data[s.shape.sums+(part*s.blocks()+block)*4:])
	if crc32.Checksum(base[begin:end], castagnoli) != want {
		return corrupt(s.path, "checksum of %s, rows from %d", [...]string{"codes", "rough rows", "vectors"}[part], block*blockRows)
	}
	word.Or(bit)
	return nil
}

// place returns where a group is in extents.
func (s *segment) place(group uint32) (int, bool) {
	i, ok := slices.BinarySearchFunc(s.places, group, func(place, group uint32) int { return cmp.Compare(s.extents[place].group, group) })
	if !ok {
		return 0, false
	}
	return int(s.places[i]), true
}

// find returns the row of a key, dead or alive, or -1.
func (s *segment) find(id, ordinal uint32) int {
	g, ok := s.place(id)
	if !ok {
		return -1
	}
	e := s.extents[g].stretch()
	column := s.ordinals[e.from:e.to]
	// A run's ordinals mostly have no holes.
	if i := int(ordinal) - int(column[0]); i >= 0 && i < len(column) && column[i] == ordinal {
		return e.from + i
	}
	if i, ok := slices.BinarySearch(column, ordinal); ok {
		return e.from + i
	}
	return -1
}

// sum is the checksum of directory and columns.
func (s *segment) sum() uint32 { return binary.LittleEndian.Uint32(s.data[s.shape.size-4:]) }

func (s *segment) release() error {
	if s.refs.Add(-1) > 0 {
		return nil
	}
	err := unmap(s.data)
	if c := s.cells.Load(); c != nil {
		err = errors.Join(err, c.release(s.gone.Load()))
	}
	err = errors.Join(err, s.lost.release())
	if s.gone.Load() {
		if e := os.Remove(s.path); err == nil {
			err = e
		}
	}
	return err
}
