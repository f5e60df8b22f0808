package cassandrastore

import (
	"context"
	"encoding/hex"
	"errors"
	"iter"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// forgottenName names the row of Forgotten in the table versions. Forgotten is a counter, as Version is.
const forgottenName = "forgotten"

// The picks of a person lie side by side in a shard, between "person/" and "person0": the character behind "/" is "0".
func picksOf(person string) string { return hex.EncodeToString([]byte(person)) + "/" }
func afterPicks(person string) string {
	return hex.EncodeToString([]byte(person)) + "0"
}

// WritePicks implements store.Picks.
func (s *Store) WritePicks(ctx context.Context, picks []*pb.Pick) error {
	return s.do(ctx, "write_picks", "writing picks", func() error {
		for _, p := range picks {
			if err := store.CheckPick(p); err != nil {
				return err
			}
		}
		at := s.skew.now().UnixMicro() // the clock of ForgetPicks
		return send(ctx, s, picks, func(ctx context.Context, p *pb.Pick) error {
			body, err := encode(p)
			if err != nil {
				return err
			}
			return s.query(ctx, "INSERT INTO picks (library, shard, id, body) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
				s.cfg.Library, shardOf(p.GetPerson()), picksOf(p.GetPerson())+store.PickID(p), body, at).Exec()
		})
	})
}

// AllPicks implements store.Picks.
func (s *Store) AllPicks(ctx context.Context) iter.Seq2[*pb.Pick, error] {
	return merged[pb.Pick](ctx, s, "all_picks", "picks")
}

// DeletePicks implements store.Picks.
func (s *Store) DeletePicks(ctx context.Context, picks []*pb.Pick) error {
	return s.do(ctx, "delete_picks", "deleting picks", func() error {
		at := s.skew.now().UnixMicro()
		return send(ctx, s, picks, func(ctx context.Context, p *pb.Pick) error {
			return s.query(ctx, "DELETE FROM picks USING TIMESTAMP ? WHERE library = ? AND shard = ? AND id = ?",
				at, s.cfg.Library, shardOf(p.GetPerson()), picksOf(p.GetPerson())+store.PickID(p)).Exec()
		})
	})
}

// ForgetPicks implements store.Picks. A deletion covers the rows of earlier timestamps, and another process's clock may be ahead of this
// clock. So the deletion has the timestamp of the newest row at least.
func (s *Store) ForgetPicks(ctx context.Context, person string) (n int64, err error) {
	err = s.do(ctx, "forget_picks", "forgetting picks", func() error {
		if person == "" {
			return errkind.New(errkind.Invalid, "whose picks is not said")
		}
		at := s.skew.now().UnixMicro()
		n = 0
		var id string
		var written int64
		rows := s.query(ctx, "SELECT id, WRITETIME(body) FROM picks WHERE library = ? AND shard = ? AND id >= ? AND id < ?",
			s.cfg.Library, shardOf(person), picksOf(person), afterPicks(person))
		err := each(rows, func() error {
			n++
			at = max(at, written)
			return nil
		}, &id, &written)
		if err != nil {
			return err
		}
		err = s.query(ctx, "DELETE FROM picks USING TIMESTAMP ? WHERE library = ? AND shard = ? AND id >= ? AND id < ?",
			at, s.cfg.Library, shardOf(person), picksOf(person), afterPicks(person)).Exec()
		if err != nil {
			return err
		}
		return s.query(ctx, "UPDATE versions SET changes = changes + 1 WHERE library = ? AND name = ?", s.cfg.Library, forgottenName).Exec()
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Forgotten implements store.Picks.
func (s *Store) Forgotten(ctx context.Context) (n int64, err error) {
	err = s.do(ctx, "forgotten", "reading how often picks were forgotten", func() (err error) {
		n, err = hedged(ctx, func(ctx context.Context) (n int64, err error) {
			err = s.query(ctx, "SELECT changes FROM versions WHERE library = ? AND name = ?", s.cfg.Library, forgottenName).Scan(&n)
			if errors.Is(err, gocql.ErrNotFound) {
				err = nil
			}
			return n, err
		})
		return err
	})
	return n, err
}
