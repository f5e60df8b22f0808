package runs

import (
	"sync"
	"time"
)

// A Board says how far the executions in this process are. The zero Board is empty. A Board is safe for concurrent use.
type Board struct {
	mu   sync.Mutex
	runs map[string]execution
}

type execution struct {
	done, total int64
	at          time.Time
}

// silentFor is how long an execution counts without a note.
const silentFor = 30 * time.Second

// maxExecutions bounds the executions that a Board keeps.
const maxExecutions = 10_000

// Note notes how far the execution of a run is: done of total, in any unit. A total of 0 is unknown.
func (b *Board) Note(run string, done, total int64, ended bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ended {
		delete(b.runs, run)
		return
	}
	if b.runs == nil {
		b.runs = map[string]execution{}
	}
	if len(b.runs) < maxExecutions {
		b.runs[run] = execution{done, total, time.Now()}
	}
}

// Running reports whether the run is executed in this process, and the part that is done, from 0 to 1. The part is negative where it is unknown.
func (b *Board) Running(run string) (part float64, running bool) {
	if b == nil {
		return -1, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.runs[run]
	switch {
	case !ok:
		return -1, false
	case time.Since(e.at) > silentFor:
		delete(b.runs, run)
		return -1, false
	case e.total <= 0:
		return -1, true
	}
	return min(1, max(0, float64(e.done)/float64(e.total))), true
}
