package cassandrastore

import (
	"context"
	"errors"
	"hash/fnv"
	"iter"

	"github.com/gocql/gocql"
	"golang.org/x/sync/errgroup"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// shards is how many partitions hold the assets, and the jobs. Each partition is in the order of ids, so a scan merges the partitions. A
// million assets of 2 kB make partitions of 60 MB.
const shards = 32

func shardOf(id string) int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return int16(h.Sum32() % shards)
}

// An assetRow is an asset with the revision of the row.
type assetRow struct {
	asset *pb.Asset // nil where there is none
	// told is true if Version grew for the last change of the row.
	told     bool
	revision gocql.UUID
}

func (s *Store) asset(q *gocql.Query) (r assetRow, err error) {
	var body []byte
	if err := q.Scan(&body, &r.told, &r.revision); err != nil {
		if errors.Is(err, gocql.ErrNotFound) {
			err = nil
		}
		return r, err
	}
	r.asset, err = decode[pb.Asset](body)
	return r, err
}

const selectAsset = "SELECT body, told, revision FROM assets WHERE library = ? AND shard = ? AND id = ?"

// PutAsset implements store.Assets.
func (s *Store) PutAsset(ctx context.Context, a *pb.Asset) error {
	return s.do(ctx, "put_asset", "putting asset "+a.GetId(), func() error {
		if err := named(a.GetId()); err != nil {
			return err
		}
		body, err := encode(a)
		if err != nil {
			return err
		}
		at := []any{s.cfg.Library, shardOf(a.GetId()), a.GetId()}
		return s.change(ctx, "asset/"+a.GetId(), func(read readFunc, revision gocql.UUID) (*swap, error) {
			row, err := s.asset(read(ctx, selectAsset, at...))
			b := s.swap(ctx)
			b.more = true // the telling
			if err != nil {
				return nil, err
			}
			write, err := store.Replaces(a, row.asset)
			switch {
			case err != nil:
				return nil, err
			case row.asset == nil:
				b.Query("INSERT INTO assets (library, shard, id, body, told, revision) VALUES (?, ?, ?, ?, false, ?) IF NOT EXISTS", append(at[:3:3], body, revision)...)
			case write:
				b.Query("UPDATE assets SET body = ?, told = false, revision = ? WHERE library = ? AND shard = ? AND id = ? IF revision = ?",
					body, revision, at[0], at[1], at[2], row.revision)
			case row.told:
				return nil, nil
			default:
				if err := s.tell(ctx, a.GetId()); err != nil {
					return nil, err
				}
				b.more = false
				b.Query("UPDATE assets SET told = true, revision = ? WHERE library = ? AND shard = ? AND id = ? IF revision = ?", revision, at[0], at[1], at[2], row.revision)
			}
			return b, nil
		})
	})
}

// Asset implements store.Assets.
func (s *Store) Asset(ctx context.Context, id string) (*pb.Asset, error) {
	var row assetRow
	err := s.do(ctx, "asset", "reading asset "+id, func() (err error) {
		row, err = hedged(ctx, func(ctx context.Context) (assetRow, error) {
			return s.asset(s.query(ctx, selectAsset, s.cfg.Library, shardOf(id), id))
		})
		if err == nil && row.asset == nil {
			err = errkind.New(errkind.NotFound, "there is no asset %s", id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return row.asset, nil
}

// AllAssets implements store.Assets.
func (s *Store) AllAssets(ctx context.Context) iter.Seq2[*pb.Asset, error] {
	return merged[pb.Asset](ctx, s, "all_assets", "assets")
}

// merged yields every row of a sharded table in the order of ids: merged reads the shards side by side, and yields the least of the next
// rows.
func merged[T any, M message[T]](ctx context.Context, s *Store, operation, table string) iter.Seq2[M, error] {
	return iterate(ctx, s, operation, "reading "+table, func(ctx context.Context, yield func(M) bool) error {
		type shard struct {
			rows *gocql.Iter
			id   string
			body []byte
			more bool
		}
		var all [shards]shard
		next := func(sh *shard) error {
			if sh.more = sh.rows.Scan(&sh.id, &sh.body); sh.more {
				return nil
			}
			return sh.rows.Close()
		}
		var g errgroup.Group
		g.SetLimit(shards / 2)
		for i := range all {
			g.Go(func() error {
				all[i].rows = s.query(ctx, "SELECT id, body FROM "+table+" WHERE library = ? AND shard = ?", s.cfg.Library, int16(i)).Iter()
				return next(&all[i])
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for {
			var least *shard
			for i := range all {
				if sh := &all[i]; sh.more && (least == nil || sh.id < least.id) {
					least = sh
				}
			}
			if least == nil {
				return nil
			}
			m, err := decode[T, M](least.body)
			if err != nil {
				return err
			}
			if !yield(m) {
				return nil
			}
			if err := next(least); err != nil {
				return err
			}
		}
	})
}
