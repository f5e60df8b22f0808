package cassandrastore

import (
	"context"
	"errors"

	"github.com/gocql/gocql"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// searches reads the searches of a caller and the revision of the row, a UUID. nil: the caller has no row.
func (s *Store) searches(ctx context.Context, read readFunc, owner string) (saved *pb.SavedSearches, revision gocql.UUID, err error) {
	var body []byte
	err = read(ctx, "SELECT body, revision FROM searches WHERE library = ? AND owner = ?", s.cfg.Library, owner).Scan(&body, &revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return nil, revision, nil
	}
	if err == nil {
		saved, err = decode[pb.SavedSearches](body)
	}
	return saved, revision, err
}

// PutSearches implements store.Searches.
func (s *Store) PutSearches(ctx context.Context, saved *pb.SavedSearches) (*pb.SavedSearches, error) {
	owner, next := saved.GetOwner(), proto.CloneOf(saved)
	next.Revision++
	err := s.do(ctx, "put_searches", "putting the searches of "+owner, func() error {
		if err := named(owner); err != nil {
			return err
		}
		body, err := encode(next)
		if err != nil {
			return err
		}
		var tried gocql.UUID
		return s.change(ctx, "searches/"+owner, func(read readFunc, revision gocql.UUID) (*swap, error) {
			old, at, err := s.searches(ctx, read, owner)
			if err != nil || old != nil && at == tried {
				return nil, err // the swap whose outcome was not told is there
			}
			if old.GetRevision() != saved.GetRevision() {
				return nil, errkind.New(errkind.Conflict, "the searches' revision is %d, not %d", old.GetRevision(), saved.GetRevision())
			}
			tried = revision
			b := s.swap(ctx)
			if old == nil {
				b.Query("INSERT INTO searches (library, owner, body, revision) VALUES (?, ?, ?, ?) IF NOT EXISTS", s.cfg.Library, owner, body, revision)
			} else {
				b.Query("UPDATE searches SET body = ?, revision = ? WHERE library = ? AND owner = ? IF revision = ?", body, revision, s.cfg.Library, owner, at)
			}
			return b, nil
		})
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Searches implements store.Searches.
func (s *Store) Searches(ctx context.Context, owner string) (saved *pb.SavedSearches, err error) {
	err = s.do(ctx, "searches", "reading the searches of "+owner, func() (err error) {
		if saved, _, err = s.searches(ctx, s.query, owner); err == nil && saved == nil {
			saved = &pb.SavedSearches{Owner: owner}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return saved, nil
}
