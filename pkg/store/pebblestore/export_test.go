package pebblestore

// Flush writes what is kept in memory to tables.
func (s *Store) Flush() error { return s.db.Flush() }

// Waiting reports whether a write waits for room on the disk.
func (s *Store) Waiting() bool { return s.disk.full() }
