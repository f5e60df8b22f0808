package operating

import (
	"context"
	"io"
	"time"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// tell makes a step durable in the job: at once where the work depends on it, and within a second otherwise.
func (w *Work) tell(ctx context.Context, s step) error {
	j := w.Job()
	if s.cursor == nil {
		s.cursor = j.GetCursor()
	}
	w.Progress(s.done, j.GetTotal(), s.cursor)
	for _, l := range s.lines {
		w.Note("%s", l)
	}
	if s.first {
		if _, err := w.write(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// asPlan is a plan as the API tells it.
func asPlan(p plan, err error) (*Plan, error) {
	if err != nil {
		return nil, err
	}
	return &Plan{Total: p.total, Unit: p.unit, Lines: p.lines}, nil
}

// pause waits, or says why not to.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type activating struct{ deps Deps }

func (k activating) activator(j *pb.Job) *activator {
	return &activator{store: k.deps.Store, holder: j.GetId(), sleep: pause}
}

func (k activating) Plan(ctx context.Context, j *pb.Job) (*Plan, error) {
	return asPlan(k.activator(j).plan(ctx, j.GetActivate()))
}

func (k activating) Do(ctx context.Context, w *Work) error {
	j := w.Job()
	return k.activator(j).do(ctx, j.GetActivate(), j.GetTotal(), j.GetCursor(), w.tell)
}

type collecting struct{ deps Deps }

func (k collecting) collector(j *pb.Job) *collector {
	return &collector{store: k.deps.Store, engine: k.deps.Engine, holder: j.GetId(), now: time.Now, sleep: pause}
}

func (k collecting) Plan(ctx context.Context, j *pb.Job) (*Plan, error) {
	return asPlan(k.collector(j).plan(ctx, j.GetCollect()))
}

func (k collecting) Do(ctx context.Context, w *Work) error {
	j := w.Job()
	return k.collector(j).do(ctx, j.GetCollect(), j.GetCursor(), w.tell)
}

type rebuilding struct{ deps Deps }

func (k rebuilding) Plan(ctx context.Context, j *pb.Job) (*Plan, error) {
	r := rebuilder{k.deps.Store, k.deps.Engine}
	return asPlan(r.plan(ctx, j.GetRebuild()))
}

func (k rebuilding) Do(ctx context.Context, w *Work) error {
	j := w.Job()
	r := rebuilder{k.deps.Store, k.deps.Engine}
	return r.do(ctx, j.GetRebuild(), j.GetTotal(), w.tell)
}

type verifying struct{ deps Deps }

func (k verifying) verifier() *verifier {
	v := newVerifier(k.deps.Store, k.deps.Engine, k.deps.Events)
	if k.deps.Blobs != nil {
		v.blobs = k.deps.Blobs
	}
	return v
}

func (k verifying) Plan(ctx context.Context, j *pb.Job) (*Plan, error) {
	return asPlan(k.verifier().plan(ctx, j.GetVerify()))
}

func (k verifying) Do(ctx context.Context, w *Work) error {
	j := w.Job()
	return k.verifier().do(ctx, j.GetVerify(), activating(k).activator(j), w.tell)
}

type batching struct {
	deps   Deps
	limits BatchLimits
}

func (k batching) batcher() *batcher {
	return &batcher{store: k.deps.Store, registry: k.deps.Registry, events: k.deps.Events, bucket: k.deps.Blobs, sleep: pause, limits: k.limits}
}

func (k batching) Plan(ctx context.Context, j *pb.Job) (*Plan, error) {
	if k.deps.Blobs == nil {
		return nil, errkind.New(errkind.Unavailable, "batch: this service has no bucket to write results into (blobs.bucket)")
	}
	return asPlan(k.batcher().plan(ctx, j))
}

func (k batching) Do(ctx context.Context, w *Work) error { return k.batcher().do(ctx, w.Job(), w.tell) }

// Runs lists runs of titles that the caller may see.
func (s *Service) Runs(ctx context.Context, caller *authz.Caller, req *pb.ListRunsRequest) (*pb.ListRunsResponse, error) {
	return listRuns(ctx, s.deps.Store, caller, req)
}

// Result returns the files of a batch that finished, the manifest first.
func (s *Service) Result(ctx context.Context, caller *authz.Caller, id string) ([]*pb.ResultFile, error) {
	m, b, err := s.manifest(ctx, caller, id)
	if err != nil {
		return nil, err
	}
	return resultFiles(m, b), nil
}

func (s *Service) manifest(ctx context.Context, caller *authz.Caller, id string) (*Manifest, []byte, error) {
	j, err := s.Job(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	m, b, err := resultOf(ctx, s.deps.Blobs, caller, j)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range m.Algorithms {
		for _, r := range a.Runs {
			audit.From(ctx).Told(0, r.Title)
		}
	}
	return m, b, nil
}

// OpenResult opens one file of a result. Close it.
func (s *Service) OpenResult(ctx context.Context, caller *authz.Caller, id, name string) (io.ReadSeekCloser, *pb.ResultFile, error) {
	files, err := s.Result(ctx, caller, id)
	if err != nil {
		return nil, nil, err
	}
	for _, f := range files {
		if f.GetName() == name {
			b, err := s.deps.Blobs.Open(ctx, f.GetBlob())
			return b, f, err
		}
	}
	return nil, nil, errkind.New(errkind.NotFound, "the result of %s has no file %.64q", id, name)
}
