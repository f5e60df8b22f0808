package operating

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// clock is a time under the test's control.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newCollector(l *apitest.Library, c *clock) *collector {
	return &collector{store: l.Store, engine: l.Engine, files: l.Blobs, holder: "test", now: c.now, sleep: instant}
}

// collect does a collection as a job does, and leaves the job's record in the store.
func collect(t testing.TB, l *apitest.Library, c *clock, w *pb.Collect, key string) record {
	t.Helper()
	var r record
	if err := newCollector(l, c).do(t.Context(), w, nil, r.tell); err != nil {
		t.Fatal(err)
	}
	_, err := l.Store.PutJob(t.Context(), &pb.Job{Id: key, Kind: "gc", Work: &pb.Job_Collect{Collect: w}, State: pb.JobState_JOB_STATE_FINISHED, Cursor: r.cursor, EndedMs: c.at.UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runsIn returns "algorithm@version" of every run of an asset, and of every run with items in the engine.
func runsIn(t testing.TB, l *apitest.Library, asset string) (inStore, inEngine []string) {
	t.Helper()
	runs, err := l.Store.RunsOf(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	var dump strings.Builder
	if err := l.Engine.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		name := r.GetAlgorithm() + "@" + r.GetVersion()
		inStore = append(inStore, name)
		if strings.Contains(dump.String(), r.GetId()) {
			inEngine = append(inEngine, name)
		}
	}
	slices.Sort(inStore)
	slices.Sort(inEngine)
	return inStore, inEngine
}

func TestCollect(t *testing.T) {
	l, assets := shelf(t, 3)
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	w := &pb.Collect{GraceSeconds: 3600}
	one := assets[0].GetId()
	before, _ := runsIn(t, l, one)

	// Version 2 waits for a switch: nothing may be deleted, however long the wait.
	collect(t, l, c, w, "job-0")
	c.at = c.at.Add(10 * time.Hour)
	if r := collect(t, l, c, w, "job-1"); !strings.Contains(r.lines[0], "deleted 0 runs; 0 more") {
		t.Errorf("told %q", r.lines)
	}
	if err := newActivator(l).do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "2"}, 3, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	// Marks from before the switch do not count for the runs that the switch replaced.
	if r := collect(t, l, c, w, "job-2"); !strings.Contains(r.lines[0], "deleted 0 runs; 3 more") {
		t.Errorf("told %q", r.lines)
	}
	c.at = c.at.Add(59 * time.Minute)
	collect(t, l, c, w, "job-3")
	if got, _ := runsIn(t, l, one); !slices.Equal(got, before) {
		t.Errorf("within the grace: %v, before %v", got, before)
	}
	// An asset goes back and forth within the grace: the asset's replaced run is new.
	back := &pb.Selection{Assets: []string{one}, Algorithms: []string{"dialogue@2"}}
	for _, a := range []*pb.Activate{{Algorithm: "dialogue", Selection: back}, {Algorithm: "dialogue", Version: "2", Selection: back}} {
		if err := newActivator(l).do(t.Context(), a, 1, nil, (&record{}).tell); err != nil {
			t.Fatal(err)
		}
	}
	c.at = c.at.Add(2 * time.Minute)
	p, err := newCollector(l, c).plan(t.Context(), w)
	if err != nil || !strings.Contains(p.Lines[0], "deletes 2 runs with 6 annotations and embeddings") || p.Total != 3 {
		t.Errorf("plan %+v, %v", p, err)
	}
	if r := collect(t, l, c, w, "job-4"); !strings.Contains(r.lines[0], "deleted 2 runs; 1 more") {
		t.Errorf("told %q", r.lines)
	}
	if got, _ := runsIn(t, l, one); !slices.Equal(got, before) {
		t.Errorf("the one that was switched later: %v", got)
	}
	inStore, inEngine := runsIn(t, l, assets[1].GetId())
	if slices.Contains(inStore, "dialogue@1") || slices.Contains(inEngine, "dialogue@1") || !slices.Contains(inStore, "dialogue@2") || !slices.Contains(inEngine, "dialogue@2") {
		t.Errorf("afterwards: store %v, engine %v", inStore, inEngine)
	}
	// Nobody can go back to a collected run, and the plan says so.
	if p, err := newActivator(l).plan(t.Context(), &pb.Activate{Algorithm: "dialogue", Selection: &pb.Selection{Assets: []string{assets[1].GetId()}}}); err != nil || !strings.Contains(strings.Join(p.Lines, "\n"), "was collected") {
		t.Errorf("going back: %+v, %v", p, err)
	}
}

// The files of a collected run go with the run. The files of the seen run, and of other assets, stay.
func TestCollectDeletesFiles(t *testing.T) {
	l, assets := shelf(t, 2)
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	w := &pb.Collect{GraceSeconds: 3600}
	var gone, kept []string
	for i, a := range assets {
		all, err := l.Store.RunsOf(t.Context(), a.GetId())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			key := runPrefix + a.GetId() + "/" + r.GetId() + "/0.m4s"
			if _, err := l.Blobs.Put(t.Context(), key, "", strings.NewReader("piece")); err != nil {
				t.Fatal(err)
			}
			if i == 0 && r.GetAlgorithm() == "dialogue" && r.GetVersion() == "1" {
				gone = append(gone, key)
			} else {
				kept = append(kept, key)
			}
		}
	}
	first := &pb.Selection{Assets: []string{assets[0].GetId()}, Algorithms: []string{"dialogue@2"}}
	if err := newActivator(l).do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "2", Selection: first}, 1, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	collect(t, l, c, w, "job-0")
	c.at = c.at.Add(2 * time.Hour)
	collect(t, l, c, w, "job-1")
	var left []string
	for o, err := range l.Blobs.List(t.Context(), runPrefix, true) {
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, o.Key)
	}
	slices.Sort(kept)
	if len(gone) == 0 || !slices.Equal(left, kept) {
		t.Errorf("left are %v, want %v without %v", left, kept, gone)
	}
}

