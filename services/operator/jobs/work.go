package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// The reasons for stopping work before the end.
var (
	errLost      = errkind.New(errkind.Conflict, "the job's lease was lost")
	errPaused    = errkind.New(errkind.Cancelled, "paused")
	errCancelled = errkind.New(errkind.Cancelled, "cancelled")
)

// wishes are the reasons by the wish of an operator.
var wishes = map[string]error{"pause": errPaused, "cancel": errCancelled}

// maxNotes bounds what a job keeps for a person to read.
const maxNotes = 200

// Work is a running job, as the Kind sees the job. Methods may be called from any goroutine.
type Work struct {
	s     *Service
	id    string
	lease store.Lease

	mu      sync.Mutex
	job     *pb.Job // as last read or written
	done    int64
	total   int64
	cursor  []byte
	notes   []string // not yet written
	error   string
	dirty   bool
	counted time.Time // up to when worked_ms counts
}

// Job returns the job as the work last read the job; the caller may change the answer.
func (w *Work) Job() *pb.Job {
	w.mu.Lock()
	defer w.mu.Unlock()
	j := proto.CloneOf(w.job)
	j.Done, j.Total, j.Cursor = w.done, w.total, w.cursor
	return j
}

// Progress reports how much is done, and the cursor from which the work would go on. Everything before the cursor MUST be durable. Frequent calls
// cost nothing: progress is written about once a second.
func (w *Work) Progress(done, total int64, cursor []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if done > w.done {
		w.s.done.WithLabelValues(w.job.GetKind()).Add(float64(done - w.done))
		w.error = ""
	}
	w.done, w.total, w.cursor, w.dirty = done, total, cursor, true
}

// A Step is how far work is, and where the work would go on from.
type Step struct {
	Done   int64
	Cursor []byte   // nil leaves the cursor as it is
	Lines  []string // for a person
	// First has the step written before the work goes on.
	First bool
}

// A Teller takes a Step. The error of a Teller ends the work: the job was paused or cancelled, or the lease was lost.
type Teller func(ctx context.Context, s Step) error

// Tell takes a Step: at once where the work depends on the Step, and within a second otherwise. Tell is a Teller.
func (w *Work) Tell(ctx context.Context, s Step) error {
	j := w.Job()
	if s.Cursor == nil {
		s.Cursor = j.GetCursor()
	}
	w.Progress(s.Done, j.GetTotal(), s.Cursor)
	for _, l := range s.Lines {
		w.Note("%s", l)
	}
	if s.First {
		if _, err := w.write(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Sleep waits, and returns early with the cause where ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Note keeps a line for a person. A line that the job has already is not repeated: after a restart a Kind writes the same lines again.
func (w *Work) Note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.notes, w.dirty = append(w.notes, fmt.Sprintf(format, args...)), true
}

func (w *Work) progressed() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

// trouble shows the error that stops the work for now.
func (w *Work) trouble(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.error, w.dirty = "tried again: "+Clip(err.Error()), true
}

// keepEvery is how often progress is written and the operator's wish is read.
const keepEvery = 500 * time.Millisecond

// keep holds the lease, writes progress and obeys the operator, until stop. keep ends the work by cancelling the context with the reason.
func (w *Work) keep(ctx context.Context, stop <-chan struct{}, end func(error)) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	renewed := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if time.Since(renewed) > w.s.cfg.LeaseTTL/3 {
			l, err := w.s.deps.Store.Renew(ctx, w.lease, w.s.cfg.LeaseTTL)
			switch {
			case err == nil:
				w.lease.Until, renewed = l.Until, time.Now()
			case errkind.Is(err, errkind.Conflict), time.Since(renewed) > w.s.cfg.LeaseTTL:
				end(errLost)
				return
			case ctx.Err() == nil:
				w.s.deps.Log.Warn("renewing a lease", "lease", w.lease.Name, "error", err)
			}
		}
		wish, err := w.write(ctx)
		switch {
		case errors.Is(err, errLost):
			end(errLost)
			return
		case err != nil && ctx.Err() == nil:
			w.s.deps.Log.Warn("noting how far a job is", "job", w.id, "error", err)
		case wishes[wish] != nil:
			end(wishes[wish])
			return
		}
	}
}

// write stores the progress, where the progress has changed, and returns the operator's wish.
func (w *Work) write(ctx context.Context) (wish string, err error) {
	w.mu.Lock()
	dirty := w.dirty
	w.mu.Unlock()
	if !dirty {
		j, err := w.s.deps.Store.Job(ctx, w.id)
		return j.GetWish(), err
	}
	err = w.put(ctx, func(*pb.Job) bool { return true })
	return w.job.GetWish(), err
}

// put changes the job by compare-and-set, together with the progress that is not yet stored. The epoch is checked after the job was read: a later
// worker writes the job before the later worker does anything, so this write meets either the later epoch or the later revision. change may be called
// several times; false leaves the job as the job is.
func (w *Work) put(ctx context.Context, change func(*pb.Job) bool) error {
	for {
		j, err := w.s.deps.Store.Job(ctx, w.id)
		if err != nil {
			return err
		}
		err = w.s.deps.Store.CheckEpoch(ctx, w.lease.Name, w.lease.Epoch)
		if errkind.Is(err, errkind.Conflict) {
			return errLost
		}
		if err != nil {
			return err
		}
		w.mu.Lock()
		notes := len(w.notes)
		now := time.Now()
		if w.job != nil { // the work has begun
			j.Done, j.Total, j.Cursor, j.Error = w.done, w.total, w.cursor, w.error
			for _, n := range w.notes {
				if len(j.Notes) < maxNotes && !slices.Contains(j.Notes, n) {
					j.Notes = append(j.Notes, n)
				}
			}
			j.WorkedMs += now.Sub(w.counted).Milliseconds()
		}
		w.dirty = false
		w.mu.Unlock()
		if !change(j) {
			return nil
		}
		next, err := w.s.deps.Store.PutJob(ctx, j)
		w.mu.Lock()
		if err != nil {
			w.dirty = true
		} else {
			w.job, w.notes, w.counted = next, w.notes[notes:], now
		}
		w.mu.Unlock()
		if !errkind.Is(err, errkind.Conflict) {
			return err
		}
	}
}

// end stores how the work ended: by err, or by the reason for stopping; nil is the end of the work.
func (w *Work) end(ctx context.Context, err error) (pb.JobState, error) {
	putErr := w.put(ctx, func(j *pb.Job) bool {
		settle(j, err)
		return true
	})
	return w.job.GetState(), putErr
}

// settle writes the end into a job.
func settle(j *pb.Job, err error) {
	now := time.Now().UnixMilli()
	switch {
	case err == nil:
		j.State, j.Error, j.EndedMs = pb.JobState_JOB_STATE_FINISHED, "", now
	case errors.Is(err, errPaused):
		j.State = pb.JobState_JOB_STATE_PAUSED
	case errors.Is(err, errCancelled):
		j.State, j.EndedMs = pb.JobState_JOB_STATE_CANCELLED, now
	case errkind.Is(err, errkind.Cancelled):
		return // the process stops: the next process goes on
	default:
		j.State, j.ErrorKind, j.Error, j.EndedMs = pb.JobState_JOB_STATE_FAILED, errkind.Of(err).String(), Clip(err.Error()), now
	}
	j.Wish = ""
}

// Clip keeps an error short enough to be stored.
func Clip(s string) string {
	const most = 2000
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
