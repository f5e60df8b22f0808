package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

const (
	// bucketRows is how many ordinals share a partition: 0.3 MB of labels, 2 MB of vectors of 512 numbers. A run with an item for each
	// frame of a film has some hundred buckets, which are read side by side.
	bucketRows = 1024
	// batchBytes is the size at which a batch of rows is sent: some hundred labels, or eight vectors of 512 numbers. A
	// batch within a partition is a single mutation, so the server's thresholds for batches do not apply.
	// TestFigureWrites compares with batches of fifty rows.
	batchBytes = 16 << 10
)

// tables are the tables of the two parts of a run's items.
var tables = [...]string{store.PartAnnotations: "annotations", store.PartEmbeddings: "embeddings"}

// item is an annotation or an embedding.
type item interface {
	proto.Message
	schema.Spanning
	GetAsset() string
	GetRun() string
	GetOrdinal() int64
}

// An extent is a bucket with items of a run, and the epoch of the execution that wrote the items.
type extent struct {
	asset, run string
	part       store.Part
	bucket     int64
	epoch      int64
}

// A stretch is a store.Stretch with the timestamp of its batch.
type stretch struct {
	store.Stretch
	stamp int64
}

// rows are encoded rows of a single partition, sent together.
type rows struct {
	extent
	stamp int64
	bytes int
	of    []row
}

type row struct {
	ordinal int64
	at      schema.Interval
	body    []byte
}

var inserts = [...]string{
	store.PartAnnotations: "INSERT INTO annotations (library, asset, run, bucket, ordinal, starts, ends, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	store.PartEmbeddings:  "INSERT INTO embeddings (library, asset, run, bucket, ordinal, starts, ends, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
}

// WriteBatches implements store.Annotations. WriteBatches encodes every item before sending the first.
func (s *Store) WriteBatches(ctx context.Context, batches []store.Batch) error {
	return s.do(ctx, "write_batches", "writing annotations", func() error {
		var all []*rows
		starts := map[extent][]stretch{}
		for _, b := range batches {
			if err := named(b.Asset, b.Run); err != nil || b.First < 0 || b.Epoch < 0 {
				return errkind.New(errkind.Invalid, "a batch needs an asset, a run, an epoch and a first ordinal of 0 or above")
			}
			if b.Epoch > maxEpoch {
				return errkind.New(errkind.Invalid, "epoch %d of run %s: the store tells at most %d executions of a run apart", b.Epoch, b.Run, maxEpoch)
			}
			stamp := s.stamps.stamp(b.Epoch)
			var err error
			if all, err = split(all, stamp, store.PartAnnotations, b, b.Annotations); err != nil {
				return err
			}
			if all, err = split(all, stamp, store.PartEmbeddings, b, b.Embeddings); err != nil {
				return err
			}
			for _, x := range store.Stretches(b, bucketRows) {
				in := extent{b.Asset, b.Run, store.PartAnnotations, x.First / bucketRows, b.Epoch}
				starts[in] = append(starts[in], stretch{x, stamp})
			}
		}
		if len(all) == 0 {
			return nil
		}
		defer func(start time.Time) { s.commits.Observe(time.Since(start).Seconds()) }(time.Now())
		var writes []func(context.Context) error
		seen := map[extent]bool{}
		for _, r := range all {
			if !seen[r.extent] {
				seen[r.extent] = true
				writes = append(writes, func(ctx context.Context) error { return s.extend(ctx, r.extent, r.stamp, starts[r.extent]) })
			}
			writes = append(writes, func(ctx context.Context) error { return s.insert(ctx, r) })
		}
		return send(ctx, s, writes, func(ctx context.Context, write func(context.Context) error) error { return write(ctx) })
	})
}

// insert writes rows in a single batch.
func (s *Store) insert(ctx context.Context, r *rows) error {
	b := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(elsewhere{}).WithTimestamp(r.stamp)
	b.Entries = make([]gocql.BatchEntry, len(r.of))
	for i, x := range r.of {
		b.Entries[i] = gocql.BatchEntry{Stmt: inserts[r.part], Idempotent: true,
			Args: []any{s.cfg.Library, r.asset, r.run, r.bucket, x.ordinal, int64(x.at.Start), int64(x.at.End), x.body}}
	}
	return s.session.ExecuteBatch(b)
}

// extend writes an extent, and the stretches of the extent's bucket, which share the partition of extents. Every batch
// writes its extents again: another process may have deleted the extent with the run. Rows and extents are written side
// by side: rows without an extent belong to a write without acknowledgement, and the caller repeats the write.
func (s *Store) extend(ctx context.Context, x extent, stamp int64, starts []stretch) error {
	b := s.together(ctx)
	b.Query("INSERT INTO extents (library, asset, run, part, bucket, epoch) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?",
		s.cfg.Library, x.asset, x.run, int8(x.part), x.bucket, x.epoch, stamp)
	for _, y := range starts {
		if b.Size() >= mostTogether {
			if err := s.execute(b); err != nil {
				return err
			}
			b = s.together(ctx)
		}
		b.Query("INSERT INTO stretches (library, asset, run, first, bounds) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
			s.cfg.Library, x.asset, x.run, y.First, y.AppendBounds(nil), y.stamp)
	}
	return s.execute(b)
}

// mostTogether bounds the small statements of a partition sent together.
const mostTogether = 256

// together makes a batch of statements over a single partition. Each statement has its own timestamp.
func (s *Store) together(ctx context.Context) *gocql.Batch {
	return s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(elsewhere{}).DefaultTimestamp(false)
}

// execute sends a batch of together.
func (s *Store) execute(b *gocql.Batch) error {
	for i := range b.Entries {
		b.Entries[i].Idempotent = true
	}
	return s.session.ExecuteBatch(b)
}

// split encodes the items of a batch and appends them to all. Each piece has rows of a single partition.
func split[M item](all []*rows, stamp int64, part store.Part, b store.Batch, items []M) ([]*rows, error) {
	var last *rows
	for i, m := range items {
		ordinal := b.First + int64(i)
		if m.GetRun() != b.Run || m.GetOrdinal() != ordinal || m.GetAsset() != b.Asset {
			return nil, errkind.New(errkind.Invalid, "item %d of the batch is %s of asset %s, not %s of asset %s", i,
				schema.ItemID(m.GetRun(), m.GetOrdinal()), m.GetAsset(), schema.ItemID(b.Run, ordinal), b.Asset)
		}
		body, err := encode(m)
		if err != nil {
			return nil, fmt.Errorf("item %s: %w", schema.ItemID(b.Run, ordinal), err)
		}
		if bucket := ordinal / bucketRows; last == nil || last.bucket != bucket || last.bytes+len(body) > batchBytes {
			last = &rows{extent: extent{b.Asset, b.Run, part, bucket, b.Epoch}, stamp: stamp}
			all = append(all, last)
		}
		last.of, last.bytes = append(last.of, row{ordinal, schema.IntervalOf(m), body}), last.bytes+len(body)
	}
	return all, nil
}

// send calls do for each element of all, at most as many at once as there are slots.
func send[T any](ctx context.Context, s *Store, all []T, do func(context.Context, T) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, x := range all {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return cmpErr(g.Wait(), ctx.Err())
		}
		g.Go(func() error {
			defer func() { <-s.slots }()
			return do(ctx, x)
		})
	}
	return g.Wait()
}

