package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// changesSince asks for the changes since a token, and fails where the store does not remember.
func changesSince(t tb, s store.Store, since string) (assets []string, next string) {
	t.Helper()
	c := must(s.Changes(testContext, since))(t)
	if !c.Whole {
		t.Fatal(fmt.Sprintf("the store does not remember back to %q", since))
	}
	assets = sorted(slices.Clone(c.Assets)...)
	if len(slices.Compact(slices.Clone(assets))) != len(assets) {
		t.Errorf("the answer names an asset twice: %q", assets)
	}
	return assets, c.Next
}

// testChanges checks that the store names the asset of each change, and no asset after a call that changes nothing.
func testChanges(t *testing.T, h Harness) {
	name, c := t.TempDir(), newClock()
	s, ctx := openAt(t, h, name, c), t.Context()
	first := must(s.Changes(ctx, ""))(t)
	if first.Whole || len(first.Assets) > 0 || first.Next == "" {
		t.Errorf("the first answer is %+v, want a token alone", first)
	}
	next := first.Next
	step := func(what string, want []string, err error) {
		t.Helper()
		ok(t, err)
		var told []string
		told, next = changesSince(t, s, next)
		equal(t, what, told, want)
	}
	one := []string{"a"}
	create := func(r *pb.Run) error { _, err := s.CreateRun(ctx, r); return err }
	activate := func(r *pb.Run, previous string) error { _, err := s.Activate(ctx, r, previous); return err }
	r1, r2 := run("a", "r1"), run("a", "r2")
	step("nothing", nil, nil)
	step("an asset", one, s.PutAsset(ctx, asset("a")))
	step("nothing more", nil, nil)
	step("the same asset", nil, s.PutAsset(ctx, asset("a")))
	step("a run created", one, create(r1))
	step("the same run created", nil, create(r1))
	step("a run's items", nil, s.WriteBatches(ctx, []store.Batch{batch("a", "r1", 1, 0, 5, "x")}))
	step("a known run finished", nil, s.FinishRun(ctx, finished(r1, 1, 5, 0)))
	step("an unknown run finished", one, s.FinishRun(ctx, finished(r2, 1, 0, 0)))
	step("the same run finished", nil, s.FinishRun(ctx, finished(r2, 1, 0, 0)))
	step("a run activated", one, activate(r1, ""))
	step("the same run activated", nil, activate(r1, ""))
	kind(t, "a switch that is lost", activate(r2, "other"), errkind.Conflict)
	step("a switch that is lost", nil, nil)
	step("a switch", one, activate(r2, "r1"))
	step("a run deleted", one, s.DeleteRun(ctx, "a", "r1"))
	step("no run deleted", nil, s.DeleteRun(ctx, "a", "r1"))

	for _, id := range odd {
		ok(t, create(run(id, "of its own")))
		ok(t, s.PutAsset(ctx, asset(id)))
	}
	since := next
	step("many assets", sorted(slices.Clone(odd)...), nil)
	step("nothing more", nil, nil)
	told, _ := changesSince(t, s, since)
	equal(t, "asked once more", told, sorted(slices.Clone(odd)...))

	// Over a restart.
	ok(t, s.PutAsset(ctx, asset("before")))
	ok(t, s.Close())
	s = openAt(t, h, name, c)
	ok(t, s.PutAsset(ctx, asset("after")))
	told, _ = changesSince(t, s, next)
	for _, id := range []string{"after", "before"} {
		if !slices.Contains(told, id) {
			t.Errorf("over a restart, %q are told, and %s is not", told, id)
		}
	}

	// Tokens of other stores, and of no store.
	elsewhere := must(open(t, h).Changes(ctx, ""))(t)
	for _, token := range []string{"x", ".", "-1", "1.2.3", next + "0", elsewhere.Next + "x", "\x00", "9223372036854775807"} {
		if c := must(s.Changes(ctx, token))(t); c.Whole && token != next+"0" || c.Next == "" {
			t.Errorf("the answer to token %q is %+v, want a token alone", token, c)
		}
	}
}

// testChangesUnderWriters has a reader keep up by Changes while writers write. Each answer of Changes, or an answer before, names every asset
// whose change returned before the reader asked.
func testChangesUnderWriters(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	const writers, each = 4, 25
	var mu sync.Mutex
	done := map[string]bool{} // assets whose change returned
	var all sync.WaitGroup
	next := must(s.Changes(ctx, ""))(t).Next
	for w := range writers {
		all.Go(func() {
			for i := range each {
				id := fmt.Sprintf("%d/%d", w, i)
				var err error
				switch i % 3 {
				case 0:
					err = s.PutAsset(ctx, asset(id))
				case 1:
					_, err = s.CreateRun(ctx, run(id, "r"))
				default:
					err = s.FinishRun(ctx, finished(run(id, "r"), 1, 0, 0))
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				done[id] = true
				mu.Unlock()
			}
		})
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	told := map[string]bool{}
	for last := false; !last; {
		select {
		case <-ended:
			last = true
		default:
		}
		mu.Lock()
		var before []string
		for id := range done {
			before = append(before, id)
		}
		mu.Unlock()
		assets, to := changesSince(t, s, next)
		next = to
		for _, id := range assets {
			told[id] = true
		}
		for _, id := range before {
			if !told[id] {
				t.Fatalf("%s changed before the reader asked, and is not told", id)
			}
		}
	}
	if len(told) != writers*each {
		t.Errorf("%d assets are told, want %d", len(told), writers*each)
	}
}

// testInactive holds the store to yield every inactive run, and no active run.
func testInactive(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	row := func(asset, run string, state pb.RunState) store.InactiveRun {
		return store.InactiveRun{Asset: asset, Run: run, State: state}
	}
	want := func(what string, want ...store.InactiveRun) {
		t.Helper()
		got := list(t, s.Inactive(ctx))
		slices.SortFunc(got, compareInactive)
		slices.SortFunc(want, compareInactive)
		equal(t, what, got, want)
	}
	want("an empty store")
	must(s.CreateRun(ctx, run("a", "requested")))(t)
	want("a request", row("a", "requested", pb.RunState_RUN_STATE_REQUESTED))
	ok(t, s.DeleteRun(ctx, "a", "requested"))
	want("the request deleted")
	var all []store.InactiveRun
	for i, id := range odd {
		for _, r := range odd {
			ok(t, s.FinishRun(ctx, finished(run(id, r), 1, 0, 0)))
			all = append(all, row(id, r, pb.RunState_RUN_STATE_FINISHED))
		}
		if i%2 == 0 { // the runs of two algorithms in turns
			must(s.Activate(ctx, run(id, id), ""))(t)
			other := run(id, "of another algorithm")
			other.Algorithm = "shots"
			ok(t, s.FinishRun(ctx, finished(other, 1, 0, 0)))
			must(s.Activate(ctx, other, ""))(t)
			all = slices.DeleteFunc(all, func(r store.InactiveRun) bool { return r.Asset == id && r.Run == id })
		}
	}
	want("odd names", all...)
	ok(t, s.FinishRun(ctx, ended(run("a", "x"), pb.RunState_RUN_STATE_FAILED, 1, 0, 0)))
	must(s.Activate(ctx, run("a", "b"), "a"))(t)
	all = slices.DeleteFunc(all, func(r store.InactiveRun) bool { return r.Asset == "a" && r.Run == "b" })
	all = append(all, row("a", "a", pb.RunState_RUN_STATE_FINISHED), row("a", "x", pb.RunState_RUN_STATE_FAILED))
	want("a switch", all...)
	for range s.Inactive(ctx) {
		break // left early
	}
}
