package cassandrastore

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/store"
)

// one reads a single item.
func one[T any, M message[T]](ctx context.Context, s *Store, operation string, part store.Part, asset, run string, ordinal int64) (m M, err error) {
	err = s.do(ctx, operation, "reading "+operation+" "+schema.ItemID(run, ordinal), func() error {
		body, err := hedged(ctx, func(ctx context.Context) (body []byte, err error) {
			err = s.query(ctx, "SELECT body FROM "+tables[part]+" WHERE library = ? AND asset = ? AND run = ? AND bucket = ? AND ordinal = ?",
				s.cfg.Library, asset, run, ordinal/bucketRows, ordinal).Scan(&body)
			return body, err
		})
		if errors.Is(err, gocql.ErrNotFound) {
			return errkind.New(errkind.NotFound, "there is none")
		}
		if err == nil {
			m, err = decode[T, M](body)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// iterate makes an iterator of read. read yields until yield returns false. Goroutines of read end with the context.
func iterate[M any](ctx context.Context, s *Store, operation, doing string, read func(ctx context.Context, yield func(M) bool) error) iter.Seq2[M, error] {
	return func(yield func(M, error) bool) {
		leave, err := s.enter(ctx)
		left := false
		if err == nil {
			defer leave()
			defer s.time(operation, time.Now())
			reading, stop := context.WithCancel(ctx)
			defer stop()
			err = read(reading, func(m M) bool {
				if ctx.Err() != nil {
					return false
				}
				left = !yield(m, nil)
				return !left
			})
			if err == nil && !left {
				err = ctx.Err()
			}
		}
		if err != nil && !left {
			var none M
			yield(none, s.failed(operation, doing, err))
		}
	}
}

// bucketsAhead is how many buckets are read and decoded ahead of the caller.
const bucketsAhead = 4

// itemsOf yields the items of a run that overlap span, by ordinal: bucket after bucket, with the next buckets read
// ahead.
func itemsOf[T any, M message[T]](ctx context.Context, s *Store, operation string, part store.Part, asset, run string, span store.Span) iter.Seq2[M, error] {
	return iterate(ctx, s, operation, "reading "+tables[part]+" of "+run, func(ctx context.Context, yield func(M) bool) error {
		all, err := hedged(ctx, func(ctx context.Context) ([]extent, error) { return s.extentsOf(ctx, asset, run) })
		if err != nil {
			return err
		}
		var buckets []int64
		for _, x := range all {
			if x.part == part {
				buckets = append(buckets, x.bucket)
			}
		}
		return ahead(ctx, buckets, func(ctx context.Context, bucket int64) ([]M, error) {
			return hedged(ctx, func(ctx context.Context) ([]M, error) { return bucketOf[T, M](ctx, s, part, asset, run, bucket, span) })
		}, func(ms []M) bool {
			for _, m := range ms {
				if !yield(m) {
					return false
				}
			}
			return true
		})
	})
}

// bucketOf reads a bucket. The server leaves out most items outside the span. Items at the edges of the span are left out here.
func bucketOf[T any, M message[T]](ctx context.Context, s *Store, part store.Part, asset, run string, bucket int64, span store.Span) (ms []M, err error) {
	cql, args := "SELECT starts, ends, body FROM "+tables[part]+" WHERE library = ? AND asset = ? AND run = ? AND bucket = ?", []any{s.cfg.Library, asset, run, bucket}
	if span != (store.Span{}) {
		cql, args = cql+" AND starts < ? AND ends >= ? ALLOW FILTERING", append(args, int64(span.End), int64(span.Start))
	}
	var at schema.Interval
	var starts, ends int64
	var body []byte
	err = each(s.query(ctx, cql, args...), func() error {
		at = schema.Interval{Start: schema.Time(starts), End: schema.Time(ends)}
		// A moment of no length is selected within the span.
		if span != (store.Span{}) && !at.Overlaps(span) && !(at.Empty() && span.Contains(at.Start)) {
			return nil
		}
		m, err := decode[T, M](body)
		ms = append(ms, m)
		return err
	}, &starts, &ends, &body)
	return ms, err
}

// ahead calls get for each element of asked, some at the same time, and passes the answers to use in order, until use
// returns false. ahead waits for every goroutine of its own.
func ahead[A, B any](ctx context.Context, asked []A, get func(context.Context, A) (B, error), use func(B) bool) error {
	type answer struct {
		b   B
		err error
	}
	ctx, stop := context.WithCancel(ctx)
	var started sync.WaitGroup
	defer started.Wait()
	defer stop()
	answers := make(chan chan answer, bucketsAhead-1)
	started.Go(func() {
		defer close(answers)
		for _, a := range asked {
			to := make(chan answer, 1)
			select {
			case answers <- to:
			case <-ctx.Done():
				return
			}
			started.Go(func() {
				b, err := get(ctx, a)
				to <- answer{b, err}
			})
		}
	})
	for to := range answers {
		a := <-to
		if a.err != nil {
			return a.err
		}
		if !use(a.b) {
			return nil
		}
	}
	return ctx.Err()
}
