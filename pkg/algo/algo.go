package algo

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// An Algorithm watches, hears or reads one asset at a time.
type Algorithm interface {
	// Spec declares the name, the version, the input and the output of the algorithm. Every call returns the same
	// declaration, costs nothing and needs no model. The caller MUST NOT change the declaration.
	Spec() *pb.AlgorithmSpec
	// Annotate reads in and writes out.
	//
	//   - Several calls MAY run at the same time, for several assets.
	//   - nil means that the output is complete.
	//   - Every goroutine that Annotate started MUST have ended when Annotate returns.
	//   - If ctx has ended, Annotate MUST return an error.
	//
	// The kind of an error decides what the executor does:
	//
	//   - Unavailable, Exhausted and Cancelled: the run is executed again later, without limit.
	//   - Internal: the run is executed again a few times, and has then failed.
	//   - Any other kind: the run has failed, and is executed again only if an operator requests the run. Invalid means that
	//     the asset can never be done.
	Annotate(ctx context.Context, in Input, out Output) error
}

// ErrAway is in the chain of an error of kind Unavailable if the algorithm is in a program that does not take the run now. The run waits until the
// algorithm is there, and holds up no other run.
var ErrAway = errors.New("the algorithm is away")

// A Limited is an algorithm that executes a bounded number of runs at once.
type Limited interface {
	Algorithm
	// Begin waits until the algorithm has room for a run, and holds the room until the executor calls end. An executor MUST call Begin before the
	// executor opens the input of the run. An error has a kind as the errors of Annotate have.
	Begin(ctx context.Context) (end func(), err error)
}

// A FrameReader is an algorithm that reads frames. A FrameReader MUST declare that the algorithm reads "video".
type FrameReader interface {
	Algorithm
	// Frames returns the size of the frames of an asset, and the stride between frames, that the algorithm asks for.
	Frames(a *pb.Asset) media.FrameSpec
}

// FramesOf returns the size and the stride of an asset's frames that a declaration asks for.
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

// A Frame is frame N of the asset, in the size that the algorithm asked for. Several algorithms share the picture. An
// algorithm MAY keep the picture, and MUST NOT change the picture.
type Frame struct {
	N       int64
	Picture *media.Picture
}

// Input is the input of one execution.
//
//   - An algorithm MAY range over each sequence once, in one goroutine. Different sequences MAY be read in different
//     goroutines.
//   - An error is the last element of a sequence. Annotate MUST return the error.
//   - Input that the algorithm does not declare is an error of kind Invalid.
//   - The algorithm MUST NOT change the messages.
type Input interface {
	Asset() *pb.Asset
	// Clock returns the times of the frames; nil for an asset without pictures.
	Clock() schema.Clock
	// Frames yields the frames of the declared stride in order. The film is decoded once for all algorithms that read the
	// film, and waits for the slowest algorithm.
	Frames(ctx context.Context) iter.Seq2[Frame, error]
	// Sound yields a sound track of the asset in order, as the declaration's SoundSpec asks, in blocks of a second. Each call decodes the track by
	// itself, whatever other algorithms read. Silence stands where the track has a gap, and the track MAY end before the film.
	Sound(ctx context.Context, track *pb.AudioTrack) iter.Seq2[Samples, error]
	// Cues returns the cues of a text track in the order of their times. A track without cues is no error.
	Cues(ctx context.Context, track *pb.TextTrack) ([]timedtext.Cue, error)
	// Annotations yields the annotations of a declared kind, by ordinal. If the algorithm that writes the kind is running at
	// the same time, Annotations yields each annotation as soon as the annotation is written, and waits in between.
	Annotations(ctx context.Context, kind string) iter.Seq2[*pb.Annotation, error]
	// Embeddings yields the embeddings of a declared space, "name@version", in the same way.
	Embeddings(ctx context.Context, space string) iter.Seq2[*pb.Embedding, error]
}

// Output takes the output of one execution.
//
//   - The algorithm MUST call the methods from one goroutine at a time.
//   - The order of calls gives the ordinals. Output sets asset, run and ordinal of a message.
//   - The algorithm MUST NOT change a message after the call: Output owns the message.
//   - Invalid: the message breaks a rule of the schema, or belongs to a space that the algorithm does not declare.
//   - After any error, Annotate MUST return the error.
type Output interface {
	// Annotation writes an annotation, and returns the identity of the annotation for Embedding.of.
	Annotation(ctx context.Context, a *pb.Annotation) (id string, err error)
	// Embedding writes a vector of a space that the algorithm declares.
	Embedding(ctx context.Context, e *pb.Embedding) error
	// Blob stores bytes durably, and returns the reference of the bytes. name names the bytes within the run: blobs of two
	// runs MAY have the same name.
	Blob(ctx context.Context, name, contentType string, data []byte) (*pb.MediaRef, error)
	// Progress reports how much of the execution is done, in a unit of the algorithm's choice. Frequent calls cost nothing.
	Progress(done, total int64)
}
