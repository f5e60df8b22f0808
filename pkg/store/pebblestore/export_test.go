package pebblestore

import "github.com/cockroachdb/pebble/v2"

// Flush writes the rows in memory to tables.
func (s *Store) Flush() error { return s.db.Flush() }

// Waiting reports whether a write waits for room on the disk.
func (s *Store) Waiting() bool { return s.disk.full() }

// KeepChanges bounds how many changes the store remembers.
func (s *Store) KeepChanges(n int64) { s.changesKept = n }

// TrimEvery is how many changes are trimmed together.
const TrimEvery = trimEvery

// ForgetChangeLog leaves the folder as an earlier release does: without a log of changes.
func (s *Store) ForgetChangeLog() error {
	for _, table := range []byte{tableChangeLog, tableChanges} {
		if err := s.db.DeleteRange(key(table), after(key(table)), pebble.Sync); err != nil {
			return err
		}
	}
	return nil
}
