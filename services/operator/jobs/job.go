package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// StateName is how people and programs read a state: "waiting".
func StateName(s pb.JobState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "JOB_STATE_"))
}

// Ended reports whether nothing more will be done of a job by itself.
func Ended(s pb.JobState) bool {
	return s == pb.JobState_JOB_STATE_FINISHED || s == pb.JobState_JOB_STATE_FAILED || s == pb.JobState_JOB_STATE_CANCELLED
}

// identity derives a job's identity from the kind, the work and the key. Where a job belongs to the caller, the caller is part of the identity as
// well: a caller must not learn from an identity whether somebody else submitted the same work.
func (k *Kind) identity(j *pb.Job) (string, error) {
	of := &pb.Job{Kind: j.GetKind(), Key: j.GetKey(), Work: j.GetWork()}
	if k.belongs() {
		of.Caller = j.GetCaller()
	}
	b, err := schema.MarshalJSON(of)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte("cinedex.job.1\n"), b...))
	return hex.EncodeToString(sum[:])[:16], nil
}

// maxKey bounds the key of a job.
const maxKey = 200

// Plan tells the work of a job, and returns the job as Submit would store the job. Plan changes nothing in the store.
func (s *Service) Plan(ctx context.Context, caller *authz.Caller, asked *pb.Job) (*pb.Job, *Plan, error) {
	k, err := s.kindOf(asked)
	if err != nil {
		return nil, nil, err
	}
	if err := caller.Require(k.Role); err != nil {
		return nil, nil, err
	}
	if len(asked.GetKey()) > maxKey {
		return nil, nil, errkind.New(errkind.Invalid, "job.key: must have at most %d bytes", maxKey)
	}
	j, err := k.stored(caller, asked)
	if err != nil {
		return nil, nil, err
	}
	if k.Selects {
		if err := s.narrow(ctx, caller, selectionOf(j), k.belongs() && k.Field == ""); err != nil {
			return nil, nil, err
		}
	}
	p, err := k.plan(ctx, j)
	return j, p, err
}

// plan gives a job its identity and its counts.
func (k *Kind) plan(ctx context.Context, j *pb.Job) (p *Plan, err error) {
	if j.Id, err = k.identity(j); err != nil {
		return nil, err
	}
	if p, err = k.Plan(ctx, j); err != nil {
		return nil, err
	}
	j.Total, j.Unit = p.Total, p.Unit
	return p, nil
}

// SubmitOwn submits a job of Cinedex itself: no caller's rights are checked, and the caller's name is "cinedex". submitted is false where the job of
// the kind and key is in the store already: of several processes that submit the same job at the same time, one does.
func (s *Service) SubmitOwn(ctx context.Context, kind, key string) (j *pb.Job, submitted bool, err error) {
	k := s.kinds[kind]
	if k == nil {
		return nil, false, errkind.New(errkind.Invalid, "nothing here does jobs of kind %q", kind)
	}
	j = &pb.Job{Kind: k.Name, Key: key, Caller: "cinedex", State: pb.JobState_JOB_STATE_WAITING, CreatedMs: time.Now().UnixMilli()}
	if j.Work = (&pb.Job_Task{Task: &pb.Task{}}); k.Field != "" {
		k.fill(j, j.GetTask())
	}
	if _, err := k.plan(ctx, j); err != nil {
		return nil, false, err
	}
	_, err = s.deps.Store.PutJob(ctx, j)
	if errkind.Is(err, errkind.Conflict) {
		return j, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("submitting a job: %w", err)
	}
	s.lookNow()
	return j, true, nil
}

