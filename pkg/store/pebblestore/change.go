package pebblestore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/store"
)

// The change log has one row for each version: the asset that changed. The row is in the edit that made the change.
//
// The log has an identity, and every token carries the identity. A mended store begins another log, so an earlier token
// is refused. A version has no row if an earlier release wrote the version, or if the row was trimmed. Missing rows
// show by counting the rows.

const (
	// mostChanges is how many changes the log remembers.
	mostChanges = 100_000
	// trimEvery is how many changes are trimmed together.
	trimEvery = 1024
)

// tell adds to an edit the next version and the version's row of the change log. The caller MUST hold s.versions.
func (s *Store) tell(e *edit) error {
	e.version = s.assigned + 1
	if oldest := e.version - s.changesKept; oldest > 0 && e.version%trimEvery == 0 {
		if err := e.DeleteRange(key(tableChanges), number(key(tableChanges), oldest), nil); err != nil {
			return err
		}
	}
	return errors.Join(
		e.Set(key(tableVersion), number(nil, e.version), nil),
		e.Set(number(key(tableChanges), e.version), []byte(e.changed), nil),
	)
}

// loadChangeLog reads the identity of the change log. A store without a log (a new store, a mended store, a store of an
// earlier release) begins a log.
func (s *Store) loadChangeLog() error {
	id, closer, err := s.db.Get(key(tableChangeLog))
	if errors.Is(err, pebble.ErrNotFound) {
		s.changeLog = rand.Text()
		if err := s.db.Set(key(tableChangeLog), []byte(s.changeLog), pebble.Sync); err != nil {
			return fmt.Errorf("beginning the change log: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the change log: %w", s.noticed(err))
	}
	s.changeLog = string(id)
	return closer.Close()
}

// Changes implements store.Store.
func (s *Store) Changes(ctx context.Context, since string) (store.Changes, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return store.Changes{}, fmt.Errorf("reading the changes: %w", err)
	}
	defer leave()
	now := s.version.Load()
	out := store.Changes{Next: s.changeLog + "." + strconv.FormatInt(now, 10)}
	log, number, _ := strings.Cut(since, ".")
	from, err := strconv.ParseInt(number, 10, 64)
	if err != nil || log != s.changeLog || from < 0 || from > now {
		return out, nil
	}
	if out.Assets, out.Whole, err = s.changes(ctx, from, now); err != nil {
		return store.Changes{}, fmt.Errorf("reading the changes: %w", err)
	}
	return out, nil
}

// changes returns the assets that changed with the versions after from, up to upto. whole is false if a version has no
// row.
func (s *Store) changes(ctx context.Context, from, upto int64) (assets []string, whole bool, err error) {
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: number(key(tableChanges), from+1), UpperBound: number(key(tableChanges), upto+1)})
	if err != nil {
		return nil, false, s.noticed(err)
	}
	defer it.Close()
	seen, rows := map[string]bool{}, int64(0)
	for ok := it.First(); ok; ok = it.Next() {
		asset, err := it.ValueAndErr()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, false, s.noticed(err)
		}
		if rows++; !seen[string(asset)] {
			seen[string(asset)] = true
			assets = append(assets, string(asset))
		}
	}
	if err := it.Error(); err != nil {
		return nil, false, s.noticed(err)
	}
	if rows < upto-from {
		return nil, false, nil
	}
	return assets, true, nil
}
