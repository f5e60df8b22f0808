package cassandrastore

import (
	"context"
	"errors"
	"iter"

	"github.com/gocql/gocql"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// job reads a job and the revision of the row, a UUID. The condition of PutJob is the job's own revision, a counter.
func (s *Store) job(ctx context.Context, read readFunc, id string) (j *pb.Job, revision gocql.UUID, err error) {
	var body []byte
	err = read(ctx, "SELECT body, revision FROM jobs WHERE library = ? AND shard = ? AND id = ?", s.cfg.Library, shardOf(id), id).Scan(&body, &revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return nil, revision, nil
	}
	if err == nil {
		j, err = decode[pb.Job](body)
	}
	return j, revision, err
}

// PutJob implements store.Jobs.
func (s *Store) PutJob(ctx context.Context, j *pb.Job) (*pb.Job, error) {
	next := proto.CloneOf(j)
	next.Revision++
	err := s.do(ctx, "put_job", "putting job "+j.GetId(), func() error {
		if err := named(j.GetId()); err != nil {
			return err
		}
		body, err := encode(next)
		if err != nil {
			return err
		}
		var tried gocql.UUID
		return s.change(ctx, "job/"+j.GetId(), func(read readFunc, revision gocql.UUID) (*swap, error) {
			old, at, err := s.job(ctx, read, j.GetId())
			if err != nil || old != nil && at == tried {
				return nil, err // the swap whose outcome was not told is there
			}
			if old.GetRevision() != j.GetRevision() {
				return nil, errkind.New(errkind.Conflict, "the job's revision is %d, not %d", old.GetRevision(), j.GetRevision())
			}
			tried = revision
			b := s.swap(ctx)
			if old == nil {
				b.Query("INSERT INTO jobs (library, shard, id, body, revision) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS", s.cfg.Library, shardOf(j.GetId()), j.GetId(), body, revision)
			} else {
				b.Query("UPDATE jobs SET body = ?, revision = ? WHERE library = ? AND shard = ? AND id = ? IF revision = ?", body, revision, s.cfg.Library, shardOf(j.GetId()), j.GetId(), at)
			}
			return b, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Job implements store.Jobs.
func (s *Store) Job(ctx context.Context, id string) (j *pb.Job, err error) {
	err = s.do(ctx, "job", "reading job "+id, func() (err error) {
		if j, _, err = s.job(ctx, s.query, id); err == nil && j == nil {
			err = errkind.New(errkind.NotFound, "there is no job %s", id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return j, nil
}

// AllJobs implements store.Jobs.
func (s *Store) AllJobs(ctx context.Context) iter.Seq2[*pb.Job, error] {
	return merged[pb.Job](ctx, s, "all_jobs", "jobs")
}
