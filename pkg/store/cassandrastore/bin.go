package cassandrastore

import (
	"context"
	"errors"
	"slices"

	"github.com/gocql/gocql"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// bin reads a bin and the revision of the bin's row, a UUID. nil: there is no row. A deleted bin is a row whose bin says so.
func (s *Store) bin(ctx context.Context, read readFunc, id string) (b *pb.Bin, revision gocql.UUID, err error) {
	var body []byte
	err = read(ctx, "SELECT body, revision FROM bins WHERE library = ? AND id = ? LIMIT 1", s.cfg.Library, id).Scan(&body, &revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return nil, revision, nil
	}
	if err == nil {
		b, err = decode[pb.Bin](body)
	}
	return b, revision, err
}

// PutBin implements store.Bins.
func (s *Store) PutBin(ctx context.Context, b *pb.Bin, c *pb.BinChange) (*pb.Bin, error) {
	next, made := proto.CloneOf(b), proto.CloneOf(c)
	next.Revision++
	made.Revision = next.GetRevision()
	err := s.do(ctx, "put_bin", "putting the bin "+b.GetId(), func() error {
		if err := named(b.GetId(), b.GetOwner()); err != nil {
			return err
		}
		change, err := encode(made)
		if err != nil {
			return err
		}
		return s.swapBin(ctx, next, b.GetRevision(), made.GetRevision(), change)
	})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// swapBin writes a bin in the place of the bin of a revision, with the change that made the bin; nil writes no change.
func (s *Store) swapBin(ctx context.Context, next *pb.Bin, seen, number int64, change []byte) error {
	body, err := encode(next)
	if err != nil {
		return err
	}
	var tried gocql.UUID
	return s.change(ctx, "bins/"+next.GetId(), func(read readFunc, revision gocql.UUID) (*swap, error) {
		old, at, err := s.bin(ctx, read, next.GetId())
		switch {
		case err != nil || old != nil && at == tried:
			return nil, err // the swap whose outcome was not told is there
		case old.GetDeleted(), old == nil && next.GetDeleted():
			return nil, errNoBin(next.GetId())
		case old.GetRevision() != seen:
			return nil, errkind.New(errkind.Conflict, "the bin's revision is %d, not %d", old.GetRevision(), seen)
		}
		tried = revision
		if err := s.admit(ctx, old, next); err != nil {
			return nil, err
		}
		b := s.swap(ctx)
		var was any
		if old != nil {
			was = at
		}
		b.Query("UPDATE bins SET body = ?, revision = ? WHERE library = ? AND id = ? IF revision = ?", body, revision, s.cfg.Library, next.GetId(), was)
		if change != nil {
			b.Query("INSERT INTO bins (library, id, change, made) VALUES (?, ?, ?, ?)", s.cfg.Library, next.GetId(), number, change)
			if old := number - store.MaxBinChanges; old > 0 {
				b.Query("DELETE FROM bins WHERE library = ? AND id = ? AND change = ?", s.cfg.Library, next.GetId(), old)
			}
		}
		return b, nil
	})
}

// admit writes the rows of the members that a bin gets. The rows come before the bin: a process that dies between the two leaves a row too many, and the
// bin decides.
func (s *Store) admit(ctx context.Context, old, next *pb.Bin) error {
	var fresh []string
	for _, m := range store.BinMembers(next) {
		if !next.GetDeleted() && (old == nil || !slices.Contains(store.BinMembers(old), m)) {
			fresh = append(fresh, m)
		}
	}
	return send(ctx, s, fresh, func(ctx context.Context, m string) error {
		return s.query(ctx, "INSERT INTO bin_members (library, member, bin) VALUES (?, ?, ?)", s.cfg.Library, m, next.GetId()).Exec()
	})
}

func errNoBin(id string) error { return errkind.New(errkind.NotFound, "there is no bin %.64q", id) }

// Bin implements store.Bins.
func (s *Store) Bin(ctx context.Context, id string) (b *pb.Bin, err error) {
	err = s.do(ctx, "bin", "reading the bin "+id, func() (err error) {
		b, _, err = s.bin(ctx, s.query, id)
		if err == nil && (b == nil || b.GetDeleted()) {
			err = errNoBin(id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return b, nil
}

// BinsOf implements store.Bins.
func (s *Store) BinsOf(ctx context.Context, member string) (ids []string, err error) {
	err = s.do(ctx, "bins_of", "reading the bins of "+member, func() error {
		ids = nil
		var id string
		return each(s.query(ctx, "SELECT bin FROM bin_members WHERE library = ? AND member = ?", s.cfg.Library, member), func() error {
			ids = append(ids, id)
			return nil
		}, &id)
	})
	return ids, err
}

// BinChanges implements store.Bins.
func (s *Store) BinChanges(ctx context.Context, id string, below int64, limit int) (changes []*pb.BinChange, err error) {
	if below <= 0 {
		below = 1<<63 - 1
	}
	err = s.do(ctx, "bin_changes", "reading the changes of the bin "+id, func() error {
		changes = nil
		var body []byte
		q := s.query(ctx, "SELECT made FROM bins WHERE library = ? AND id = ? AND change < ? LIMIT ?", s.cfg.Library, id, below, limit)
		return each(q, func() error {
			c, err := decode[pb.BinChange](body)
			changes = append(changes, c)
			return err
		}, &body)
	})
	return changes, err
}

// DeleteBin implements store.Bins. The row stays and says that the bin is deleted. The changes go.
func (s *Store) DeleteBin(ctx context.Context, id string, revision int64) error {
	return s.do(ctx, "delete_bin", "deleting the bin "+id, func() error {
		b, _, err := s.bin(ctx, s.query, id)
		if err != nil {
			return err
		}
		if b == nil || b.GetDeleted() {
			return errNoBin(id)
		}
		if err := s.swapBin(ctx, &pb.Bin{Id: id, Revision: revision + 1, Deleted: true}, revision, 0, nil); err != nil {
			return err
		}
		if err := s.query(ctx, "DELETE FROM bins WHERE library = ? AND id = ? AND change >= 0", s.cfg.Library, id).Exec(); err != nil {
			return err
		}
		return send(ctx, s, store.BinMembers(b), func(ctx context.Context, m string) error {
			return s.query(ctx, "DELETE FROM bin_members WHERE library = ? AND member = ? AND bin = ?", s.cfg.Library, m, id).Exec()
		})
	})
}
