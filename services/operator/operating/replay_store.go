package operating

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/services/operator/jobs"
)

// storeCursor is the cursor of a replay from the store. In the log are all items of the asset's algorithms before Algorithm, and the first
// Annotations and Embeddings of Run.
type storeCursor struct {
	Asset, Algorithm, Run   string
	Annotations, Embeddings int64
	Done                    int64
}

// activeRuns returns the records of the selected active runs of an asset, by algorithm.
func (r *replay) activeRuns(ctx context.Context, sel *pb.Selection, asset string) ([]*pb.Run, error) {
	active, err := runs.Active(ctx, r.deps.Store, asset)
	if err != nil {
		return nil, err
	}
	var out []*pb.Run
	for _, a := range active {
		if !jobs.SelectsRun(sel, a.GetAlgorithm(), a.GetVersion()) {
			continue
		}
		run, err := runs.Read(ctx, r.deps.Store, asset, a.GetRun())
		if err != nil {
			return nil, err
		}
		out = append(out, run)
	}
	return out, nil
}

// sampled is how many items are looked at to tell how large they are.
const sampled = 1000

func (r *replay) planStore(ctx context.Context, m *pb.Replay) (*jobs.Plan, error) {
	p := &jobs.Plan{Unit: "items"}
	byVersion := map[string]int64{}
	var assets, folded, seen, bytes int64
	for a, err := range jobs.Assets(ctx, r.deps.Store, m.GetSelection(), "") {
		if err != nil {
			return nil, err
		}
		active, err := r.activeRuns(ctx, m.GetSelection(), a.GetId())
		if err != nil {
			return nil, err
		}
		assets++
		for _, run := range active {
			folded++
			n := run.GetAnnotations() + run.GetEmbeddings()
			p.Total += n
			byVersion[run.GetAlgorithm()+"@"+run.GetVersion()] += n
			if seen < sampled {
				for item, err := range r.deps.Store.AnnotationsOf(ctx, a.GetId(), run.GetId(), store.Span{}) {
					if err != nil {
						return nil, fmt.Errorf("reading run %s: %w", run.GetId(), err)
					}
					seen, bytes = seen+1, bytes+int64(proto.Size(item))
					if seen >= sampled {
						break
					}
				}
			}
		}
	}
	p.Lines = append(p.Lines, fmt.Sprintf("%d assets, %d active runs", assets, folded))
	p.Lines = append(p.Lines, sortedLines(byVersion, func(v string, n int64) string { return fmt.Sprintf("%s: %d items", v, n) })...)
	if seen > 0 {
		p.Lines = append(p.Lines, fmt.Sprintf("annotations of about %d bytes each, as %d of them are; vectors are larger", bytes/seen, seen))
	}
	return p, nil
}

// doStore publishes the items of active runs into the backfill's lanes, for the indexer to fold again.
func (r *replay) doStore(ctx context.Context, w *jobs.Work, m *pb.Replay) error {
	j := w.Job()
	var c storeCursor
	if err := readCursor(j.GetCursor(), &c); err != nil {
		return err
	}
	out := &lanesOut{r: r, w: w, total: j.GetTotal(), limit: newPace(m.GetRate())}
	from := c.Asset
	// The asset of the cursor itself is not done.
	for a, err := range jobs.Assets(ctx, r.deps.Store, m.GetSelection(), before(from)) {
		if err != nil {
			return err
		}
		active, err := r.activeRuns(ctx, m.GetSelection(), a.GetId())
		if err != nil {
			return err
		}
		for _, run := range active {
			if a.GetId() == from && run.GetAlgorithm() < c.Algorithm {
				continue
			}
			if a.GetId() != c.Asset || run.GetId() != c.Run {
				c = storeCursor{Asset: a.GetId(), Algorithm: run.GetAlgorithm(), Run: run.GetId(), Done: c.Done}
			}
			if err := r.publishRun(ctx, run, &c, out); err != nil {
				return err
			}
		}
	}
	if err := out.flush(ctx, c.Done, writeCursor(c)); err != nil {
		return err
	}
	return r.keepUp(ctx, 0)
}

