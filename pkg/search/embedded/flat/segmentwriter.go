package flat

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
)

// A ref is a row on its way into a segment.
type ref struct {
	from  *rows
	check func(part, block int) error // of from; nil where it is in memory
	row   int
	name  string
}

// writeSegment writes the rows referred to, sorted already, and makes the file durable under
// its name. pause is called now and then, and may wait or end the work.
func writeSegment(dir string, number uint64, l layout, refs []ref, pause func() error) (err error) {
	path := segmentPath(dir, number)
	f, err := os.Create(path + ".tmp")
	if err != nil {
		return fmt.Errorf("creating segment: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(path + ".tmp")
			err = fmt.Errorf("writing segment %s: %w", path, err)
		}
	}()
	w := segmentWriter{w: bufio.NewWriterSize(f, 1<<20), layout: l, refs: refs, pause: pause}
	w.writeColumns()
	if err := w.writeBulk(); err != nil {
		return err
	}
	if err := w.w.Flush(); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDir(dir)
}

// A segmentWriter writes the parts of a segment file in their order. An error of writing stays until Flush.
type segmentWriter struct {
	w      *bufio.Writer
	layout layout
	refs   []ref
	pause  func() error
	shape  shape
	at     int
	sum    uint32 // of all but the bulk
}

func (w *segmentWriter) write(b []byte) {
	w.w.Write(b)
	w.at += len(b)
}

// meta writes a part of the file that is checked when the file is opened.
func (w *segmentWriter) meta(b []byte) {
	w.sum = crc32.Update(w.sum, castagnoli, b)
	w.write(b)
}

func (w *segmentWriter) pad(to int, put func([]byte)) {
	var zeros [64]byte
	put(zeros[:to-w.at])
}

// A rowGroup is the rows of one group that a segment is written of.
type rowGroup struct {
	name        string
	first, rows int
}

// writeColumns writes all before the bulk: header, directory and names of the groups, ordinals and spans of the rows.
func (w *segmentWriter) writeColumns() {
	groups, norm := w.groups()
	nameBytes := 0
	for _, g := range groups {
		nameBytes += len(g.name)
	}
	w.shape = shapeOf(w.layout, len(w.refs), len(groups), nameBytes)
	le := binary.LittleEndian
	var header [segmentHeader]byte
	copy(header[:], segmentMagic)
	le.PutUint32(header[8:], uint32(len(w.refs)))
	le.PutUint32(header[12:], uint32(w.layout.dim))
	le.PutUint32(header[16:], uint32(len(groups)))
	le.PutUint32(header[20:], uint32(nameBytes))
	le.PutUint32(header[24:], math.Float32bits(norm))
	w.meta(header[:])
	w.pad(w.shape.directory, w.meta)
	for _, g := range groups {
		var d [12]byte
		le.PutUint32(d[:], uint32(g.first))
		le.PutUint32(d[4:], uint32(g.rows))
		le.PutUint32(d[8:], uint32(len(g.name)))
		w.meta(d[:])
	}
	w.pad(w.shape.names, w.meta)
	for _, g := range groups {
		w.meta([]byte(g.name))
	}
	w.pad(w.shape.ordinals, w.meta)
	for _, r := range w.refs {
		w.meta(bytesOf(r.from.ordinals[r.row : r.row+1]))
	}
	w.pad(w.shape.spans, w.meta)
	for _, r := range w.refs {
		w.meta(bytesOf(r.from.spans[r.row : r.row+1]))
	}
	w.pad(w.shape.part[0], w.meta)
}

// groups returns the groups of the rows, and the longest residual.
func (w *segmentWriter) groups() (groups []rowGroup, norm float32) {
	for i, r := range w.refs {
		if len(groups) == 0 || groups[len(groups)-1].name != r.name {
			groups = append(groups, rowGroup{r.name, i, 0})
		}
		groups[len(groups)-1].rows++
		norm = max(norm, r.from.norm)
	}
	return groups, norm
}

// writeBulk writes codes, rough rows and vectors in blocks, then the checksums.
func (w *segmentWriter) writeBulk() error {
	blocks := (len(w.refs) + blockRows - 1) / blockRows
	sums := make([]byte, 0, parts*blocks*4)
	scratch := make([]byte, 0, max(w.shape.unit[0], w.shape.unit[1], w.shape.unit[2]))
	code := make([]byte, w.layout.codeBytes)
	for p := range parts {
		w.pad(w.shape.part[p], w.write)
		for b := range blocks {
			if err := w.pause(); err != nil {
				return err
			}
			block, err := w.block(p, b, scratch, code)
			if err != nil {
				return err
			}
			w.write(block)
			sums = binary.LittleEndian.AppendUint32(sums, crc32.Checksum(block, castagnoli))
		}
	}
	w.pad(w.shape.sums, w.write)
	w.meta(sums)
	w.write(binary.LittleEndian.AppendUint32(nil, w.sum))
	return nil
}

// block returns a block of one part, in scratch.
func (w *segmentWriter) block(part, b int, scratch, code []byte) ([]byte, error) {
	block := scratch[:0]
	if part == partCodes {
		block = scratch[:w.layout.blockBytes]
		clear(block)
	}
	for i, r := range w.refs[b*blockRows : min(len(w.refs), (b+1)*blockRows)] {
		if r.check != nil {
			if err := r.check(part, r.row/blockRows); err != nil {
				return nil, err
			}
		}
		switch part {
		case partCodes:
			w.layout.put(block, i, w.layout.get(r.from.block(r.row/blockRows), r.row%blockRows, code))
		case partRough:
			block = append(block, r.from.roughRow(r.row)...)
		case partExact:
			block = append(block, bytesOf(r.from.exactRow(r.row))...)
		}
	}
	return block, nil
}
