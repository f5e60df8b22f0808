package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

func testActivate(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for _, bad := range []*pb.Run{{}, {Id: "r"}, {Asset: "a"}} {
		_, err := s.Activate(ctx, bad, "")
		kind(t, "activating "+bad.String(), err, errkind.Invalid)
	}
	_, err := s.Activate(ctx, run("a", "r1"), "")
	kind(t, "a run without record", err, errkind.NotFound)
	must(s.CreateRun(ctx, run("a", "r1")))(t)
	_, err = s.Activate(ctx, run("a", "r1"), "")
	kind(t, "a run that was requested", err, errkind.Invalid)
	ok(t, s.FinishRun(ctx, ended(run("a", "r1"), pb.RunState_RUN_STATE_FAILED, 1, 0, 0)))
	_, err = s.Activate(ctx, run("a", "r1"), "")
	kind(t, "a run that failed", err, errkind.Invalid)

	r1, r2, r3 := run("a", "r1"), run("a", "r2"), run("a", "r3")
	r2.Version, r3.Algorithm = "2", "shots"
	for _, r := range []*pb.Run{r1, r2, r3} {
		ok(t, s.FinishRun(ctx, finished(r, 1, 0, 0)))
	}
	want := &pb.ActiveRun{Asset: "a", Algorithm: "dialogue", Run: "r1", Version: "1", Generation: 1}
	equal(t, "the first", unstamped(must(s.Activate(ctx, r1, ""))(t)), want)
	equal(t, "the first again", unstamped(must(s.Activate(ctx, r1, "whatever"))(t)), want)
	for _, previous := range []string{"", "r2", "r3", "R1", "r1 "} {
		_, err := s.Activate(ctx, r2, previous)
		kind(t, fmt.Sprintf("a switch from %q", previous), err, errkind.Conflict)
	}
	if must(s.Run(ctx, "a", "r2"))(t).GetActivated() {
		t.Error("a run whose switch was lost is marked as activated")
	}
	equal(t, "active after lost switches", allUnstamped(must(s.Active(ctx, "a"))(t)), []*pb.ActiveRun{want})

	want = &pb.ActiveRun{Asset: "a", Algorithm: "dialogue", Run: "r2", Version: "2", Previous: "r1", Generation: 2}
	equal(t, "a switch", unstamped(must(s.Activate(ctx, &pb.Run{Id: "r2", Asset: "a"}, "r1"))(t)), want)
	want = &pb.ActiveRun{Asset: "a", Algorithm: "dialogue", Run: "r1", Version: "1", Previous: "r2", Generation: 3}
	equal(t, "the switch back", unstamped(must(s.Activate(ctx, r1, "r2"))(t)), want)
	for _, id := range []string{"r1", "r2"} {
		if !must(s.Run(ctx, "a", id))(t).GetActivated() {
			t.Errorf("run %s was active and is not marked as activated", id)
		}
	}
	ok(t, s.FinishRun(ctx, finished(r2, 1, 0, 0)))
	if !must(s.Run(ctx, "a", "r2"))(t).GetActivated() {
		t.Error("a finish that is told again undid the mark of activation")
	}

	shots := unstamped(must(s.Activate(ctx, r3, ""))(t))
	equal(t, "by algorithm", allUnstamped(must(s.Active(ctx, "a"))(t)), []*pb.ActiveRun{want, shots})
	if none := must(s.Active(ctx, "no such asset"))(t); len(none) != 0 {
		t.Errorf("an asset that is not there has active runs: %v", none)
	}
	all := []*pb.ActiveRun{want, shots}
	for _, id := range []string{"a\x00", "aa", "b"} {
		ok(t, s.FinishRun(ctx, finished(run(id, "r"), 1, 0, 0)))
		all = append(all, unstamped(must(s.Activate(ctx, run(id, "r"), ""))(t)))
	}
	equal(t, "all active runs", allUnstamped(list(t, s.AllActive(ctx))), all)
}