// before is a string right before an id in order: the id is the first behind the string.
func before(id string) string {
	if id == "" {
		return ""
	}
	b := []byte(id)
	b[len(b)-1]--
	return string(b) + "\xff"
}

// The bounds of an event, as the algo-runner cuts events.
const (
	replayItems = 500
	replayBytes = 512 << 10
)

// publishRun publishes the items of a run from the cursor on.
func (r *replay) publishRun(ctx context.Context, run *pb.Run, c *storeCursor, out *lanesOut) error {
	err := inEvents(r.deps.Store.AnnotationsOf(ctx, run.GetAsset(), run.GetId(), store.Span{}), c.Annotations, alike, func(as []*pb.Annotation, size int) error {
		b := &pb.AnnotationBatch{Asset: run.GetAsset(), Run: run.GetId(), Epoch: run.GetEpoch(), Algorithm: run.GetAlgorithm(), Version: run.GetVersion(),
			First: c.Annotations, Annotations: as, Stored: true}
		n := int64(len(as))
		c.Annotations, c.Done = c.Annotations+n, c.Done+n
		return out.add(ctx, events.AnnotationsBackfill, run.GetAsset(), b, size, len(as), c.Done, writeCursor(*c))
	})
	if err != nil {
		return fmt.Errorf("publishing the annotations of run %s: %w", run.GetId(), err)
	}
	sameSpace := func(a, b *pb.Embedding) bool { return a.GetSpace() == b.GetSpace() }
	err = inEvents(r.deps.Store.EmbeddingsOf(ctx, run.GetAsset(), run.GetId(), store.Span{}), c.Embeddings, sameSpace, func(es []*pb.Embedding, size int) error {
		space, err := r.space(es[0])
		if err != nil {
			return err
		}
		b := &pb.EmbeddingBatch{Asset: run.GetAsset(), Run: run.GetId(), Epoch: run.GetEpoch(), Space: space, Algorithm: run.GetAlgorithm(), Version: run.GetVersion(),
			First: c.Embeddings, Embeddings: es, Stored: true}
		n := int64(len(es))
		c.Embeddings, c.Done = c.Embeddings+n, c.Done+n
		return out.add(ctx, events.EmbeddingsBackfill, run.GetAsset(), b, size, len(es), c.Done, writeCursor(*c))
	})
	if err != nil {
		return fmt.Errorf("publishing the embeddings of run %s: %w", run.GetId(), err)
	}
	return nil
}

// An item is an annotation or an embedding.
type item interface {
	proto.Message
	GetOrdinal() int64
}

func alike(_, _ *pb.Annotation) bool { return true }

// inEvents calls send with the items of an event at a time, from an ordinal on. together reports whether two items may share an event.
func inEvents[T item](items iter.Seq2[T, error], from int64, together func(a, b T) bool, send func(some []T, size int) error) error {
	var some []T
	size := 0
	for it, err := range items {
		if err != nil {
			return err
		}
		if it.GetOrdinal() < from {
			continue
		}
		one := proto.Size(it)
		if len(some) > 0 && (len(some) == replayItems || size+one > replayBytes || !together(some[0], it)) {
			if err := send(some, size); err != nil {
				return err
			}
			some, size = nil, 0
		}
		some, size = append(some, it), size+one
	}
	if len(some) == 0 {
		return nil
	}
	return send(some, size)
}

// space describes the space of an embedding.
func (r *replay) space(e *pb.Embedding) (*pb.Space, error) {
	for _, s := range r.deps.Catalog.View().Spaces() {
		if schema.SpaceID(s) == e.GetSpace() {
			return s, nil
		}
	}
	return nil, errkind.New(errkind.NotFound, "no algorithm here writes the space %s any more, so the search engine does not keep it", e.GetSpace())
}
