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

// A lease is kept as epoch, end in nanoseconds (0 when given back) and holder.
func encodeLease(l store.Lease) []byte {
	var until int64
	if !l.Until.IsZero() {
		until = l.Until.UnixNano()
	}
	return append(number(number(nil, l.Epoch), until), l.Holder...)
}

func (s *Store) lease(name string) (store.Lease, error) {
	l := store.Lease{Name: name}
	v, closer, err := s.db.Get(key(tableLeases, name))
	if errors.Is(err, pebble.ErrNotFound) {
		return l, nil
	}
	if err != nil {
		return l, fmt.Errorf("reading lease %s: %w", name, err)
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
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (l store.Lease, err error) {
	err = s.change(ctx, "acquiring lease "+name, func(b *pebble.Batch) error {
		if l, err = s.lease(name); err != nil {
			return err
		}
		now := s.clock()
		if l.Until.After(now) && l.Holder != holder {
			return errkind.New(errkind.Conflict, "%s holds it until %s", l.Holder, l.Until.Format(time.RFC3339))
		}
		l = store.Lease{Name: name, Holder: holder, Epoch: l.Epoch + 1, Until: now.Add(ttl)}
		return b.Set(key(tableLeases, name), encodeLease(l), nil)
	})
	return l, err
}

// Renew implements store.Leases. A lease that has run out is renewed all the same
// if nobody took it since: its epoch is still the highest.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	err := s.change(ctx, "renewing lease "+l.Name, func(b *pebble.Batch) error {
		now, err := s.lease(l.Name)
		if err != nil {
			return err
		}
		if now.Epoch != l.Epoch || now.Until.IsZero() {
			return errkind.New(errkind.Conflict, "the lease was lost: epoch %d, held by %q", now.Epoch, now.Holder)
		}
		l.Until = s.clock().Add(ttl)
		return b.Set(key(tableLeases, l.Name), encodeLease(l), nil)
	})
	return l, err
}

// Release implements store.Leases.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	return s.change(ctx, "releasing lease "+l.Name, func(b *pebble.Batch) error {
		now, err := s.lease(l.Name)
		if err != nil || now.Epoch != l.Epoch {
			return err
		}
		return b.Set(key(tableLeases, l.Name), encodeLease(store.Lease{Epoch: l.Epoch}), nil)
	})
}

// CheckEpoch implements store.Leases.
func (s *Store) CheckEpoch(ctx context.Context, name string, epoch int64) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	l, err := s.lease(name)
	if err != nil {
		return err
	}
	if l.Epoch > epoch {
		return errkind.New(errkind.Conflict, "epoch %d of %s is over: it is at %d", epoch, name, l.Epoch)
	}
	return nil
}