// cmpErr returns the first error.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// extentsOf reads the buckets with items of a run, in order.
func (s *Store) extentsOf(ctx context.Context, asset, run string) (all []extent, err error) {
	x := extent{asset: asset, run: run}
	var part int8
	q := s.query(ctx, "SELECT part, bucket, epoch FROM extents WHERE library = ? AND asset = ? AND run = ?", s.cfg.Library, asset, run)
	err = each(q, func() error {
		x.part = store.Part(part)
		all = append(all, x)
		return nil
	}, &part, &x.bucket, &x.epoch)
	return all, err
}

// Markers have their epoch in their key, so markers of two executions never collide. Timestamps of markers have the epoch 0.

// MarkIndexed implements store.Annotations.
func (s *Store) MarkIndexed(ctx context.Context, markers []store.Marker) error {
	return s.do(ctx, "mark_indexed", "marking indexed batches", func() error {
		type names struct{ asset, run string }
		of := map[names]*gocql.Batch{}
		var all []*gocql.Batch
		stamp := s.stamps.stamp(0)
		for _, m := range markers {
			if named(m.Asset, m.Run) != nil || m.Epoch < 0 || m.First < 0 || m.Count < 0 || m.Part > store.PartEmbeddings {
				return errkind.New(errkind.Invalid, "marker %+v", m)
			}
			k := names{m.Asset, m.Run}
			if of[k] == nil || of[k].Size() >= mostTogether {
				of[k] = s.session.NewBatch(gocql.UnloggedBatch)
				all = append(all, of[k])
			}
			of[k].Query("INSERT INTO markers (library, asset, run, epoch, part, first, count) VALUES (?, ?, ?, ?, ?, ?, ?)",
				s.cfg.Library, m.Asset, m.Run, m.Epoch, int8(m.Part), m.First, m.Count)
		}
		return send(ctx, s, all, func(ctx context.Context, b *gocql.Batch) error {
			return s.session.ExecuteBatch(b.WithContext(ctx).RetryPolicy(elsewhere{}).WithTimestamp(stamp))
		})
	})
}

// Indexed implements store.Annotations. Markers are in the order of part and first ordinal.
func (s *Store) Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error) {
	var n, end [2]int64
	err = s.do(ctx, "indexed", "counting the indexed items of "+run, func() error {
		var part int8
		var first, count int64
		q := s.query(ctx, "SELECT part, first, count FROM markers WHERE library = ? AND asset = ? AND run = ? AND epoch = ?", s.cfg.Library, asset, run, epoch)
		return each(q, func() error {
			if part < 0 || int(part) >= len(n) {
				return fmt.Errorf("a marker of part %d", part)
			}
			upto := first + count
			n[part] += max(0, upto-max(first, end[part]))
			end[part] = max(end[part], upto)
			return nil
		}, &part, &first, &count)
	})
	if err != nil {
		return 0, 0, err
	}
	return n[store.PartAnnotations], n[store.PartEmbeddings], nil
}

