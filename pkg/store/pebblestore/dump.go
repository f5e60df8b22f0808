package pebblestore

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Dump implements store.Store.
func (s *Store) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	line := func(table string, m proto.Message) error {
		b, err := schema.MarshalJSON(m)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "{%q:%s}\n", table, b)
		return err
	}
	for a, err := range s.AllAssets(ctx) {
		if err == nil {
			err = line("asset", a)
		}
		if err != nil {
			return fmt.Errorf("dumping assets: %w", err)
		}
	}
	for r, err := range prefixed[pb.Run](ctx, s, []byte{tableRuns}, "runs") {
		if err == nil {
			// Under which epoch a run was executed, and whether it was switched to, is history, not what it said.
			r.Epoch, r.Activated = 0, false
			err = line("run", r)
		}
		if err != nil {
			return fmt.Errorf("dumping runs: %w", err)
		}
	}
	for a, err := range prefixed[pb.Annotation](ctx, s, []byte{tableAnnotations}, "annotations") {
		if err == nil {
			err = line("annotation", a)
		}
		if err != nil {
			return fmt.Errorf("dumping annotations: %w", err)
		}
	}
	for e, err := range prefixed[pb.Embedding](ctx, s, []byte{tableEmbeddings}, "embeddings") {
		if err == nil {
			err = line("embedding", e)
		}
		if err != nil {
			return fmt.Errorf("dumping embeddings: %w", err)
		}
	}
	for v, err := range s.AllActive(ctx) {
		if err == nil {
			v.Generation, v.Previous = 0, ""
			err = line("active", v)
		}
		if err != nil {
			return fmt.Errorf("dumping active runs: %w", err)
		}
	}
	return out.Flush()
}
