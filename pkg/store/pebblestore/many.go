package pebblestore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// AnnotationsAt implements store.Annotations.
func (s *Store) AnnotationsAt(ctx context.Context, refs []store.Ref) (items []*pb.Annotation, err error) {
	return itemsAt[pb.Annotation](ctx, s, tableAnnotations, refs, "annotations")
}

// EmbeddingsAt implements store.Annotations.
func (s *Store) EmbeddingsAt(ctx context.Context, refs []store.Ref) ([]*pb.Embedding, error) {
	return itemsAt[pb.Embedding](ctx, s, tableEmbeddings, refs, "embeddings")
}

// itemsAt reads items with a single iterator, in the order of the keys: neighbours lie in the block just read.
func itemsAt[T any, M message[T]](ctx context.Context, s *Store, table byte, refs []store.Ref, what string) ([]M, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, err)
	}
	defer leave()
	out, err := itemsIn[T, M](ctx, s, table, refs)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", what, s.noticed(err))
	}
	return out, nil
}

// itemsIn is itemsAt for a call that has entered.
func itemsIn[T any, M message[T]](ctx context.Context, s *Store, table byte, refs []store.Ref) ([]M, error) {
	out := make([]M, len(refs))
	type wanted struct {
		key []byte
		i   int
	}
	var all []wanted
	for i, r := range refs {
		if r.Ordinal >= 0 {
			all = append(all, wanted{number(key(table, r.Asset, r.Run), r.Ordinal), i})
		}
	}
	slices.SortFunc(all, func(a, b wanted) int { return bytes.Compare(a.key, b.key) })
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: key(table), UpperBound: after(key(table))})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for _, w := range all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !it.SeekGE(w.key) {
			if err := it.Error(); err != nil { // the next seek would forget the error
				return nil, err
			}
			continue
		}
		if !bytes.Equal(it.Key(), w.key) {
			continue
		}
		row, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		m := M(new(T))
		if err := proto.Unmarshal(row, m); err != nil {
			return nil, fmt.Errorf("decoding item %s: %w", schema.ItemID(refs[w.i].Run, refs[w.i].Ordinal), err)
		}
		out[w.i] = m
	}
	return out, it.Error()
}

// putStretches writes the stretches of a batch, in the edit of the batch.
func putStretches(e *edit, b store.Batch) error {
	k := key(tableStretches, b.Asset, b.Run)
	for _, x := range store.Stretches(b, 1<<62) {
		if err := e.Set(number(k, x.First), x.AppendBounds(nil), nil); err != nil {
			return err
		}
	}
	return nil
}

// LastBefore implements store.Annotations. LastBefore reads the stretches of each run, and the annotations of a few
// stretches at most.
func (s *Store) LastBefore(ctx context.Context, points []store.Point) ([]*pb.Annotation, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding annotations by time: %w", err)
	}
	defer leave()
	out, err := s.lastBefore(ctx, points)
	if err != nil {
		return nil, fmt.Errorf("finding annotations by time: %w", s.noticed(err))
	}
	return out, nil
}

func (s *Store) lastBefore(ctx context.Context, points []store.Point) ([]*pb.Annotation, error) {
	order := make([]int, len(points))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(points[a].Asset, points[b].Asset), cmp.Compare(points[a].Run, points[b].Run))
	})
	refs := make([]store.Ref, len(points))
	var finder *store.Finder
	for n, i := range order {
		p := points[i]
		refs[i] = store.Ref{Asset: p.Asset, Run: p.Run, Ordinal: -1}
		if last := points[order[max(n-1, 0)]]; n == 0 || p.Asset != last.Asset || p.Run != last.Run {
			var err error
			if finder, err = s.finder(ctx, p.Asset, p.Run); err != nil {
				return nil, err
			}
		}
		m, ok, err := finder.LastBefore(p.Kind, p.Time)
		if err != nil {
			return nil, err
		}
		if ok {
			refs[i].Ordinal = m.Ordinal
		}
	}
	return itemsIn[pb.Annotation](ctx, s, tableAnnotations, refs)
}

