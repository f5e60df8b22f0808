package pebblestore

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Dump implements store.Store.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return fmt.Errorf("dumping: %w", err)
	}
	defer leave()
	now := s.db.NewSnapshot()
	defer now.Close()
	d := dumper{ctx: ctx, store: s, from: now, to: bufio.NewWriter(w)}
	dump(&d, tableAssets, "asset", store.ForgetHistory)
	dump(&d, tableRuns, "run", func(r *pb.Run) { r.Epoch, r.Activated, r.TookMs = 0, false, 0 })
	dump(&d, tableAnnotations, "annotation", func(*pb.Annotation) {})
	dump(&d, tableEmbeddings, "embedding", func(*pb.Embedding) {})
	dump(&d, tableActive, "active", store.ForgetSwitches)
	if d.err == nil {
		d.err = d.to.Flush()
	}
	if d.err != nil {
		return fmt.Errorf("dumping: %w", d.err)
	}
	return nil
}

// dumper keeps its first error, and does nothing after an error.
type dumper struct {
	ctx   context.Context
	store *Store
	from  *pebble.Snapshot
	to    *bufio.Writer
	err   error
}

// dump writes a table. forget clears the fields left out of a dump.
func dump[T any, M message[T]](d *dumper, table byte, name string, forget func(M)) {
	if d.err != nil {
		return
	}
	for m, err := range scanFrom[T, M](d.ctx, d.store, d.from, key(table), nil, name+"s") {
		var line []byte
		if err == nil {
			forget(m)
			line, err = schema.MarshalJSON(m)
		}
		if err == nil {
			_, err = fmt.Fprintf(d.to, "{%q:%s}\n", name, line)
		}
		if err != nil {
			d.err = err
			return
		}
	}
}
