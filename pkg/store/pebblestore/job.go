package pebblestore

import (
	"context"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// PutJob implements store.Jobs.
func (s *Store) PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error) {
	if j.GetId() == "" {
		return nil, errkind.New(errkind.Invalid, "putting a job: the job has no id")
	}
	next := proto.CloneOf(j)
	next.Revision++
	err := s.edit(ctx, "putting job "+j.GetId(), "job/"+j.GetId(), func(e *edit) error {
		k, old := key(tableJobs, j.GetId()), &pb.Job{}
		if err := s.get(k, old, "job"); err != nil && !errkind.Is(err, errkind.NotFound) {
			return err
		}
		if old.GetRevision() != j.GetRevision() {
			return errkind.New(errkind.Conflict, "the job's revision is %d, not %d", old.GetRevision(), j.GetRevision())
		}
		return e.put(k, next)
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Job implements store.Jobs.
func (s *Store) Job(ctx context.Context, id string) (*pb.Job, error) {
	return read[pb.Job](ctx, s, key(tableJobs, id), "job "+id)
}

// AllJobs implements store.Jobs.
func (s *Store) AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error] {
	return scan[pb.Job](ctx, s, key(tableJobs), "jobs")
}
