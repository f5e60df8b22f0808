package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// WritePicks implements store.Picks.
func (s *Store) WritePicks(ctx context.Context, picks []*pb.Pick) error {
	return s.edit(ctx, "writing picks", "", func(e *edit) error {
		for _, p := range picks {
			if err := store.CheckPick(p); err != nil {
				return err
			}
			if err := e.put(key(tablePicks, p.GetPerson(), store.PickID(p)), p); err != nil {
				return err
			}
		}
		return nil
	})
}

// AllPicks implements store.Picks.
func (s *Store) AllPicks(ctx context.Context) iter.Seq2[*pb.Pick, error] {
	return scan[pb.Pick](ctx, s, key(tablePicks), "picks")
}

// DeletePicks implements store.Picks.
func (s *Store) DeletePicks(ctx context.Context, picks []*pb.Pick) error {
	return s.edit(ctx, "deleting picks", "", func(e *edit) error {
		for _, p := range picks {
			if err := e.Delete(key(tablePicks, p.GetPerson(), store.PickID(p)), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// ForgetPicks implements store.Picks. The picks and the number of Forgotten change in a single edit.
func (s *Store) ForgetPicks(ctx context.Context, person string) (n int64, err error) {
	if person == "" {
		return 0, errkind.New(errkind.Invalid, "forgetting picks: whose picks is not said")
	}
	err = s.edit(ctx, "forgetting picks", "picks", func(e *edit) error {
		prefix := key(tablePicks, person)
		n = 0
		for _, err := range scanFrom[pb.Pick](ctx, s, s.db, prefix, nil, "picks") {
			if err != nil {
				return err
			}
			n++
		}
		was, err := s.forgotten()
		if err != nil {
			return err
		}
		return errors.Join(e.deleteAll(prefix), e.Set(key(tableForgotten), number(nil, was+1), nil))
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Forgotten implements store.Picks.
func (s *Store) Forgotten(ctx context.Context) (int64, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading how often picks were forgotten: %w", err)
	}
	defer leave()
	return s.forgotten()
}

// forgotten is Forgotten for a call that has entered.
func (s *Store) forgotten() (int64, error) {
	v, closer, err := s.db.Get(key(tableForgotten))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading how often picks were forgotten: %w", s.noticed(err))
	}
	defer closer.Close()
	if len(v) != 8 {
		return 0, errkind.New(errkind.Internal, "reading how often picks were forgotten: a row of %d bytes", len(v))
	}
	return int64(binary.BigEndian.Uint64(v)), nil
}
