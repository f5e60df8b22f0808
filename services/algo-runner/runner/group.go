package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A group is the runs of a request that are executed together.
type group struct {
	s         *Service
	lane      lane
	asset     *pb.Asset
	clock     schema.Clock // nil for an asset without pictures
	broken    error        // why nothing can be made of the asset
	members   []*execution // inputs first
	leases    []store.Lease
	projector projector
	film      film
}

// group executes runs over an asset, all at once, and returns the end of each run. An error means that no run was executed.
func (s *Service) group(ctx context.Context, asset *pb.Asset, members []*pb.Run, in lane) (_ []*execution, err error) {
	g := &group{s: s, asset: asset, lane: in}
	g.clock, g.broken = s.clock(ctx, asset)
	for _, r := range members {
		a, err := s.registry().Find(versionOf(r))
		if err != nil {
			return nil, err
		}
		if l, limited := a.(algo.Limited); limited {
			end, err := l.Begin(ctx)
			if err != nil {
				return nil, err
			}
			defer end()
		}
		if _, frames := a.(algo.FrameReader); frames && len(g.projector.viewers) == 0 {
			// Before any lease, which would run out while others are decoding.
			films := s.films
			if in.workers {
				films = s.aside.of(versionOf(r))
			}
			select {
			case films <- struct{}{}:
				defer func() { <-films }()
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		e := &execution{run: proto.CloneOf(r), algorithm: a, in: &input{service: s, asset: asset, clock: g.clock}}
		g.members = append(g.members, e)
		if f, frames := a.(algo.FrameReader); frames {
			e.in.viewer = g.projector.view(f.Frames(asset), asset.GetVideo())
		}
		if a.Spec().GetSound() != nil {
			e.in.sound = g.sound(algo.SoundOf(a.Spec()))
		}
	}
	defer g.release(ctx)
	if err := g.acquire(ctx); err != nil {
		return nil, err
	}
	for _, e := range g.members {
		g.open(ctx, e)
	}
	g.run(ctx)
	return g.members, nil
}

// acquire takes the lease of every run, and leaves out runs that finished meanwhile.
func (g *group) acquire(ctx context.Context) error {
	for _, e := range g.members {
		id := e.run.GetId()
		lease, err := g.s.deps.Store.Acquire(ctx, store.RunLease(id), g.s.cfg.Worker, g.s.cfg.LeaseTTL)
		if errkind.Is(err, errkind.Conflict) {
			// Should the holder die, the run is ours after all.
			err = errkind.Wrap(errkind.Unavailable, err)
		}
		if err != nil {
			return fmt.Errorf("taking the lease of run %s (%s): %w", id, e.run.GetAlgorithm(), err)
		}
		g.leases = append(g.leases, lease)
		e.run.Epoch = lease.Epoch
		there, err := runs.Lookup(ctx, g.s.deps.Store, g.asset.GetId(), id)
		if err != nil {
			return err
		}
		e.skipped = runs.Finished(there)
	}
	return nil
}

// release gives the leases back, also when ctx has ended. The lease of a finished run is kept until the lease runs out: a worker that took the lease
// before the indexer has recorded the end would have the end refused, and the run executed once more.
func (g *group) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	for i, l := range g.leases {
		if e := g.members[i]; e.out != nil && e.err == nil {
			continue
		}
		if err := g.s.deps.Store.Release(ctx, l); err != nil {
			g.s.deps.Log.Warn("giving a lease back", "lease", l.Name, "error", err)
		}
	}
}

// open connects an execution to the execution's input. An obstacle is the end of the execution.
func (g *group) open(ctx context.Context, e *execution) {
	if e.skipped {
		return
	}
	spec := e.algorithm.Spec()
	e.out = &output{service: g.s, lane: g.lane, run: e.run, unchanged: g.unchanged, spaces: make(map[string]*pb.Space)}
	for _, sp := range spec.GetSpaces() {
		e.out.spaces[schema.SpaceID(sp)] = sp
	}
	e.in.annotations = make(map[string]*reader[*pb.Annotation])
	e.in.embeddings = make(map[string]*reader[*pb.Embedding])
	e.in.finished = make(map[string]*pb.Run)
	e.err = func() error {
		if g.broken != nil {
			return g.broken
		}
		if err := g.s.models(e.algorithm); err != nil {
			return err
		}
		// A later event has changed the tracks that the run reads: the run over the new tracks has another identity, and is requested under that
		// identity.
		reads, err := schema.ReadsFingerprint(g.asset, spec.GetReads())
		if err != nil {
			return err
		}
		if reads != e.run.GetReads() {
			return errkind.New(errkind.NotFound, "the tracks of the asset have changed since the run was requested")
		}
		for _, need := range spec.GetNeeds() {
			if err := g.connect(ctx, e, need); err != nil {
				return err
			}
		}
		return nil
	}()
}

// writer returns the name of the algorithm that writes a kind or a space. The algorithm of a worker may read the output of a worker of another runner.
func (s *Service) writer(need string) (string, error) {
	if a := s.registry().Producer(need); a != nil {
		return a.Spec().GetName(), nil
	}
	if spec := s.planOf().Writer(need); spec != nil {
		return spec.GetName(), nil
	}
	return "", errkind.New(errkind.NotFound, "no algorithm writes %q", need)
}

// connect lets e read a kind or a space: from another member while the member writes, or from the store.
func (g *group) connect(ctx context.Context, e *execution, need string) error {
	from, err := g.s.writer(need)
	if err != nil {
		return err
	}
	id := e.run.GetInputs()[from]
	for _, other := range g.members {
		if other.run.GetId() != id || other.skipped {
			continue
		}
		if other.err != nil {
			return inputError(from, other.err)
		}
		if _, _, err := schema.ParseSpaceID(need); err == nil {
			if other.out.tapeE == nil {
				other.out.tapeE = newTape[*pb.Embedding]()
			}
			e.in.embeddings[need] = other.out.tapeE.reader()
			return nil
		}
		if other.out.tapeA == nil {
			other.out.tapeA = newTape[*pb.Annotation]()
		}
		e.in.annotations[need] = other.out.tapeA.reader()
		return nil
	}
	run, err := runs.Lookup(ctx, g.s.deps.Store, g.asset.GetId(), id)
	switch {
	case err != nil:
		return err
	case runs.Finished(run):
		e.in.finished[need] = run
		return g.s.indexed(ctx, run)
	case runs.Failed(run):
		return errkind.New(errkind.NotFound, "its input %s has failed: %s", from, run.GetError())
	}
	return errkind.New(errkind.Unavailable, "its input %s (run %s) has not finished", from, id)
}

// inputError is the error of a run whose input failed: the same error, under the same kind.
func inputError(from string, err error) error { return fmt.Errorf("its input %s: %w", from, err) }

// errLost ends an execution whose lease another worker has.
var errLost = errkind.New(errkind.Unavailable, "the lease was lost")

// run executes all members at once and waits for their ends.
func (g *group) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var background, members sync.WaitGroup
	stop := make(chan struct{})
	background.Go(func() { g.renew(ctx, stop, cancel) })
	background.Go(func() { g.report(stop) })

	looking := g.looking()
	for _, e := range g.members {
		if e.skipped || e.err != nil {
			e.end()
			continue
		}
		members.Go(func() {
			defer e.end()
			e.in.began = time.Now()
			e.err = g.annotate(ctx, e)
			e.took = time.Since(e.in.began)
		})
	}
	if looking {
		members.Go(func() { g.show(ctx) })
	}
	members.Wait()
	close(stop)
	background.Wait()
	g.film.close()
}

