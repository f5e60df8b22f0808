package operating

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// rebuildName is the kind of the jobs that fill submits.
const rebuildName = "rebuild"

// rebuildKind makes the search engine anew from the store.
func rebuildKind(deps Deps) jobs.Kind {
	r := &rebuilder{deps.Store, deps.Engine}
	return jobs.Kind{
		Name: rebuildName, Summary: "make the search engine anew from the store, and swap it in", Role: authz.Operator, Field: "rebuild",
		Options: []jobs.Option{{Name: "rate", Type: jobs.Number, Help: "items a second; 0 is as fast as it goes"}},
		Plan:    func(ctx context.Context, j *pb.Job) (*jobs.Plan, error) { return r.plan(ctx, j.GetRebuild()) },
		Do: func(ctx context.Context, w *jobs.Work) error {
			j := w.Job()
			return r.do(ctx, j.GetRebuild(), j.GetTotal(), w.Tell)
		},
	}
}

// fill submits a rebuild once the search engine reports that the engine holds less than the store. The job is listed, shows progress and goes on
// after a kill, like any job. An operator submits again after the job was cancelled or has failed.
func (s *Service) fill(ctx context.Context) error {
	l, ok := search.As[search.Lacker](s.deps.Engine)
	if !ok {
		return nil
	}
	lack := l.Lacking()
	if lack == nil || lack == s.filling {
		return nil
	}
	key, underway, err := s.rebuilds(ctx)
	if err != nil {
		return err
	}
	if underway {
		s.filling = lack // begun before a restart, by another process, or by an operator
		return nil
	}
	j, submitted, err := s.SubmitOwn(ctx, rebuildName, key)
	if err != nil {
		return err
	}
	if submitted {
		s.deps.Log.Warn("the search engine is filled anew from the store", "job", j.GetId(), "runs", j.GetTotal(), "reason", lack.Reason)
	}
	s.filling = lack
	return nil
}

// rebuilds reports whether a rebuild is underway, and otherwise returns the key of the next rebuild. The key follows from the rebuilds that have
// ended: all processes that miss the same items submit the same job.
func (s *Service) rebuilds(ctx context.Context) (next string, underway bool, err error) {
	var ended int
	var last int64
	for j, err := range s.deps.Store.AllJobs(ctx) {
		if err != nil {
			return "", false, fmt.Errorf("reading the jobs: %w", err)
		}
		if j.GetKind() != rebuildName {
			continue
		}
		if !jobs.Ended(j.GetState()) {
			return "", true, nil
		}
		ended, last = ended+1, max(last, j.GetEndedMs())
	}
	return fmt.Sprintf("by itself, after %d rebuilds until %s", ended, time.UnixMilli(last).UTC().Format(time.RFC3339Nano)), false, nil
}

// Rebuild makes the search engine anew from the store, in this process, where no service does jobs. progress is called with the number of copied runs
// and of all runs. The lines are for a person.
func Rebuild(ctx context.Context, s store.Store, e search.Engine, w *pb.Rebuild, progress func(done, total int64)) (lines []string, err error) {
	r := rebuilder{s, e}
	p, err := r.plan(ctx, w)
	if err != nil {
		return nil, err
	}
	err = r.do(ctx, w, p.Total, func(_ context.Context, s jobs.Step) error {
		progress(s.Done, p.Total)
		lines = append(lines, s.Lines...)
		return nil
	})
	return lines, err
}

// A rebuilder makes the search engine anew from the store, beside the live engine, and swaps the engines once engine and store agree.
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

func (r *rebuilder) plan(ctx context.Context, w *pb.Rebuild) (*jobs.Plan, error) {
	if err := checkRebuild(w); err != nil {
		return nil, err
	}
	if _, ok := search.As[search.Rebuilder](r.engine); !ok {
		return nil, errkind.New(errkind.Invalid, "rebuild: this search engine cannot be filled anew beside itself")
	}
	var read, items int64
	err := r.runs(ctx, func(run *pb.Run) error {
		read++
		items += run.GetAnnotations() + run.GetEmbeddings()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &jobs.Plan{Total: read, Unit: "runs", Lines: []string{
		fmt.Sprintf("reads %d runs with %d items from the store into a fresh search engine beside the live one, which needs its space until the swap", read, items),
		"holds the fresh engine against the store, and swaps it in at once where they agree; searches and writes go on meanwhile",
		"a rebuild that is paused or killed begins anew",
	}}, nil
}

// do rebuilds. After a pause or a kill, do begins anew with another fresh engine: the engine before lacks the items that were written meanwhile, and
// finding these items costs as much as copying all items.
func (r *rebuilder) do(ctx context.Context, w *pb.Rebuild, total int64, tell jobs.Teller) (err error) {
	engine, ok := search.As[search.Rebuilder](r.engine)
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
	left := &leftOut{}
	left.auditor, _ = search.As[search.Auditor](r.engine)
	err = r.runs(ctx, func(run *pb.Run) error {
		err := copyRun(ctx, r.store, fresh, run, func(itemKey) bool { return true }, left.kept, func(n int) error {
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
		return tell(ctx, jobs.Step{Done: min(copied, total)})
	})
	if err != nil {
		return err
	}
	v := newVerifier(r.store, fresh, nil)
	v.auditor, _ = search.As[search.Auditor](r.engine)
	f, err := v.lasting(ctx)
	if err != nil {
		return fmt.Errorf("holding the fresh search engine against the store: %w", err)
	}
	if f.differences() > 0 {
		_ = tell(ctx, jobs.Step{Done: copied, Lines: f.lines()})
		return errkind.New(errkind.Internal, "the fresh search engine differs from the store in %d items, and was not swapped in; the notes say in which", f.differences())
	}
	if err := fresh.Commit(ctx); err != nil {
		return fmt.Errorf("swapping the search engine: %w", err)
	}
	return tell(ctx, jobs.Step{Done: total, Lines: append(left.lines(), fmt.Sprintf("filled a search engine with %d runs, %d items, and swapped it in", copied, items))})
}

// looks is how often a fresh engine is held against the store before a difference is believed.
const looks = 3

// lasting compares the whole store with the engine until no difference is found, looks times at most. A run that is being collected is taken out of
// the engine before the store forgets the run: such a difference does not last.
func (v *verifier) lasting(ctx context.Context) (f *tally, err error) {
	for range looks {
		f, err = v.compare(ctx, nil, func(_, _ int64) {}, func(*difference) error { return nil })
		if err != nil || f.differences() == 0 {
			break
		}
	}
	return f, err
}

// leftOut counts the embeddings that the engine refuses: of spaces that no algorithm declares any more, or of another dimension than their space.
// Such embeddings stay in the store, and are found again once the space is announced and the engine is rebuilt.
type leftOut struct {
	auditor search.Auditor // nil: the engine does not say which items it keeps
	counts  map[string]int64
}

// kept reports whether the engine takes an embedding.
func (l *leftOut) kept(e *pb.Embedding) bool {
	if l.auditor == nil {
		return true
	}
	if _, kept := l.auditor.KeptEmbedding(e); kept {
		return true
	}
	if l.counts == nil {
		l.counts = map[string]int64{}
	}
	l.counts[e.GetSpace()]++
	return false
}

func (l *leftOut) lines() (lines []string) {
	for _, space := range slices.Sorted(maps.Keys(l.counts)) {
		lines = append(lines, fmt.Sprintf("left out %d embeddings of the space %.140s, which the search engine does not have", l.counts[space], space))
	}
	return lines
}
