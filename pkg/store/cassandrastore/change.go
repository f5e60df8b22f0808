package cassandrastore

import (
	"context"
	"errors"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A readFunc reads what a change depends on.
type readFunc func(ctx context.Context, cql string, args ...any) *gocql.Query

// A swap is conditional statements over one partition, of which all take effect or none.
type swap struct {
	*gocql.Batch
	// more says that the change takes another step after this one.
	more bool
}

func (s *Store) swap(ctx context.Context) *swap {
	return &swap{Batch: s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).SerialConsistency(s.serial)}
}

// attempts bounds how often a change is tried that others keep coming before.
const attempts = 64

// change changes rows by compare-and-set. decide reads what is there and returns the swap
// that changes it, or nil where all is as wanted; it is called again after a swap that
// was lost, whose outcome was not told, or that has more to come. So what is decided is always decided on what
// is there, an outcome that was not told is read back, and a change of several
// steps is carried on from wherever it was left, by whomever.
//
// Every row has a revision, drawn anew with each change, that decide makes its condition: none comes
// back, so a row that was deleted and made again is never taken for the one before.
//
// The first read is a plain one. It sees all that was acknowledged, since a swap is committed at the same level, so what
// it decides without a swap is right. After a swap that was lost or not told of, reads are linearizable: they
// complete what was left half done, or see to it that it will never be.
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
	return errkind.New(errkind.Unavailable, "others change it all the time: %d tries were too late", attempts)
}
