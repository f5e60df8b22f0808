package flat

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"slices"
)

const (
	// trainRows is how many rows of a sample train a centroid.
	trainRows = 24
	// trainRounds is how often the centroids move.
	trainRounds = 5
	// calibrated is how many rows are asked for their neighbours, to find the margins.
	calibrated = 128
	// kept is the part of the neighbours that a margin keeps.
	kept = 0.996
)

// A builder makes the cells of a segment.
type builder struct {
	x      *Index
	v      segmentView
	pause  func() error // called now and then; ends the work
	rnd    *rand.Rand
	enc    *encoder
	c      *cells
	all    []int32   // the numbers of all cells
	scales []float64 // of the centroids
	dots   []int32
	row    direction
	cellOf []int32 // by row; -1 of dead rows
	rest   []int32 // rows that did not train
	scores []float64
}

// buildCells makes the cells of a segment in memory, bytes as in the file.
func buildCells(x *Index, v segmentView, pause func() error) (*cells, error) {
	b := &builder{
		x: x, v: v, pause: pause, rnd: rand.New(rand.NewPCG(uint64(v.n), uint64(v.sum()))),
		enc: newEncoder(x.layout, x.cfg.Metric, x.rot, v.centre), row: direction{whole: make([]int16, x.layout.padded)},
	}
	if err := b.train(); err != nil {
		return nil, err
	}
	if err := b.assign(); err != nil {
		return nil, err
	}
	if err := b.lay(); err != nil {
		return nil, err
	}
	if err := b.calibrate(); err != nil {
		return nil, err
	}
	b.seal()
	return readCells(b.c.path, b.c.data, v.segment)
}

// rough returns a row of the segment.
func (b *builder) rough(row int) ([]byte, error) {
	if err := b.v.check(partRough, row/blockRows); err != nil {
		return nil, err
	}
	return b.v.roughRow(row), nil
}

// train finds the centroids: k-means over a sample.
func (b *builder) train() error {
	count := max(1, min(int(cellsOfRoot*math.Sqrt(float64(b.v.live))), b.v.live/cellLeast))
	b.c = &cells{layout: b.v.layout, path: cellsPath(b.x.dir, b.v.number), rows: b.v.n, centroids: make([]byte, count*b.v.roughBytes), squares: make([]float32, count)}
	b.all, b.dots, b.scales = make([]int32, count), make([]int32, count), make([]float64, count)
	for i := range b.all {
		b.all[i] = int32(i)
	}
	sample := b.sample(count * trainRows)
	for cell := range b.all {
		if err := b.place(cell, sample[cell]); err != nil {
			return err
		}
	}
	sums, members := make([]float64, count*b.enc.padded), make([]int, count)
	for range trainRounds {
		if err := b.round(sample, sums, members); err != nil {
			return err
		}
	}
	return nil
}

// sample draws rows to train with, and keeps the others to calibrate with.
func (b *builder) sample(size int) []int32 {
	rows := make([]int32, 0, b.v.live)
	for row := range b.v.n {
		if !b.v.dead.has(row) {
			rows = append(rows, int32(row))
		}
	}
	b.rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	size = min(size, len(rows))
	if b.rest = rows[size:]; len(b.rest) < calibrated {
		b.rest = rows
	}
	return rows[:size]
}

// round moves each centroid to the mean of the rows that are near. A centroid without rows is put where a row is.
func (b *builder) round(sample []int32, sums []float64, members []int) error {
	clear(sums)
	clear(members)
	p := b.enc.padded
	for i, row := range sample {
		if i%256 == 0 {
			if err := b.pause(); err != nil {
				return err
			}
		}
		cell, err := b.nearest(int(row))
		if err != nil {
			return err
		}
		members[cell]++
		r := b.v.roughRow(int(row))
		scale := float64(float32At(r, p))
		sum := sums[cell*p:][:p]
		for k, v := range r[:p] {
			sum[k] += scale * float64(int8(v))
		}
	}
	for cell, n := range members {
		if n == 0 {
			if err := b.place(cell, sample[b.rnd.IntN(len(sample))]); err != nil {
				return err
			}
			continue
		}
		for k, s := range sums[cell*p:][:p] {
			b.enc.scratch[k] = float32(s / float64(n))
		}
		b.move(cell)
	}
	return nil
}

// place puts a centroid where a row is.
func (b *builder) place(cell int, row int32) error {
	r, err := b.rough(int(row))
	if err != nil {
		return err
	}
	b.decode(r)
	b.move(cell)
	return nil
}

// decode sets the encoder's scratch to a rough row.
func (b *builder) decode(rough []byte) {
	p := b.enc.padded
	scale := float32At(rough, p)
	for k, v := range rough[:p] {
		b.enc.scratch[k] = scale * float32(int8(v))
	}
}

