package cassandrastore

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gocql/gocql"
)

// Newest is the version of this store's tables.
func Newest() int { return len(migrations) }

// MigrateAndEnd is a Migrate whose process ends after n statements, with the lock held, which then runs out.
func MigrateAndEnd(ctx context.Context, cfg Config, n int, holds time.Duration) error {
	cfg.Timeout = schemaTimeout
	session, err := connect(cfg, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer session.Close()
	m := migrator{session: session, keyspace: cfg.Keyspace, log: slog.New(slog.DiscardHandler), id: gocql.TimeUUID(), holds: holds}
	if err := m.begin(ctx, cfg); err != nil {
		return err
	}
	if locked, err := m.lock(ctx); err != nil {
		return err
	} else if !locked {
		return errors.New("the lock is not to be had")
	}
	for _, cql := range migrations[0].cql[:n] {
		if err := errors.Join(m.renew(ctx), m.exec(ctx, cql)); err != nil {
			return err
		}
	}
	return nil
}
