package flat

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// A cells file lies beside a large segment, and orders the rows of the segment by their place in the space. A cell is a centroid with the
// rows that are near. The file is made of the segment alone: a file that is missing or damaged is made again, and the segment is searched
// flat until then.
//
//	header     magic, rows, dim, cells, blocks, checksum of the segment; per rank of calibration: share of the rows looked at, margin of each zone
//	positions  per row of the segment: the row's block, times 64, and place in the block, uint32; all bits set where the row is in no cell
//	centroids  a rough row per cell, relative to the index's centre; the centroid is the int8 vector itself
//	squares    per cell: the centroid's squared length, float32
//	sizes      per cell: rows, uint32
//	envelopes  per cell: envelopeFloats float32 (see envelope)
//	sums       crc32c of each block, then that of all before
//	blocks     per 64 rows of a cell: a block as in a segment, of residuals to the centroid; then the rows' numbers in the segment, uint32
//
// Each part begins at a multiple of 64. All but the blocks is verified when the file is opened. A block is verified when the block is first read.
const cellsMagic = "cdxcell4"

const (
	cellsHeader = 512
	// A segment of n rows has cellsOfRoot·√n cells, but no cell for fewer than cellLeast rows. Small segments have small cells, since the clusters of
	// the rows are as many there.
	cellsOfRoot = 3
	cellLeast   = 48
	// envelopeSteps is how many steps an envelope has.
	envelopeSteps  = 8
	envelopeFloats = 2 + envelopeSteps + 1
)

// ranks are the numbers of neighbours that margins are calibrated for.
var ranks = [...]int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048}

// zones are the distances of a query from a centroid, over the distance from the nearest centroid, that divide the cells. In a near cell, rows lie
// the way to the query. In a far cell, rows lie at random, and a small margin leads to the neighbours.
var zones = [...]float32{1.05, 1.15, 1.3, 1.5, 1.75, 2, 2.5}

// zoneMargins are the margins of the zones, the nearest first.
type zoneMargins [len(zones) + 1]float32

// of returns the margin for a cell at a distance. least is the distance of the nearest cell.
func (z *zoneMargins) of(distance, least float32) float32 { return z[zoneOf(distance, least)] }

func zoneOf(distance, least float32) int {
	zone, ratio := 0, distance/least
	for zone < len(zones) && ratio > zones[zone] {
		zone++
	}
	return zone
}

// nowhere is the position of a row that is in no cell.
const nowhere = math.MaxUint32

// cells are the cells of a segment, mapped into memory.
type cells struct {
	layout
	path  string
	data  []byte // mapped, or in memory where the file could not be written
	held  bool   // mapped
	rows  int    // of the segment
	shape cellsShape
	// margins and shares are by rank (see calibrate).
	margins   [len(ranks)]zoneMargins
	shares    [len(ranks)]float32
	positions []uint32
	centroids []byte
	squares   []float32
	sizes     []uint32
	firsts    []uint32 // per cell, and behind the last cell: the number of its first block
	envelopes []float32
	checked   []atomic.Uint64
	passed    passedCells
}

// A cellsShape says where the parts of a cells file are.
type cellsShape struct {
	cells, blocks, unit                                               int
	positions, centroids, squares, sizes, envelopes, sums, bulk, size int
}

func cellsShapeOf(l layout, rows, count, blocks int) (s cellsShape) {
	at := cellsHeader
	take := func(bytes int) int {
		begin := (at + 63) &^ 63
		at = begin + bytes
		return begin
	}
	s.cells, s.blocks, s.unit = count, blocks, l.blockBytes+blockRows*4
	s.positions = take(rows * 4)
	s.centroids = take(count * l.roughBytes)
	s.squares = take(count * 4)
	s.sizes = take(count * 4)
	s.envelopes = take(count * envelopeFloats * 4)
	s.sums = take(blocks*4 + 4)
	s.bulk = take(blocks * s.unit)
	s.size = at
	return s
}

func cellsPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("cells-%08d", number))
}

// openCells maps the cells of a segment; nil where there are none.
func openCells(dir string, seg *segment) (_ *cells, err error) {
	path := cellsPath(dir, seg.number)
	data, err := mapFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("opening cells: %w", err)
	}
	c, err := readCells(path, data, seg)
	if err != nil {
		return nil, errors.Join(err, unmap(data))
	}
	c.held = true
	return c, nil
}

// readCells takes the bytes of a cells file apart.
func readCells(path string, data []byte, seg *segment) (*cells, error) {
	le := binary.LittleEndian
	if len(data) < cellsHeader || string(data[:8]) != cellsMagic {
		return nil, corrupt(path, "no header")
	}
	c := &cells{layout: seg.layout, path: path, data: data, rows: int(le.Uint32(data[8:]))}
	if dim := int(le.Uint32(data[12:])); dim != seg.dim || c.rows != seg.n || le.Uint32(data[24:]) != seg.sum() {
		return nil, corrupt(path, "it is of another segment")
	}
	c.shape = cellsShapeOf(seg.layout, c.rows, int(le.Uint32(data[16:])), int(le.Uint32(data[20:])))
	if c.shape.size != len(data) {
		return nil, corrupt(path, "%d bytes, want %d", len(data), c.shape.size)
	}
	end := c.shape.sums + c.shape.blocks*4
	if crc32.Checksum(data[:end], castagnoli) != le.Uint32(data[end:]) {
		return nil, corrupt(path, "checksum of centroids")
	}
	c.columns()
	for i := range ranks {
		at := rankAt(i)
		c.shares[i] = float32At(data, at)
		for zone := range c.margins[i] {
			c.margins[i][zone] = float32At(data, at+4+4*zone)
		}
	}
	blocks := 0
	for _, n := range c.sizes {
		c.firsts = append(c.firsts, uint32(blocks))
		blocks += (int(n) + blockRows - 1) / blockRows
	}
	if c.firsts = append(c.firsts, uint32(blocks)); blocks != c.shape.blocks {
		return nil, corrupt(path, "%d blocks, want %d", c.shape.blocks, blocks)
	}
	return c, nil
}

