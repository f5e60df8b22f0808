package cassandrastore

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	"github.com/cinedex/cinedex/pkg/store"
)

// names are an asset and a run of the asset.
type names struct{ asset, run string }

// Dump implements store.Store. A cluster has no snapshots: each asset, record and bucket is as of the moment of its read. Concurrent
// writes may be in the dump in part.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	return s.do(ctx, "dump", "dumping", func() error {
		out := bufio.NewWriter(w)
		if err := s.dump(ctx, out); err != nil {
			return err
		}
		return out.Flush()
	})
}

func (s *Store) dump(ctx context.Context, w io.Writer) error {
	for a, err := range s.AllAssets(ctx) {
		if err == nil {
			store.ForgetHistory(a)
			err = writeLine(w, "asset", a)
		}
		if err != nil {
			return err
		}
	}
	assets, err := s.partitions(ctx, "SELECT DISTINCT library, asset FROM runs", false)
	if err != nil {
		return err
	}
	for _, of := range assets {
		runs, err := s.runsOf(ctx, of.asset)
		if err != nil {
			return err
		}
		for _, r := range runs {
			r.Epoch, r.Activated, r.TookMs = 0, false, 0
			if err := writeLine(w, "run", r); err != nil {
				return err
			}
		}
	}
	runs, err := s.partitions(ctx, "SELECT DISTINCT library, asset, run FROM extents", true)
	if err != nil {
		return err
	}
	for _, of := range runs {
		if err := writeAll(w, "annotation", s.AnnotationsOf(ctx, of.asset, of.run, store.Span{})); err != nil {
			return err
		}
	}
	for _, of := range runs {
		if err := writeAll(w, "embedding", s.EmbeddingsOf(ctx, of.asset, of.run, store.Span{})); err != nil {
			return err
		}
	}
	active, err := s.allActive(ctx)
	if err != nil {
		return err
	}
	for _, a := range active {
		store.ForgetSwitches(a)
		if err := writeLine(w, "active", a); err != nil {
			return err
		}
	}
	return nil
}

// partitions reads the keys of a table's partitions, and sorts the keys. The server returns keys in the order of their hashes.
func (s *Store) partitions(ctx context.Context, cql string, runs bool) (all []names, err error) {
	var library string
	var of names
	dest := []any{&library, &of.asset}
	if runs {
		dest = append(dest, &of.run)
	}
	err = each(s.query(ctx, cql), func() error {
		if library == s.cfg.Library {
			all = append(all, of)
		}
		return nil
	}, dest...)
	slices.SortFunc(all, func(a, b names) int {
		return cmp.Or(cmp.Compare(a.asset, b.asset), cmp.Compare(a.run, b.run))
	})
	return all, err
}

func writeAll[M proto.Message](w io.Writer, name string, of iter.Seq2[M, error]) error {
	for m, err := range of {
		if err == nil {
			err = writeLine(w, name, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeLine(w io.Writer, name string, m proto.Message) error {
	line, err := schema.MarshalJSON(m)
	if err == nil {
		_, err = fmt.Fprintf(w, "{%q:%s}\n", name, line)
	}
	return err
}
