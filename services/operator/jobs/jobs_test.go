package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// counting is a kind of work that counts to total, a step for each token.
type counting struct {
	total   int64
	steps   chan struct{}
	fail    func(at int64) error
	mu      sync.Mutex
	resumed []int64 // where each Do began
}

func (c *counting) Plan(context.Context, *pb.Job) (*Plan, error) {
	return &Plan{Total: c.total, Unit: "steps"}, nil
}

func (c *counting) Do(ctx context.Context, w *Work) error {
	j := w.Job()
	at := int64(len(j.GetCursor()))
	c.mu.Lock()
	c.resumed = append(c.resumed, at)
	c.mu.Unlock()
	for at < c.total {
		if c.fail != nil {
			if err := c.fail(at); err != nil {
				return err
			}
		}
		select {
		case <-c.steps:
		case <-ctx.Done():
			return ctx.Err()
		}
		at++
		w.Progress(at, c.total, make([]byte, at))
	}
	w.Note("counted to %d", at)
	return nil
}

func steps(n int) chan struct{} {
	c := make(chan struct{}, 1000)
	for range n {
		c <- struct{}{}
	}
	return c
}

var operator = authz.NewCaller("op", []string{"*"}, authz.Operator)

func openStore(t *testing.T) store.Store {
	t.Helper()
	cfg := pebblestore.Default()
	cfg.Dir = t.TempDir()
	s, err := pebblestore.Open(cfg, pebblestore.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// worker makes a service over s that does "rebuild" jobs by k, and "batch" jobs that belong to their callers.
func worker(t *testing.T, s store.Store, name string, k *counting) *Service {
	t.Helper()
	svc, err := New(Config{Worker: name, LeaseTTL: 3 * time.Second, Jobs: 2}, Deps{Store: s, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()}, []Kind{
		{Name: "rebuild", Role: authz.Operator, Field: "rebuild", Plan: k.Plan, Do: k.Do},
		{Name: "batch", Role: authz.Batch, Selects: true, Field: "batch", Plan: k.Plan, Do: k.Do},
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc
}

// serve runs a service until stop is called.
func serve(t *testing.T, s *Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func rebuildJob(key string) *pb.Job {
	return &pb.Job{Key: key, Work: &pb.Job_Rebuild{Rebuild: &pb.Rebuild{}}}
}

func submit(t *testing.T, s *Service, key string) *pb.Job {
	t.Helper()
	j, err := s.Submit(t.Context(), operator, rebuildJob(key))
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// until waits for a job to be as wanted.
func until(t *testing.T, s *Service, id, what string, ok func(*pb.Job) bool) *pb.Job {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
		j, err := s.Job(t.Context(), operator, id)
		if err != nil {
			t.Fatal(err)
		}
		if ok(j) {
			tick.Stop()
			return j
		}
		if time.Now().After(deadline) {
			t.Fatalf("job is not %s: %v", what, j)
		}
	}
}

func in(state pb.JobState) func(*pb.Job) bool {
	return func(j *pb.Job) bool { return j.GetState() == state }
}

func TestJobIsDone(t *testing.T) {
	k := &counting{total: 3, steps: steps(3)}
	s := worker(t, openStore(t), "a", k)
	serve(t, s)
	j := submit(t, s, "")
	if j.GetId() == "" || j.GetKind() != "rebuild" || j.GetCaller() != "op" || j.GetTotal() != 3 || j.GetUnit() != "steps" {
		t.Errorf("submitted: %v", j)
	}
	j = until(t, s, j.GetId(), "finished", in(pb.JobState_JOB_STATE_FINISHED))
	if j.GetDone() != 3 || len(j.GetNotes()) != 1 || j.GetStartedMs() == 0 || j.GetEndedMs() < j.GetStartedMs() || ETA(j) != 0 {
		t.Errorf("finished: %v", j)
	}
	if again := submit(t, s, ""); again.GetId() != j.GetId() || again.GetState() != pb.JobState_JOB_STATE_FINISHED {
		t.Errorf("submitted again: %v", again)
	}
	if other := submit(t, s, "once more"); other.GetId() == j.GetId() {
		t.Error("another key is the same job")
	}
}

func TestSteering(t *testing.T) {
	k := &counting{total: 4, steps: steps(0)}
	s := worker(t, openStore(t), "a", k)
	steerTo := func(id, wish string) error {
		_, err := s.Steer(t.Context(), operator, id, wish)
		return err
	}
	// Before any worker takes the job.
	id := submit(t, s, "").GetId()
	for _, step := range []struct {
		wish  string
		state pb.JobState
		kind  errkind.Kind
		fails bool
	}{
		{wish: "pause", state: pb.JobState_JOB_STATE_PAUSED},
		{wish: "pause", state: pb.JobState_JOB_STATE_PAUSED},
		{wish: "resume", state: pb.JobState_JOB_STATE_WAITING},
		{wish: "stop", state: pb.JobState_JOB_STATE_WAITING, fails: true, kind: errkind.Invalid},
	} {
		err := steerTo(id, step.wish)
		if step.fails != (err != nil) || step.fails && !errkind.Is(err, step.kind) {
			t.Errorf("%s: %v", step.wish, err)
		}
		until(t, s, id, step.wish, in(step.state))
	}
	serve(t, s)
	until(t, s, id, "running", in(pb.JobState_JOB_STATE_RUNNING))
	k.steps <- struct{}{}
	until(t, s, id, "at 1", func(j *pb.Job) bool { return j.GetDone() == 1 })
	if err := steerTo(id, "pause"); err != nil {
		t.Fatal(err)
	}
	j := until(t, s, id, "paused", in(pb.JobState_JOB_STATE_PAUSED))
	if len(j.GetCursor()) != 1 || j.GetWish() != "" || ETA(j) >= 0 {
		t.Errorf("paused: %v", j)
	}
	if err := steerTo(id, "resume"); err != nil {
		t.Fatal(err)
	}
	until(t, s, id, "running again", in(pb.JobState_JOB_STATE_RUNNING))
	k.steps <- struct{}{}
	until(t, s, id, "at 2", func(j *pb.Job) bool { return j.GetDone() == 2 && ETA(j) > 0 })
	if err := steerTo(id, "cancel"); err != nil {
		t.Fatal(err)
	}
	until(t, s, id, "cancelled", in(pb.JobState_JOB_STATE_CANCELLED))
	if err := steerTo(id, "resume"); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("resuming what was cancelled: %v", err)
	}
	if err := steerTo("nothing", "pause"); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("pausing what is not there: %v", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if fmt.Sprint(k.resumed) != "[0 1]" {
		t.Errorf("went on from %v", k.resumed)
	}
}

func TestRetriesByKindOfError(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  func(n *atomic.Int64) func(int64) error
		state pb.JobState
		kind  string
		tries int64
	}{
		{"unavailable passes", func(n *atomic.Int64) func(int64) error {
			return func(int64) error {
				if n.Add(1) <= 3 {
					return errkind.New(errkind.Unavailable, "away")
				}
				return nil
			}
		}, pb.JobState_JOB_STATE_FINISHED, "", 4},
		{"invalid does not", func(n *atomic.Int64) func(int64) error {
			return func(int64) error { n.Add(1); return errkind.New(errkind.Invalid, "wrong") }
		}, pb.JobState_JOB_STATE_FAILED, "invalid", 1},
		{"a panic is tried a few times", func(n *atomic.Int64) func(int64) error {
			return func(int64) error { n.Add(1); panic("bug") }
		}, pb.JobState_JOB_STATE_FAILED, "internal", attempts},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			s := worker(t, openStore(t), "a", &counting{total: 1, steps: steps(1), fail: c.fail(&n)})
			serve(t, s)
			j := until(t, s, submit(t, s, "").GetId(), "ended", func(j *pb.Job) bool { return Ended(j.GetState()) })
			if j.GetState() != c.state || j.GetErrorKind() != c.kind || n.Load() != c.tries || (j.GetError() == "") != (c.kind == "") {
				t.Errorf("%d tries: %v", n.Load(), j)
			}
		})
	}
}

// deaf is a store that a worker is cut off from once the worker has taken a lease: the worker can neither renew the lease nor give the lease back nor
// take another lease.
type deaf struct {
	store.Store
	took *atomic.Bool
}

func (d deaf) Acquire(ctx context.Context, name, holder string, ttl time.Duration) (store.Lease, error) {
	if d.took.Swap(true) {
		return store.Lease{}, errkind.New(errkind.Unavailable, "cut off")
	}
	return d.Store.Acquire(ctx, name, holder, ttl)
}

func (deaf) Release(context.Context, store.Lease) error {
	return errkind.New(errkind.Unavailable, "cut off")
}

func (deaf) Renew(context.Context, store.Lease, time.Duration) (store.Lease, error) {
	return store.Lease{}, errkind.New(errkind.Unavailable, "cut off")
}

// A worker that was cut off while the lease ran out must not write over the worker that took the job.
func TestLostLease(t *testing.T) {
	st := openStore(t)
	first := &counting{total: 5, steps: steps(0)}
	a := worker(t, deaf{st, &atomic.Bool{}}, "a", first)
	a.cfg.LeaseTTL = 400 * time.Millisecond
	serve(t, a)
	id := submit(t, a, "").GetId()
	until(t, a, id, "running", in(pb.JobState_JOB_STATE_RUNNING))

	second := &counting{total: 5, steps: steps(5)}
	b := worker(t, st, "b", second)
	serve(t, b)
	until(t, b, id, "finished by the second", in(pb.JobState_JOB_STATE_FINISHED))

	// The first worker, woken, tries to write its progress.
	w := &Work{s: a, id: id, lease: store.Lease{Name: store.JobLease(id), Epoch: store.FirstEpoch}, job: &pb.Job{Kind: "rebuild"}, done: 1, counted: time.Now()}
	if _, err := w.end(t.Context(), nil); !errors.Is(err, errLost) {
		t.Errorf("the first wrote: %v", err)
	}
	if j := until(t, b, id, "finished", in(pb.JobState_JOB_STATE_FINISHED)); j.GetDone() != 5 {
		t.Errorf("the job is %v", j)
	}
}

// A process that stops leaves its jobs to the next process at once.
func TestHandedOver(t *testing.T) {
	st := openStore(t)
	first := &counting{total: 4, steps: steps(2)}
	a := worker(t, st, "a", first)
	stop := serve(t, a)
	id := submit(t, a, "").GetId()
	until(t, a, id, "halfway", func(j *pb.Job) bool { return j.GetDone() == 2 })
	stop()
	second := &counting{total: 4, steps: steps(2)}
	b := worker(t, st, "b", second)
	serve(t, b)
	until(t, b, id, "finished", in(pb.JobState_JOB_STATE_FINISHED))
	if fmt.Sprint(second.resumed) != "[2]" {
		t.Errorf("the second began at %v", second.resumed)
	}
}

func TestRoles(t *testing.T) {
	s := worker(t, openStore(t), "a", &counting{total: 1})
	for i, title := range []string{"seen", "hidden"} {
		if err := s.deps.Store.PutAsset(t.Context(), &pb.Asset{Id: fmt.Sprintf("%032x", i+1), Title: &pb.Title{Id: title}}); err != nil {
			t.Fatal(err)
		}
	}
	reader := authz.NewCaller("reader", []string{"*"})
	batcher := authz.NewCaller("batcher", []string{"seen"}, authz.Batch)
	for _, c := range []*authz.Caller{reader, batcher} {
		if _, err := s.Submit(t.Context(), c, rebuildJob("")); !errkind.Is(err, errkind.Denied) {
			t.Errorf("%s: %v", c.Name(), err)
		}
	}
	if _, err := s.Submit(t.Context(), nil, rebuildJob("")); !errkind.Is(err, errkind.Unauthenticated) {
		t.Errorf("nobody: %v", err)
	}
	batch := func(sel *pb.Selection) *pb.Job { return &pb.Job{Work: &pb.Job_Batch{Batch: &pb.Batch{Selection: sel}}} }
	if _, err := s.Submit(t.Context(), reader, batch(nil)); !errkind.Is(err, errkind.Denied) {
		t.Errorf("reader: %v", err)
	}
	mine, err := s.Submit(t.Context(), batcher, batch(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := mine.GetBatch().GetSelection().GetAssets(); len(got) != 1 || got[0] != fmt.Sprintf("%032x", 1) {
		t.Errorf("the whole library to one who sees one title is %v", got)
	}
	for name, sel := range map[string]*pb.Selection{"hidden": {Titles: []string{"hidden"}}, "absent": {Titles: []string{"absent"}}} {
		if _, err := s.Submit(t.Context(), batcher, batch(sel)); !errkind.Is(err, errkind.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	others := submit(t, s, "")
	if _, err := s.Job(t.Context(), batcher, others.GetId()); !errkind.Is(err, errkind.NotFound) {
		t.Errorf("another's job: %v", err)
	}
	if js, err := s.Jobs(t.Context(), batcher, nil, true); err != nil || len(js) != 1 || js[0].GetId() != mine.GetId() {
		t.Errorf("the batcher's jobs: %v, %v", js, err)
	}
	if js, err := s.Jobs(t.Context(), operator, nil, true); err != nil || len(js) != 2 {
		t.Errorf("the operator's jobs: %v, %v", js, err)
	}
}
