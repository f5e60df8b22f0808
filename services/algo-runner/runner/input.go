package runner

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// input is the input of an execution: algo.Input.
type input struct {
	service *Service
	asset   *pb.Asset
	clock   schema.Clock
	began   time.Time
	viewer  *viewer // nil where the execution reads no frames
	// sound decodes a sound track of the film; nil where the execution reads no sound.
	sound func(context.Context, *pb.AudioTrack) iter.Seq2[algo.Samples, error]
	// The tapes of other executions of the group, by kind and by space.
	annotations map[string]*reader[*pb.Annotation]
	embeddings  map[string]*reader[*pb.Embedding]
	// finished are the input runs that had ended before, by kind and by space.
	finished map[string]*pb.Run
}

// own is about how long the execution would have taken alone: the time since the beginning, without the waiting for other executions of the group,
// and with the decoding that the execution would have waited for alone.
func (in *input) own() time.Duration {
	took := time.Since(in.began)
	if v := in.viewer; v != nil {
		// A viewer reads further input while the film is shown: waiting for further input is no time of the viewer's own.
		return min(took, took+time.Duration(v.film.decoded.Load()-v.waited.Load()))
	}
	var waited int64
	for _, r := range in.annotations {
		waited = max(waited, r.waited.Load())
	}
	for _, r := range in.embeddings {
		waited = max(waited, r.waited.Load())
	}
	return took - time.Duration(waited)
}

func (in *input) Asset() *pb.Asset    { return in.asset }
func (in *input) Clock() schema.Clock { return in.clock }

func (in *input) Frames(ctx context.Context) iter.Seq2[algo.Frame, error] {
	if in.viewer == nil {
		return wrong[algo.Frame](undeclared("frames"))
	}
	return in.viewer.all(ctx)
}

func (in *input) Sound(ctx context.Context, track *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	if in.sound == nil {
		return wrong[algo.Samples](undeclared("sound"))
	}
	return in.sound(ctx, track)
}

func (in *input) Cues(ctx context.Context, track *pb.TextTrack) ([]timedtext.Cue, error) {
	b, err := in.service.deps.Blobs.Read(ctx, track.GetMedia(), timedtext.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("reading cues: %w", err)
	}
	if track.GetCues() == 0 {
		return nil, nil
	}
	text, err := timedtext.Parse(b, timedtext.Options{Format: "webvtt", Language: track.GetLanguage()})
	if err != nil {
		return nil, fmt.Errorf("reading cues: %w", err)
	}
	return text.Cues, nil
}

func (in *input) Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error] {
	if r := in.annotations[kind]; r != nil {
		return only(r.all(ctx), func(a *pb.Annotation) bool { return a.GetKind() == kind })
	}
	if run := in.finished[kind]; run != nil {
		seq := in.service.deps.Store.AnnotationsOf(ctx, run.GetAsset(), run.GetId(), store.Span{})
		return only(seq, func(a *pb.Annotation) bool { return a.GetKind() == kind })
	}
	return wrong[*pb.Annotation](undeclared("annotations of kind %q", kind))
}

func (in *input) Embeddings(ctx context.Context, space string) iter.Seq2[*pb.Embedding, error] {
	if r := in.embeddings[space]; r != nil {
		return only(r.all(ctx), func(e *pb.Embedding) bool { return e.GetSpace() == space })
	}
	if run := in.finished[space]; run != nil {
		seq := in.service.deps.Store.EmbeddingsOf(ctx, run.GetAsset(), run.GetId(), store.Span{})
		return only(seq, func(e *pb.Embedding) bool { return e.GetSpace() == space })
	}
	return wrong[*pb.Embedding](undeclared("embeddings of space %q", space))
}

func wrong[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

func only[T any](seq iter.Seq2[T, error], want func(T) bool) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v, err := range seq {
			if err != nil || want(v) {
				if !yield(v, err) {
					return
				}
			}
		}
	}
}

// clock reads when each frame of an asset shows; nil for an asset without pictures.
func (s *Service) clock(ctx context.Context, asset *pb.Asset) (schema.Clock, error) {
	v := asset.GetVideo()
	if v == nil {
		return nil, nil
	}
	const most = 64 << 20
	return schema.ReadClock(v, func(ref *pb.MediaRef) ([]byte, error) { return s.deps.Blobs.Read(ctx, ref, most) })
}

// indexed is Unavailable until every item of a finished run can be read from the store.
func (s *Service) indexed(ctx context.Context, run *pb.Run) error {
	n, err := runs.Indexed(ctx, s.deps.Store, run)
	if err != nil {
		return err
	}
	if !n.Whole() {
		return errkind.New(errkind.Unavailable, "run %s (%s) is not yet indexed: %s", run.GetId(), run.GetAlgorithm(), n)
	}
	return nil
}