// unchanged fails where the film was changed since the opening. Nothing that a run made of a changed film may be published.
func (g *group) unchanged() error { return g.film.unchanged() }

// end tells the readers of this execution, and the projector, that the execution has ended.
func (e *execution) end() {
	if e.in.viewer != nil {
		close(e.in.viewer.left)
	}
	if e.out == nil {
		return
	}
	err := e.err
	if err != nil {
		err = inputError(e.run.GetAlgorithm(), err)
	}
	if e.out.tapeA != nil {
		e.out.tapeA.end(err)
	}
	if e.out.tapeE != nil {
		e.out.tapeE.end(err)
	}
}

// annotate calls the algorithm. A panic of the algorithm is an error.
func (g *group) annotate(ctx context.Context, e *execution) (err error) {
	defer func() {
		if p := recover(); p != nil {
			g.s.deps.Log.Error("an algorithm panicked", "asset", g.asset.GetId(), "algorithm", e.run.GetAlgorithm(),
				"run", e.run.GetId(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errkind.New(errkind.Internal, "the algorithm panicked: %v", p)
		}
	}()
	if err := e.algorithm.Annotate(ctx, e.in, e.out); err != nil {
		// A cancelled context says why.
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		// A file that was overwritten reads like a damaged film.
		return cmp.Or(g.unchanged(), err)
	}
	return e.out.finish(ctx, e.in.own)
}

// looking reports whether any member that will run reads frames. The members have not begun yet.
func (g *group) looking() bool {
	for _, e := range g.members {
		if e.in.viewer != nil && !e.skipped && e.err == nil {
			return true
		}
	}
	return false
}

// show decodes the film for the members that read frames.
func (g *group) show(ctx context.Context) {
	path, err := g.film.open(ctx, g.s.deps.Blobs, g.asset)
	if err != nil {
		for _, v := range g.projector.viewers {
			v.err = err
			close(v.ended)
		}
		return
	}
	g.s.metrics.decoding.Inc()
	defer g.s.metrics.decoding.Dec()
	video := g.asset.GetVideo()
	shown, missing := g.projector.show(ctx, g.s.deps.Reader, media.Source{Path: path, Video: video, Clock: g.clock})
	g.s.metrics.frames.Add(float64(shown))
	// The ingestor has reported the unshown frames at the beginning.
	if missing -= video.GetUnshownFrames(); missing > 0 {
		g.s.metrics.missing.Add(float64(missing))
		g.s.deps.Log.Warn("frames of a film cannot be decoded: the frame before stands in for each", "asset", g.asset.GetId(), "missing", missing, "frames", shown)
	}
}

// renew keeps the leases until stop. A lost lease ends the whole group; the group then begins anew without the run.
func (g *group) renew(ctx context.Context, stop <-chan struct{}, lost func(error)) {
	tick := time.NewTicker(g.s.cfg.LeaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select { // where the tick and the end came together, the end counts
		case <-stop:
			return
		case <-ctx.Done():
			return
		default:
		}
		for i, l := range g.leases {
			renewed, err := g.s.deps.Store.Renew(ctx, l, g.s.cfg.LeaseTTL)
			switch {
			case err == nil:
				g.leases[i] = renewed
			case errkind.Is(err, errkind.Conflict), time.Now().After(l.Until):
				lost(fmt.Errorf("%w: %s: %w", errLost, l.Name, err))
				return
			case !errors.Is(err, context.Canceled):
				g.s.deps.Log.Warn("renewing a lease", "lease", l.Name, "error", err)
			}
		}
	}
}

// reportEvery is how often progress is told, logEvery how often it is logged.
const (
	reportEvery = time.Second
	logEvery    = 30
)

// report tells how far the executions are.
func (g *group) report(stop <-chan struct{}) {
	start := time.Now()
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		ended := false
		select {
		case <-stop:
			ended = true
		case <-tick.C:
		}
		for _, e := range g.members {
			if e.out == nil {
				continue
			}
			done, total := e.out.progressed.Load(), e.out.total.Load()
			g.s.deps.Progress(Progress{
				Asset: g.asset.GetId(), Run: e.run.GetId(), Algorithm: e.run.GetAlgorithm(),
				Done: done, Total: total, Elapsed: time.Since(start), Ended: ended,
			})
			if !ended && n%logEvery == 0 {
				g.s.deps.Log.Info("running", "asset", g.asset.GetId(), "algorithm", e.run.GetAlgorithm(), "done", done, "of", total)
			}
		}
		if ended {
			return
		}
	}
}
