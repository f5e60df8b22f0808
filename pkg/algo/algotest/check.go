package algotest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Finding is a broken promise of an algorithm.
type Finding struct {
	// Rule names the broken promise: "spec", "runs", "kinds", "intervals", "vectors", "same twice", "same late", "cancels", "leaks", "memory".
	Rule   string
	Detail string
}

// String returns the finding as a line.
func (f Finding) String() string { return f.Rule + ": " + f.Detail }

const (
	// maxHeld is the most bytes of pictures that an algorithm may hold.
	maxHeld = 96 << 20
	// cancelled is the time within which an algorithm must end after its context.
	cancelled = 5 * time.Second
)

// Check tries the named algorithm of the registry on the clip, and returns the findings. An error means that the algorithm could not be tried: a
// model is missing, or the clip cannot be read.
func Check(ctx context.Context, reg *algo.Registry, name string, clip *Clip) ([]Finding, error) {
	a, err := reg.Algorithm(name)
	if err != nil {
		return nil, err
	}
	c := &checker{bench: bench{reg: reg, clip: clip, results: make(map[string]*Result)}, algorithm: a, spec: a.Spec()}
	c.checkSpec()
	shared := clip.resultsOf(reg)
	c.bench.take(name, shared)
	for _, in := range reg.Inputs(name) {
		if _, err := c.bench.result(ctx, in.Spec().GetName()); err != nil {
			return nil, err
		}
	}
	maps.Copy(shared, c.bench.results)
	before := runtime.NumGoroutine()
	first, err := c.bench.try(ctx, name, trial{weigh: true})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		c.find("runs", "%v", err)
		return c.findings, nil
	}
	c.bench.results[name], shared[name] = first, first
	c.checkAnnotations(first)
	c.checkEmbeddings(first)
	if first.Held > maxHeld {
		c.find("memory", "the algorithm holds %d MiB of pictures of a short clip; at most %d MiB are allowed", first.Held>>20, maxHeld>>20)
	}
	// A result that differs without another timing gives no information about timing.
	if c.compare(ctx, "same twice", trial{}, first) {
		c.compare(ctx, "same late", trial{late: true}, first)
	}
	c.checkCancel(ctx)
	c.checkLeaks(before)
	return c.findings, ctx.Err()
}

type checker struct {
	bench     bench
	algorithm algo.Algorithm
	spec      *pb.AlgorithmSpec
	findings  []Finding
}

func (c *checker) find(rule, format string, args ...any) {
	c.findings = append(c.findings, Finding{rule, fmt.Sprintf(format, args...)})
}

func (c *checker) checkSpec() {
	if err := schema.Validate(c.spec); err != nil {
		c.find("spec", "%v", err)
	}
	if _, frames := c.algorithm.(algo.FrameReader); frames && !slices.Contains(c.spec.GetReads(), schema.ReadsVideo) {
		c.find("spec", "the algorithm asks for frames and does not declare that it reads video")
	}
	if c.spec.GetSummary() == "" {
		c.find("spec", "the algorithm has no summary")
	}
}

// inside checks an interval against the asset.
func (c *checker) inside(item string, ordinal int64, iv schema.Interval) {
	end := schema.Time(c.bench.clip.Asset.GetDuration())
	if c.bench.clip.Clock != nil {
		end = max(end, c.bench.clip.Clock.FrameStart(c.bench.clip.Clock.Frames()))
	}
	if iv.Empty() {
		c.find("intervals", "%s %d lies at %s, which is empty", item, ordinal, iv)
	} else if iv.Start < 0 || iv.End > end {
		c.find("intervals", "%s %d lies at %s, outside the clip of %s", item, ordinal, iv, end)
	}
}

func (c *checker) checkAnnotations(r *Result) {
	for _, a := range r.Annotations {
		if !slices.Contains(c.spec.GetKinds(), a.GetKind()) {
			c.find("kinds", "annotation %d is of kind %q, which the algorithm does not declare", a.GetOrdinal(), a.GetKind())
		}
		c.inside("annotation", a.GetOrdinal(), schema.IntervalOf(a))
	}
	for _, k := range c.spec.GetKinds() {
		if !slices.ContainsFunc(r.Annotations, func(a *pb.Annotation) bool { return a.GetKind() == k }) && len(r.Annotations) > 0 {
			c.find("kinds", "the algorithm declares kind %q and writes no annotation of this kind", k)
		}
	}
}

