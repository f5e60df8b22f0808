package pebblestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/store"
)

// Reach implements store.Positions. A row is the next offset, the partition and the topic.
func (s *Store) Reach(ctx context.Context, group string, reached []store.Position) error {
	return s.edit(ctx, "writing how far the log was read", "", func(e *edit) error {
		for _, p := range reached {
			if group == "" || p.Topic == "" || p.Partition < 0 || p.Next < 0 {
				return errkind.New(errkind.Invalid, "position %+v of group %q", p, group)
			}
			row := append(number(number(nil, p.Next), int64(p.Partition)), p.Topic...)
			if err := e.Set(key(tablePositions, group, p.Topic, strconv.Itoa(p.Partition)), row, nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Positions implements store.Positions.
func (s *Store) Positions(ctx context.Context, group string) (all []store.Position, err error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	prefix := key(tablePositions, group)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, fmt.Errorf("reading how far the log was read: %w", err)
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		row, err := it.ValueAndErr()
		if err != nil {
			return nil, fmt.Errorf("reading how far the log was read: %w", err)
		}
		if len(row) < 16 {
			return nil, errkind.New(errkind.Internal, "reading how far the log was read: a row of %d bytes", len(row))
		}
		all = append(all, store.Position{Topic: string(row[16:]), Partition: int(binary.BigEndian.Uint64(row[8:])), Next: int64(binary.BigEndian.Uint64(row))})
	}
	return all, it.Error()
}