func testLeases(t *testing.T, h Harness) {
	c := newClock()
	s, ctx := openAt(t, h, t.TempDir(), c), t.Context()
	for _, bad := range []struct {
		name, holder string
		ttl          time.Duration
	}{{"", "x", 1}, {"n", "", 1}, {"n", "x", 0}, {"n", "x", -1}} {
		l, err := s.Acquire(ctx, bad.name, bad.holder, bad.ttl)
		kind(t, fmt.Sprintf("acquiring %+v", bad), err, errkind.Invalid)
		equal(t, "the lease refused", l, store.Lease{})
	}
	ok(t, s.CheckEpoch(ctx, "n", 0))
	acquire := func(holder string, epoch int64) store.Lease {
		t.Helper()
		l := must(s.Acquire(ctx, "n", holder, time.Minute))(t)
		equal(t, "the lease", l, store.Lease{Name: "n", Holder: holder, Epoch: epoch, Until: c.Now().Add(time.Minute)})
		return l
	}
	lost := func(what string, l store.Lease, err error) {
		t.Helper()
		kind(t, what, err, errkind.Conflict)
		equal(t, "the lease refused", l, store.Lease{})
	}
	one := acquire("one", store.FirstEpoch)
	l, err := s.Acquire(ctx, "n", "two", time.Minute)
	lost("taking what another holds", l, err)
	ok(t, s.CheckEpoch(ctx, "n", 1))
	ok(t, s.CheckEpoch(ctx, "n", 2))
	kind(t, "epoch 0", s.CheckEpoch(ctx, "n", 0), errkind.Conflict)
	other := must(s.Acquire(ctx, "n\x00", "two", time.Minute))(t)
	equal(t, "the epoch of another name", other.Epoch, int64(store.FirstEpoch))

	// Renewing moves the end.
	c.move(59 * time.Second)
	one = must(s.Renew(ctx, one, time.Minute))(t)
	equal(t, "the lease renewed", one, store.Lease{Name: "n", Holder: "one", Epoch: 1, Until: c.Now().Add(time.Minute)})
	c.move(59 * time.Second)
	l, err = s.Acquire(ctx, "n", "two", time.Minute)
	lost("taking what was renewed", l, err)
	_, err = s.Renew(ctx, one, 0)
	kind(t, "renewing for no time", err, errkind.Invalid)

	// The holder again is another execution.
	again := acquire("one", 2)
	l, err = s.Renew(ctx, one, time.Minute)
	lost("renewing under the epoch before", l, err)
	kind(t, "the epoch before", s.CheckEpoch(ctx, "n", 1), errkind.Conflict)
	ok(t, s.Release(ctx, one))
	l, err = s.Acquire(ctx, "n", "two", time.Minute)
	lost("taking what only an epoch before gave back", l, err)

	// A lease that ran out is renewed all the same, because no other holder took the lease.
	c.move(time.Hour)
	again = must(s.Renew(ctx, again, time.Minute))(t)
	l, err = s.Acquire(ctx, "n", "two", time.Minute)
	lost("taking what was renewed late", l, err)

	// Run out to the moment, and taken.
	c.move(time.Minute)
	two := acquire("two", 3)
	l, err = s.Renew(ctx, again, time.Minute)
	lost("renewing what was taken", l, err)
	kind(t, "the epoch of who lost it", s.CheckEpoch(ctx, "n", again.Epoch), errkind.Conflict)

	// Given back.
	ok(t, s.Release(ctx, two))
	ok(t, s.Release(ctx, two))
	l, err = s.Renew(ctx, two, time.Minute)
	lost("renewing what was given back", l, err)
	ok(t, s.CheckEpoch(ctx, "n", 3))
	acquire("one", 4)
	ok(t, s.Release(ctx, store.Lease{Name: "never held", Epoch: 1}))
	_, err = s.Renew(ctx, store.Lease{Name: "never held"}, time.Minute)
	kind(t, "renewing what was never held", err, errkind.Conflict)
}

func testEpochs(t *testing.T, h Harness) {
	name, c := t.TempDir(), newClock()
	ctx, last := t.Context(), int64(0)
	for range 3 {
		s := h.Open(t, name, c.Now)
		ok(t, s.CheckEpoch(ctx, "n", last))
		if last > 0 {
			kind(t, "an epoch before", s.CheckEpoch(ctx, "n", last-1), errkind.Conflict)
		}
		for _, holder := range []string{"one", "two"} {
			l := must(s.Acquire(ctx, "n", holder, time.Minute))(t)
			if l.Epoch != last+1 {
				t.Errorf("epoch %d after %d", l.Epoch, last)
			}
			last = l.Epoch
			ok(t, s.Release(ctx, l))
		}
		l := must(s.Acquire(ctx, "n", "three", time.Minute))(t)
		last = l.Epoch
		ok(t, s.Close())
		c.move(time.Minute)
	}
}

// together calls f n times at once and returns how many calls gave no error; the
// others must be Conflicts.
func together(t *testing.T, n int, f func(i int) error) int {
	t.Helper()
	var wg sync.WaitGroup
	var won atomic.Int64
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case !errkind.Is(err, errkind.Conflict):
				t.Errorf("call %d: %v", i, err)
			}
		})
	}
	close(begin)
	wg.Wait()
	return int(won.Load())
}

