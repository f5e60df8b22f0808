package cassandrastore

import (
	"context"
	"errors"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Partner implements store.Partners.
func (s *Store) Partner(ctx context.Context, role, id string, adopt bool) (partner string, err error) {
	err = s.do(ctx, "partner", "telling who is the "+role, func() error {
		if role == "" || id == "" {
			return errkind.New(errkind.Invalid, "%q as %q: a partner needs a role and an identity", id, role)
		}
		return s.change(ctx, "partner/"+role, func(read readFunc, revision gocql.UUID) (*swap, error) {
			var at gocql.UUID
			err := read(ctx, "SELECT id, revision FROM partners WHERE library = ? AND role = ?", s.cfg.Library, role).Scan(&partner, &at)
			there := err == nil
			if err != nil && !errors.Is(err, gocql.ErrNotFound) || there && (partner == id || !adopt) {
				return nil, err
			}
			partner = id
			b := s.swap(ctx)
			if there {
				b.Query("UPDATE partners SET id = ?, revision = ? WHERE library = ? AND role = ? IF revision = ?", id, revision, s.cfg.Library, role, at)
			} else {
				b.Query("INSERT INTO partners (library, role, id, revision) VALUES (?, ?, ?, ?) IF NOT EXISTS", s.cfg.Library, role, id, revision)
			}
			return b, nil
		})
	})
	if err != nil {
		return "", err
	}
	return partner, nil
}