// move puts a centroid where the encoder's scratch is, rounded to int8.
func (b *builder) move(cell int) {
	p := b.enc.padded
	dst := b.c.centroids[cell*b.enc.roughBytes:][:b.enc.roughBytes]
	b.enc.rough(dst, 0, 0)
	scale := float64(float32At(dst, p))
	var square, base float64
	for k, v := range dst[:p] {
		x := scale * float64(int8(v))
		square += x * x
		if b.enc.centre != nil {
			base += x * float64(b.enc.centre[k])
		}
	}
	if b.x.cfg.Metric == L2 {
		base = -square
	}
	binary.LittleEndian.PutUint32(dst[p+8:], math.Float32bits(float32(base)))
	b.c.squares[cell] = float32(square)
	b.scales[cell] = scale
}

// nearest returns the cell of a row.
func (b *builder) nearest(row int) (int, error) {
	r, err := b.rough(row)
	if err != nil {
		return 0, err
	}
	p := b.enc.padded
	for k, v := range r[:p] {
		b.row.whole[k] = int16(int8(v))
	}
	b.row.split()
	dots(b.c.centroids, b.enc.roughBytes, b.all, &b.row, b.dots)
	scale := float64(float32At(r, p))
	best, most := 0, math.Inf(-1)
	for cell, d := range b.dots {
		if s := scale*b.scales[cell]*float64(d) - float64(b.c.squares[cell])/2; s > most {
			best, most = cell, s
		}
	}
	return best, nil
}

// assign finds the cell of each row.
func (b *builder) assign() error {
	b.cellOf = make([]int32, b.v.n)
	for row := range b.v.n {
		b.cellOf[row] = -1
		if b.v.dead.has(row) {
			continue
		}
		if row%256 == 0 {
			if err := b.pause(); err != nil {
				return err
			}
		}
		cell, err := b.nearest(row)
		if err != nil {
			return err
		}
		b.cellOf[row] = int32(cell)
	}
	return nil
}

// lay lays the file out, all but margins and checksums.
func (b *builder) lay() error {
	count := len(b.c.squares)
	sizes := make([]uint32, count)
	for _, cell := range b.cellOf {
		if cell >= 0 {
			sizes[cell]++
		}
	}
	firsts, rowsAt := make([]uint32, count+1), make([]uint32, count+1)
	for i, n := range sizes {
		firsts[i+1] = firsts[i] + (n+blockRows-1)/blockRows
		rowsAt[i+1] = rowsAt[i] + n
	}
	order, next := make([]int32, rowsAt[count]), slices.Clone(rowsAt)
	for row, cell := range b.cellOf {
		if cell >= 0 {
			order[next[cell]] = int32(row)
			next[cell]++
		}
	}
	old := b.c
	s := cellsShapeOf(b.v.layout, old.rows, count, int(firsts[count]))
	b.c = &cells{layout: old.layout, path: old.path, rows: old.rows, data: make([]byte, s.size), shape: s, firsts: firsts}
	b.c.columns()
	copy(b.c.centroids, old.centroids)
	copy(b.c.squares, old.squares)
	copy(b.c.sizes, sizes)
	for row := range b.c.positions {
		b.c.positions[row] = nowhere
	}
	for cell := range count {
		if err := b.pause(); err != nil {
			return err
		}
		if err := b.layCell(cell, order[rowsAt[cell]:rowsAt[cell+1]]); err != nil {
			return err
		}
	}
	return nil
}

// layCell lays out the blocks and the envelope of a cell.
func (b *builder) layCell(cell int, order []int32) error {
	e, p := b.enc, b.enc.padded
	centroid := make([]float32, p)
	b.decode(b.c.centroids[cell*e.roughBytes:][:e.roughBytes])
	copy(centroid, e.scratch)
	bases, lengths := make([]float64, len(order)), make([]float64, len(order))
	code := make([]byte, e.codeBytes)
	for i, row := range order {
		r, err := b.rough(int(row))
		if err != nil {
			return err
		}
		b.decode(r)
		var nn, rc, ro float64
		for k, c := range centroid {
			x := e.scratch[k] - c
			e.scratch[k] = x
			nn += float64(x) * float64(x)
			rc += float64(x) * float64(c)
			if e.centre != nil {
				ro += float64(x) * float64(e.centre[k])
			}
		}
		norm := math.Sqrt(nn)
		base := ro
		bases[i], lengths[i] = ro+rc, norm
		if e.metric == L2 {
			base = -nn - 2*rc
			bases[i], lengths[i] = -nn, 2*norm
		}
		unit := b.c.data[b.c.shape.bulk+(int(b.c.firsts[cell])+i/blockRows)*b.c.shape.unit:][:b.c.shape.unit]
		e.put(unit[:e.blockBytes], i%blockRows, e.sketch(code, norm, base))
		binary.LittleEndian.PutUint32(unit[e.blockBytes+i%blockRows*4:], uint32(row))
		b.c.positions[row] = uint32((int(b.c.firsts[cell])+i/blockRows)*blockRows + i%blockRows)
	}
	if len(order) > 0 {
		b.c.envelope(cell).fill(bases, lengths, e.metric)
	}
	return nil
}

