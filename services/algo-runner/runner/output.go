package runner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The bounds of an event. Batches are cut by their content and never by time, so that every execution of a run cuts the same batches.
const (
	batchItems = 500
	batchBytes = 512 << 10
)

// output is the output of an execution: algo.Output.
type output struct {
	service *Service
	lane    lane
	run     *pb.Run // with the lease's epoch
	spaces  map[string]*pb.Space
	// unchanged fails where the film has changed since the run began.
	unchanged func() error

	annotations pending[*pb.Annotation]
	embeddings  pending[*pb.Embedding]
	space       *pb.Space // of the pending embeddings

	// The tapes for other executions of the group; nil without readers.
	tapeA *tape[*pb.Annotation]
	tapeE *tape[*pb.Embedding]

	progressed, total atomic.Int64
}

// pending is a batch that is being filled.
type pending[T proto.Message] struct {
	items []T
	bytes int
	first int64 // ordinal of the first
}

func (p *pending[T]) next() int64 { return p.first + int64(len(p.items)) }

func (p *pending[T]) full(size int) bool {
	return len(p.items) > 0 && (len(p.items) >= batchItems || p.bytes+size > batchBytes)
}

func (p *pending[T]) add(v T, size int) {
	p.items = append(p.items, v)
	p.bytes += size
}

func (p *pending[T]) sent() { *p = pending[T]{first: p.next()} }

// check is the reason why this execution may not write any more: the end of the context, perhaps with the lease.
func (o *output) check(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (o *output) Annotation(ctx context.Context, a *pb.Annotation) (string, error) {
	if err := o.check(ctx); err != nil {
		return "", err
	}
	a.Asset, a.Run, a.Ordinal = o.run.GetAsset(), o.run.GetId(), o.annotations.next()
	if err := schema.Validate(a); err != nil {
		return "", fmt.Errorf("checking annotation %d: %w", a.Ordinal, err)
	}
	size := proto.Size(a)
	if o.annotations.full(size) {
		if err := o.flushAnnotations(ctx); err != nil {
			return "", err
		}
	}
	o.annotations.add(a, size)
	if o.tapeA != nil {
		o.tapeA.append(a)
	}
	return schema.ItemID(a.Run, a.Ordinal), nil
}

func (o *output) Embedding(ctx context.Context, e *pb.Embedding) error {
	if err := o.check(ctx); err != nil {
		return err
	}
	space := o.spaces[e.GetSpace()]
	if space == nil {
		return errkind.New(errkind.Invalid, "the algorithm writes to the space %q and does not declare the space", e.GetSpace())
	}
	e.Asset, e.Run, e.Ordinal = o.run.GetAsset(), o.run.GetId(), o.embeddings.next()
	if len(e.GetVector()) != int(space.GetDimension()) {
		return errkind.New(errkind.Invalid, "embedding %d has %d numbers, its space %d", e.Ordinal, len(e.GetVector()), space.GetDimension())
	}
	if err := schema.Validate(e); err != nil {
		return fmt.Errorf("checking embedding %d: %w", e.Ordinal, err)
	}
	size := proto.Size(e)
	if o.embeddings.full(size) || o.space != nil && o.space != space {
		if err := o.flushEmbeddings(ctx); err != nil {
			return err
		}
	}
	o.space = space
	o.embeddings.add(e, size)
	if o.tapeE != nil {
		o.tapeE.append(e)
	}
	return nil
}

// Blob names a blob by the sha256 of the bytes first, so that every reader can tell whether the bytes are still the bytes that the run wrote.
func (o *output) Blob(ctx context.Context, name, contentType string, data []byte) (*pb.MediaRef, error) {
	if err := o.mayPublish(ctx); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return o.service.deps.Blobs.Put(ctx, fmt.Sprintf("runs/%s/%s/%x.%s", o.run.GetAsset(), o.run.GetId(), sum, name), contentType, bytes.NewReader(data))
}

func (o *output) Progress(done, total int64) {
	o.progressed.Store(done)
	o.total.Store(total)
}

func (o *output) flushAnnotations(ctx context.Context) error {
	if len(o.annotations.items) == 0 {
		return nil
	}
	err := o.publish(ctx, o.lane.annotations, &pb.AnnotationBatch{
		Asset: o.run.GetAsset(), Run: o.run.GetId(), Epoch: o.run.GetEpoch(),
		Algorithm: o.run.GetAlgorithm(), Version: o.run.GetVersion(),
		First: o.annotations.first, Annotations: o.annotations.items,
	})
	if err != nil {
		return err
	}
	o.service.metrics.items.WithLabelValues(o.run.GetAlgorithm(), "annotations").Add(float64(len(o.annotations.items)))
	o.annotations.sent()
	return nil
}

func (o *output) flushEmbeddings(ctx context.Context) error {
	if len(o.embeddings.items) == 0 {
		return nil
	}
	err := o.publish(ctx, o.lane.embeddings, &pb.EmbeddingBatch{
		Asset: o.run.GetAsset(), Run: o.run.GetId(), Epoch: o.run.GetEpoch(),
		Algorithm: o.run.GetAlgorithm(), Version: o.run.GetVersion(),
		First: o.embeddings.first, Space: o.space, Embeddings: o.embeddings.items,
	})
	if err != nil {
		return err
	}
	o.service.metrics.items.WithLabelValues(o.run.GetAlgorithm(), "embeddings").Add(float64(len(o.embeddings.items)))
	o.embeddings.sent()
	return nil
}

// mayPublish is the reason why this execution may not publish any more: the context ended, or the film was changed.
func (o *output) mayPublish(ctx context.Context) error {
	if err := o.check(ctx); err != nil {
		return err
	}
	return o.unchanged()
}

func (o *output) publish(ctx context.Context, topic events.Topic, data proto.Message) error {
	if err := o.mayPublish(ctx); err != nil {
		return err
	}
	if err := o.service.deps.Events.Publish(ctx, topic, events.Event{Subject: o.run.GetAsset(), Data: data}); err != nil {
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	return nil
}

// finish publishes the rest of the items, and then the end of the run, with the time that the run would have taken alone.
func (o *output) finish(ctx context.Context, took func() time.Duration) error {
	if err := o.flushAnnotations(ctx); err != nil {
		return err
	}
	if err := o.flushEmbeddings(ctx); err != nil {
		return err
	}
	r := proto.CloneOf(o.run)
	r.State = pb.RunState_RUN_STATE_FINISHED
	r.Annotations, r.Embeddings = o.annotations.next(), o.embeddings.next()
	r.TookMs = max(1, took().Milliseconds())
	return o.publish(ctx, events.RunsFinished, &pb.RunFinished{Run: r})
}
