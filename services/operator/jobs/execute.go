package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// attempts is how often a job is tried that fails with Internal and makes no progress.
const attempts = 5

// work does a job under the job's lease, from the cursor to the end, or until the job is stopped.
func (s *Service) work(ctx context.Context, id string, kind *Kind) error {
	lease, err := s.deps.Store.Acquire(ctx, store.JobLease(id), s.cfg.Worker, s.cfg.LeaseTTL)
	if errkind.Is(err, errkind.Conflict) {
		return nil // the worker lives
	}
	if err != nil {
		return fmt.Errorf("taking the lease of the job: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := s.deps.Store.Release(ctx, lease); err != nil {
			s.deps.Log.Warn("giving a lease back", "lease", lease.Name, "error", err)
		}
	}()
	w, err := s.begin(ctx, id, lease)
	if err != nil || w == nil {
		return err
	}
	s.working.WithLabelValues(w.job.GetKind()).Inc()
	defer s.working.WithLabelValues(w.job.GetKind()).Dec()
	log := s.deps.Log.With("job", id, "kind", w.job.GetKind(), "caller", w.job.GetCaller())
	log.Info("doing a job", "done", w.job.GetDone(), "of", w.job.GetTotal(), "unit", w.job.GetUnit(), "epoch", lease.Epoch)

	err = w.do(ctx, kind)
	if errors.Is(err, errLost) {
		log.Warn("another worker has the job")
		return nil
	}
	// Progress is written, also when the process is told to stop.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	state, err := w.end(ctx, err)
	if errors.Is(err, errLost) {
		log.Warn("another worker has the job")
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the end of the job: %w", err)
	}
	if state != pb.JobState_JOB_STATE_RUNNING {
		s.ended.WithLabelValues(w.job.GetKind(), StateName(state)).Inc()
	}
	log.Info("left a job", "state", StateName(state), "done", w.job.GetDone(), "of", w.job.GetTotal(), "error", w.job.GetError())
	return nil
}

// begin writes that a job is running. The Work is nil where the job has ended meanwhile, or where an operator stopped the job before the start.
func (s *Service) begin(ctx context.Context, id string, lease store.Lease) (*Work, error) {
	w := &Work{s: s, id: id, lease: lease, counted: time.Now()}
	taken := false
	err := w.put(ctx, func(j *pb.Job) bool {
		taken = false
		switch {
		case j.GetState() != pb.JobState_JOB_STATE_WAITING && j.GetState() != pb.JobState_JOB_STATE_RUNNING:
			return false
		case j.GetWish() != "":
			settle(j, wishes[j.GetWish()])
			return true
		}
		taken = true
		j.State, j.ErrorKind, j.Error = pb.JobState_JOB_STATE_RUNNING, "", ""
		if j.GetStartedMs() == 0 {
			j.StartedMs = time.Now().UnixMilli()
		}
		return true
	})
	if errors.Is(err, errLost) || err == nil && !taken {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("writing that the job is running: %w", err)
	}
	w.done, w.total, w.cursor = w.job.GetDone(), w.job.GetTotal(), w.job.GetCursor()
	return w, nil
}

// do calls the kind until the job is done or stopped, or has failed for good.
func (w *Work) do(ctx context.Context, kind *Kind) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { w.keep(ctx, stop, cancel) })
	defer keeping.Wait()
	defer close(stop)

	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = 200*time.Millisecond, 30*time.Second
	tries, at := 0, int64(-1)
	for {
		err := guard(ctx, kind, w)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil {
			return nil
		}
		k := errkind.Of(err)
		if done := w.progressed(); done != at {
			tries, at = 0, done
			b.Reset()
		}
		tries++
		if !k.Retryable() || k == errkind.Internal && tries >= attempts {
			return err
		}
		w.trouble(err)
		w.s.deps.Log.Warn("doing a job again", "job", w.id, "attempt", tries, "error", err)
		t := time.NewTimer(b.NextBackOff())
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return context.Cause(ctx)
		}
	}
}

// guard turns a Kind's panic into its error.
func guard(ctx context.Context, kind *Kind, w *Work) (err error) {
	defer func() {
		if r := recover(); r != nil {
			w.s.deps.Log.Error("a job panicked", "job", w.id, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			err = errkind.New(errkind.Internal, "the job panicked: %v", r)
		}
	}()
	return kind.Do(ctx, w)
}
