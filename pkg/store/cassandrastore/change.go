package cassandrastore

import (
	"context"
	"errors"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A readFunc reads the rows that a change depends on.
type readFunc func(ctx context.Context, cql string, args ...any) *gocql.Query

// A swap is conditional statements over a single partition. Either all statements take effect, or none.
type swap struct {
	*gocql.Batch
	// With more, the change has a further step.
	more bool
}

func (s *Store) swap(ctx context.Context) *swap {
	return &swap{Batch: s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).SerialConsistency(s.serial)}
}

// attempts bounds how often a change is tried while other writers win.
const attempts = 64

// change changes rows by compare-and-set, step by step.
//
//   - decide reads the rows, and returns the swap of the next step, or nil if the rows are as wanted.
//   - change calls decide again after a lost swap, after a swap with an unknown outcome, and after a swap with a
//     further step. So every step is decided on the current rows.
//   - If a process dies between steps, another process resumes the change at the last completed step.
//   - Every row has a revision, which decide makes the condition of its swap. Each change draws a new revision. A row
//     that was deleted and written again is never mistaken for the row before.
//   - The first read is a plain read. A plain read sees every acknowledged swap, because swaps are committed at the
//     same level.
//   - After a lost swap or an unknown outcome, reads are linearizable: Paxos completes the unfinished swap, or rules
//     the swap out.
func (s *Store) change(ctx context.Context, name string, decide func(read readFunc, revision gocql.UUID) (*swap, error)) error {
	release, err := s.changing.hold(ctx, name)
	if err != nil {
		return err
	}
	defer release()
	read := s.query
	for range attempts {
		next, err := decide(read, gocql.TimeUUID())
		if err != nil || next == nil {
			return err
		}
		applied, rows, err := s.session.MapExecuteBatchCAS(next.Batch, map[string]any{})
		if rows != nil {
			err = errors.Join(err, rows.Close())
		}
		switch {
		case err == nil && applied && !next.more:
			return nil
		case err == nil && applied:
		case err == nil || passing(err):
			s.lost.Inc()
			read = s.linear
		default:
			return err
		}
	}
	return errkind.New(errkind.Unavailable, "other processes change the rows all the time: %d tries were too late", attempts)
}
