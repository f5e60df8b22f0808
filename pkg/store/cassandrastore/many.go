package cassandrastore

import (
	"context"
	"errors"
	"slices"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// rowsAsked bounds the rows of a partition in a single request.
const rowsAsked = 100

// AnnotationsAt implements store.Annotations.
func (s *Store) AnnotationsAt(ctx context.Context, refs []store.Ref) ([]*pb.Annotation, error) {
	return itemsAt[pb.Annotation](ctx, s, "annotations_at", store.PartAnnotations, refs)
}

// EmbeddingsAt implements store.Annotations.
func (s *Store) EmbeddingsAt(ctx context.Context, refs []store.Ref) ([]*pb.Embedding, error) {
	return itemsAt[pb.Embedding](ctx, s, "embeddings_at", store.PartEmbeddings, refs)
}

func itemsAt[T any, M message[T]](ctx context.Context, s *Store, operation string, part store.Part, refs []store.Ref) (out []M, err error) {
	err = s.do(ctx, operation, "reading "+tables[part], func() (err error) {
		out, err = itemsIn[T, M](ctx, s, part, refs)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// An ask is a request for some rows of a partition. at are the places of the rows' refs.
type ask struct {
	extent
	ordinals []int64
	at       map[int64][]int // by ordinal
}

// asksFor groups refs by their partitions. asksFor leaves out refs that name nothing.
func asksFor(part store.Part, refs []store.Ref) []*ask {
	open := map[extent]*ask{}
	var all []*ask
	for i, r := range refs {
		if named(r.Asset, r.Run) != nil || r.Ordinal < 0 {
			continue
		}
		x := extent{asset: r.Asset, run: r.Run, part: part, bucket: r.Ordinal / bucketRows}
		a := open[x]
		if a == nil || len(a.ordinals) == rowsAsked && a.at[r.Ordinal] == nil {
			a = &ask{extent: x, at: map[int64][]int{}}
			open[x] = a
			all = append(all, a)
		}
		if a.at[r.Ordinal] == nil {
			a.ordinals = append(a.ordinals, r.Ordinal)
		}
		a.at[r.Ordinal] = append(a.at[r.Ordinal], i)
	}
	return all
}

// itemsIn is itemsAt for a call that has entered. The partitions are read side by side.
func itemsIn[T any, M message[T]](ctx context.Context, s *Store, part store.Part, refs []store.Ref) ([]M, error) {
	out := make([]M, len(refs))
	err := send(ctx, s, asksFor(part, refs), func(ctx context.Context, a *ask) error {
		bodies, err := hedged(ctx, func(ctx context.Context) (map[int64][]byte, error) {
			bodies := map[int64][]byte{}
			var ordinal int64
			var body []byte
			q := s.query(ctx, "SELECT ordinal, body FROM "+tables[part]+" WHERE library = ? AND asset = ? AND run = ? AND bucket = ? AND ordinal IN ?",
				s.cfg.Library, a.asset, a.run, a.bucket, a.ordinals)
			err := each(q, func() error {
				bodies[ordinal], body = body, nil
				return nil
			}, &ordinal, &body)
			return bodies, err
		})
		if err != nil {
			return err
		}
		for ordinal, body := range bodies {
			for _, i := range a.at[ordinal] {
				if out[i], err = decode[T, M](body); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// LastBefore implements store.Annotations. The runs are searched side by side: the stretches of each run, and then the
// annotations of a few stretches at most.
func (s *Store) LastBefore(ctx context.Context, points []store.Point) (out []*pb.Annotation, err error) {
	err = s.do(ctx, "last_before", "finding annotations by time", func() error {
		of := map[names][]int{}
		refs := make([]store.Ref, len(points))
		for i, p := range points {
			refs[i] = store.Ref{Asset: p.Asset, Run: p.Run, Ordinal: -1}
			if named(p.Asset, p.Run) == nil {
				of[names{p.Asset, p.Run}] = append(of[names{p.Asset, p.Run}], i)
			}
		}
		var runs []names
		for k := range of {
			runs = append(runs, k)
		}
		err := send(ctx, s, runs, func(ctx context.Context, k names) error {
			finder, err := s.finder(ctx, k)
			if err != nil {
				return err
			}
			for _, i := range of[k] {
				m, found, err := finder.LastBefore(points[i].Kind, points[i].Time)
				if err != nil {
					return err
				}
				if found {
					refs[i].Ordinal = m.Ordinal
				}
			}
			return nil
		})
		if err == nil {
			out, err = itemsIn[pb.Annotation](ctx, s, store.PartAnnotations, refs)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Starting implements store.Annotations. The runs are searched side by side, as for LastBefore.
func (s *Store) Starting(ctx context.Context, ranges []store.Range) (out [][]*pb.Annotation, err error) {
	err = s.do(ctx, "starting", "finding annotations by time", func() error {
		of := map[names][]int{}
		var runs []names
		for i, r := range ranges {
			k := names{r.Asset, r.Run}
			if named(r.Asset, r.Run) != nil {
				continue
			}
			if of[k] == nil {
				runs = append(runs, k)
			}
			of[k] = append(of[k], i)
		}
		found := make([][]store.Moment, len(ranges))
		err := send(ctx, s, runs, func(ctx context.Context, k names) error {
			finder, err := s.finder(ctx, k)
			if err != nil {
				return err
			}
			for _, i := range of[k] {
				if found[i], err = finder.Starting(ranges[i].Kind, ranges[i].From, ranges[i].To); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		var refs []store.Ref
		counts := make([]int, len(ranges))
		for i, r := range ranges {
			counts[i] = len(found[i])
			for _, m := range found[i] {
				refs = append(refs, store.Ref{Asset: r.Asset, Run: r.Run, Ordinal: m.Ordinal})
			}
		}
		items, err := itemsIn[pb.Annotation](ctx, s, store.PartAnnotations, refs)
		out = store.Parted(items, counts)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// finder reads the stretches of a run.
func (s *Store) finder(ctx context.Context, k names) (*store.Finder, error) {
	var all []store.Stretch
	var buckets []int64
	var r record
	last := int64(-1)
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		all, err = hedged(reading, func(ctx context.Context) ([]store.Stretch, error) { return s.stretchesOf(ctx, k) })
		return err
	})
	g.Go(func() (err error) {
		r, err = hedged(reading, func(ctx context.Context) (record, error) { return s.record(ctx, s.query, k.asset, k.run) })
		return err
	})
	g.Go(func() (err error) {
		extents, err := hedged(reading, func(ctx context.Context) ([]extent, error) { return s.extentsOf(ctx, k.asset, k.run) })
		for _, x := range extents {
			if x.part == store.PartAnnotations {
				buckets = append(buckets, x.bucket)
			}
		}
		if err == nil {
			last, err = hedged(reading, func(ctx context.Context) (int64, error) { return s.lastOrdinal(ctx, k, buckets) })
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return store.NewFinder(all, last, r.run.GetEpoch(), func(x store.Stretch) (ms []store.Moment, err error) {
		var within []int64
		for _, b := range buckets {
			if b >= x.First/bucketRows && b <= (x.First+x.Count-1)/bucketRows {
				within = append(within, b)
			}
		}
		err = ahead(ctx, within, func(ctx context.Context, bucket int64) ([]store.Moment, error) {
			return hedged(ctx, func(ctx context.Context) ([]store.Moment, error) { return s.moments(ctx, k, bucket, x) })
		}, func(some []store.Moment) bool {
			ms = append(ms, some...)
			return true
		})
		return ms, err
	}), nil
}

func (s *Store) stretchesOf(ctx context.Context, k names) (all []store.Stretch, err error) {
	var first int64
	var bounds []byte
	q := s.query(ctx, "SELECT first, bounds FROM stretches WHERE library = ? AND asset = ? AND run = ?", s.cfg.Library, k.asset, k.run)
	err = each(q, func() error {
		x, err := store.ParseStretch(first, bounds)
		all = append(all, x)
		return err
	}, &first, &bounds)
	return all, err
}

// lastOrdinal returns the highest ordinal of a run's annotations, -1 where there is none.
func (s *Store) lastOrdinal(ctx context.Context, k names, buckets []int64) (last int64, err error) {
	for _, bucket := range slices.Backward(buckets) {
		err := s.query(ctx, "SELECT ordinal FROM annotations WHERE library = ? AND asset = ? AND run = ? AND bucket = ? ORDER BY ordinal DESC LIMIT 1",
			s.cfg.Library, k.asset, k.run, bucket).Scan(&last)
		if !errors.Is(err, gocql.ErrNotFound) { // a trimmed bucket
			return last, err
		}
	}
	return -1, nil
}

// moments reads the starts of a stretch's annotations in a bucket.
func (s *Store) moments(ctx context.Context, k names, bucket int64, x store.Stretch) (all []store.Moment, err error) {
	var ordinal int64
	var body []byte
	q := s.query(ctx, "SELECT ordinal, body FROM annotations WHERE library = ? AND asset = ? AND run = ? AND bucket = ? AND ordinal >= ? AND ordinal < ?",
		s.cfg.Library, k.asset, k.run, bucket, x.First, x.First+x.Count)
	err = each(q, func() error {
		a, err := decode[pb.Annotation](body)
		all = append(all, store.Moment{Kind: a.GetKind(), Start: schema.Time(a.GetStart()), Ordinal: ordinal})
		return err
	}, &ordinal, &body)
	return all, err
}
