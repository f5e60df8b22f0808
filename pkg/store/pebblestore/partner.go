package pebblestore

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Partner implements store.Partners.
func (s *Store) Partner(ctx context.Context, role, id string, adopt bool) (partner string, err error) {
	if role == "" || id == "" {
		return "", errkind.New(errkind.Invalid, "telling partner %q as %q: a partner needs a role and an identity", id, role)
	}
	err = s.edit(ctx, "telling who is the "+role, "partner/"+role, func(e *edit) error {
		k := key(tablePartners, role)
		was, closer, err := s.db.Get(k)
		switch {
		case err == nil:
			partner = string(was)
			if err := closer.Close(); err != nil || partner == id || !adopt {
				return err
			}
		case !errors.Is(err, pebble.ErrNotFound):
			return fmt.Errorf("reading the partner: %w", s.noticed(err))
		}
		partner = id
		return e.Set(k, []byte(id), nil)
	})
	if err != nil {
		return "", err
	}
	return partner, nil
}
