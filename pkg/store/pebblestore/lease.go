package pebblestore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// ofLease is the name of the lock of a lease.
func ofLease(name string) string { return "lease/" + name }

// The row of a lease is the epoch, the end in nanoseconds (0 once released) and the holder. The row stays for ever, so
// no epoch comes back.
func encodeLease(l store.Lease) []byte {
	var until int64
	if !l.Until.IsZero() {
		until = l.Until.UnixNano()
	}
	return append(number(number(nil, l.Epoch), until), l.Holder...)
}

// lease returns the last lease under a name, with epoch 0 where the name never had a lease.
func (s *Store) lease(name string) (store.Lease, error) {
	l := store.Lease{Name: name}
	v, closer, err := s.db.Get(key(tableLeases, name))
	if errors.Is(err, pebble.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("reading lease %s: %w", name, s.noticed(err))
	}
	defer closer.Close()
	if len(v) < 16 {
		return l, fmt.Errorf("decoding lease %s: %d bytes", name, len(v))
	}
	l.Epoch = int64(binary.BigEndian.Uint64(v))
	if until := int64(binary.BigEndian.Uint64(v[8:])); until != 0 {
		l.Until = time.Unix(0, until)
	}
	l.Holder = string(v[16:])
	return l, nil
}

// Acquire implements store.Leases.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (store.Lease, error) {
	if name == "" || holder == "" || ttl <= 0 {
		return store.Lease{}, errkind.New(errkind.Invalid, "acquiring lease %q for %q: a lease needs a name, a holder and a time above 0", name, holder)
	}
	var l store.Lease
	err := s.edit(ctx, "acquiring lease "+name, ofLease(name), func(e *edit) error {
		last, err := s.lease(name)
		if err != nil {
			return err
		}
		now := s.clock()
		if last.Until.After(now) && last.Holder != holder {
			return errkind.New(errkind.Conflict, "%s holds the lease until %s", last.Holder, last.Until.UTC().Format(time.RFC3339))
		}
		l = store.Lease{Name: name, Holder: holder, Epoch: last.Epoch + 1, Until: now.Add(ttl)}
		return e.Set(key(tableLeases, name), encodeLease(l), nil)
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Renew implements store.Leases.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	if ttl <= 0 {
		return store.Lease{}, errkind.New(errkind.Invalid, "renewing lease %s: a lease needs a time above 0", l.Name)
	}
	err := s.edit(ctx, "renewing lease "+l.Name, ofLease(l.Name), func(e *edit) error {
		last, err := s.lease(l.Name)
		if err != nil {
			return err
		}
		if last.Epoch != l.Epoch || last.Until.IsZero() {
			return errkind.New(errkind.Conflict, "epoch %d is over: the lease has epoch %d, held by %q", l.Epoch, last.Epoch, last.Holder)
		}
		l.Holder, l.Until = last.Holder, s.clock().Add(ttl)
		return e.Set(key(tableLeases, l.Name), encodeLease(l), nil)
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Release implements store.Leases.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	return s.edit(ctx, "releasing lease "+l.Name, ofLease(l.Name), func(e *edit) error {
		last, err := s.lease(l.Name)
		if err != nil || last.Epoch != l.Epoch || last.Until.IsZero() {
			return err
		}
		return e.Set(key(tableLeases, l.Name), encodeLease(store.Lease{Epoch: l.Epoch}), nil)
	})
}

// CheckEpoch implements store.Leases.
func (s *Store) CheckEpoch(ctx context.Context, name string, epoch int64) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return fmt.Errorf("checking the epoch of %s: %w", name, err)
	}
	defer leave()
	last, err := s.lease(name)
	if err != nil {
		return err
	}
	if last.Epoch > epoch {
		return errkind.New(errkind.Conflict, "epoch %d of %s is over: the lease has epoch %d", epoch, name, last.Epoch)
	}
	return nil
}
