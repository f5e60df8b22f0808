package shots

import (
	"context"
	"fmt"
	"math"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/model/transnet"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

type Algorithm struct{ model algo.Model[*transnet.Model] }

// Versions returns the versions of the algorithm, the current version first.
func Versions(m *algo.Models) []algo.Algorithm {
	return []algo.Algorithm{New(algo.Shared(m, "transnetv2", func() (*transnet.Model, error) { return transnet.Open(m.Cache, m.Threads) }))}
}

// New returns the algorithm. The model is opened on first use.
func New(model algo.Model[*transnet.Model]) *Algorithm { return &Algorithm{model} }

var spec = &pb.AlgorithmSpec{
	Name: "shots", Version: "2", Summary: "Where each shot begins and ends, and how",
	Reads:  []string{schema.ReadsVideo},
	Kinds:  []string{schema.KindShot},
	Models: []string{"transnetv2", "onnxruntime"},
	Frames: &pb.FramesSpec{Width: transnet.Width, Height: transnet.Height},
	KindSpecs: []*pb.KindSpec{{
		Kind: schema.KindShot, Role: pb.KindRole_KIND_ROLE_SHOTS,
		Shown: &pb.Shown{Label: "Shot", Hint: "Where shots begin and end", Lane: "shots", Icon: "shot", Order: 1},
	}},
}

// Spec implements algo.Algorithm.
func (*Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Frames implements algo.FrameReader.
func (*Algorithm) Frames(a *pb.Asset) media.FrameSpec { return algo.FramesOf(spec, a) }

const (
	// A segment ends in the middle of a stretch of this many samples without a change.
	quiet = 10
	// maxSegment bounds a segment, in samples, if a film changes all the time.
	maxSegment = 3000
)

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	model, err := a.model.Get()
	if err != nil {
		return err
	}
	detector, err := model.NewDetector()
	if err != nil {
		return fmt.Errorf("starting the shot detector: %w", err)
	}
	defer detector.Close()
	w := watcher{out: out, clock: in.Clock(), segment: segment{stride: stride(in.Asset().GetVideo())}}
	w.begin = change{how: Edge, confidence: 1}
	for f, err := range in.Frames(ctx) {
		if err != nil {
			return err
		}
		w.see(f)
		if f.N%int64(w.stride) != 0 {
			continue
		}
		probs, err := detector.Push(ctx, f.Picture.Pix)
		if err != nil {
			return fmt.Errorf("judging frame %d: %w", f.N, err)
		}
		if err := w.judge(ctx, probs); err != nil {
			return err
		}
	}
	probs, err := detector.Finish(ctx)
	if err != nil {
		return fmt.Errorf("judging the last frames: %w", err)
	}
	w.probs = append(w.probs, probs...)
	if err := w.close(ctx, len(w.cells)); err != nil {
		return err
	}
	last := w.clock.Frames()
	return w.shot(ctx, change{at: last, from: last, to: last, how: Edge, confidence: 1})
}

// stride returns n, so that every n-th frame comes close to the frame rate of the model's training.
func stride(v *pb.VideoTrack) int {
	r := schema.RateOf(v.GetRate())
	if r.Den == 0 {
		return 1
	}
	return max(1, int(math.Round(float64(r.Num)/float64(r.Den)/30)))
}

// watcher gathers frames and the model's probabilities, and writes shots.
type watcher struct {
	segment
	out   algo.Output
	clock schema.Clock
	begin change // the boundary at which the current shot began
}

func (w *watcher) see(f algo.Frame) {
	c := cell{pix: f.Picture.Pix, luma: brightness(f.Picture.Pix)}
	if n := len(w.cells); n > 0 {
		c.diff = difference(w.cells[n-1].pix, c.pix)
	}
	w.cells = append(w.cells, c)
}

// judge adds probabilities, and closes the segment where the film is quiet.
func (w *watcher) judge(ctx context.Context, probs []transnet.Probability) error {
	for _, p := range probs {
		w.probs = append(w.probs, p)
		n := len(w.probs)
		if n >= maxSegment || n > 2*quiet && w.quiet(n-quiet) {
			if err := w.close(ctx, (n-quiet/2)*w.stride); err != nil {
				return err
			}
		}
	}
	return nil
}

// quiet reports whether nothing changes from sample i on.
func (w *watcher) quiet(i int) bool {
	for _, p := range w.probs[i:] {
		if p.Single >= gradualLow/2 || p.Many >= gradualLow/2 {
			return false
		}
	}
	return true
}

// close writes the shots that end in the segment, and continues with the cells from n on.
func (w *watcher) close(ctx context.Context, n int) error {
	rest := segment{base: w.base + int64(n), stride: w.stride, cells: w.cells[n:], probs: w.probs[min(n/w.stride, len(w.probs)):]}
	for _, c := range w.changes() {
		if c.at <= w.begin.at || c.at >= rest.base {
			continue // at the beginning of the film, or in the cells that the next segment judges with more context
		}
		if err := w.shot(ctx, c); err != nil {
			return err
		}
	}
	// Copied, so that earlier cells can be freed.
	rest.cells = append([]cell(nil), rest.cells...)
	rest.probs = append([]transnet.Probability(nil), rest.probs...)
	w.segment = rest
	w.out.Progress(w.base, w.clock.Frames())
	return nil
}

// shot writes the shot that ends at a change.
func (w *watcher) shot(ctx context.Context, end change) error {
	if end.at <= w.begin.at {
		return nil
	}
	_, err := w.out.Annotation(ctx, &pb.Annotation{
		Kind:       schema.KindShot,
		Start:      int64(w.clock.FrameStart(w.begin.at)),
		End:        int64(w.clock.FrameStart(end.at)),
		Confidence: min(w.begin.confidence, end.confidence),
		Attributes: algo.Attributes{
			"begin":            algo.Text(w.begin.how),
			"begin_confidence": algo.Number(float64(w.begin.confidence)),
			"begin_frames":     algo.Integer(w.begin.to - w.begin.at), // frames of the gradual change inside this shot
			"end":              algo.Text(end.how),
			"end_confidence":   algo.Number(float64(end.confidence)),
			"end_frames":       algo.Integer(end.at - end.from),
		},
	})
	if err != nil {
		return fmt.Errorf("writing the shot that ends at frame %d: %w", end.at, err)
	}
	w.begin = end
	return nil
}
