package algo

import (
	"context"
	"iter"
	"math"

	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// An Algorithm watches, hears or reads one asset at a time.
type Algorithm interface {
	// Spec says what the algorithm is, reads and writes. It is the same at every call, costs
	// nothing, needs no model, and is not to be changed by the caller.
	Spec() *pb.AlgorithmSpec
	// Annotate reads in and writes out. It may be called for several assets at once.
	// An error's kind says what follows: Invalid means that this asset can never be done,
	// Unavailable and Exhausted that it may work later. All goroutines that it started
	// have ended when it returns.
	Annotate(ctx context.Context, in Input, out Output) error
}

// A FrameReader is an algorithm that looks at frames; it declares that it reads "video".
type FrameReader interface {
	Algorithm
	// Frames says in which size, and how often, it wants the frames of an asset.
	Frames(a *pb.Asset) media.FrameSpec
}

// FramesOf returns the frames of an asset that a declaration asks for.
func FramesOf(spec *pb.AlgorithmSpec, a *pb.Asset) media.FrameSpec {
	f := spec.GetFrames()
	out := media.FrameSpec{Width: int(f.GetWidth()), Height: int(f.GetHeight()), Fit: media.Squeeze}
	switch {
	case f.GetCrop():
		out.Fit = media.Crop
	case f.GetHeight() == 0:
		out.Fit = media.Keep
	}
	if r := schema.RateOf(a.GetVideo().GetRate()); f.GetPerSecond() > 0 && r.Den != 0 {
		out.Stride = max(1, int(math.Round(float64(r.Num)/float64(r.Den)/f.GetPerSecond())))
	}
	return out
}

// A Frame is one frame of the asset in the size that the algorithm asked for. The
// picture is never written again, may be kept, and may be shared with others: it must not be changed.
type Frame struct {
	N       int64
	Picture *media.Picture
}

// Input is what one execution reads. Each sequence may be ranged over once, by one
// goroutine; different ones by different goroutines. A sequence that yields an error
// ends with it, and the error goes back as Annotate's own.
type Input interface {
	Asset() *pb.Asset
	// Clock says when each frame shows; nil for an asset without pictures.
	Clock() schema.Clock
	// Frames yields the frames in order, without gaps but for the stride. The film is decoded
	// once for all that read it, and waits for the slowest.
	Frames(ctx context.Context) iter.Seq2[Frame, error]
	// Cues returns the cues of a text track in the order of their times.
	Cues(ctx context.Context, track *pb.TextTrack) ([]timedtext.Cue, error)
	// Annotations yields the annotations of a kind that the algorithm needs, by ordinal, as they
	// are made if the algorithm that makes them is running at the same time.
	Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error]
	// Embeddings does the same for a space that the algorithm needs, "name@version".
	Embeddings(ctx context.Context, space string) iter.Seq2[*pb.Embedding, error]
}

// Output is what one execution writes. Its methods may be called from one goroutine at
// a time. Run, ordinal and asset are filled in by the callee, which owns the message from then on.
type Output interface {
	// Annotation writes an annotation and returns its identity, for others to refer to.
	Annotation(ctx context.Context, a *pb.Annotation) (id string, err error)
	// Embedding writes a vector of one of the spaces that the algorithm declares.
	Embedding(ctx context.Context, e *pb.Embedding) error
	// Blob keeps bytes under a name that is the run's own and returns where they are.
	Blob(ctx context.Context, name, contentType string, data []byte) (*pb.MediaRef, error)
	// Progress tells how far the execution is, in whatever unit; it costs nothing to call often.
	Progress(done, total int64)
}
