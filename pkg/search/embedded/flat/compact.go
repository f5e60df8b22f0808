package flat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// retryAfter is how long background work waits after an error, such as a full disk.
const retryAfter = 5 * time.Second

// serveSeals turns tails that wait into segments.
func (x *Index) serveSeals() {
	x.serveBackground(x.seal, "sealing vectors", func() (bool, error) {
		snap, err := x.acquire()
		if err != nil {
			return false, err
		}
		waiting := len(snap.tails) > 1
		x.drop(snap)
		if !waiting {
			return false, nil
		}
		return true, x.sealOldest()
	})
}

// serveMerges merges segments.
func (x *Index) serveMerges() {
	x.serveBackground(x.merge, "compacting vectors", func() (bool, error) {
		return x.mergeSome(x.ctx, x.choose)
	})
}

// serveCells makes the cells of segments.
func (x *Index) serveCells() {
	x.serveBackground(x.cell, "making cells of vectors", x.makeCells)
}

// makeCells makes the cells of the largest segment that should have cells and has none, and reports whether there was such a segment.
func (x *Index) makeCells() (bool, error) {
	x.celling.Lock()
	defer x.celling.Unlock()
	snap, err := x.acquire()
	if err != nil {
		return false, err
	}
	var most segmentView
	for _, v := range snap.segments {
		if v.live >= x.limits.cellRows && v.cells.Load() == nil && !v.plain.Load() && !v.gone.Load() && (most.segment == nil || v.live > most.live) {
			most = v
		}
	}
	if most.segment == nil {
		x.drop(snap)
		return false, nil
	}
	// The segment stays mapped, and the others may go meanwhile.
	most.refs.Add(1)
	x.drop(snap)
	defer func() {
		if err := most.release(); err != nil {
			x.logger.Warn("releasing vector segments", "error", err)
		}
	}()
	pause := func() error {
		if most.gone.Load() {
			return errGone
		}
		return x.ctx.Err()
	}
	c, err := buildCells(x, most, pause)
	if errors.Is(err, errGone) {
		return true, nil
	}
	if err != nil {
		// What cannot be read now is not read again every few seconds.
		most.plain.Store(x.ctx.Err() == nil)
		return false, err
	}
	if err := writeCells(x.dir, c); err != nil {
		// On a full disk the cells serve from memory, and are made again after the next start.
		x.logger.Warn("cells of vectors stay in memory", "error", err)
		most.cells.Store(c)
		return true, nil
	}
	x.findCells(most.segment)
	return true, nil
}

// errGone ends work for a segment that was merged away meanwhile.
var errGone = errors.New("the segment is gone")

// findCells opens the cells of a segment. Cells that are damaged are removed, to be made anew: all that they hold is in the segment.
func (x *Index) findCells(seg *segment) {
	c, err := openCells(x.dir, seg)
	if err != nil {
		x.logger.Warn("cells of vectors are made anew", "error", err)
		if err := os.Remove(cellsPath(x.dir, seg.number)); err != nil {
			x.logger.Warn("removing cells of vectors", "error", err)
		}
		return
	}
	if c != nil {
		seg.cells.Store(c)
	}
}

// loseCells reports whether an error is damage of cells, which are then made anew: the segment is searched flat until then.
func (x *Index) loseCells(snap *snapshot, err error) bool {
	var d *Damage
	if !errors.As(err, &d) {
		return false
	}
	for _, v := range snap.segments {
		c := v.cells.Load()
		if d.Path != cellsPath(x.dir, v.number) {
			continue
		}
		if c != nil && v.cells.CompareAndSwap(c, nil) {
			v.lost.add(c)
			x.logger.Warn("cells of vectors are made anew", "error", err)
			kick(x.cell)
		}
		return true
	}
	return false
}

// serveBackground does work whenever kicked, as long as there is some.
func (x *Index) serveBackground(kicked <-chan struct{}, what string, work func() (more bool, err error)) {
	retry := time.NewTimer(retryAfter)
	retry.Stop()
	defer retry.Stop()
	for {
		select {
		case <-x.ctx.Done():
			return
		case <-kicked:
		case <-retry.C:
		}
		for x.ctx.Err() == nil {
			more, err := work()
			if err != nil {
				if x.ctx.Err() == nil {
					x.logger.Warn(what, "error", err)
					retry.Reset(retryAfter)
				}
				break
			}
			if !more {
				break
			}
		}
	}
}

