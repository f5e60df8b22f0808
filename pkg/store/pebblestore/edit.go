package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A lock is a channel of one place: the holder filled the place. A caller can wait for a lock until a context ends.
type lock chan struct{}

func newLock() lock { return make(lock, 1) }

// locks has a lock for each name. Some names share a lock.
type locks struct {
	seed maphash.Seed
	of   [64]lock
}

func newLocks() locks {
	l := locks{seed: maphash.MakeSeed()}
	for i := range l.of {
		l.of[i] = newLock()
	}
	return l
}

func (l *locks) named(name string) lock {
	return l.of[maphash.String(l.seed, name)%uint64(len(l.of))]
}

// An edit is an atomic change of the store, under construction.
type edit struct {
	*pebble.Batch
	// changed is the asset that the edit changes in the library, or empty if Version stays.
	changed string
	// version is Version after the edit.
	version int64
	// applied releases the lock of versions.
	applied func()
	// held are the locks to release once the edit is durable, or has failed.
	held []func()
}

func (e *edit) end() {
	for i := len(e.held) - 1; i >= 0; i-- {
		e.held[i]()
	}
}

// Rows are deterministic protobuf: equal rows are equal bytes.
var marshal = proto.MarshalOptions{Deterministic: true}

func (e *edit) put(k []byte, m proto.Message) error {
	v, err := marshal.Marshal(m)
	if err != nil {
		return errkind.Wrap(errkind.Invalid, err)
	}
	return e.Set(k, v, nil)
}

func (e *edit) deleteAll(prefix []byte) error { return e.DeleteRange(prefix, after(prefix), nil) }

// edit makes a change durably. A change that reads before it writes passes a name, and holds the lock of the name until
// the change is durable. A change without a name writes blindly.
func (s *Store) edit(ctx context.Context, doing, name string, change func(*edit) error) error {
	if err := s.tryEdit(ctx, name, change); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

func (s *Store) tryEdit(ctx context.Context, name string, change func(*edit) error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	e := &edit{Batch: s.db.NewBatch(), held: []func(){leave}}
	err = s.prepare(ctx, e, name, change)
	if err != nil || e.Empty() {
		e.Close()
		e.end()
		return err
	}
	// The commit has its own goroutine: a disk that becomes full during the commit delays neither the caller beyond its
	// context nor Close. The edit keeps its locks until the commit ends.
	done := make(chan error, 1)
	go func() {
		defer e.end()
		done <- s.commit(e)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.failed:
		return s.failure()
	case <-s.disk.closing:
		return errClosed
	}
}

// hold takes a lock for an edit. A full disk is an error at once: the holder of the lock waits for the disk.
func (s *Store) hold(ctx context.Context, e *edit, l lock) error {
	select {
	case l <- struct{}{}:
	default:
		if err := s.writable(); err != nil {
			return err
		}
		select {
		case l <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.failed:
			return s.failure()
		case <-s.disk.closing:
			return errClosed
		}
	}
	e.held = append(e.held, func() { <-l })
	return nil
}

// lockOf is the lock of a name. Leases have locks of their own. An edit MAY take a lease's lock after another lock, never before.
func (s *Store) lockOf(name string) lock {
	if strings.HasPrefix(name, ofLease("")) {
		return s.leases.named(name)
	}
	return s.names.named(name)
}

func (s *Store) prepare(ctx context.Context, e *edit, name string, change func(*edit) error) error {
	if name != "" {
		if err := s.hold(ctx, e, s.lockOf(name)); err != nil {
			return err
		}
	}
	if err := change(e); err != nil || e.Empty() {
		return err
	}
	if e.changed != "" {
		if err := s.hold(ctx, e, s.versions); err != nil {
			return err
		}
		e.applied = sync.OnceFunc(e.held[len(e.held)-1])
		e.held[len(e.held)-1] = e.applied
		if err := s.tell(e); err != nil {
			return err
		}
	}
	return s.writable()
}

// commit makes an edit durable. Where Pebble's log cannot be written, Pebble panics or calls Fatalf. Reads are still right then, so the
// store goes on reading, and refuses writes.
func (s *Store) commit(e *edit) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("the store's log cannot be written: the store is read only until it is opened again", "error", r, "stack", string(debug.Stack()))
			s.fail(fmt.Errorf("writing the store's log: %v", r))
			err = s.failure()
		}
	}()
	defer func(start time.Time) {
		if err == nil {
			s.commits.Observe(time.Since(start).Seconds())
		}
	}(time.Now())
	if e.changed == "" {
		if err := e.Commit(pebble.Sync); err != nil {
			return err
		}
		return e.Close()
	}
	// Edits that change the library enter Pebble's log in the order of their versions, and share the sync.
	if err := e.Commit(pebble.NoSync); err != nil {
		return err
	}
	s.assigned = e.version
	e.applied()
	if err := s.db.LogData(nil, pebble.Sync); err != nil {
		return err
	}
	s.publish(e.version)
	return e.Close()
}

// publish makes Version at least v. The edit of v is durable, and so are the edits of all versions before v: a reader who sees a
// version sees every change up to the version.
func (s *Store) publish(v int64) {
	for {
		now := s.version.Load()
		if now >= v || s.version.CompareAndSwap(now, v) {
			return
		}
	}
}

func (s *Store) loadVersion() error {
	v, closer, err := s.db.Get(key(tableVersion))
	if errors.Is(err, pebble.ErrNotFound) {
		s.assigned = 1
		s.version.Store(s.assigned)
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the version: %w", s.noticed(err))
	}
	defer closer.Close()
	if len(v) != 8 {
		return fmt.Errorf("decoding the version: %d bytes", len(v))
	}
	s.assigned = int64(binary.BigEndian.Uint64(v))
	s.version.Store(s.assigned)
	return nil
}
