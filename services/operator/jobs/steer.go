package jobs

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Steer pauses, resumes or cancels a job. A running job obeys within about a second.
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
			continue // the worker was quicker: decide again
		}
		if err != nil {
			return nil, fmt.Errorf("steering job %s: %w", id, err)
		}
		s.lookNow()
		return next, nil
	}
}

// steer changes j as wished, and reports whether j was changed.
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