// Starting implements store.Annotations.
func (s *Store) Starting(ctx context.Context, ranges []store.Range) ([][]*pb.Annotation, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding annotations by time: %w", err)
	}
	defer leave()
	out, err := s.starting(ctx, ranges)
	if err != nil {
		return nil, fmt.Errorf("finding annotations by time: %w", s.noticed(err))
	}
	return out, nil
}

func (s *Store) starting(ctx context.Context, ranges []store.Range) ([][]*pb.Annotation, error) {
	type of struct{ asset, run string }
	finders := map[of]*store.Finder{}
	var refs []store.Ref
	counts := make([]int, len(ranges))
	for i, r := range ranges {
		k := of{r.Asset, r.Run}
		if finders[k] == nil {
			var err error
			if finders[k], err = s.finder(ctx, r.Asset, r.Run); err != nil {
				return nil, err
			}
		}
		ms, err := finders[k].Starting(r.Kind, r.From, r.To)
		if err != nil {
			return nil, err
		}
		counts[i] = len(ms)
		for _, m := range ms {
			refs = append(refs, store.Ref{Asset: r.Asset, Run: r.Run, Ordinal: m.Ordinal})
		}
	}
	items, err := itemsIn[pb.Annotation](ctx, s, tableAnnotations, refs)
	if err != nil {
		return nil, err
	}
	return store.Parted(items, counts), nil
}

// finder reads the stretches of a run.
func (s *Store) finder(ctx context.Context, asset, run string) (*store.Finder, error) {
	r := &pb.Run{}
	if err := s.get(key(tableRuns, asset, run), r, "run "+run); err != nil && !errkind.Is(err, errkind.NotFound) {
		return nil, err
	}
	prefix := key(tableStretches, asset, run)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var all []store.Stretch
	for ok := it.First(); ok; ok = it.Next() {
		row, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		x, err := store.ParseStretch(ordinalOf(it.Key()), row)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	last, err := s.lastOrdinal(ctx, asset, run)
	if err != nil {
		return nil, err
	}
	return store.NewFinder(all, last, r.GetEpoch(), func(x store.Stretch) ([]store.Moment, error) { return s.moments(ctx, asset, run, x) }), nil
}

// ordinalOf returns the number at the end of a key.
func ordinalOf(k []byte) int64 { return int64(binary.BigEndian.Uint64(k[len(k)-8:])) }

// lastOrdinal returns the highest ordinal of a run's annotations, -1 where there is none.
func (s *Store) lastOrdinal(ctx context.Context, asset, run string) (int64, error) {
	prefix := key(tableAnnotations, asset, run)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	if !it.Last() {
		return -1, it.Error()
	}
	return ordinalOf(it.Key()), nil
}

// moments reads when the annotations of a stretch start.
func (s *Store) moments(ctx context.Context, asset, run string, x store.Stretch) (all []store.Moment, err error) {
	prefix := key(tableAnnotations, asset, run)
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{
		LowerBound: number(prefix, x.First), UpperBound: number(key(tableAnnotations, asset, run), x.First+x.Count),
	})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		row, err := it.ValueAndErr()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		m := momentOf(row)
		m.Ordinal = ordinalOf(it.Key())
		all = append(all, m)
	}
	return all, it.Error()
}

// fieldKind is the number of the field of an annotation's kind.
const fieldKind protowire.Number = 4

// momentOf reads the kind and the start of an annotation without decoding the rest. The fields are in the order of their numbers.
func momentOf(row []byte) (m store.Moment) {
	for len(row) > 0 {
		num, typ, n := protowire.ConsumeTag(row)
		if n < 0 {
			return m
		}
		row = row[n:]
		switch {
		case num == fieldKind && typ == protowire.BytesType:
			kind, n := protowire.ConsumeBytes(row)
			if n < 0 {
				return m
			}
			m.Kind, row = string(kind), row[n:]
		case num == fieldStart && typ == protowire.VarintType:
			v, n := protowire.ConsumeVarint(row)
			if n < 0 {
				return m
			}
			m.Start, row = schema.Time(v), row[n:]
		case num > fieldStart:
			return m
		default:
			if n = protowire.ConsumeFieldValue(num, typ, row); n < 0 {
				return m
			}
			row = row[n:]
		}
	}
	return m
}
