package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// odd are names that keys could confuse: prefixes of each other, separators, other scripts.
var odd = []string{"a", "aa", "ab", "a\x00", "a\x00b", "a/b", "a/r", "b", "ä", "\x01", "z\x00\xc3\xbf"}

func testAssets(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	_, err := s.Asset(ctx, "a")
	kind(t, "an asset that is not there", err, errkind.NotFound)
	kind(t, "an asset without id", s.PutAsset(ctx, &pb.Asset{}), errkind.Invalid)

	want := asset("a")
	told := proto.CloneOf(want)
	ok(t, s.PutAsset(ctx, told))
	equal(t, "the message passed in", told, want)
	told.Title.Name = "changed by its owner afterwards"
	got := must(s.Asset(ctx, "a"))(t)
	equal(t, "the asset", got, want)
	got.Title.Name = "changed by whom it was given to"
	equal(t, "the asset again", must(s.Asset(ctx, "a"))(t), want)

	smaller := &pb.Asset{Id: "a", Title: &pb.Title{Id: "t"}}
	ok(t, s.PutAsset(ctx, smaller))
	equal(t, "the asset put in place of it", must(s.Asset(ctx, "a"))(t), smaller)

	for _, id := range odd {
		ok(t, s.PutAsset(ctx, asset(id)))
	}
	equal(t, "all assets", ids(list(t, s.AllAssets(ctx))), sorted(append([]string(nil), odd...)...))
	for _, id := range odd {
		equal(t, "asset "+id, must(s.Asset(ctx, id))(t), asset(id))
	}
}

// testRevisions holds PutAsset to be a compare-and-set.
func testRevisions(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	at := func(revision int64, name string) *pb.Asset {
		a := asset("a")
		a.Revision, a.Title.Name = revision, name
		return a
	}
	ok(t, s.PutAsset(ctx, at(0, "before revisions")))
	ok(t, s.PutAsset(ctx, at(0, "before revisions, again")))
	ok(t, s.PutAsset(ctx, at(1, "first")))
	ok(t, s.PutAsset(ctx, at(1, "first")))
	kind(t, "another of the same revision", s.PutAsset(ctx, at(1, "other")), errkind.Conflict)
	kind(t, "one from before revisions", s.PutAsset(ctx, at(0, "first")), errkind.Conflict)
	ok(t, s.PutAsset(ctx, at(3, "third"))) // the log tells of the last only
	kind(t, "one that was passed over", s.PutAsset(ctx, at(2, "second")), errkind.Conflict)
	equal(t, "the asset", must(s.Asset(ctx, "a"))(t), at(3, "third"))

	const writers, each = 4, 5
	var g errgroup.Group
	for w := range writers {
		g.Go(func() error {
			for n := 0; n < each; {
				a, err := s.Asset(ctx, "a")
				if err != nil {
					return err
				}
				a.Revision++
				a.Title.Name += fmt.Sprintf(" %d/%d", w, n)
				switch err := s.PutAsset(ctx, a); {
				case err == nil:
					n++
				case !errkind.Is(err, errkind.Conflict):
					return err
				}
			}
			return nil
		})
	}
	ok(t, g.Wait())
	got := must(s.Asset(ctx, "a"))(t)
	if changes := strings.Count(got.GetTitle().GetName(), "/"); got.GetRevision() != 3+writers*each || changes != writers*each {
		t.Errorf("revision %d with %d changes, want each of %d", got.GetRevision(), changes, writers*each)
	}
}

func testCreateRun(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for _, bad := range []*pb.Run{{}, {Id: "r"}, {Asset: "a"}} {
		_, err := s.CreateRun(ctx, bad)
		kind(t, "creating "+bad.String(), err, errkind.Invalid)
	}
	_, err := s.Run(ctx, "a", "r")
	kind(t, "a run that is not there", err, errkind.NotFound)

	want := run("a", "r")
	equal(t, "the run created", must(s.CreateRun(ctx, want))(t), want)
	other := run("a", "r")
	other.Version = "2"
	equal(t, "the run created again", must(s.CreateRun(ctx, other))(t), want)
	equal(t, "the run", must(s.Run(ctx, "a", "r"))(t), want)

	done := finished(want, 1, 3, 4)
	ok(t, s.FinishRun(ctx, done))
	equal(t, "the run created after it finished", must(s.CreateRun(ctx, want))(t), done)

	for _, id := range odd {
		for _, r := range odd {
			must(s.CreateRun(ctx, run("of "+id, r)))(t)
		}
	}
	for _, id := range odd {
		equal(t, "runs of "+id, ids(must(s.RunsOf(ctx, "of "+id))(t)), sorted(append([]string(nil), odd...)...))
	}
	if rs := must(s.RunsOf(ctx, "of "))(t); len(rs) != 0 {
		t.Errorf("an asset that is the beginning of another's name has the runs %v", ids(rs))
	}
}