// sealOldest writes the oldest waiting tail as a segment, and removes the tail's log.
func (x *Index) sealOldest() error {
	x.files.Lock()
	defer x.files.Unlock()
	snap, err := x.acquire()
	if err != nil {
		return err
	}
	defer x.drop(snap)
	if len(snap.tails) < 2 {
		return nil
	}
	t := snap.tails[0]
	var chosen []int
	for row := range t.n {
		if !t.dead.has(row) {
			chosen = append(chosen, row)
		}
	}
	slices.SortFunc(chosen, func(a, b int) int {
		return cmp.Or(cmp.Compare(snap.names[t.groups[a]], snap.names[t.groups[b]]), cmp.Compare(t.ordinals[a], t.ordinals[b]))
	})
	x.write.Lock()
	centre := x.centre
	x.write.Unlock()
	if centre == nil && len(chosen) > 0 {
		centre = x.mean(t, chosen)
	}

	e := exchange{x: x, centre: centre, tail: t.tail}
	if len(chosen) > 0 {
		refs := make([]ref, len(chosen))
		for i, row := range chosen {
			refs[i] = ref{from: &t.rows, row: row, name: snap.names[t.groups[row]]}
		}
		if t.centre == nil {
			sealed := t.encode(chosen, newEncoder(x.layout, x.cfg.Metric, x.rot, centre))
			for i := range refs {
				refs[i].from, refs[i].row = sealed, i
			}
		}
		if err := e.write(refs, x.ctx.Err); err != nil {
			return err
		}
		e.died = func(next *snapshot) func(int) bool {
			d := next.tails[0].dead
			return func(i int) bool { return d.has(chosen[i]) }
		}
	}
	if err := e.install(); err != nil {
		return err
	}
	if err := os.Remove(logPath(x.dir, t.tail.log)); err != nil {
		x.logger.Warn("removing a sealed log", "error", err)
	}
	kick(x.merge)
	kick(x.cell)
	return nil
}

// An exchange replaces a tail, or segments, by one new segment or none. Index.files is held until the exchange is installed.
type exchange struct {
	x      *Index
	centre []float32
	tail   *tail      // the oldest, or nil
	old    []*segment // or these
	fresh  *segment   // nil when nothing is left alive
	// died tells which rows of fresh died since fresh was written. The snapshot MUST still hold the replaced tail or segments.
	died func(*snapshot) func(row int) bool
}

// write writes the fresh segment. The number of the segment is taken even when write fails: no file is written over.
func (e *exchange) write(refs []ref, pause func() error) error {
	x := e.x
	x.write.Lock()
	number := x.next
	x.next++
	x.write.Unlock()
	if err := writeSegment(x.dir, number, x.layout, refs, pause); err != nil {
		return err
	}
	seg, err := openSegment(x.dir, number, x.layout, e.centre, x.groups.intern)
	if err != nil {
		return errors.Join(err, os.Remove(segmentPath(x.dir, number)))
	}
	e.fresh = seg
	return nil
}

// apply returns the snapshot after the exchange.
func (e *exchange) apply(snap *snapshot) *snapshot {
	next := snap.clone()
	var fresh []segmentView
	if e.fresh != nil {
		v := segmentView{segment: e.fresh, live: e.fresh.n}
		died := e.died(snap)
		for row := range e.fresh.n {
			if died(row) {
				v.dead, _ = kill(v.dead, row, e.fresh.n, true)
				v.live--
			}
		}
		fresh = append(fresh, v)
	}
	if e.tail != nil {
		next.tails = next.tails[1:]
	}
	next.segments = slices.DeleteFunc(next.segments, func(v segmentView) bool { return slices.Contains(e.old, v.segment) })
	next.segments = append(next.segments, fresh...)
	return next
}