// Runs underway, late failures and the seen run stay. Old failures, and runs of other tracks, go.
func TestCollectKeeps(t *testing.T) {
	l, assets := shelf(t, 1)
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	asset := assets[0].GetId()
	put := func(version, reads string, state pb.RunState) {
		r := &pb.Run{Asset: asset, Algorithm: "dialogue", Version: version, Reads: reads, State: state, Epoch: 1}
		r.Id = schema.RunID(r)
		var err error
		if state == pb.RunState_RUN_STATE_REQUESTED {
			_, err = l.Store.CreateRun(t.Context(), r)
		} else {
			err = l.Store.FinishRun(t.Context(), r)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("0", "", pb.RunState_RUN_STATE_FINISHED)   // older than the seen run, never seen
	put("0", "x", pb.RunState_RUN_STATE_FAILED)    // an old failure
	put("1", "y", pb.RunState_RUN_STATE_FAILED)    // a failure of the seen version
	put("0", "z", pb.RunState_RUN_STATE_REQUESTED) // under way
	w := &pb.Collect{}
	collect(t, l, c, w, "a")
	c.at = c.at.Add(DefaultGrace)
	if r := collect(t, l, c, w, "b"); !strings.Contains(r.lines[0], "deleted 2 runs; 0 more") {
		t.Errorf("told %q", r.lines)
	}
	all, err := l.Store.RunsOf(t.Context(), asset)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, r := range all {
		if r.GetAlgorithm() == "dialogue" {
			left = append(left, r.GetVersion()+r.GetReads()+" "+runs.StateName(r.GetState()))
		}
	}
	slices.Sort(left)
	if want := []string{"0z requested", "1 finished", "1y failed", "2 finished"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

func TestCollectKilledAnywhere(t *testing.T) {
	l, assets := shelf(t, 6)
	c := &clock{time.UnixMilli(1_800_000_000_000)}
	w := &pb.Collect{GraceSeconds: 3600}
	if err := newActivator(l).do(t.Context(), &pb.Activate{Algorithm: "dialogue", Version: "2"}, 6, nil, (&record{}).tell); err != nil {
		t.Fatal(err)
	}
	collect(t, l, c, w, "marks")
	c.at = c.at.Add(time.Hour)
	collector := newCollector(l, c)
	collector.now = func() time.Time { c.at = c.at.Add(2 * time.Second); return c.at } // every asset is noted
	rnd := rand.New(rand.NewPCG(1, 1))
	r := record{kill: func(int) bool { return rnd.IntN(2) == 0 }}
	for err := errKilled; err != nil; {
		if err = collector.do(t.Context(), w, r.cursor, r.tell); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	for _, a := range assets {
		inStore, inEngine := runsIn(t, l, a.GetId())
		if slices.Contains(inStore, "dialogue@1") || slices.Contains(inEngine, "dialogue@1") {
			t.Errorf("%s: store %v, engine %v", a.GetId(), inStore, inEngine)
		}
	}
	if r.notes < 8 {
		t.Errorf("only %d notes: was it killed at all?", r.notes)
	}
}

func TestCollectRefusesAShortGrace(t *testing.T) {
	l := apitest.New(t)
	_, err := newCollector(l, &clock{}).plan(t.Context(), &pb.Collect{GraceSeconds: 5})
	if !errkind.Is(err, errkind.Invalid) || !strings.Contains(fmt.Sprint(err), "grace_seconds") {
		t.Errorf("got %v", err)
	}
}
