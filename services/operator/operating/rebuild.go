package operating

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
)

// fill has the search engine filled anew once it knows that it holds less than the store. The job is like any other: it
// is listed, shows how far it is, and goes on after a kill. One that is cancelled or fails is for an operator to submit again.
func (s *Service) fill(ctx context.Context) error {
	l, ok := s.deps.Engine.(search.Lacker)
	if !ok {
		return nil
	}
	lack := l.Lacking()
	if lack == nil || lack == s.filling {
		return nil
	}
	j := &pb.Job{Kind: "rebuild", Key: "by itself, " + time.Now().UTC().Format(time.RFC3339Nano), Caller: "cinedex", State: pb.JobState_JOB_STATE_WAITING,
		Work: &pb.Job_Rebuild{Rebuild: &pb.Rebuild{}}, CreatedMs: time.Now().UnixMilli()}
	for other, err := range s.deps.Store.AllJobs(ctx) {
		if err != nil {
			return fmt.Errorf("reading the jobs: %w", err)
		}
		if other.GetKind() == j.Kind && !Ended(other.GetState()) {
			s.filling = lack // it was begun before a restart, or by an operator
			return nil
		}
	}
	p, err := s.kinds[j.Kind].Plan(ctx, j)
	if err != nil {
		return err
	}
	if j.Id, err = JobID(j); err != nil {
		return err
	}
	j.Total, j.Unit = p.Total, p.Unit
	if _, err := s.deps.Store.PutJob(ctx, j); err != nil {
		return fmt.Errorf("submitting a job: %w", err)
	}
	s.deps.Log.Warn("the search engine is filled anew from the store", "job", j.GetId(), "runs", p.Total, "reason", lack.Reason)
	s.filling = lack
	return nil
}

// Rebuild makes the search engine anew from the store, here and now, where no service does jobs. It reports how many of how many
// runs are done to progress, and returns what is to be said of it.
func Rebuild(ctx context.Context, s store.Store, e search.Engine, w *pb.Rebuild, progress func(done, total int64)) (lines []string, err error) {
	r := rebuilder{s, e}
	p, err := r.plan(ctx, w)
	if err != nil {
		return nil, err
	}
	err = r.do(ctx, w, p.total, func(_ context.Context, s step) error {
		progress(s.done, p.total)
		lines = append(lines, s.lines...)
		return nil
	})
	return lines, err
}

// A rebuilder makes the search engine anew from the store, beside the live one, and swaps it in once the two agree.
type rebuilder struct {
	store  store.Store
	engine search.Engine
}

func checkRebuild(w *pb.Rebuild) error {
	if !finiteRate(w.GetRate()) {
		return errkind.New(errkind.Invalid, "rebuild.rate: items a second, 0 or more; 0 is as fast as it goes")
	}
	return nil
}

// runs calls each with every run of the library that may have items.
func (r *rebuilder) runs(ctx context.Context, each func(*pb.Run) error) error {
	for asset, err := range r.store.AllAssets(ctx) {
		if err != nil {
			return fmt.Errorf("reading the library: %w", err)
		}
		all, err := runs.Of(ctx, r.store, asset.GetId())
		if err != nil {
			return err
		}
		for _, run := range all {
			if err := each(run); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *rebuilder) plan(ctx context.Context, w *pb.Rebuild) (plan, error) {
	if err := checkRebuild(w); err != nil {
		return plan{}, err
	}
	if _, ok := r.engine.(search.Rebuilder); !ok {
		return plan{}, errkind.New(errkind.Invalid, "rebuild: this search engine cannot be filled anew beside itself")
	}
	var read, items int64
	err := r.runs(ctx, func(run *pb.Run) error {
		read++
		items += run.GetAnnotations() + run.GetEmbeddings()
		return nil
	})
	if err != nil {
		return plan{}, err
	}
	return plan{total: read, unit: "runs", lines: []string{
		fmt.Sprintf("reads %d runs with %d items from the store into a fresh search engine beside the live one, which needs its space until the swap", read, items),
		"holds the fresh engine against the store, and swaps it in at once where they agree; searches and writes go on meanwhile",
		"a rebuild that is paused or killed begins anew",
	}}, nil
}

// do rebuilds. What came before a pause or a kill is given up with the fresh engine: whatever was
// written meanwhile it does not have, and finding out what costs as much as filling it.
func (r *rebuilder) do(ctx context.Context, w *pb.Rebuild, total int64, tell teller) (err error) {
	engine, ok := r.engine.(search.Rebuilder)
	if !ok {
		return errkind.New(errkind.Invalid, "rebuild: this search engine cannot be filled anew beside itself")
	}
	fresh, err := engine.Rebuild(ctx)
	if err != nil {
		return fmt.Errorf("beginning a search engine beside the live one: %w", err)
	}
	defer func() {
		if closeErr := fresh.Close(); err == nil {
			err = closeErr
		}
	}()
	limit := rate.NewLimiter(rate.Inf, copyBatch)
	if w.GetRate() > 0 {
		limit = rate.NewLimiter(rate.Limit(w.GetRate()), copyBatch)
	}
	var copied, items int64
	err = r.runs(ctx, func(run *pb.Run) error {
		err := copyRun(ctx, r.store, fresh, run, func(itemKey) bool { return true }, func(n int) error {
			items += int64(n)
			// Tokens for more than a burst are waited for in parts.
			for n > 0 {
				part := min(n, copyBatch)
				if err := limit.WaitN(ctx, part); err != nil {
					return err
				}
				n -= part
			}
			return nil
		})
		if err != nil {
			return err
		}
		copied++
		return tell(ctx, step{done: min(copied, total)})
	})
	if err != nil {
		return err
	}
	v := newVerifier(r.store, fresh, nil)
	v.auditor, _ = r.engine.(search.Auditor)
	f, err := v.compare(ctx, nil, func(_, _ int64) {}, func(*difference) error { return nil })
	if err != nil {
		return fmt.Errorf("holding the fresh search engine against the store: %w", err)
	}
	if f.differences() > 0 {
		_ = tell(ctx, step{done: copied, lines: f.lines()})
		return errkind.New(errkind.Internal, "the fresh search engine differs from the store in %d items, and was not swapped in; the notes say in which", f.differences())
	}
	if err := fresh.Commit(ctx); err != nil {
		return fmt.Errorf("swapping the search engine: %w", err)
	}
	return tell(ctx, step{done: total, lines: []string{fmt.Sprintf("filled a search engine with %d runs, %d items, and swapped it in", copied, items)}})
}
