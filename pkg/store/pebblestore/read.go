package pebblestore

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// message is a pointer to the generated struct T.
type message[T any] interface {
	*T
	proto.Message
}

// get reads a message for a call that has entered. The error is NotFound if the row does not exist.
func (s *Store) get(k []byte, m proto.Message, what string) error {
	v, closer, err := s.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return errkind.New(errkind.NotFound, "there is no %s", what)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, s.noticed(err))
	}
	defer closer.Close()
	if err := proto.Unmarshal(v, m); err != nil {
		return fmt.Errorf("decoding %s: %w", what, err)
	}
	return nil
}

// read is get as a call by itself.
func read[T any, M message[T]](ctx context.Context, s *Store, k []byte, what string) (M, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	defer leave()
	m := M(new(T))
	if err := s.get(k, m, what); err != nil {
		return nil, err
	}
	return m, nil
}

// scan yields every message under a prefix, as of the moment when the iteration begins.
func scan[T any, M message[T]](ctx context.Context, s *Store, prefix []byte, what string) iter.Seq2[M, error] {
	return scanSome[T, M](ctx, s, prefix, nil, what)
}

// scanSome is scan with a filter over encoded rows; nil lets every row pass.
func scanSome[T any, M message[T]](ctx context.Context, s *Store, prefix []byte, wanted func(row []byte) bool, what string) iter.Seq2[M, error] {
	return func(yield func(M, error) bool) {
		leave, err := s.enter(ctx)
		if err != nil {
			yield(nil, fmt.Errorf("reading %s: %w", what, err))
			return
		}
		defer leave()
		scanFrom[T, M](ctx, s, s.db, prefix, wanted, what)(yield)
	}
}

// scanFrom is scanSome over the store or a snapshot of the store, for a call that has entered.
func scanFrom[T any, M message[T]](ctx context.Context, s *Store, from pebble.Reader, prefix []byte, wanted func(row []byte) bool, what string) iter.Seq2[M, error] {
	return func(yield func(M, error) bool) {
		it, err := from.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
		if err != nil {
			yield(nil, fmt.Errorf("reading %s: %w", what, s.noticed(err)))
			return
		}
		defer it.Close()
		for ok := it.First(); ok; ok = it.Next() {
			row, err := it.ValueAndErr()
			if err == nil {
				err = ctx.Err()
			}
			if err == nil && wanted != nil && !wanted(row) {
				continue
			}
			m := M(new(T))
			if err == nil {
				err = proto.Unmarshal(row, m)
			}
			if err != nil {
				yield(nil, fmt.Errorf("reading %s: %w", what, s.noticed(err)))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(nil, fmt.Errorf("reading %s: %w", what, s.noticed(err)))
		}
	}
}

func collect[M any](seq iter.Seq2[M, error]) ([]M, error) {
	var out []M
	for m, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}
