package remote

import (
	"context"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The bounds of the output of a run. A film of three hours has some thousand shots and lines, and some hundred thousand frames.
const (
	maxItems      = 1_000_000
	itemsSurely   = 10_000 // of a film of any length
	itemsASecond  = 400
	maxItemBytes  = 1 << 30
	maxBlobs      = 100_000
	maxBlobBytes  = 8 << 20
	maxBlobsBytes = 4 << 30
	maxBlobName   = 200
	// maxIdle bounds the responses in a row that neither hold output, nor take input, nor tell progress.
	maxIdle = 10_000
)

// written checks the output of a run, counts the output, and passes the output on.
type written struct {
	spec *pb.AlgorithmSpec
	end  int64 // of the asset

	ids        []string // of the annotations, for embeddings that stand for them
	embeddings int
	bytes      int64
	blobs      map[string]*pb.MediaRef
	blobsBytes int64
	idles      int
}

func (w *written) annotation(ctx context.Context, out algo.Output, a *pb.Annotation) error {
	if a == nil || !slices.Contains(w.spec.GetKinds(), a.GetKind()) {
		return broken("an annotation of kind %q, which the algorithm does not declare", clip(a.GetKind()))
	}
	if err := w.room(len(w.ids), a); err != nil {
		return err
	}
	if err := w.inside("annotation", len(w.ids), a.GetStart(), a.GetEnd()); err != nil {
		return err
	}
	if err := w.place(a); err != nil {
		return err
	}
	id, err := out.Annotation(ctx, a)
	if err != nil {
		return outputError(ctx, err)
	}
	w.ids = append(w.ids, id)
	return nil
}

func (w *written) embedding(ctx context.Context, out algo.Output, we *pb.WorkerEmbedding) error {
	e := we.GetEmbedding()
	if e == nil {
		return broken("an embedding without content")
	}
	if err := w.room(w.embeddings, e); err != nil {
		return err
	}
	if err := w.inside("embedding", w.embeddings, e.GetStart(), e.GetEnd()); err != nil {
		return err
	}
	if err := w.vector(e); err != nil {
		return err
	}
	if we.Annotation != nil {
		n := we.GetAnnotation()
		if n < 0 || n >= int64(len(w.ids)) {
			return broken("embedding %d stands for annotation %d, and the run has written %d annotations", w.embeddings, n, len(w.ids))
		}
		e.Of = w.ids[n]
	}
	if err := out.Embedding(ctx, e); err != nil {
		return outputError(ctx, err)
	}
	w.embeddings++
	return nil
}

// vector checks a vector against the space.
func (w *written) vector(e *pb.Embedding) error {
	i := slices.IndexFunc(w.spec.GetSpaces(), func(s *pb.Space) bool { return schema.SpaceID(s) == e.GetSpace() })
	if i < 0 {
		return broken("an embedding of the space %q, which the algorithm does not declare", clip(e.GetSpace()))
	}
	return checkVector(w.spec.GetSpaces()[i], e.GetVector())
}

// checkVector checks dimension, numbers and length of a vector.
func checkVector(space *pb.Space, vector []float32) error {
	if len(vector) != int(space.GetDimension()) {
		return broken("a vector of %d numbers, and the space %s has %d", len(vector), schema.SpaceID(space), space.GetDimension())
	}
	sum := 0.0
	for i, x := range vector {
		f := float64(x)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return broken("number %d of a vector of the space %s is not finite", i, schema.SpaceID(space))
		}
		sum += f * f
	}
	if length := math.Sqrt(sum); space.GetMetric() == "cosine" && math.Abs(length-1) > 1e-3 {
		return broken("a vector of the space %s has length %.4f, and the metric cosine asks for length 1", schema.SpaceID(space), length)
	}
	return nil
}

func (w *written) blob(ctx context.Context, out algo.Output, b *pb.Blob) error {
	w.blobsBytes += int64(len(b.GetData()))
	switch {
	case b.GetName() == "" || len(b.GetName()) > maxBlobName || !plain(b.GetName()):
		return broken("the name of a blob must have 1 to %d of the letters A-Z, a-z, 0-9, ., - and _, and is %q", maxBlobName, clip(b.GetName()))
	case w.blobs[b.GetName()] != nil:
		return broken("two blobs have the name %q", b.GetName())
	case len(b.GetData()) > maxBlobBytes:
		return broken("the blob %q has %d bytes, more than %d", b.GetName(), len(b.GetData()), maxBlobBytes)
	case len(w.blobs) >= maxBlobs || w.blobsBytes > maxBlobsBytes:
		return broken("the run floods the platform: more than %d blobs, or more than %d bytes in blobs", maxBlobs, int64(maxBlobsBytes))
	}
	ref, err := out.Blob(ctx, b.GetName(), b.GetContentType(), b.GetData())
	if err != nil {
		return outputError(ctx, err)
	}
	w.blobs[b.GetName()] = ref
	return nil
}

// plain reports whether a name is safe as a part of a key.
func plain(name string) bool {
	for _, c := range name {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// place replaces the name of a blob by the place of the bytes.
func (w *written) place(a *pb.Annotation) error {
	if _, named := a.GetAttributes()["bucket"]; named {
		return broken("annotation %d has the attribute %q, which the platform sets", len(w.ids), "bucket")
	}
	v, named := a.GetAttributes()["blob"]
	if !named {
		return nil
	}
	ref := w.blobs[v.GetText()]
	if ref == nil {
		return broken("annotation %d names the blob %q, which the run has not written before", len(w.ids), clip(v.GetText()))
	}
	a.Attributes["bucket"], a.Attributes["blob"] = algo.Text(ref.GetBucket()), algo.Text(ref.GetKey())
	return nil
}

// room checks the number and the bytes of items. n is the number of items of the kind of message before.
func (w *written) room(n int, m proto.Message) error {
	most := int(min(maxItems, itemsSurely+itemsASecond*w.end/int64(schema.Second)))
	if w.bytes += int64(proto.Size(m)); n >= most || w.bytes > maxItemBytes {
		return broken("the run floods the platform: more than %d items of an asset of %s, or more than %d bytes", most, schema.Time(w.end), int64(maxItemBytes))
	}
	return nil
}

// inside checks that an interval is not empty and lies in the asset.
func (w *written) inside(what string, n int, start, end int64) error {
	if start < 0 || start >= end || end > w.end {
		return broken("%s %d lies at [%d, %d), outside the asset's [0, %d) or empty", what, n, start, end, w.end)
	}
	return nil
}

// idle counts a response that neither holds output, nor takes input, nor tells progress.
func (w *written) idle() error {
	if w.idles++; w.idles > maxIdle {
		return broken("the run floods the platform: more than %d responses in a row without output or progress", maxIdle)
	}
	return nil
}

// outputError is an error of the platform's output. Output that the schema refuses is the fault of the worker.
func outputError(ctx context.Context, err error) error {
	if ctx.Err() == nil && errkind.Is(err, errkind.Invalid) {
		return broken("%w", err)
	}
	return err
}
