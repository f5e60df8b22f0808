package embedded

// Memory implements telemetry.MemoryHolder. The heap is the columns and places of texts, the names of runs, and the vectors that are not sealed into
// files yet. Caches of scopes are left out.
func (e *Engine) Memory() (folder string, heap, outside int64) {
	g := e.live.Load()
	if g == nil || !g.enter() {
		return e.dir, 0, 0
	}
	defer g.leave()
	for _, c := range g.text.columns.present() {
		heap += c.bytes()
	}
	for _, run := range e.runs.list() {
		heap += int64(len(run)) + runBytes
	}
	for _, v := range g.all() {
		heap += v.index.HeapBytes()
	}
	return e.dir, heap, 0
}

// runBytes is what the table of runs keeps of a run beside its name.
const runBytes = 48

func (c *columns) bytes() int64 {
	return int64(4*(len(c.runOf)+len(c.ordinals)+len(c.order)+len(c.starts)+len(c.runs)+len(c.first)+len(c.last)) + c.places.Load().bytes())
}
