package pebblestore

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// item is an annotation or an embedding.
type item interface {
	proto.Message
	GetAsset() string
	GetRun() string
	GetOrdinal() int64
}

// marshalSized is marshal right after marshal.Size of the same message.
var marshalSized = proto.MarshalOptions{Deterministic: true, UseCachedSize: true}

// WriteBatches implements store.Annotations.
func (s *Store) WriteBatches(ctx context.Context, batches []store.Batch) error {
	return s.edit(ctx, "writing annotations", "", func(e *edit) error {
		for _, b := range batches {
			if b.Asset == "" || b.Run == "" || b.First < 0 {
				return errkind.New(errkind.Invalid, "a batch needs an asset, a run and a first ordinal of 0 or above")
			}
			if err := putItems(e, key(tableAnnotations, b.Asset, b.Run), b, b.Annotations); err != nil {
				return err
			}
			if err := putItems(e, key(tableEmbeddings, b.Asset, b.Run), b, b.Embeddings); err != nil {
				return err
			}
			if err := putStretches(e, b); err != nil {
				return err
			}
		}
		return nil
	})
}

// putItems encodes each item in place, in the memory of Pebble's batch. Most of the store's time goes into encoding.
func putItems[M item](e *edit, k []byte, b store.Batch, items []M) error {
	prefix := len(k)
	for i, m := range items {
		ordinal := b.First + int64(i)
		if m.GetRun() != b.Run || m.GetOrdinal() != ordinal || m.GetAsset() != b.Asset {
			return errkind.New(errkind.Invalid, "item %d of the batch is %s of asset %s, not %s of asset %s", i,
				schema.ItemID(m.GetRun(), m.GetOrdinal()), m.GetAsset(), schema.ItemID(b.Run, ordinal), b.Asset)
		}
		k = number(k[:prefix], ordinal)
		op := e.SetDeferred(len(k), marshal.Size(m))
		copy(op.Key, k)
		v, err := marshalSized.MarshalAppend(op.Value[:0], m)
		if err != nil {
			return errkind.Wrap(errkind.Invalid, err)
		}
		if len(v) != len(op.Value) {
			return fmt.Errorf("encoding %s took %d bytes, not %d: the message was changed meanwhile", schema.ItemID(b.Run, ordinal), len(v), len(op.Value))
		}
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}

func markerPrefix(asset, run string, epoch int64) []byte {
	return number(key(tableMarkers, asset, run), epoch)
}

// MarkIndexed implements store.Annotations.
func (s *Store) MarkIndexed(ctx context.Context, markers []store.Marker) error {
	return s.edit(ctx, "marking indexed batches", "", func(e *edit) error {
		for _, m := range markers {
			if m.Asset == "" || m.Run == "" || m.Epoch < 0 || m.First < 0 || m.Count < 0 || m.Part > store.PartEmbeddings {
				return errkind.New(errkind.Invalid, "marker %+v", m)
			}
			k := append(markerPrefix(m.Asset, m.Run, m.Epoch), byte(m.Part))
			if err := e.Set(number(k, m.First), number(nil, m.Count), nil); err != nil {
				return err
			}
		}
		return nil
	})
}

// Indexed implements store.Annotations.
func (s *Store) Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error) {
	leave, err := s.enter(ctx)
	if err == nil {
		defer leave()
		if annotations, err = s.marked(ctx, append(markerPrefix(asset, run, epoch), byte(store.PartAnnotations))); err == nil {
			embeddings, err = s.marked(ctx, append(markerPrefix(asset, run, epoch), byte(store.PartEmbeddings)))
		}
	}
	if err != nil {
		return 0, 0, fmt.Errorf("counting the indexed items of %s: %w", run, err)
	}
	return annotations, embeddings, nil
}

// marked counts the ordinals under the markers of a prefix. Markers are in the order of their first ordinals.
func (s *Store) marked(ctx context.Context, prefix []byte) (n int64, err error) {
	it, err := s.db.NewIterWithContext(ctx, &pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
	if err != nil {
		return 0, err
	}
	defer it.Close()
	var end int64
	for ok := it.First(); ok; ok = it.Next() {
		v, err := it.ValueAndErr()
		if err != nil {
			return 0, err
		}
		if len(v) != 8 {
			return 0, fmt.Errorf("a marker of %d bytes", len(v))
		}
		first := int64(binary.BigEndian.Uint64(it.Key()[len(prefix):]))
		upto := first + int64(binary.BigEndian.Uint64(v))
		n += max(0, upto-max(first, end))
		end = max(end, upto)
	}
	return n, s.noticed(it.Error())
}

// Annotation implements store.Annotations.
func (s *Store) Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error) {
	return read[pb.Annotation](ctx, s, number(key(tableAnnotations, asset, run), ordinal), "annotation "+schema.ItemID(run, ordinal))
}

// Embedding implements store.Annotations.
func (s *Store) Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error) {
	return read[pb.Embedding](ctx, s, number(key(tableEmbeddings, asset, run), ordinal), "embedding "+schema.ItemID(run, ordinal))
}

// AnnotationsOf implements store.Annotations.
func (s *Store) AnnotationsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Annotation, error] {
	return scanSome[pb.Annotation](ctx, s, key(tableAnnotations, asset, run), within(span), "annotations of "+run)
}

// EmbeddingsOf implements store.Annotations.
func (s *Store) EmbeddingsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Embedding, error] {
	return scanSome[pb.Embedding](ctx, s, key(tableEmbeddings, asset, run), within(span), "embeddings of "+run)
}

// within selects the rows that overlap span, and decodes no more than the interval of the other rows. Every row of the
// run is visited: BenchmarkSpan gives the time of a visit, and a second index would cost every write.
func within(span store.Span) func(row []byte) bool {
	if span == (store.Span{}) {
		return nil
	}
	return func(row []byte) bool {
		iv := intervalOf(row)
		// A moment of no length is selected within the span.
		return iv.Overlaps(span) || iv.Empty() && span.Contains(iv.Start)
	}
}

// The numbers of the fields of the interval of an annotation or an embedding.
const (
	fieldStart protowire.Number = 5
	fieldEnd   protowire.Number = 6
)

// intervalOf reads the interval of an annotation or an embedding, and decodes nothing else.
func intervalOf(row []byte) (iv schema.Interval) {
	for seen := 0; len(row) > 0 && seen < 2; {
		num, typ, n := protowire.ConsumeTag(row)
		if n < 0 {
			return iv
		}
		row = row[n:]
		if num != fieldStart && num != fieldEnd || typ != protowire.VarintType {
			if n = protowire.ConsumeFieldValue(num, typ, row); n < 0 {
				return iv
			}
			row = row[n:]
			continue
		}
		v, n := protowire.ConsumeVarint(row)
		if n < 0 {
			return iv
		}
		if row, seen = row[n:], seen+1; num == fieldStart {
			iv.Start = schema.Time(v)
		} else {
			iv.End = schema.Time(v)
		}
	}
	return iv
}