// Submit stores a job, or returns the job of the same identity from the store.
func (s *Service) Submit(ctx context.Context, caller *authz.Caller, asked *pb.Job) (*pb.Job, error) {
	j, _, err := s.Plan(ctx, caller, asked)
	if err != nil {
		return nil, err
	}
	j.CreatedMs = time.Now().UnixMilli()
	put, err := s.deps.Store.PutJob(ctx, j)
	if errkind.Is(err, errkind.Conflict) {
		return s.Job(ctx, caller, j.GetId())
	}
	if err != nil {
		return nil, fmt.Errorf("submitting a job: %w", err)
	}
	s.lookNow()
	return put, nil
}

func (s *Service) lookNow() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// mine refuses a job to a caller who may not see the job. For a caller with the role batch alone, jobs of other callers do not exist. A job of the
// caller's own does not exist either once an asset of the job is hidden from the caller: selection, counts, notes and errors tell of the asset.
func (s *Service) mine(ctx context.Context, caller *authz.Caller, j *pb.Job) error {
	if caller.Require(authz.Operator) == nil {
		return nil
	}
	if err := caller.Require(authz.Batch); err != nil {
		return err
	}
	if k := s.kinds[j.GetKind()]; k == nil || !k.belongs() || j.GetCaller() != caller.Name() {
		return noJob(j.GetId())
	}
	if caller.SeesAll() {
		return nil
	}
	for _, id := range Selection(j).GetAssets() { // the assets were fixed when the job was submitted
		a, err := s.deps.Store.Asset(ctx, id)
		if errkind.Is(err, errkind.NotFound) || err == nil && !caller.MaySee(a.GetTitle().GetId()) {
			return noJob(j.GetId())
		}
		if err != nil {
			return fmt.Errorf("reading asset %s: %w", id, err)
		}
	}
	return nil
}

func noJob(id string) error {
	return errkind.New(errkind.NotFound, "there is no job %.64q; `cinedex jobs list --all` shows which there are", id)
}

// Job returns a job that the caller may see.
func (s *Service) Job(ctx context.Context, caller *authz.Caller, id string) (*pb.Job, error) {
	if err := caller.Require(authz.Batch); err != nil {
		return nil, err
	}
	j, err := s.deps.Store.Job(ctx, id)
	if errkind.Is(err, errkind.NotFound) {
		return nil, noJob(id)
	}
	if err != nil {
		return nil, fmt.Errorf("reading job %s: %w", id, err)
	}
	if err := s.mine(ctx, caller, j); err != nil {
		return nil, err
	}
	return j, nil
}

// Jobs returns the jobs that the caller may see, the newest first. kinds limits the answer to jobs of these kinds. Jobs that have ended are left out
// unless all is set.
func (s *Service) Jobs(ctx context.Context, caller *authz.Caller, kinds []string, all bool) ([]*pb.Job, error) {
	if err := caller.Require(authz.Batch); err != nil {
		return nil, err
	}
	var out []*pb.Job
	for j, err := range s.deps.Store.AllJobs(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the jobs: %w", err)
		}
		if len(kinds) > 0 && !slices.Contains(kinds, j.GetKind()) || !all && Ended(j.GetState()) {
			continue
		}
		switch err := s.mine(ctx, caller, j); {
		case err == nil:
			out = append(out, j)
		case !errkind.Is(err, errkind.NotFound):
			return nil, err
		}
	}
	slices.SortStableFunc(out, func(a, b *pb.Job) int {
		return cmp.Or(cmp.Compare(b.GetCreatedMs(), a.GetCreatedMs()), cmp.Compare(a.GetId(), b.GetId()))
	})
	return out, nil
}

// ETA is how many seconds a job needs to the end at the rate so far; negative where the rate is unknown.
func ETA(j *pb.Job) float64 {
	switch {
	case Ended(j.GetState()):
		return 0
	case j.GetState() != pb.JobState_JOB_STATE_RUNNING || j.GetDone() <= 0 || j.GetTotal() < j.GetDone() || j.GetWorkedMs() <= 0:
		return -1
	}
	return float64(j.GetWorkedMs()) / 1000 / float64(j.GetDone()) * float64(j.GetTotal()-j.GetDone())
}
