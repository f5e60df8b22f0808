package flat

import (
	"context"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// An op is the change of one caller.
type op struct {
	vectors []Vector // to put, checked and normalised
	deletes []Key    // or to delete
	record  byte     // how: recordTrim or recordRemove
	done    chan error
}

// maxWait bounds the ops of a frame. Beyond the bound, sharing a sync gains little.
const maxWait = 64

// maxAppend bounds the bytes of one Append, so that a frame of several fits a log's limit.
const maxAppend = 256 << 20

// Append writes all of the vectors or, with an error, none. When Append returns nil the vectors are durable, and every search that begins
// afterwards sees the vectors. A vector replaces an earlier vector of the same key. The same vector changes nothing. Order within the
// batch counts.
//
// A caller whose context ends before the answer does not know whether the batch is written.
func (x *Index) Append(ctx context.Context, vectors []Vector) error {
	if len(vectors) == 0 {
		return ctx.Err()
	}
	if bytes := len(vectors) * (x.cfg.Dim*4 + 64); bytes > maxAppend {
		return errkind.New(errkind.Exhausted, "appending %d vectors: more than %d MiB at once", len(vectors), maxAppend>>20)
	}
	checked := make([]Vector, len(vectors))
	values := make([]float32, len(vectors)*x.cfg.Dim)
	for i, v := range vectors {
		out := values[i*x.cfg.Dim : (i+1)*x.cfg.Dim : (i+1)*x.cfg.Dim]
		if err := normalise(out, v.Values, x.cfg.Metric); err != nil {
			return errkind.New(errkind.Of(err), "appending vector %d of %q: %w", v.Ordinal, v.Group, err)
		}
		v.Values = out
		checked[i] = v
	}
	return x.do(ctx, &op{vectors: checked})
}

// DeleteFrom deletes the vectors of a group from an ordinal on, durably.
func (x *Index) DeleteFrom(ctx context.Context, group string, from uint32) error {
	return x.do(ctx, &op{deletes: []Key{{group, from}}, record: recordTrim})
}

// Delete deletes vectors by key, durably. Keys without a vector are passed over.
func (x *Index) Delete(ctx context.Context, keys ...Key) error {
	if len(keys) == 0 {
		return ctx.Err()
	}
	return x.do(ctx, &op{deletes: slices.Clone(keys), record: recordRemove})
}

// do hands an op to the writer and waits for its outcome.
func (x *Index) do(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.done = make(chan error, 1)
	select {
	case <-x.ctx.Done():
		return errClosed()
	case <-ctx.Done():
		return ctx.Err()
	case x.ops <- o: // bounded: a writer that is slow pushes back
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-x.ctx.Done():
		// The writer may have been about to answer.
		x.running.Wait()
		select {
		case err := <-o.done:
			return err
		default:
			return errClosed()
		}
	}
}

// serveWrites is the one writer. All ops that wait at the same time share one sync.
func (x *Index) serveWrites() {
	for {
		var waiting []*op
		select {
		case <-x.ctx.Done():
			return
		case o := <-x.ops:
			waiting = append(waiting, o)
		}
		bytes := waiting[0].bytes(x.cfg.Dim)
	more:
		for len(waiting) < maxWait && bytes < maxAppend {
			select {
			case o := <-x.ops:
				waiting = append(waiting, o)
				bytes += o.bytes(x.cfg.Dim)
			default:
				break more
			}
		}
		err := x.commit(waiting)
		for _, o := range waiting {
			o.done <- err
		}
	}
}

func (o *op) bytes(dim int) int { return len(o.deletes)*64 + len(o.vectors)*(dim*4+64) }

// commit makes ops durable in one frame, then visible at once.
func (x *Index) commit(ops []*op) error {
	if err := x.makeRoom(); err != nil {
		return err
	}
	x.write.Lock()
	defer x.write.Unlock()
	c := x.change()
	frame := c.frame(ops)
	if len(frame) == frameHeader {
		return nil // every change is there already
	}
	if len(frame) > maxFrame {
		return errkind.New(errkind.Exhausted, "appending %d bytes at once", len(frame))
	}
	if err := x.log.append(frame); err != nil {
		return err
	}
	if err := decodeRecords(frame[frameHeader:], x.cfg.Dim, c); err != nil {
		return err
	}
	c.install()
	if t := c.tail(); t.n >= x.limits.tailRows || t.bytes() >= x.limits.tailBytes {
		if err := x.freeze(); err != nil {
			// The tail grows on, and the next write tries again.
			x.logger.Warn("beginning a new log", "error", err)
		}
	}
	return nil
}

// makeRoom seals tails when too many tails wait, so that memory stays bounded. The writer then goes at the pace of the disk, and returns the
// errors of the disk.
func (x *Index) makeRoom() error {
	snap, err := x.acquire()
	if err != nil {
		return err
	}
	full := len(snap.tails)-1 >= x.limits.frozen
	x.drop(snap)
	if full {
		return x.sealOldest()
	}
	return nil
}

// freeze begins a new log and tail. The old tail waits to be sealed.
func (x *Index) freeze() error {
	snap := x.current.acquire()
	defer x.drop(snap)
	number := snap.tails[len(snap.tails)-1].tail.log + 1
	l, err := createLog(x.dir, number)
	if err != nil {
		return err
	}
	if x.limits.openLog != nil {
		x.limits.openLog(l)
	}
	if err := x.log.file.Close(); err != nil {
		x.logger.Warn("closing a log", "error", err)
	}
	x.log = l
	next := snap.clone()
	last := &next.tails[len(next.tails)-1]
	last.tail.finish()
	last.rows = last.tail.rows
	fresh := newTail(x.layout, number, x.centre)
	fresh.reserve(last.n) // an index that filled a tail fills another
	next.tails = append(next.tails, fresh.view())
	x.current.install(next)
	kick(x.seal)
	return nil
}

// A change is the next snapshot in the making, and the sink of live and of replayed records. Index.write is held from the beginning of a
// change until the change is installed.
type change struct {
	x        *Index
	next     *snapshot
	owned    map[*rows]bool // of which the dead bits are copied already
	encoder  *encoder       // of the tail's centre
	lastName string         // the group of the last row put, with its number
	lastID   uint32
}

func (x *Index) change() *change {
	snap := x.current.acquire()
	defer x.drop(snap)
	return &change{x: x, next: snap.clone(), owned: map[*rows]bool{}}
}

func (c *change) tail() *tail { return c.next.tails[len(c.next.tails)-1].tail }

func (c *change) install() {
	// Rows were appended to the tail itself; its view catches up here.
	last := &c.next.tails[len(c.next.tails)-1]
	last.rows, last.groups = last.tail.rows, last.tail.groups
	c.next.names = c.x.groups.list()
	if err := c.x.current.install(c.next); err != nil {
		c.x.logger.Warn("releasing vector segments", "error", err)
	}
}

// frame lays ops out as a frame. Vectors that are there already, bit by bit, and deletions of missing rows are left out: an event that is
// delivered again writes nothing.
func (c *change) frame(ops []*op) []byte {
	size := frameHeader
	for _, o := range ops {
		size += o.bytes(c.x.cfg.Dim)
	}
	frame := make([]byte, frameHeader, size)
	changed := map[Key]bool{}    // by vectors earlier in this frame
	put, deleted := false, false // whether this frame does so
	for _, o := range ops {
		for _, k := range o.deletes {
			if put || c.holds(k, o.record) {
				frame = appendDelete(frame, o.record, k)
				deleted = true
			}
		}
		put = put || len(o.vectors) > 0
		news := o.vectors
		if !deleted {
			// The op's vectors are its own copies, to be closed up in place.
			news = slices.DeleteFunc(news, func(v Vector) bool {
				old, s, ok := c.lookup(v.Key)
				if ok && !changed[v.Key] && s == (span{v.Start, v.End}) && slices.Equal(old, v.Values) {
					return true
				}
				if ok {
					changed[v.Key] = true
				}
				return false
			})
		}
		for len(news) > 0 {
			n := 1
			for n < len(news) && news[n].Group == news[0].Group {
				n++
			}
			frame = appendPut(frame, news[:n])
			news = news[n:]
		}
	}
	return frame
}

// each calls f for the place, dead or alive, of a key in every part, the newest first, until it returns false.
func (c *change) each(id, ordinal uint32, f func(r *rows, d *dead, live *int, row int) bool) {
	for i := len(c.next.tails) - 1; i >= 0; i-- {
		v := &c.next.tails[i]
		if row := v.tail.find(id, ordinal); row >= 0 && !f(&v.tail.rows, &v.dead, &v.live, row) {
			return
		}
	}
	for i := range c.next.segments {
		v := &c.next.segments[i]
		if row := v.find(id, ordinal); row >= 0 && !f(&v.rows, &v.dead, &v.live, row) {
			return
		}
	}
}

// lookup returns the vector of a key.
func (c *change) lookup(k Key) (values []float32, s span, ok bool) {
	id, known := c.x.groups.find(k.Group)
	if !known {
		return nil, span{}, false
	}
	c.each(id, k.Ordinal, func(r *rows, d *dead, _ *int, row int) bool {
		if d.has(row) {
			return true
		}
		values, s, ok = r.exactRow(row), r.spans[row], true
		return false
	})
	return values, s, ok
}

// holds reports whether a deletion would find anything.
func (c *change) holds(k Key, record byte) bool {
	if record == recordRemove {
		_, _, ok := c.lookup(k)
		return ok
	}
	found := false
	c.rest(k.Group, k.Ordinal, func(_ *rows, d *dead, _ *int, row int) { found = found || !d.has(row) })
	return found
}

func (c *change) kill(r *rows, d *dead, live *int, row int) {
	bits, was := kill(*d, row, r.n, c.owned[r])
	if was {
		*d = bits
		c.owned[r] = true
		*live--
	}
}

func (c *change) put(group string, ordinal uint32, s span, values []float32) {
	if group != c.lastName || group == "" {
		c.lastName, c.lastID = group, c.x.groups.intern(group)
	}
	t := c.tail()
	if c.encoder == nil {
		c.encoder = c.x.encoderOf(t.centre)
	}
	c.each(c.lastID, ordinal, func(r *rows, d *dead, live *int, row int) bool {
		c.kill(r, d, live, row)
		return true
	})
	t.append(c.lastID, ordinal, s, values, c.encoder)
	c.next.tails[len(c.next.tails)-1].live++
}

func (c *change) trim(group string, from uint32) { c.rest(group, from, c.kill) }

// rest calls f for every place, dead or alive, of a group's rows from an ordinal on.
func (c *change) rest(group string, from uint32, f func(r *rows, d *dead, live *int, row int)) {
	id, ok := c.x.groups.find(group)
	if !ok {
		return
	}
	for i := range c.next.tails {
		v := &c.next.tails[i]
		for row, g := range v.tail.groups {
			if g == id && v.tail.ordinals[row] >= from {
				f(&v.tail.rows, &v.dead, &v.live, row)
			}
		}
	}
	for i := range c.next.segments {
		v := &c.next.segments[i]
		g, ok := v.place(id)
		if !ok {
			continue
		}
		e := v.extents[g].stretch()
		skip, _ := slices.BinarySearch(v.ordinals[e.from:e.to], from)
		for row := e.from + skip; row < e.to; row++ {
			f(&v.rows, &v.dead, &v.live, row)
		}
	}
}

func (c *change) remove(k Key) {
	id, ok := c.x.groups.find(k.Group)
	if !ok {
		return
	}
	c.each(id, k.Ordinal, func(r *rows, d *dead, live *int, row int) bool {
		c.kill(r, d, live, row)
		return true
	})
}

// encoderOf returns an encoder relative to a centre, for the writer alone.
func (x *Index) encoderOf(centre []float32) *encoder {
	if (centre == nil) == (x.centre == nil) {
		return x.encoder
	}
	return newEncoder(x.layout, x.cfg.Metric, x.rot, centre)
}
