package operating

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// storeCursor is how far a replay from the store is: all items of an asset's algorithms before Algorithm, and of
// that one's run the first so many, are in the log.
type storeCursor struct {
	Asset, Algorithm, Run   string
	Annotations, Embeddings int64
	Done                    int64
}

// activeRuns returns the active runs of an asset that are selected, by algorithm, with their records.
func (r *replay) activeRuns(ctx context.Context, sel *pb.Selection, asset string) ([]*pb.Run, error) {
	active, err := r.deps.Store.Active(ctx, asset)
	if err != nil {
		return nil, fmt.Errorf("reading the active runs of %s: %w", asset, err)
	}
	var out []*pb.Run
	for _, a := range active {
		if !selectsRun(sel, a.GetAlgorithm(), a.GetVersion()) {
			continue
		}
		run, err := r.deps.Store.Run(ctx, asset, a.GetRun())
		if err != nil {
			return nil, fmt.Errorf("reading run %s: %w", a.GetRun(), err)
		}
		out = append(out, run)
	}
	return out, nil
}

// sampled is how many items are looked at to tell how large they are.
const sampled = 1000

func (r *replay) planStore(ctx context.Context, m *pb.Replay) (*Plan, error) {
	p := &Plan{Unit: "items"}
	byVersion := map[string]int64{}
	var assets, runs, seen, bytes int64
	for a, err := range assetsOf(ctx, r.deps.Store, m.GetSelection(), "") {
		if err != nil {
			return nil, err
		}
		active, err := r.activeRuns(ctx, m.GetSelection(), a.GetId())
		if err != nil {
			return nil, err
		}
		assets++
		for _, run := range active {
			runs++
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
	p.Lines = append(p.Lines, fmt.Sprintf("%d assets, %d active runs", assets, runs))
	p.Lines = append(p.Lines, sortedLines(byVersion, func(v string, n int64) string { return fmt.Sprintf("%s: %d items", v, n) })...)
	if seen > 0 {
		p.Lines = append(p.Lines, fmt.Sprintf("annotations of about %d bytes each, as %d of them are; vectors are larger", bytes/seen, seen))
	}
	return p, nil
}

// doStore publishes what active runs wrote into the backfill's lanes, from where the indexer folds it again.
func (r *replay) doStore(ctx context.Context, w *Work, m *pb.Replay) error {
	j := w.Job()
	var c storeCursor
	if err := readCursor(j.GetCursor(), &c); err != nil {
		return err
	}
	out := &lanesOut{r: r, w: w, total: j.GetTotal(), limit: newPace(m.GetRate())}
	from := c.Asset
	// The asset of the cursor itself is not done.
	for a, err := range assetsOf(ctx, r.deps.Store, m.GetSelection(), before(from)) {
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

// before is a string that sorts right before an id, so that what comes after it begins with the id.
func before(id string) string {
	if id == "" {
		return ""
	}
	b := []byte(id)
	b[len(b)-1]--
	return string(b) + "\xff"
}

// What one event carries at most, as the algo-runner cuts them.
const (
	replayItems = 500
	replayBytes = 512 << 10
)

// publishRun publishes what a run wrote from the cursor on.
func (r *replay) publishRun(ctx context.Context, run *pb.Run, c *storeCursor, out *lanesOut) error {
	annotations := &pb.AnnotationBatch{}
	size := 0
	send := func() error {
		n := int64(len(annotations.GetAnnotations()))
		if n == 0 {
			return nil
		}
		annotations.Asset, annotations.Run, annotations.Epoch = run.GetAsset(), run.GetId(), run.GetEpoch()
		annotations.Algorithm, annotations.Version, annotations.First, annotations.Stored = run.GetAlgorithm(), run.GetVersion(), c.Annotations, true
		c.Annotations, c.Done = c.Annotations+n, c.Done+n
		err := out.add(ctx, events.AnnotationsBackfill, run.GetAsset(), annotations, size, int(n), c.Done, writeCursor(c))
		annotations, size = &pb.AnnotationBatch{}, 0
		return err
	}
	for a, err := range r.deps.Store.AnnotationsOf(ctx, run.GetAsset(), run.GetId(), store.Span{}) {
		if err != nil {
			return fmt.Errorf("reading the annotations of run %s: %w", run.GetId(), err)
		}
		if a.GetOrdinal() < c.Annotations {
			continue
		}
		one := proto.Size(a)
		if len(annotations.GetAnnotations()) == replayItems || size > 0 && size+one > replayBytes {
			if err := send(); err != nil {
				return err
			}
		}
		annotations.Annotations, size = append(annotations.Annotations, a), size+one
	}
	if err := send(); err != nil {
		return err
	}
	vectors := &pb.EmbeddingBatch{}
	sendVectors := func() error {
		n := int64(len(vectors.GetEmbeddings()))
		if n == 0 {
			return nil
		}
		space, err := r.space(vectors.GetEmbeddings()[0])
		if err != nil {
			return err
		}
		vectors.Asset, vectors.Run, vectors.Epoch, vectors.Space = run.GetAsset(), run.GetId(), run.GetEpoch(), space
		vectors.Algorithm, vectors.Version, vectors.First, vectors.Stored = run.GetAlgorithm(), run.GetVersion(), c.Embeddings, true
		c.Embeddings, c.Done = c.Embeddings+n, c.Done+n
		err = out.add(ctx, events.EmbeddingsBackfill, run.GetAsset(), vectors, size, int(n), c.Done, writeCursor(c))
		vectors, size = &pb.EmbeddingBatch{}, 0
		return err
	}
	for e, err := range r.deps.Store.EmbeddingsOf(ctx, run.GetAsset(), run.GetId(), store.Span{}) {
		if err != nil {
			return fmt.Errorf("reading the embeddings of run %s: %w", run.GetId(), err)
		}
		if e.GetOrdinal() < c.Embeddings {
			continue
		}
		have := vectors.GetEmbeddings()
		one := proto.Size(e)
		if len(have) == replayItems || size > 0 && size+one > replayBytes || len(have) > 0 && have[0].GetSpace() != e.GetSpace() {
			if err := sendVectors(); err != nil {
				return err
			}
		}
		vectors.Embeddings, size = append(vectors.Embeddings, e), size+one
	}
	return sendVectors()
}

// space describes the space of an embedding.
func (r *replay) space(e *pb.Embedding) (*pb.Space, error) {
	for _, s := range r.deps.Registry.Spaces() {
		if schema.SpaceID(s) == e.GetSpace() {
			return s, nil
		}
	}
	return nil, errkind.New(errkind.NotFound, "no algorithm here writes the space %s any more, so the search engine does not keep it", e.GetSpace())
}