func testRaces(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	const n = 16
	t.Run("switches", func(t *testing.T) {
		for i := range n {
			ok(t, s.FinishRun(ctx, finished(run("a", fmt.Sprint("r", i)), 1, 0, 0)))
		}
		previous := ""
		for round := range 5 {
			won := together(t, n, func(i int) error {
				if id := fmt.Sprint("r", i); id != previous {
					_, err := s.Activate(ctx, run("a", id), previous)
					return err
				}
				return errkind.New(errkind.Conflict, "it is active already")
			})
			active := must(s.Active(ctx, "a"))(t)
			if won != 1 || len(active) != 1 || active[0].GetGeneration() != int64(round+1) || active[0].GetPrevious() != previous {
				t.Fatalf("round %d: %d switches won, active is %v, want one from %q", round, won, active, previous)
			}
			previous = active[0].GetRun()
		}
	})
	t.Run("leases", func(t *testing.T) {
		won := together(t, n, func(i int) error {
			_, err := s.Acquire(ctx, "contended", fmt.Sprint("holder ", i), time.Hour)
			return err
		})
		if won != 1 {
			t.Errorf("%d holders have the lease", won)
		}
		var mu sync.Mutex
		epochs := map[int64]bool{}
		together(t, n, func(int) error {
			l, err := s.Acquire(ctx, "restarting", "one", time.Hour)
			mu.Lock()
			defer mu.Unlock()
			epochs[l.Epoch] = true
			return err
		})
		if len(epochs) != n {
			t.Errorf("%d executions share %d epochs", n, len(epochs))
		}
	})
	t.Run("runs", func(t *testing.T) {
		var mu sync.Mutex
		versions := map[string]bool{}
		together(t, n, func(i int) error {
			r := run("a", "created by many")
			r.Version = fmt.Sprint(i)
			there, err := s.CreateRun(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			versions[there.GetVersion()] = true
			return err
		})
		if len(versions) != 1 {
			t.Errorf("callers were told of the runs %v, want one", versions)
		}
	})
	t.Run("versions", func(t *testing.T) {
		before := must(s.Version(ctx))(t)
		together(t, n, func(i int) error {
			was, err := s.Version(ctx)
			if err == nil {
				err = s.PutAsset(ctx, asset(fmt.Sprint("put at once ", i)))
			}
			if err != nil {
				return err
			}
			if now, err := s.Version(ctx); err != nil || now <= was {
				return fmt.Errorf("version %d after a change, %d before: %w", now, was, err)
			}
			return nil
		})
		if now := must(s.Version(ctx))(t); now < before+n {
			t.Errorf("version %d after %d changes from %d", now, n, before)
		}
	})
}

// testSwitches holds the store to show each asset with a single active run and with all items of the run, during switches.
func testSwitches(t *testing.T, h Harness) {
	s := open(t, h)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const switches, readers, assets, lines = 200, 4, 3, 20
	for i := range assets {
		for _, id := range []string{"odd", "even"} {
			putFinished(t, s, run(fmt.Sprint("a", i), id), lines, "of "+id)
		}
		must(s.Activate(ctx, run(fmt.Sprint("a", i), "even"), ""))(t)
	}
	var reads atomic.Int64
	read := func(seen map[string]int64) error {
		before, err := s.Version(ctx)
		if err != nil {
			return err
		}
		active := map[string]*pb.ActiveRun{}
		for a, err := range s.AllActive(ctx) {
			if err != nil {
				return err
			}
			if active[a.GetAsset()] != nil {
				return fmt.Errorf("asset %s has two active runs", a.GetAsset())
			}
			if a.GetGeneration() < seen[a.GetAsset()] {
				return fmt.Errorf("asset %s went back from generation %d to %d", a.GetAsset(), seen[a.GetAsset()], a.GetGeneration())
			}
			active[a.GetAsset()], seen[a.GetAsset()] = a, a.GetGeneration()
		}
		if len(active) != assets {
			return fmt.Errorf("%d assets have an active run, want %d", len(active), assets)
		}
		for _, a := range active {
			n := 0
			for line, err := range s.AnnotationsOf(ctx, a.GetAsset(), a.GetRun(), store.Span{}) {
				if err != nil {
					return err
				}
				if line.GetRun() != a.GetRun() || line.GetText() != "of "+a.GetRun() {
					return fmt.Errorf("run %s shows %v", a.GetRun(), line)
				}
				n++
			}
			if n != lines {
				return fmt.Errorf("run %s shows %d lines", a.GetRun(), n)
			}
		}
		if after, err := s.Version(ctx); err != nil || after < before {
			return fmt.Errorf("version %d after %d: %w", after, before, err)
		}
		reads.Add(1)
		return nil
	}
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			seen := map[string]int64{}
			for ctx.Err() == nil {
				if err := read(seen); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	runs := []string{"even", "odd"}
	for i := range switches {
		asset := fmt.Sprint("a", i%assets)
		round := i / assets
		if _, err := s.Activate(ctx, run(asset, runs[(round+1)%2]), runs[round%2]); err != nil {
			t.Fatalf("switch %d: %v", i, err)
		}
	}
	stop()
	wg.Wait()
	if reads.Load() == 0 {
		t.Error("nothing was read during the switches")
	}
	t.Logf("%d reads during %d switches", reads.Load(), switches)
}
