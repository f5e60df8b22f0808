package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/media"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// An Algorithm is a version that workers declare: an algo.Algorithm whose runs are executed by a worker.
type Algorithm struct {
	host     *Host
	declared *pb.WorkerAlgorithm
	id       string
}

// framesAlgorithm is an Algorithm that reads frames.
type framesAlgorithm struct{ *Algorithm }

// Frames implements algo.FrameReader.
func (a framesAlgorithm) Frames(asset *pb.Asset) media.FrameSpec {
	return algo.FramesOf(a.Spec(), asset)
}

func newAlgorithm(h *Host, declared *pb.WorkerAlgorithm) algo.Algorithm {
	a := &Algorithm{host: h, declared: declared, id: versionID(declared)}
	if declared.GetAlgorithm().GetFrames() != nil {
		return framesAlgorithm{a}
	}
	return a
}

// Spec implements algo.Algorithm.
func (a *Algorithm) Spec() *pb.AlgorithmSpec { return a.declared.GetAlgorithm() }

// Declared returns the declaration of the worker. The caller MUST NOT change the declaration.
func (a *Algorithm) Declared() *pb.WorkerAlgorithm { return a.declared }

// runsAtOnce is how many runs a worker of the version executes at once.
func (a *Algorithm) runsAtOnce() int { return max(1, int(a.declared.GetRunsAtOnce())) }

// Begin waits until a worker has room for a run, and holds the room until end is called. Executors call Begin before they open a film. Unavailable
// with algo.ErrAway: no worker serves the version.
func (a *Algorithm) Begin(ctx context.Context) (end func(), err error) {
	h := a.host
	for {
		h.mu.Lock()
		v, room := h.versions[a.id], len(h.serving(a.id))*a.runsAtOnce()
		changed := h.changed
		if v != nil && v.begun < room {
			v.begun++
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				defer h.mu.Unlock()
				v.begun--
				h.tell()
			}, nil
		}
		h.mu.Unlock()
		if room == 0 {
			return nil, away("no worker serves %s", a.id)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// away is the error of a run that waits for a worker.
func away(format string, args ...any) error {
	return errkind.New(errkind.Unavailable, "%w: %w", algo.ErrAway, fmt.Errorf(format, args...))
}

// A fault is the failure of a worker, with a word for the metric.
type fault struct {
	word string
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// The words of faults.
const (
	faultAway    = "away"    // the worker does not take the run
	faultGone    = "gone"    // the connection ended
	faultSilent  = "silent"  // no response for too long
	faultStalled = "stalled" // no progress for too long
	faultLate    = "late"    // the run took too long
	faultChanged = "changed" // the worker was replaced during the run
	faultOutput  = "output"  // the output breaks the contract
	faultStatus  = "status"  // the worker said that the run failed
)

func faulty(word string, kind errkind.Kind, format string, args ...any) error {
	return &fault{word, errkind.New(kind, format, args...)}
}

// Annotate implements algo.Algorithm.
func (a *Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	w, declared, err := a.borrow()
	if err != nil {
		return err
	}
	s := &session{algorithm: a, worker: w, declared: declared, in: in, out: out}
	err = s.run(ctx)
	a.returned(w, err)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var f *fault
	if errors.As(err, &f) {
		a.host.failures.WithLabelValues(a.Spec().GetName(), f.word).Inc()
		return fmt.Errorf("worker %s: %w", w.place, err)
	}
	return err
}

// borrow returns the worker of the version with the fewest runs under way, and the declaration of the worker.
func (a *Algorithm) borrow() (*worker, *pb.DeclareResponse, error) {
	h := a.host
	h.mu.Lock()
	defer h.mu.Unlock()
	var best *worker
	for _, w := range h.serving(a.id) {
		if best == nil || w.busy[a.id] < best.busy[a.id] {
			best = w
		}
	}
	if best == nil {
		return nil, nil, away("no worker serves %s", a.id)
	}
	best.busy[a.id]++
	return best, best.declared, nil
}

// maxRest bounds how long a version is withdrawn after a failure.
const maxRest = 5 * time.Minute

// returned gives a worker back. A version whose worker failed is withdrawn for a while, which doubles with each failure in a row. Output that breaks
// the contract is a failure of the run alone: another film may be executed well.
func (a *Algorithm) returned(w *worker, err error) {
	h := a.host
	h.mu.Lock()
	defer h.mu.Unlock()
	w.busy[a.id]--
	v := h.versions[a.id]
	if v == nil {
		return
	}
	var f *fault
	switch {
	case err == nil:
		v.strikes = 0
	case errors.As(err, &f) && f.word != faultOutput:
		rest := min(time.Second<<min(v.strikes, 10), maxRest)
		v.strikes++
		v.rest = time.Now().Add(rest)
		h.deps.Log.Warn("a worker failed a run: the algorithm rests", "worker", w.place.String(), "algorithm", a.id, "rest", rest, "fault", f.word, "error", err)
		time.AfterFunc(rest+time.Millisecond, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.tell()
		})
		h.tell()
	}
}

// same reports whether a worker is still the worker of the declaration.
func (s *session) same(ctx context.Context) (bool, error) {
	d, err := s.algorithm.host.declare(ctx, s.worker)
	if err != nil {
		return false, err
	}
	return proto.Equal(d, s.declared), nil
}
