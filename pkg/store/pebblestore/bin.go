package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// PutBin implements store.Bins.
func (s *Store) PutBin(ctx context.Context, b *pb.Bin, c *pb.BinChange) (*pb.Bin, error) {
	if b.GetId() == "" || b.GetOwner() == "" {
		return nil, errkind.New(errkind.Invalid, "putting a bin: the bin has no id or no owner")
	}
	next, made := proto.CloneOf(b), proto.CloneOf(c)
	next.Revision++
	made.Revision = next.GetRevision()
	err := s.edit(ctx, "putting the bin "+b.GetId(), "bins/"+b.GetId(), func(e *edit) error {
		if _, err := s.binAt(b.GetId(), b.GetRevision()); err != nil {
			return err
		}
		for _, m := range store.BinMembers(next) {
			if err := e.Set(key(tableBinMembers, m, next.GetId()), nil, nil); err != nil {
				return err
			}
		}
		if old := made.GetRevision() - store.MaxBinChanges; old > 0 {
			if err := e.Delete(number(key(tableBinChanges, next.GetId()), old), nil); err != nil {
				return err
			}
		}
		return errors.Join(e.put(key(tableBins, next.GetId()), next), e.put(number(key(tableBinChanges, next.GetId()), made.GetRevision()), made))
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// binAt returns the recorded bin, for an edit that holds the bin's lock. Conflict: the recorded revision is another. A bin that does not exist is empty, of
// revision 0.
func (s *Store) binAt(id string, revision int64) (*pb.Bin, error) {
	old := &pb.Bin{}
	if err := s.get(key(tableBins, id), old, "bin "+id); err != nil && !errkind.Is(err, errkind.NotFound) {
		return nil, err
	}
	if old.GetRevision() != revision {
		return nil, errkind.New(errkind.Conflict, "the bin's revision is %d, not %d", old.GetRevision(), revision)
	}
	return old, nil
}

// Bin implements store.Bins.
func (s *Store) Bin(ctx context.Context, id string) (*pb.Bin, error) {
	return read[pb.Bin](ctx, s, key(tableBins, id), "bin "+id)
}

// BinsOf implements store.Bins.
func (s *Store) BinsOf(ctx context.Context, member string) (ids []string, err error) {
	prefix := key(tableBinMembers, member)
	err = s.walk(ctx, prefix, "bins of "+member, (*pebble.Iterator).First, (*pebble.Iterator).Next, func(k, _ []byte) (bool, error) {
		id, _, ok := cutText(k[len(prefix):])
		if !ok {
			return false, errkind.New(errkind.Internal, "the row %x has no id", k)
		}
		ids = append(ids, plain(id))
		return true, nil
	})
	return ids, err
}

// BinChanges implements store.Bins.
func (s *Store) BinChanges(ctx context.Context, id string, below int64, limit int) (changes []*pb.BinChange, err error) {
	err = s.walk(ctx, key(tableBinChanges, id), "changes of the bin "+id, (*pebble.Iterator).Last, (*pebble.Iterator).Prev, func(_, v []byte) (bool, error) {
		c := &pb.BinChange{}
		if err := proto.Unmarshal(v, c); err != nil {
			return false, fmt.Errorf("decoding a change: %w", err)
		}
		if below <= 0 || c.GetRevision() < below {
			changes = append(changes, c)
		}
		return len(changes) < limit, nil
	})
	return changes, err
}

// walk gives each row under a prefix to see, until see has seen enough.
func (s *Store) walk(ctx context.Context, prefix []byte, what string, first, next func(*pebble.Iterator) bool, see func(k, v []byte) (more bool, err error)) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	defer leave()
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, s.noticed(err))
	}
	defer it.Close()
	for ok := first(it); ok; ok = next(it) {
		v, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("reading %s: %w", what, s.noticed(err))
		}
		more, err := see(it.Key(), v)
		if err != nil {
			return fmt.Errorf("reading %s: %w", what, err)
		}
		if !more {
			return nil
		}
	}
	if err := it.Error(); err != nil {
		return fmt.Errorf("reading %s: %w", what, s.noticed(err))
	}
	return nil
}

// DeleteBin implements store.Bins.
func (s *Store) DeleteBin(ctx context.Context, id string, revision int64) error {
	return s.edit(ctx, "deleting the bin "+id, "bins/"+id, func(e *edit) error {
		if err := s.get(key(tableBins, id), &pb.Bin{}, "bin "+id); err != nil {
			return err
		}
		b, err := s.binAt(id, revision)
		if err != nil {
			return err
		}
		for _, m := range store.BinMembers(b) {
			if err := e.Delete(key(tableBinMembers, m, id), nil); err != nil {
				return err
			}
		}
		return errors.Join(e.Delete(key(tableBins, id), nil), e.deleteAll(key(tableBinChanges, id)))
	})
}
