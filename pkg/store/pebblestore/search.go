package pebblestore

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// PutSearches implements store.Searches.
func (s *Store) PutSearches(ctx context.Context, saved *pb.SavedSearches) (*pb.SavedSearches, error) {
	owner := saved.GetOwner()
	if owner == "" {
		return nil, errkind.New(errkind.Invalid, "putting saved searches: the searches have no owner")
	}
	next := proto.CloneOf(saved)
	next.Revision++
	err := s.edit(ctx, "putting the searches of "+owner, "searches/"+owner, func(e *edit) error {
		k, old := key(tableSearches, owner), &pb.SavedSearches{}
		if err := s.get(k, old, "saved searches"); err != nil && !errkind.Is(err, errkind.NotFound) {
			return err
		}
		if old.GetRevision() != saved.GetRevision() {
			return errkind.New(errkind.Conflict, "the searches' revision is %d, not %d", old.GetRevision(), saved.GetRevision())
		}
		return e.put(k, next)
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Searches implements store.Searches.
func (s *Store) Searches(ctx context.Context, owner string) (*pb.SavedSearches, error) {
	saved, err := read[pb.SavedSearches](ctx, s, key(tableSearches, owner), "searches of "+owner)
	if errkind.Is(err, errkind.NotFound) {
		return &pb.SavedSearches{Owner: owner}, nil
	}
	return saved, err
}
