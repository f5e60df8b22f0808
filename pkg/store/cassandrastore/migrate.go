package cassandrastore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	// lockHolds is when a migration's lock runs out, by the cluster's clock. The holder renews the lock before each statement.
	lockHolds = 2 * time.Minute
	// lookEvery is how often a process checks on another process's migration.
	lookEvery = 250 * time.Millisecond
	// schemaTimeout is for statements on which all nodes MUST agree.
	schemaTimeout = time.Minute
)

// errBehind is the error for missing tables, and for tables of an earlier version.
var errBehind = errors.New("the tables are older than this version of Cinedex")

// Migrate creates a missing keyspace, and brings its tables up to date, step by step. Any number of processes MAY
// migrate at once: a lock admits a single process, and the other processes wait. If a process dies between steps,
// another process resumes at the last completed step.
func Migrate(ctx context.Context, cfg Config, log *slog.Logger) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cfg.Timeout = max(cfg.Timeout, schemaTimeout)
	session, err := connect(cfg, "", log)
	if err != nil {
		return fmt.Errorf("migrating keyspace %s: %w", cfg.Keyspace, err)
	}
	defer session.Close()
	m := migrator{session: session, keyspace: cfg.Keyspace, log: log, id: gocql.TimeUUID(), holds: lockHolds}
	if err := m.run(ctx, cfg); err != nil {
		return fmt.Errorf("migrating keyspace %s: %w", cfg.Keyspace, kinded(err))
	}
	return nil
}

type migrator struct {
	session  *gocql.Session
	keyspace string
	log      *slog.Logger
	id       gocql.UUID
	holds    time.Duration
}