func (c *checker) checkEmbeddings(r *Result) {
	spaces := make(map[string]*pb.Space)
	for _, s := range c.spec.GetSpaces() {
		spaces[schema.SpaceID(s)] = s
	}
	known := map[string]bool{"": true}
	for _, other := range c.bench.results {
		for _, a := range other.Annotations {
			known[schema.ItemID(a.GetRun(), a.GetOrdinal())] = true
		}
	}
	for _, e := range r.Embeddings {
		c.inside("embedding", e.GetOrdinal(), schema.IntervalOf(e))
		s := spaces[e.GetSpace()]
		if s == nil {
			c.find("vectors", "embedding %d is of space %q, which the algorithm does not declare", e.GetOrdinal(), e.GetSpace())
			continue
		}
		if len(e.GetVector()) != int(s.GetDimension()) {
			c.find("vectors", "embedding %d has %d numbers, its space %d", e.GetOrdinal(), len(e.GetVector()), s.GetDimension())
		}
		var squares float64
		for _, x := range e.GetVector() {
			squares += float64(x) * float64(x)
		}
		if s.GetMetric() == "cosine" && math.Abs(squares-1) > 1e-3 {
			c.find("vectors", "embedding %d has length %.4f, and a cosine space requires 1", e.GetOrdinal(), math.Sqrt(squares))
		}
		if !known[e.GetOf()] {
			c.find("vectors", "embedding %d stands for %q, which is not an annotation that the algorithm reads or writes", e.GetOrdinal(), e.GetOf())
		}
	}
}

// compare executes the algorithm again with another timing, and reports whether the result is the same.
func (c *checker) compare(ctx context.Context, rule string, t trial, want *Result) bool {
	got, err := c.bench.try(ctx, c.spec.GetName(), t)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		c.find(rule, "%v", err)
	case !bytes.Equal(got.bytes(), want.bytes()):
		c.find(rule, "%s", differ(want, got))
	default:
		return true
	}
	return false
}

// differ describes the first difference of two results.
func differ(a, b *Result) string {
	if len(a.Annotations) != len(b.Annotations) || len(a.Embeddings) != len(b.Embeddings) || len(a.Blobs) != len(b.Blobs) {
		return fmt.Sprintf("%d annotations, %d embeddings and %d blobs the first time, then %d, %d and %d",
			len(a.Annotations), len(a.Embeddings), len(a.Blobs), len(b.Annotations), len(b.Embeddings), len(b.Blobs))
	}
	for i := range a.Annotations {
		first, second := &Result{Annotations: a.Annotations[i : i+1]}, &Result{Annotations: b.Annotations[i : i+1]}
		if !bytes.Equal(first.bytes(), second.bytes()) {
			return fmt.Sprintf("annotation %d differs: %v, then %v", i, a.Annotations[i], b.Annotations[i])
		}
	}
	for i := range a.Embeddings {
		first, second := &Result{Embeddings: a.Embeddings[i : i+1]}, &Result{Embeddings: b.Embeddings[i : i+1]}
		if !bytes.Equal(first.bytes(), second.bytes()) {
			return fmt.Sprintf("embedding %d differs", i)
		}
	}
	return "a blob differs"
}

// checkCancel ends the context in the middle.
func (c *checker) checkCancel(ctx context.Context) {
	items := 0
	if f, ok := c.algorithm.(algo.FrameReader); ok {
		frames, err := c.bench.clip.decoded(ctx, f.Frames(c.bench.clip.Asset))
		if err != nil {
			return
		}
		items = len(frames)
	} else {
		for _, in := range c.bench.reg.Inputs(c.spec.GetName()) {
			r := c.bench.results[in.Spec().GetName()]
			items += len(r.Annotations) + len(r.Embeddings)
		}
		if c.spec.GetSound() != nil && len(c.bench.clip.Asset.GetAudio()) > 0 {
			blocks, err := c.bench.clip.heard(ctx, c.bench.clip.Asset.GetAudio()[0], algo.SoundOf(c.spec))
			if err != nil {
				return
			}
			items += len(blocks)
		}
	}
	if items < 2 {
		return
	}
	_, err := c.bench.try(ctx, c.spec.GetName(), trial{stop: max(items/3, 1)})
	if ctx.Err() != nil || c.bench.lag == 0 {
		return // the algorithm reads fewer items
	}
	if !errors.Is(err, errStopped) || err.Error() != errStopped.Error() { // a wrapped errStopped means that Annotate returned nil
		c.find("cancels", "after its context had ended: %v", err)
	}
	if c.bench.lag > cancelled {
		c.find("cancels", "the algorithm continued for %s after its context had ended", c.bench.lag.Round(time.Millisecond))
	}
}

// checkLeaks waits for goroutines to end.
func (c *checker) checkLeaks(before int) {
	deadline := time.Now().Add(3 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine() - before; n > 0 {
		c.find("leaks", "%d goroutines are left behind", n)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