// An asked is a row that was asked for its neighbours: how it stands to the cells, and per rank the score of the last neighbour.
type asked struct {
	marks  []mark
	least  float32 // the distance of the nearest cell
	floors [len(ranks)]float64
}

// zoneNeeds are needs by the zone of their cells.
type zoneNeeds [len(zones) + 1][]need

func (z *zoneNeeds) add(a *asked, cell int32, n need) {
	zone := zoneOf(a.marks[cell].distance, a.least)
	z[zone] = append(z[zone], n)
}

// A need is a margin that some neighbours need to be found.
type need struct {
	margin float64
	rows   int
}

// calibrate finds the margins. Some rows are asked for their nearest neighbours, and for the nearest of the rows that are far. A margin is the
// least that leads to kept of the neighbours in a zone, for a rank and all higher ranks: the higher ranks are those of a filter. A segment is scanned
// for more neighbours than an eighth of its rows.
func (b *builder) calibrate() error {
	known := 1
	for known < len(ranks) && ranks[known] <= b.v.live/8 {
		known++
	}
	var needs [len(ranks) + 1]zoneNeeds // by rank, and behind the last rank those of far neighbours
	var all []asked
	b.scores = make([]float64, b.v.n)
	for _, row := range b.rest[:min(calibrated, len(b.rest))] {
		if err := b.pause(); err != nil {
			return err
		}
		near, q, err := b.neighbours(row, ranks[known-1])
		if err != nil {
			return err
		}
		if len(near) == 0 {
			continue
		}
		a := asked{marks: b.c.marks(q, b.x.cfg.Metric, nil, nil)}
		a.least = leastDistance(a.marks, nil)
		b.standing(near, &a, known, &needs)
		for _, without := range farParts {
			b.farNeeds(&a, without, &needs[len(ranks)])
		}
		all = append(all, a)
	}
	margins := marginsOf(&needs[len(ranks)])
	for i := len(ranks) - 1; i >= 0; i-- {
		for zone, m := range marginsOf(&needs[i]) {
			margins[zone] = max(margins[zone], m)
		}
		b.c.margins[i], b.c.shares[i] = filled(margins), 1
		if i < known && len(all) > 0 {
			b.c.shares[i] = b.share(i, all)
		}
	}
	return nil
}

// filled gives a zone without a neighbour the margin of the next nearer zone.
func filled(z zoneMargins) zoneMargins {
	for zone, m := range z {
		if m == 0 {
			z[zone] = 1
			if zone > 0 {
				z[zone] = z[zone-1]
			}
		}
	}
	return z
}

// standing adds the needs of the neighbours of a row, per rank.
func (b *builder) standing(near []neighbour, a *asked, known int, needs *[len(ranks) + 1]zoneNeeds) {
	rows := map[int32]int{} // by cell
	done := 0
	for i, rank := range ranks[:known] {
		for ; done < min(rank, len(near)); done++ {
			rows[near[done].cell]++
		}
		a.floors[i] = near[done-1].score
		for cell, n := range rows {
			needs[i].add(a, cell, need{b.c.need(int(cell), a.marks[cell], a.floors[i]), n})
		}
	}
}

// farParts are the parts of the rows, those about a row asked, that calibration leaves out to find the far margin.
var farParts = [...]float64{0.25, 0.75}

// farNeighbours is how many neighbours find the far margin.
const farNeighbours = 16

// farNeeds adds the needs of the nearest rows that are left when the cells about a row are taken away.
func (b *builder) farNeeds(a *asked, without float64, needs *zoneNeeds) {
	cells := make([]int32, len(a.marks))
	for i := range cells {
		cells[i] = int32(i)
	}
	slices.SortFunc(cells, func(x, y int32) int { return cmp.Compare(a.marks[y].score, a.marks[x].score) })
	left, rows := make([]bool, len(cells)), 0
	far := asked{marks: a.marks, least: float32(math.Inf(1))} // as a filter has it
	for _, cell := range cells {
		if left[cell] = float64(rows) >= without*float64(b.v.live); left[cell] && b.c.sizes[cell] > 0 {
			far.least = min(far.least, far.marks[cell].distance)
		}
		rows += int(b.c.sizes[cell])
	}
	best := lowest{k: farNeighbours, floor: math.Inf(-1)}
	for i, cell := range b.cellOf {
		if cell >= 0 && left[cell] {
			best.push(b.scores[i])
		}
	}
	for i, cell := range b.cellOf {
		if cell >= 0 && left[cell] && b.scores[i] >= best.floor && len(best.items) == farNeighbours {
			needs.add(&far, cell, need{b.c.need(int(cell), a.marks[cell], best.floor), 1})
		}
	}
}