// TrimRun implements store.Annotations. Deletions have the highest epoch of the run's extents: a deletion covers every present row, and no
// row of a later execution.
func (s *Store) TrimRun(ctx context.Context, asset, run string, annotations, embeddings int64) error {
	return s.do(ctx, "trim_run", "trimming run "+run, func() error {
		if annotations < 0 || embeddings < 0 {
			return errkind.New(errkind.Invalid, "to %d annotations and %d embeddings", annotations, embeddings)
		}
		all, err := s.extentsOf(ctx, asset, run)
		if err != nil {
			return err
		}
		stamp := s.stampOver(all)
		keep := [...]int64{store.PartAnnotations: annotations, store.PartEmbeddings: embeddings}
		err = send(ctx, s, all, func(ctx context.Context, x extent) error {
			if (x.bucket+1)*bucketRows <= keep[x.part] {
				return nil
			}
			return s.query(ctx, "DELETE FROM "+tables[x.part]+" WHERE library = ? AND asset = ? AND run = ? AND bucket = ? AND ordinal >= ?",
				s.cfg.Library, asset, run, x.bucket, keep[x.part]).WithTimestamp(stamp).Exec()
		})
		if err == nil {
			err = s.query(ctx, "DELETE FROM stretches WHERE library = ? AND asset = ? AND run = ? AND first >= ?", s.cfg.Library, asset, run, annotations).WithTimestamp(stamp).Exec()
		}
		if err != nil {
			return err
		}
		r, err := s.record(ctx, s.query, asset, run)
		if err != nil || r.run.GetEpoch() <= store.FirstEpoch {
			return err // no epoch is over
		}
		return s.deleteMarkers(ctx, asset, run, r.run.GetEpoch()-1)
	})
}

// stampOver is a timestamp above every row of the extents.
func (s *Store) stampOver(all []extent) int64 {
	var epoch int64
	for _, x := range all {
		epoch = max(epoch, x.epoch)
	}
	return s.stamps.stamp(epoch)
}

// deleteMarkers deletes the markers of epochs up to upto.
func (s *Store) deleteMarkers(ctx context.Context, asset, run string, upto int64) error {
	return s.query(ctx, "DELETE FROM markers WHERE library = ? AND asset = ? AND run = ? AND epoch <= ?",
		s.cfg.Library, asset, run, upto).WithTimestamp(s.stamps.stamp(0)).Exec()
}

// deleteItems deletes the items of a run, partition by partition, then the run's stretches and, last, its extents.
func (s *Store) deleteItems(ctx context.Context, asset, run string, epoch int64) error {
	all, err := s.extentsOf(ctx, asset, run)
	if err != nil {
		return err
	}
	stamp := s.stampOver(all)
	err = send(ctx, s, all, func(ctx context.Context, x extent) error {
		return s.query(ctx, "DELETE FROM "+tables[x.part]+" WHERE library = ? AND asset = ? AND run = ? AND bucket = ?",
			s.cfg.Library, asset, run, x.bucket).WithTimestamp(stamp).Exec()
	})
	if err != nil {
		return err
	}
	var marked int64
	err = s.query(ctx, "SELECT epoch FROM markers WHERE library = ? AND asset = ? AND run = ? ORDER BY epoch DESC LIMIT 1", s.cfg.Library, asset, run).Scan(&marked)
	if err != nil && !errors.Is(err, gocql.ErrNotFound) {
		return err
	}
	if err == nil {
		if err := s.deleteMarkers(ctx, asset, run, max(marked, epoch)); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := s.query(ctx, "DELETE FROM stretches WHERE library = ? AND asset = ? AND run = ?", s.cfg.Library, asset, run).WithTimestamp(stamp).Exec(); err != nil {
		return err
	}
	return s.query(ctx, "DELETE FROM extents WHERE library = ? AND asset = ? AND run = ?", s.cfg.Library, asset, run).WithTimestamp(stamp).Exec()
}

// Annotation implements store.Annotations.
func (s *Store) Annotation(ctx context.Context, asset, run string, ordinal int64) (*pb.Annotation, error) {
	return one[pb.Annotation](ctx, s, "annotation", store.PartAnnotations, asset, run, ordinal)
}

// Embedding implements store.Annotations.
func (s *Store) Embedding(ctx context.Context, asset, run string, ordinal int64) (*pb.Embedding, error) {
	return one[pb.Embedding](ctx, s, "embedding", store.PartEmbeddings, asset, run, ordinal)
}

// AnnotationsOf implements store.Annotations.
func (s *Store) AnnotationsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Annotation, error] {
	return itemsOf[pb.Annotation](ctx, s, "annotations_of", store.PartAnnotations, asset, run, span)
}

// EmbeddingsOf implements store.Annotations.
func (s *Store) EmbeddingsOf(ctx context.Context, asset, run string, span store.Span) iter.Seq2[*pb.Embedding, error] {
	return itemsOf[pb.Embedding](ctx, s, "embeddings_of", store.PartEmbeddings, asset, run, span)
}
