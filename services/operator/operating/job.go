package operating

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

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

// kindOf returns the kind that a job's work is of.
func kindOf(j *pb.Job) (string, error) {
	switch w := j.GetWork().(type) {
	case *pb.Job_Replay:
		return "replay", nil
	case *pb.Job_Activate:
		return "activate", nil
	case *pb.Job_Collect:
		return "gc", nil
	case *pb.Job_Rebuild:
		return "rebuild", nil
	case *pb.Job_Verify:
		if w.Verify.GetRepair() {
			return "repair", nil
		}
		return "verify", nil
	case *pb.Job_Batch:
		return "batch", nil
	}
	return "", errkind.New(errkind.Invalid, "job: say what is to be done: replay, activate, collect, rebuild, verify or batch")
}

// JobID derives a job's identity from its kind, its work and its key, and of a batch from its caller as well: a batch belongs to who
// asked, and a caller must not learn from it that somebody else asked for the same.
func JobID(j *pb.Job) (string, error) {
	of := &pb.Job{Kind: j.GetKind(), Key: j.GetKey(), Work: j.GetWork()}
	if j.GetBatch() != nil {
		of.Caller = j.GetCaller()
	}
	b, err := schema.MarshalJSON(of)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(append([]byte("cinedex.job.1\n"), b...))
	return hex.EncodeToString(sum[:])[:16], nil
}

// Plan says what a job would do. It returns the job as it would be submitted.
func (s *Service) Plan(ctx context.Context, caller *authz.Caller, asked *pb.Job) (*pb.Job, *Plan, error) {
	kind, err := kindOf(asked)
	if err != nil {
		return nil, nil, err
	}
	role := authz.Operator
	if kind == "batch" {
		role = authz.Batch
	}
	if err := caller.Require(role); err != nil {
		return nil, nil, err
	}
	if asked.GetKind() != "" && asked.GetKind() != kind {
		return nil, nil, errkind.New(errkind.Invalid, "job.kind: %q is not what the work says, %q", asked.GetKind(), kind)
	}
	k := s.kinds[kind]
	if k == nil {
		return nil, nil, errkind.New(errkind.Invalid, "job.kind: nothing here does %q; there are %s", kind, strings.Join(slices.Sorted(maps.Keys(s.kinds)), ", "))
	}
	if len(asked.GetKey()) > 200 {
		return nil, nil, errkind.New(errkind.Invalid, "job.key: must have at most 200 bytes")
	}
	j := &pb.Job{Kind: kind, Key: asked.GetKey(), Caller: caller.Name(), State: pb.JobState_JOB_STATE_WAITING, Work: proto.CloneOf(asked).GetWork()}
	if err := s.narrow(ctx, caller, selectionOf(j)); err != nil {
		return nil, nil, err
	}
	if j.Id, err = JobID(j); err != nil {
		return nil, nil, err
	}
	p, err := k.Plan(ctx, j)
	if err != nil {
		return nil, nil, err
	}
	j.Total, j.Unit = p.Total, p.Unit
	return j, p, nil
}

// Submit takes a job in, or returns the one of its identity that is there.
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

// mine refuses a job to callers whose work it is not. To those who may only ask for batches, others' jobs do not exist, and neither does
// a job of their own over an asset that they may not see any more: its selection, counts, notes and errors tell of the asset.
func (s *Service) mine(ctx context.Context, caller *authz.Caller, j *pb.Job) error {
	if caller.Require(authz.Operator) == nil {
		return nil
	}
	if err := caller.Require(authz.Batch); err != nil {
		return err
	}
	if j.GetKind() != "batch" || j.GetCaller() != caller.Name() {
		return noJob(j.GetId())
	}
	if caller.SeesAll() {
		return nil
	}
	for _, id := range j.GetBatch().GetSelection().GetAssets() { // taking a batch in has fixed them
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

// Jobs returns the jobs that the caller may see, the newest first: of the kinds given, and only those that have not ended unless all are asked for.
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

// Steer pauses, resumes or cancels a job. A job that is being done obeys within about a second.
func (s *Service) Steer(ctx context.Context, caller *authz.Caller, id, wish string) (*pb.Job, error) {
	for {
		j, err := s.Job(ctx, caller, id)
		if err != nil {
			return nil, err
		}
		changed, err := steer(j, wish)
		if err != nil || !changed {
			return j, err
		}
		next, err := s.deps.Store.PutJob(ctx, j)
		if errkind.Is(err, errkind.Conflict) {
			continue // its worker was quicker: decide again
		}
		if err != nil {
			return nil, fmt.Errorf("steering job %s: %w", id, err)
		}
		s.lookNow()
		return next, nil
	}
}

// steer changes j as wished, and reports whether that is a change.
func steer(j *pb.Job, wish string) (bool, error) {
	state := j.GetState()
	no := func() (bool, error) {
		return false, errkind.New(errkind.Invalid, "job %s is %s, which nobody can %s", j.GetId(), StateName(state), wish)
	}
	switch wish {
	case "pause", "cancel":
		switch state {
		case pb.JobState_JOB_STATE_RUNNING:
			if j.GetWish() == wish || j.GetWish() == "cancel" {
				return false, nil
			}
			j.Wish = wish
			return true, nil
		case pb.JobState_JOB_STATE_WAITING, pb.JobState_JOB_STATE_PAUSED:
			if wish == "pause" && state == pb.JobState_JOB_STATE_PAUSED {
				return false, nil
			}
			settle(j, wishes[wish])
			return true, nil
		case pb.JobState_JOB_STATE_CANCELLED:
			if wish == "cancel" {
				return false, nil
			}
		}
		return no()
	case "resume":
		switch state {
		case pb.JobState_JOB_STATE_RUNNING:
			if j.GetWish() != "pause" {
				return false, nil
			}
			j.Wish = ""
			return true, nil
		case pb.JobState_JOB_STATE_WAITING:
			return false, nil
		case pb.JobState_JOB_STATE_PAUSED, pb.JobState_JOB_STATE_FAILED:
			j.State, j.ErrorKind, j.Error, j.EndedMs = pb.JobState_JOB_STATE_WAITING, "", "", 0
			return true, nil
		}
		return no()
	}
	return false, errkind.New(errkind.Invalid, "wish: %.20q is none of pause, resume, cancel", wish)
}

// ETA is how many seconds a job needs to its end at the rate so far; negative where that is unknown.
func ETA(j *pb.Job) float64 {
	switch {
	case Ended(j.GetState()):
		return 0
	case j.GetState() != pb.JobState_JOB_STATE_RUNNING || j.GetDone() <= 0 || j.GetTotal() < j.GetDone() || j.GetWorkedMs() <= 0:
		return -1
	}
	return float64(j.GetWorkedMs()) / 1000 / float64(j.GetDone()) * float64(j.GetTotal()-j.GetDone())
}
