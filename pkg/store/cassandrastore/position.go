package cassandrastore

import (
	"context"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// Reach implements store.Positions.
func (s *Store) Reach(ctx context.Context, group string, reached []store.Position) error {
	return s.do(ctx, "reach", "writing how far the log was read", func() error {
		for _, p := range reached {
			if group == "" || p.Topic == "" || p.Partition < 0 || p.Next < 0 {
				return errkind.New(errkind.Invalid, "position %+v of group %q", p, group)
			}
			if err := s.query(ctx, "INSERT INTO positions (library, reader, topic, part, next) VALUES (?, ?, ?, ?, ?)",
				s.cfg.Library, group, p.Topic, p.Partition, p.Next).Exec(); err != nil {
				return err
			}
		}
		return nil
	})
}

// Positions implements store.Positions.
func (s *Store) Positions(ctx context.Context, group string) (all []store.Position, err error) {
	err = s.do(ctx, "positions", "reading how far the log was read", func() error {
		all = nil
		var p store.Position
		q := s.query(ctx, "SELECT topic, part, next FROM positions WHERE library = ? AND reader = ?", s.cfg.Library, group)
		return each(q, func() error {
			all = append(all, p)
			return nil
		}, &p.Topic, &p.Partition, &p.Next)
	})
	return all, err
}