func (m *migrator) run(ctx context.Context, cfg Config) error {
	if err := m.begin(ctx, cfg); err != nil {
		return err
	}
	for told := false; ; {
		version, err := m.version(ctx)
		if err != nil {
			return err
		}
		if version >= len(migrations) {
			return nil
		}
		locked, err := m.lock(ctx)
		if err != nil {
			return err
		}
		if locked {
			return errors.Join(m.migrate(ctx), m.unlock(context.WithoutCancel(ctx)))
		}
		if !told {
			told = true
			m.log.Info("another process migrates the tables: waiting for the other process", "keyspace", m.keyspace)
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// begin creates the keyspace and the table of the lock. The table's id is derived from the table's name: two nodes that
// create the table at the same moment create the same table. With random ids, the rows of a table would be lost.
func (m *migrator) begin(ctx context.Context, cfg Config) error {
	replication, err := cfg.replication()
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte("cinedex/migrations/" + m.keyspace))
	uuid, err := gocql.UUIDFromBytes(id[:16])
	if err != nil {
		return err
	}
	var there string
	err = m.session.Query("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", m.keyspace).WithContext(ctx).Consistency(gocql.LocalOne).Scan(&there)
	if errors.Is(err, gocql.ErrNotFound) {
		m.log.Info("making the keyspace", "keyspace", m.keyspace, "replication", replication)
		err = m.exec(ctx, "CREATE KEYSPACE IF NOT EXISTS %s WITH replication = "+replication)
	}
	if err != nil {
		return err
	}
	there, err = "", m.session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'migrations'", m.keyspace).WithContext(ctx).Consistency(gocql.LocalOne).Scan(&there)
	if errors.Is(err, gocql.ErrNotFound) {
		err = m.exec(ctx, "CREATE TABLE IF NOT EXISTS %s.migrations (name text PRIMARY KEY, version int, needs int, holder uuid) WITH id = "+uuid.String()+" AND comment = 'the version of the tables, and the process that changes the tables'")
	}
	return err
}

// exec runs a statement that changes the schema, and waits until all nodes agree on the schema.
func (m *migrator) exec(ctx context.Context, cql string) error {
	if err := m.session.Query(fmt.Sprintf(cql, m.keyspace)).WithContext(ctx).Exec(); err != nil {
		return err
	}
	if err := m.session.AwaitSchemaAgreement(ctx); err != nil {
		return errkind.New(errkind.Unavailable, "waiting for all nodes to know the tables: %w", err)
	}
	return nil
}

func (m *migrator) version(ctx context.Context) (version int, err error) {
	err = m.session.Query(fmt.Sprintf("SELECT version FROM %s.migrations WHERE name = 'tables'", m.keyspace)).WithContext(ctx).
		Consistency(gocql.Consistency(gocql.Serial)).Scan(&version)
	if errors.Is(err, gocql.ErrNotFound) {
		err = nil
	}
	return version, err
}

func (m *migrator) swap(ctx context.Context, cql string, args ...any) (applied bool, err error) {
	return m.session.Query(fmt.Sprintf(cql, m.keyspace), args...).WithContext(ctx).Consistency(gocql.Quorum).SerialConsistency(gocql.Serial).MapScanCAS(map[string]any{})
}

func (m *migrator) lock(ctx context.Context) (bool, error) {
	return m.swap(ctx, "INSERT INTO %s.migrations (name, holder) VALUES ('lock', ?) IF NOT EXISTS USING TTL ?", m.id, int(m.holds.Seconds()))
}

func (m *migrator) renew(ctx context.Context) error {
	held, err := m.swap(ctx, "UPDATE %s.migrations USING TTL ? SET holder = ? WHERE name = 'lock' IF holder = ?", int(m.holds.Seconds()), m.id, m.id)
	if err == nil && !held {
		err = errkind.New(errkind.Conflict, "the lock ran out and another process continues the migration: start again")
	}
	return err
}

func (m *migrator) unlock(ctx context.Context) error {
	_, err := m.swap(ctx, "DELETE FROM %s.migrations WHERE name = 'lock' IF holder = ?", m.id)
	return err
}

// migrate takes the missing steps, under the lock.
func (m *migrator) migrate(ctx context.Context) error {
	version, err := m.version(ctx)
	if err != nil {
		return err
	}
	for ; version < len(migrations); version++ {
		m.log.Info("migrating the tables", "keyspace", m.keyspace, "to", version+1)
		for _, cql := range migrations[version].cql {
			if err := m.renew(ctx); err != nil {
				return err
			}
			if err := m.exec(ctx, cql); err != nil {
				return fmt.Errorf("step %d: %w", version+1, err)
			}
		}
		var before any = version
		if version == 0 {
			before = nil
		}
		done, err := m.swap(ctx, "UPDATE %s.migrations SET version = ?, needs = ? WHERE name = 'tables' IF version = ?", version+1, migrations[version].needs, before)
		if err == nil && !done {
			err = errkind.New(errkind.Conflict, "another process recorded step %d: start again", version+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkTables reports whether a store may use the tables as they are.
func checkTables(ctx context.Context, session *gocql.Session, cfg Config) error {
	var there string
	err := session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'migrations'", cfg.Keyspace).WithContext(ctx).Consistency(gocql.LocalOne).Scan(&there)
	if errors.Is(err, gocql.ErrNotFound) {
		return fmt.Errorf("%w: the keyspace has no tables", errBehind)
	}
	if err != nil {
		return kinded(err)
	}
	var version, needs int
	err = session.Query("SELECT version, needs FROM migrations WHERE name = 'tables'").WithContext(ctx).Scan(&version, &needs)
	if err != nil && !errors.Is(err, gocql.ErrNotFound) {
		return kinded(err)
	}
	switch {
	case version < len(migrations):
		return fmt.Errorf("%w: the tables are of version %d, not %d", errBehind, version, len(migrations))
	case needs > len(migrations):
		return errkind.New(errkind.Invalid, "the tables are of version %d, and this version of Cinedex knows %d: start a newer Cinedex", version, len(migrations))
	}
	return nil
}