// testCreateRuns records runs together: records that are there stay, and a new run makes Version grow and is told.
func testCreateRuns(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for name, bad := range map[string][]*pb.Run{"without an id": {run("a", "r"), {Asset: "a"}}, "without an asset": {{Id: "r"}}, "of another asset": {run("a", "r"), run("b", "r")}} {
		_, err := s.CreateRuns(ctx, "a", bad)
		kind(t, "creating a run "+name, err, errkind.Invalid)
	}
	equal(t, "no runs", len(must(s.CreateRuns(ctx, "a", nil))(t)), 0)
	if rs := must(s.RunsOf(ctx, "a"))(t); len(rs) != 0 {
		t.Errorf("after calls that were refused, %v are recorded", ids(rs))
	}
	known := run("a", "known")
	must(s.CreateRun(ctx, known))(t)
	done := finished(known, 1, 3, 4)
	ok(t, s.FinishRun(ctx, done))

	again := run("a", "twice")
	again.Version = "2"
	asked := []*pb.Run{run("a", "z"), known, run("a", "twice"), again, run("a", "b")}
	passed := []*pb.Run{}
	for _, r := range asked {
		passed = append(passed, proto.CloneOf(r))
	}
	since, version := must(s.Changes(ctx, ""))(t).Next, must(s.Version(ctx))(t)
	got := must(s.CreateRuns(ctx, "a", passed))(t)
	want := []*pb.Run{asked[0], done, asked[2], asked[2], asked[4]}
	for i := range want {
		equal(t, fmt.Sprintf("record %d", i), got[i], want[i])
		equal(t, "the message passed in", passed[i], asked[i])
		got[i].Version = "changed by the caller"
	}
	equal(t, "the runs", ids(must(s.RunsOf(ctx, "a"))(t)), sorted("z", "known", "twice", "b"))
	told, since := changesSince(t, s, since)
	equal(t, "told", told, []string{"a"})
	if now := must(s.Version(ctx))(t); now <= version {
		t.Errorf("the version went from %d to %d", version, now)
	}
	version = must(s.Version(ctx))(t)
	for i, r := range must(s.CreateRuns(ctx, "a", asked))(t) {
		equal(t, fmt.Sprintf("record %d, created again", i), r, want[i])
	}
	told, _ = changesSince(t, s, since)
	equal(t, "told, where nothing is new", len(told), 0)
	equal(t, "the version, where nothing is new", must(s.Version(ctx))(t), version)

	// More runs than a store records at once, and odd names.
	var many []*pb.Run
	for i := range 150 {
		many = append(many, run("many", fmt.Sprintf("%03d", i)))
	}
	for _, id := range odd {
		many = append(many, run("many", id))
	}
	for i, r := range must(s.CreateRuns(ctx, "many", many))(t) {
		equal(t, "one of many", r, many[i])
	}
	equal(t, "many runs", len(must(s.RunsOf(ctx, "many"))(t)), len(many))

	// Several callers record the same runs at once: all of them return the records of the same caller.
	var all sync.WaitGroup
	var records [4][]*pb.Run
	for w := range records {
		all.Go(func() {
			var mine []*pb.Run
			for i := range 8 {
				r := run("raced", fmt.Sprint(i))
				r.Version = fmt.Sprint(w)
				mine = append(mine, r)
			}
			var err error
			if records[w], err = s.CreateRuns(ctx, "raced", mine); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for w := range records {
		for i := range records[w] {
			equal(t, "the record of a race", records[w][i], records[0][i])
		}
	}
}

func testFinishRun(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	const (
		requested = pb.RunState_RUN_STATE_REQUESTED
		done      = pb.RunState_RUN_STATE_FINISHED
		failed    = pb.RunState_RUN_STATE_FAILED
		cancelled = pb.RunState_RUN_STATE_CANCELLED
	)
	r := run("a", "r")
	for _, test := range []struct {
		name string
		ends []*pb.Run // the ends, in order
		last errkind.Kind
		want *pb.Run // nil: the last
	}{
		{"finished", []*pb.Run{finished(r, 1, 2, 3)}, 0, nil},
		{"failed", []*pb.Run{ended(r, failed, 1, 0, 0)}, 0, nil},
		{"cancelled", []*pb.Run{ended(r, cancelled, 1, 0, 0)}, 0, nil},
		{"told twice", []*pb.Run{finished(r, 1, 2, 3), finished(r, 1, 2, 3)}, 0, nil},
		{"failed, then finished under the next epoch", []*pb.Run{ended(r, failed, 1, 0, 0), finished(r, 2, 2, 3)}, 0, nil},
		{"cancelled, then finished under the same epoch", []*pb.Run{ended(r, cancelled, 1, 0, 0), finished(r, 1, 2, 3)}, 0, nil},
		{"an older epoch failed late", []*pb.Run{finished(r, 2, 2, 3), ended(r, failed, 1, 0, 0)}, errkind.Conflict, finished(r, 2, 2, 3)},
		{"an older epoch finished late", []*pb.Run{ended(r, failed, 2, 0, 0), finished(r, 1, 2, 3)}, errkind.Conflict, ended(r, failed, 2, 0, 0)},
		{"a finished run stays finished", []*pb.Run{finished(r, 1, 2, 3), ended(r, failed, 2, 0, 0)}, 0, finished(r, 1, 2, 3)},
		{"a finished run stays as it finished", []*pb.Run{finished(r, 1, 2, 3), finished(r, 2, 9, 9)}, 0, finished(r, 1, 2, 3)},
		{"requested is no end", []*pb.Run{ended(r, requested, 1, 0, 0)}, errkind.Invalid, r},
		{"no state is no end", []*pb.Run{ended(r, 0, 1, 0, 0)}, errkind.Invalid, r},
		{"a run without asset", []*pb.Run{{Id: "r", State: done}}, errkind.Invalid, r},
	} {
		t.Run(test.name, func(t *testing.T) {
			created := must(s.CreateRun(ctx, r))(t)
			equal(t, "the run to begin with", created, r)
			for i, e := range test.ends {
				told := proto.CloneOf(e)
				err := s.FinishRun(ctx, told)
				equal(t, "the message passed in", told, e)
				if i < len(test.ends)-1 || test.last == 0 {
					ok(t, err)
				} else {
					kind(t, "the last", err, test.last)
				}
			}
			want := test.want
			if want == nil {
				want = test.ends[len(test.ends)-1]
			}
			equal(t, "the run", must(s.Run(ctx, "a", "r"))(t), want)
			ok(t, s.DeleteRun(ctx, "a", "r"))
		})
	}
	t.Run("told that it was activated", func(t *testing.T) {
		told := finished(run("a", "told"), 1, 0, 0)
		told.Activated = true
		ok(t, s.FinishRun(ctx, told))
		equal(t, "the run", must(s.Run(ctx, "a", "told"))(t), finished(run("a", "told"), 1, 0, 0))
	})
	t.Run("another has the lease", func(t *testing.T) {
		r := run("a", "leased")
		first := must(s.Acquire(ctx, store.RunLease(r.GetId()), "one", time.Minute))(t)
		ok(t, s.Release(ctx, first))
		second := must(s.Acquire(ctx, store.RunLease(r.GetId()), "two", time.Minute))(t)
		kind(t, "the end of the first execution", s.FinishRun(ctx, finished(r, first.Epoch, 2, 3)), errkind.Conflict)
		kind(t, "its failure", s.FinishRun(ctx, ended(r, failed, first.Epoch, 0, 0)), errkind.Conflict)
		ok(t, s.FinishRun(ctx, finished(r, second.Epoch, 2, 3)))
		ok(t, s.Release(ctx, second))
		must(s.Acquire(ctx, store.RunLease(r.GetId()), "three", time.Minute))(t)
		ok(t, s.FinishRun(ctx, finished(r, second.Epoch, 2, 3))) // told again
		equal(t, "the run", must(s.Run(ctx, "a", "leased"))(t), finished(r, second.Epoch, 2, 3))
	})
	t.Run("never created", func(t *testing.T) {
		ok(t, s.FinishRun(ctx, finished(run("a", "new"), 1, 2, 3)))
		equal(t, "the run", must(s.Run(ctx, "a", "new"))(t), finished(run("a", "new"), 1, 2, 3))
	})
}

func testVersion(t *testing.T, h Harness) {
	name, c := t.TempDir(), newClock()
	s, ctx := openAt(t, h, name, c), t.Context()
	last := must(s.Version(ctx))(t)
	step := func(what string, grows bool, err error) {
		t.Helper()
		ok(t, err)
		now := must(s.Version(ctx))(t)
		if grows && now <= last || !grows && now != last {
			t.Errorf("%s: version %d, before %d", what, now, last)
		}
		last = now
	}
	changed := asset("a")
	changed.Title.Name = "The Lighthouse, restored"
	r1, r2 := run("a", "r1"), run("a", "r2")
	activate := func(r *pb.Run, previous string) error {
		_, err := s.Activate(ctx, r, previous)
		return err
	}
	step("an asset", true, s.PutAsset(ctx, asset("a")))
	step("the same asset", false, s.PutAsset(ctx, asset("a")))
	step("the asset, changed", true, s.PutAsset(ctx, changed))
	step("a run's items", false, s.WriteBatches(ctx, []store.Batch{batch("a", "r1", 1, 0, 5, "x")}))
	created := func(r *pb.Run) error { _, err := s.CreateRun(ctx, r); return err }
	step("a run created", true, created(r1))
	step("the same run created", false, created(r1))
	step("a run finished", false, s.FinishRun(ctx, finished(r1, 1, 5, 0)))
	step("the finished run created", false, created(r1))
	step("a run finished that has no record", true, s.FinishRun(ctx, finished(r2, 1, 0, 0)))
	step("the same run finished", false, s.FinishRun(ctx, finished(r2, 1, 0, 0)))
	step("a run activated", true, activate(r1, ""))
	step("the same run activated", false, activate(r1, ""))
	kind(t, "a switch that is lost", activate(r2, "other"), errkind.Conflict)
	step("a switch that is lost", false, nil)
	step("a switch", true, activate(r2, "r1"))
	step("a run deleted", true, s.DeleteRun(ctx, "a", "r1"))
	step("no run deleted", false, s.DeleteRun(ctx, "a", "r1"))
	for range 3 {
		ok(t, s.Close())
		s = openAt(t, h, name, c)
		now := must(s.Version(ctx))(t)
		if now < last {
			t.Errorf("after opening again: version %d, before %d", now, last)
		}
		last = now
	}
	step("an asset after opening again", true, s.PutAsset(ctx, asset("a")))
}

func testIterators(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	for _, id := range []string{"a", "b", "c"} {
		ok(t, s.PutAsset(ctx, asset(id)))
		putFinished(t, s, run(id, "r"), 5, "x")
	}
	for a, err := range s.AllAssets(ctx) {
		ok(t, err)
		// A read while ranging, and a range left early.
		for x, err := range s.AnnotationsOf(ctx, a.GetId(), "r", store.Span{}) {
			ok(t, err)
			if x.GetOrdinal() == 2 {
				break
			}
		}
		// A write while ranging.
		ok(t, s.PutAsset(ctx, asset(a.GetId())))
		if a.GetId() == "b" {
			break
		}
	}
	again := s.AllAssets(ctx)
	equal(t, "ranging over it once", ids(list(t, again)), []string{"a", "b", "c"})
	equal(t, "ranging over it twice", ids(list(t, again)), []string{"a", "b", "c"})
	if got := list(t, s.AnnotationsOf(ctx, "a", "no such run", schema.Interval{})); len(got) != 0 {
		t.Errorf("a run that is not there has %d annotations", len(got))
	}
}
