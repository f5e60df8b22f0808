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
	// bucketRows is how many ordinals share a partition: 0.3 MB of labels, 2 MB of vectors of 512 numbers. A
	// run that says something of each frame of a film has some hundred, read side by side.
	bucketRows = 1024
	// batchBytes is when a batch of rows is sent. One partition's batch is one mutation, so the server's thresholds for batches
	// are not asked. It is some hundred labels, or eight vectors of 512 numbers: TestFigureWrites holds it beside batches of fifty rows.
	batchBytes = 16 << 10
)

// tables are those of the parts of what a run writes.
var tables = [...]string{store.PartAnnotations: "annotations", store.PartEmbeddings: "embeddings"}

// item is an annotation or an embedding.
type item interface {
	proto.Message
	schema.Spanning
	GetAsset() string
	GetRun() string
	GetOrdinal() int64
}

// An extent is a bucket that an execution of a run has written to.
type extent struct {
	asset, run string
	part       store.Part
	bucket     int64
	epoch      int64
}

// A stretch is one of a batch, with the batch's timestamp.
type stretch struct {
	store.Stretch
	stamp int64
}

// rows are encoded rows of one partition, sent together.
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

// WriteBatches implements store.Annotations. All is encoded before any of it is sent.
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

// insert writes rows in one batch.
func (s *Store) insert(ctx context.Context, r *rows) error {
	b := s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(elsewhere{}).WithTimestamp(r.stamp)
	b.Entries = make([]gocql.BatchEntry, len(r.of))
	for i, x := range r.of {
		b.Entries[i] = gocql.BatchEntry{Stmt: inserts[r.part], Idempotent: true,
			Args: []any{s.cfg.Library, r.asset, r.run, r.bucket, x.ordinal, int64(x.at.Start), int64(x.at.End), x.body}}
	}
	return s.session.ExecuteBatch(b)
}

// extend writes that a run has items in a bucket. It is written again with every batch, and beside the rows: what is remembered of it
// could have been deleted meanwhile, with the run, by another process, and rows that are there without it
// are those of a write that was not acknowledged, which is made again. The stretches of the bucket lie in the same partition's rows.
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

// mostTogether is how many small statements of one partition are sent together.
const mostTogether = 256

// together makes a batch of statements of one partition, each with a timestamp of its own.
func (s *Store) together(ctx context.Context) *gocql.Batch {
	return s.session.NewBatch(gocql.UnloggedBatch).WithContext(ctx).RetryPolicy(elsewhere{}).DefaultTimestamp(false)
}

// execute sends statements that may be repeated.
func (s *Store) execute(b *gocql.Batch) error {
	for i := range b.Entries {
		b.Entries[i].Idempotent = true
	}
	return s.session.ExecuteBatch(b)
}

// split encodes the items of a batch and adds them to all, in pieces of one partition each.
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

// send does something for each of all, as many at once as there are slots.
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

// cmpErr returns the first that is an error.
func cmpErr(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// extentsOf reads the buckets that a run has items in, in their order.
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

// Markers have their epoch in their key, so no execution's covers another's. Their timestamps
// are of the epoch 0: time alone.

// MarkIndexed implements store.Annotations.
func (s *Store) MarkIndexed(ctx context.Context, markers []store.Marker) error {
	return s.do(ctx, "mark_indexed", "marking what is indexed", func() error {
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

// Indexed implements store.Annotations. Markers come by their part and their first ordinals.
func (s *Store) Indexed(ctx context.Context, asset, run string, epoch int64) (annotations, embeddings int64, err error) {
	var n, end [2]int64
	err = s.do(ctx, "indexed", "counting what is indexed of "+run, func() error {
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

// TrimRun implements store.Annotations. The deletions have the highest epoch that wrote to the run, so
// they cover whatever is there, and nothing that a later one writes.
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

// stampOver is a timestamp above all that was written to the extents.
func (s *Store) stampOver(all []extent) int64 {
	var epoch int64
	for _, x := range all {
		epoch = max(epoch, x.epoch)
	}
	return s.stamps.stamp(epoch)
}

// deleteMarkers deletes the markers of epochs up to one, and covers none of later ones.
func (s *Store) deleteMarkers(ctx context.Context, asset, run string, upto int64) error {
	return s.query(ctx, "DELETE FROM markers WHERE library = ? AND asset = ? AND run = ? AND epoch <= ?",
		s.cfg.Library, asset, run, upto).WithTimestamp(s.stamps.stamp(0)).Exec()
}

// deleteItems deletes all that a run wrote up to now, a partition at a time, and last where it was.
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