// marginsOf returns the margins of needs; 0 where there are none.
func marginsOf(needs *zoneNeeds) (margins zoneMargins) {
	for zone, n := range needs {
		margins[zone] = float32(marginOf(n))
	}
	return margins
}

// marginOf returns the least margin that is enough for kept of the neighbours; 0 for none.
func marginOf(needs []need) float64 {
	if len(needs) == 0 {
		return 0
	}
	slices.SortFunc(needs, func(a, b need) int { return cmp.Compare(a.margin, b.margin) })
	left := 0
	for _, n := range needs {
		left += n.rows
	}
	left = min(left-1, int(kept*float64(left-1))+1)
	for _, n := range needs {
		if left -= n.rows; left < 0 {
			return n.margin
		}
	}
	return 1
}

// A neighbour is a row near to a row that is asked.
type neighbour struct {
	score float64
	cell  int32
}

// neighbours returns the nearest rows of a row, the nearest first. Scores are by int8 values, which are exact enough to find margins.
func (b *builder) neighbours(row int32, most int) ([]neighbour, *question, error) {
	if err := b.v.check(partExact, int(row)/blockRows); err != nil {
		return nil, nil, err
	}
	q := b.x.ask(b.v.exactRow(int(row)), b.v.centre)
	var numbers, dot [blockRows]int32
	for i := range numbers {
		numbers[i] = int32(i)
	}
	best := lowest{k: most, floor: math.Inf(-1)}
	for at := 0; at < b.v.n; at += blockRows {
		count := min(blockRows, b.v.n-at)
		dots(b.v.rough[at*b.v.roughBytes:], b.v.roughBytes, numbers[:count], &q.direction, dot[:count])
		for i, product := range dot[:count] {
			score, _ := q.near(b.v.roughRow(at + i)[b.v.padded:], product)
			b.scores[at+i] = q.constant + score
			if at+i != int(row) && b.cellOf[at+i] >= 0 {
				best.push(b.scores[at+i])
			}
		}
	}
	var near []neighbour
	for i, score := range b.scores {
		if score >= best.floor && i != int(row) && b.cellOf[i] >= 0 {
			near = append(near, neighbour{score, b.cellOf[i]})
		}
	}
	slices.SortFunc(near, func(x, y neighbour) int { return cmp.Compare(y.score, x.score) })
	return near, q, nil
}

// share returns which part of the rows the rows asked look at with a margin.
func (b *builder) share(rank int, all []asked) float32 {
	looked := 0
	for _, a := range all {
		for cell, m := range a.marks {
			if b.c.bound(cell, m, b.c.margins[rank].of(m.distance, a.least)) >= a.floors[rank] {
				looked += int(b.c.sizes[cell])
			}
		}
	}
	return float32(float64(looked) / float64(len(all)) / float64(b.v.live))
}

// need returns the least margin with which a cell is looked into for a floor.
func (c *cells) need(cell int, m mark, floor float64) float64 {
	low, high := 0.0, 1.0
	for range 20 {
		if mid := (low + high) / 2; c.bound(cell, m, float32(mid)) >= floor {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// seal sets header and checksums.
func (b *builder) seal() {
	le := binary.LittleEndian
	c := b.c
	copy(c.data, cellsMagic)
	for i, v := range []uint32{uint32(c.rows), uint32(c.dim), uint32(c.shape.cells), uint32(c.shape.blocks), b.v.sum()} {
		le.PutUint32(c.data[8+4*i:], v)
	}
	for i, share := range c.shares {
		at := rankAt(i)
		le.PutUint32(c.data[at:], math.Float32bits(share))
		for zone, m := range c.margins[i] {
			le.PutUint32(c.data[at+4+4*zone:], math.Float32bits(m))
		}
	}
	for block := range c.shape.blocks {
		unit := c.data[c.shape.bulk+block*c.shape.unit:][:c.shape.unit]
		le.PutUint32(c.data[c.shape.sums+4*block:], crc32.Checksum(unit, castagnoli))
	}
	end := c.shape.sums + 4*c.shape.blocks
	le.PutUint32(c.data[end:], crc32.Checksum(c.data[:end], castagnoli))
}

// writeCells makes a cells file durable under its name.
func writeCells(dir string, c *cells) (err error) {
	f, err := os.Create(c.path + ".tmp")
	if err != nil {
		return fmt.Errorf("creating cells: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(c.path + ".tmp")
			err = fmt.Errorf("writing cells %s: %w", c.path, err)
		}
	}()
	if _, err := f.Write(c.data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(c.path+".tmp", c.path); err != nil {
		return err
	}
	return syncDir(dir)
}