// install makes the exchange durable, then visible.
func (e *exchange) install() (err error) {
	x := e.x
	defer func() {
		if err != nil && e.fresh != nil {
			// No manifest names the file. If the file remains, the next Open sweeps the file away.
			err = errors.Join(err, unmap(e.fresh.data), os.Remove(e.fresh.path))
		}
	}()
	manifestOf := func() (*manifest, error) {
		x.write.Lock()
		defer x.write.Unlock()
		snap, err := x.acquire()
		if err != nil {
			return nil, err
		}
		defer x.drop(snap)
		next := e.apply(snap)
		m := &manifest{dim: x.cfg.Dim, metric: x.cfg.Metric, space: x.cfg.Space, centre: e.centre, next: x.next, firstLog: next.tails[0].tail.log}
		for _, v := range next.segments {
			m.segments = append(m.segments, sealed{v.number, v.dead})
		}
		return m, nil
	}
	m, err := manifestOf()
	if err != nil {
		return err
	}
	// The manifest keeps the logs of the deletions that come between this step and the next.
	if err := m.write(x.dir); err != nil {
		return err
	}
	for _, s := range e.old {
		s.gone.Store(true)
	}
	x.write.Lock()
	defer x.write.Unlock()
	if x.centre == nil && e.centre != nil {
		x.setCentre(e.centre)
	}
	snap := x.current.acquire()
	defer x.drop(snap)
	if err := x.current.install(e.apply(snap)); err != nil {
		x.logger.Warn("releasing vector segments", "error", err)
	}
	return nil
}

// Compact seals all rows and merges all segments, dropping the dead rows. Nobody needs to call it,
// except before measuring or copying an index.
func (x *Index) Compact(ctx context.Context) error {
	x.write.Lock()
	snap, err := x.acquire()
	if err == nil {
		if snap.tails[len(snap.tails)-1].n > 0 {
			err = x.freeze()
		}
		x.drop(snap)
	}
	x.write.Unlock()
	for err == nil {
		if snap, err = x.acquire(); err != nil {
			break
		}
		waiting := len(snap.tails) > 1
		x.drop(snap)
		if !waiting {
			break
		}
		err = x.sealOldest()
	}
	if err == nil {
		_, err = x.mergeSome(ctx, func(views []segmentView) []segmentView {
			if len(views) > 1 || len(views) == 1 && views[0].live < views[0].n {
				return views
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("compacting vectors: %w", err)
	}
	return nil
}

// choose picks the segments to merge next: a segment of which a quarter is dead, or limits.fan segments of about one size. A row is so
// rewritten once for each power of fan.
func (x *Index) choose(views []segmentView) []segmentView {
	tiers := map[int][]segmentView{}
	for _, v := range views {
		if v.n-v.live > v.n/4 {
			return []segmentView{v}
		}
		tier := 0
		for rows := x.limits.tailRows; rows < v.live; rows *= x.limits.fan {
			tier++
		}
		tiers[tier] = append(tiers[tier], v)
		bytes := 0
		for _, w := range tiers[tier] {
			bytes += len(w.data)
		}
		if bytes > x.limits.mergedBytes {
			tiers[tier] = nil
		} else if len(tiers[tier]) == x.limits.fan {
			return tiers[tier]
		}
	}
	return nil
}

// mergeSome merges the segments that choose picks, and reports whether there were any.
func (x *Index) mergeSome(ctx context.Context, choose func([]segmentView) []segmentView) (bool, error) {
	x.merging.Lock()
	defer x.merging.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(x.ctx, cancel)() //nolint:contextcheck // the merge ends with the index as well as with its caller
	snap, err := x.acquire()
	if err != nil {
		return false, err
	}
	defer x.drop(snap)
	views := choose(snap.segments)
	if len(views) == 0 {
		return false, nil
	}
	var refs []ref
	e := exchange{x: x, centre: views[0].centre}
	for _, v := range views {
		e.old = append(e.old, v.segment)
		refs = v.appendLive(refs, snap.names)
	}
	sortRefs(refs)
	if len(refs) > 0 {
		if err := e.write(refs, ctx.Err); err != nil {
			return false, err
		}
		e.died = func(snap *snapshot) func(int) bool {
			now := map[*rows]dead{}
			for _, v := range snap.segments {
				now[&v.rows] = v.dead
			}
			return func(i int) bool { return now[refs[i].from].has(refs[i].row) }
		}
	}
	x.files.Lock()
	defer x.files.Unlock()
	defer kick(x.cell)
	return true, e.install()
}