// columns sets the columns, which are read in place.
func (c *cells) columns() {
	s, data := c.shape, c.data
	c.positions = columnOf[uint32](data[s.positions:][:c.rows*4])
	c.centroids = data[s.centroids:][:s.cells*c.roughBytes]
	c.squares = columnOf[float32](data[s.squares:][:s.cells*4])
	c.sizes = columnOf[uint32](data[s.sizes:][:s.cells*4])
	c.envelopes = columnOf[float32](data[s.envelopes:][:s.cells*envelopeFloats*4])
	c.checked = make([]atomic.Uint64, (s.blocks+63)/64)
}

// block returns a block of a cell with the numbers of its rows, verified.
func (c *cells) block(b int) (block []byte, numbers []uint32, err error) {
	at := c.shape.bulk + b*c.shape.unit
	unit := c.data[at : at+c.shape.unit : at+c.shape.unit]
	if word, bit := &c.checked[b>>6], uint64(1)<<(b&63); word.Load()&bit == 0 {
		if crc32.Checksum(unit, castagnoli) != binary.LittleEndian.Uint32(c.data[c.shape.sums+b*4:]) {
			return nil, nil, corrupt(c.path, "checksum of block %d", b)
		}
		word.Or(bit)
	}
	return unit[:c.blockBytes], columnOf[uint32](unit[c.blockBytes:]), nil
}

// An envelope bounds the scores of a cell's rows. With r a row less the centroid c, and p the query less the centroid,
//
//	<row, query>    = <c, query> + <r, c> + <r, p>
//	-|row - query|² = -|p|² - |r|² + 2<r, p>
//
// and <r, p> is at most margin·|r|·|p|: for certain with a margin of 1, and of nearly all neighbours with a calibrated margin. An envelope is the
// greatest "base + t·length" of the rows as a function of t = margin·|p|, where the base is the second part of the sum, and the length |r| or 2|r|. The
// function is convex, so the chord between two steps is above. An envelope holds the width of a step, the greatest length, and the values at the steps.
type envelope []float32

func (c *cells) envelope(cell int) envelope {
	return envelope(c.envelopes[cell*envelopeFloats:][:envelopeFloats])
}

func (e envelope) at(t float32) float32 {
	step := e[0]
	if step == 0 {
		return e[2] + t*e[1]
	}
	u := t / step
	if u >= envelopeSteps {
		return e[2+envelopeSteps] + (t-step*envelopeSteps)*e[1]
	}
	i := int(u)
	return e[2+i] + (u-float32(i))*(e[3+i]-e[2+i])
}

// fill sets the envelope of rows with these bases and lengths.
func (e envelope) fill(bases, lengths []float64, metric Metric) {
	var most float64
	for _, l := range lengths {
		most = max(most, l)
	}
	step := most / envelopeSteps
	if metric == L2 {
		step /= 2 // the length is twice the residual's
	}
	e[0], e[1] = float32(step), float32(most)
	for i := range envelopeSteps + 1 {
		best := math.Inf(-1)
		for k, b := range bases {
			best = max(best, b+float64(i)*step*lengths[k])
		}
		e[2+i] = float32(best)
	}
}

// lost are cells that are damaged, and mapped until the segment is: searches may read them.
type lost struct {
	mu    sync.Mutex
	cells []*cells
}

func (l *lost) add(c *cells) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cells = append(l.cells, c)
}

func (l *lost) release() (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.cells {
		err = errors.Join(err, c.release(false))
	}
	return err
}

// release ends the mapping.
func (c *cells) release(gone bool) error {
	if !c.held {
		return nil
	}
	err := unmap(c.data)
	if gone {
		err = errors.Join(err, os.Remove(c.path))
	}
	return err
}

// rankAt is where the share and the margins of a rank are in the header.
func rankAt(rank int) int { return 32 + rank*(4+4*len(zoneMargins{})) }

// rank returns the margins for a number of neighbours, and about which part of the rows is looked at then. A number between two ranks has the
// margins of the lower rank, which are not less, and the share of the higher rank.
func (c *cells) rank(near float64) (margins *zoneMargins, looked float64) {
	i := 0
	for i+1 < len(ranks) && float64(ranks[i+1]) <= near {
		i++
	}
	above, last := i, len(ranks)-1
	if above < last && float64(ranks[above]) < near {
		above++
	}
	return &c.margins[i], min(1, float64(c.shares[above])*max(1, near/float64(ranks[last])))
}

const (
	// lookedCost is what a row costs in a cell, as rows scanned in their order.
	lookedCost = 2
	// markCost is what a cell costs that is not looked into.
	markCost = 4
)

// better reports whether looking for neighbours costs less by cells than scanning the rows that pass. The share looked at grows with their number and with
// a narrower filter, and is known from calibration: a space without structure is scanned, and so is a narrow filter.
func (c *cells) better(near float64, passing int) bool {
	_, looked := c.rank(near)
	return looked*float64(c.rows)*lookedCost+float64(c.shape.cells)*markCost < float64(passing)
}
