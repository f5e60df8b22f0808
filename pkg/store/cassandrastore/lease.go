package cassandrastore

import (
	"context"
	"errors"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// A leaseRow is the last lease under a name. Its epoch is 0 for a name without a lease so far. The row stays for ever,
// so no epoch comes back.
type leaseRow struct {
	store.Lease
	revision gocql.UUID
}

const selectLease = "SELECT epoch, until, holder, revision FROM leases WHERE library = ? AND name = ?"

func (s *Store) lease(ctx context.Context, read readFunc, name string) (l leaseRow, err error) {
	l.Name = name
	var until int64 // nanoseconds; 0 when given back
	err = read(ctx, selectLease, s.cfg.Library, name).Scan(&l.Epoch, &until, &l.Holder, &l.revision)
	if errors.Is(err, gocql.ErrNotFound) {
		return l, nil
	}
	if until != 0 {
		l.Until = time.Unix(0, until)
	}
	return l, err
}

// changeLease is change for a lease: decide returns the next lease, or nil if the lease is as wanted.
func (s *Store) changeLease(ctx context.Context, name string, decide func(last leaseRow) (*store.Lease, error)) error {
	var tried gocql.UUID
	return s.change(ctx, "lease/"+name, func(read readFunc, revision gocql.UUID) (*swap, error) {
		last, err := s.lease(ctx, read, name)
		if err != nil || last.Epoch != 0 && last.revision == tried {
			return nil, err // the swap whose outcome was not told is there
		}
		tried = revision
		l, err := decide(last)
		if err != nil || l == nil {
			return nil, err
		}
		var until int64
		if !l.Until.IsZero() {
			until = l.Until.UnixNano()
		}
		b := s.swap(ctx)
		if last.Epoch == 0 {
			b.Query("INSERT INTO leases (library, name, epoch, until, holder, revision) VALUES (?, ?, ?, ?, ?, ?) IF NOT EXISTS",
				s.cfg.Library, name, l.Epoch, until, l.Holder, revision)
		} else {
			b.Query("UPDATE leases SET epoch = ?, until = ?, holder = ?, revision = ? WHERE library = ? AND name = ? IF revision = ?",
				l.Epoch, until, l.Holder, revision, s.cfg.Library, name, last.revision)
		}
		return b, nil
	})
}

// Acquire implements store.Leases.
func (s *Store) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (store.Lease, error) {
	var l store.Lease
	err := s.do(ctx, "acquire", "acquiring lease "+name, func() error {
		if name == "" || holder == "" || ttl <= 0 || len(name) > longestNames {
			return errkind.New(errkind.Invalid, "lease %q for %q: a lease needs a name, a holder and a time above 0", name, holder)
		}
		return s.changeLease(ctx, name, func(last leaseRow) (*store.Lease, error) {
			now := s.clock()
			if last.Until.After(now) && last.Holder != holder {
				return nil, errkind.New(errkind.Conflict, "%s holds the lease until %s", last.Holder, last.Until.UTC().Format(time.RFC3339))
			}
			l = store.Lease{Name: name, Holder: holder, Epoch: last.Epoch + 1, Until: now.Add(ttl)}
			return &l, nil
		})
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Renew implements store.Leases.
func (s *Store) Renew(ctx context.Context, l store.Lease, ttl time.Duration) (store.Lease, error) {
	err := s.do(ctx, "renew", "renewing lease "+l.Name, func() error {
		if ttl <= 0 {
			return errkind.New(errkind.Invalid, "a lease needs a time above 0")
		}
		return s.changeLease(ctx, l.Name, func(last leaseRow) (*store.Lease, error) {
			if last.Epoch != l.Epoch || last.Until.IsZero() {
				return nil, errkind.New(errkind.Conflict, "epoch %d is over: the lease has epoch %d, held by %q", l.Epoch, last.Epoch, last.Holder)
			}
			l.Holder, l.Until = last.Holder, s.clock().Add(ttl)
			return &l, nil
		})
	})
	if err != nil {
		return store.Lease{}, err
	}
	return l, nil
}

// Release implements store.Leases.
func (s *Store) Release(ctx context.Context, l store.Lease) error {
	return s.do(ctx, "release", "releasing lease "+l.Name, func() error {
		return s.changeLease(ctx, l.Name, func(last leaseRow) (*store.Lease, error) {
			if last.Epoch != l.Epoch || last.Until.IsZero() {
				return nil, nil
			}
			return &store.Lease{Epoch: l.Epoch}, nil
		})
	})
}

// CheckEpoch implements store.Leases.
func (s *Store) CheckEpoch(ctx context.Context, name string, epoch int64) error {
	return s.do(ctx, "check_epoch", "checking the epoch of "+name, func() error {
		last, err := s.lease(ctx, s.linear, name)
		if err == nil && last.Epoch > epoch {
			err = errkind.New(errkind.Conflict, "epoch %d is over: the lease has epoch %d", epoch, last.Epoch)
		}
		return err
	})
}
